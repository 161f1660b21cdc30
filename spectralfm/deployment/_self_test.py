"""A few spectra and what a model made of them: the proof that a loaded model computes the same."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conformal._mondrian import MondrianIntervals
from ..transfer._source_domain import SourceDomain

Array = NDArray[np.float64]

TOLERANCE = 1e-6
"""Largest deviation over the largest prediction: far above what other processors round otherwise,
far below what matters to a user."""

NAMES = ("feature_names_in_", "_positions_in_")
"""Attributes that make an estimator ask for a data frame, which needs a package of its own."""

MOST = 16
"""Spectra kept of those that a user gives."""

N_SPECTRA = 4
"""Spectra made of each kind where none are given."""


def results(estimator: Any, objects: Iterable[Any], X: Array) -> dict[str, Array]:
    """Return all that an estimator makes of spectra, by method.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    objects : iterable of object
        All its parts; the names of channels are hidden from them meanwhile.
    X : ndarray of shape (n_spectra, n_channels)
        Spectra.

    Returns
    -------
    dict of str to ndarray
        Probabilities of a classifier, predictions and intervals of a regressor, or what a
        transformer returns, as float64.
    """
    with unnamed(objects), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # spectra of a self-test may well look strange
        found = {}
        methods = ("predict_proba", "predict", "transform")
        method = next((name for name in methods if hasattr(estimator, name)), None)
        if method is None:
            raise ValueError(
                f"{type(estimator).__name__} neither predicts nor transforms: save the estimator "
                "that is to be deployed."
            )
        found[method] = np.asarray(getattr(estimator, method)(X), dtype=np.float64)
        intervals = getattr(estimator, "intervals_", None)
        if intervals is not None and not isinstance(intervals, MondrianIntervals):
            found["predict_interval"] = estimator.predict_interval(X)[1]
    return found


def deviation(found: Array, expected: Array) -> float:
    """Return the largest difference over the largest magnitude expected; infinite ones must match.

    Parameters
    ----------
    found, expected : ndarray
        Results, of one shape.

    Returns
    -------
    float
        Infinity if shapes differ, or one is finite where the other is not.
    """
    if found.shape != expected.shape:
        return float("inf")
    finite = np.isfinite(expected)
    if not np.array_equal(np.where(finite, 0, found), np.where(finite, 0, expected)):
        return float("inf")
    scale = np.abs(expected[finite]).max(initial=np.finfo(np.float64).tiny)
    difference = np.abs(found[finite] - expected[finite]).max(initial=0.0) / scale
    return float("inf") if np.isnan(difference) else float(difference)


def channels_of(estimator: Any, n_channels: int | None = None) -> dict[str, Any]:
    """Return what is known of the channels that a model reads.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    n_channels : int, optional
        Number of channels, where it is known otherwise.

    Returns
    -------
    dict
        ``n_channels``; ``names`` and ``wavenumbers`` (cm-1), lists or None.

    Raises
    ------
    ValueError
        If the estimator does not tell their number.
    """
    n_channels = getattr(estimator, "n_features_in_", n_channels)
    if n_channels is None:
        raise ValueError(
            f"{type(estimator).__name__} does not tell how many channels it reads: pass X_check=, "
            "a few spectra like those that it is for, or export what it is made of."
        )
    names = getattr(estimator, "feature_names_in_", getattr(estimator, "_positions_in_", None))
    axis = getattr(estimator, "target_axis_", getattr(estimator, "axis_", None))
    return {
        "n_channels": int(n_channels),
        "names": None if names is None else np.asarray(names).tolist(),
        "wavenumbers": None if axis is None else axis.tolist(),
    }


def make_spectra(n_channels: int, objects: Iterable[Any]) -> Array:
    """Make spectra like those of the calibration, as far as the model remembers, and unlike them.

    Parameters
    ----------
    n_channels : int
        Their channels.
    objects : iterable of object
        The parts of the model.

    Returns
    -------
    ndarray of shape (n_spectra, n_channels)
        Spectra, absorbance units: along the main components of the calibration spectra where the
        model knows them, and smooth bands on a sloping baseline.
    """
    place = np.linspace(0, 1, n_channels)
    step = np.arange(N_SPECTRA)[:, None]
    centre, width = 0.2 + 0.2 * step, 0.05 + 0.03 * step
    bands = 0.4 + 0.2 * place + 0.3 * np.exp(-(((place - centre) / width) ** 2))
    spectra = [bands + 0.05 * np.sin(3 + 9 * place * (step + 1))]
    for one in objects:
        if isinstance(one, SourceDomain) and one.views:
            pca, _ = one.views[0]
            if pca.n_features_in_ == n_channels:
                signs = np.cos(np.outer(np.arange(N_SPECTRA), np.arange(1, pca.n_components_ + 1)))
                scores = signs * np.sqrt(pca.explained_variance_)
                spectra.append(0.5 + 0.1 * pca.inverse_transform(scores))
                break
    return np.vstack(spectra)


@contextmanager
def unnamed(objects: Iterable[Any]) -> Iterator[None]:
    """Hide the names of channels from the parts of a model."""
    hidden = [
        (vars(one), {name: vars(one)[name] for name in NAMES if name in vars(one)})
        for one in objects
    ]
    for attributes, names in hidden:
        for name in names:
            del attributes[name]
    try:
        yield
    finally:
        for attributes, names in hidden:
            attributes.update(names)
