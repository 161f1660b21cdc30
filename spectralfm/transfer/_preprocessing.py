"""The views of a spectrum that calibrations choose from, or average over."""

from collections.abc import Callable, Sequence

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array

from .._validation import FEWEST_CHANNELS, refuse_flat

Array = NDArray[np.float64]

SMOOTHING_WINDOW, CURVATURE_WINDOW = 15, 21
"""Channels of the windows of first and second derivatives."""


def default_preprocessing(n_channels: int) -> list[TransformerMixin]:
    """Return what to choose from: no preprocessing, SNV and first derivative.

    Parameters
    ----------
    n_channels : int
        Number of channels of the spectra.

    Returns
    -------
    list of transformer
        Unfitted transformers of chemotools; the derivative has a window of 15 channels and order
        2. Below 15 channels there is no derivative, below 10 no SNV.
    """
    views: list[TransformerMixin] = [FunctionTransformer(feature_names_out="one-to-one")]
    if n_channels >= FEWEST_CHANNELS:
        views.append(StandardNormalVariate())
    if n_channels >= SMOOTHING_WINDOW:
        views.append(_slope())
    return views


def averaged_preprocessing(n_channels: int) -> list[TransformerMixin]:
    """Return what to average over: no preprocessing, first derivative, and the shapes.

    Parameters
    ----------
    n_channels : int
        Number of channels of the spectra.

    Returns
    -------
    list of transformer
        Unfitted transformers; below 15 channels those of `default_preprocessing`.
    """
    if n_channels < SMOOTHING_WINDOW:
        return default_preprocessing(n_channels)
    raw = FunctionTransformer(feature_names_out="one-to-one")
    return [raw, _slope(), *shape_preprocessing(n_channels)]


def shape_preprocessing(n_channels: int) -> list[TransformerMixin]:
    """Return views without scale or baseline: first derivative of SNV, and second derivative.

    Parameters
    ----------
    n_channels : int
        Number of channels of the spectra.

    Returns
    -------
    list of transformer
        Unfitted transformers; the second derivative has a window of 21 channels and order 3. Below
        21 channels there is no second derivative, below 15 SNV alone, below 10 no preprocessing.
    """
    if n_channels < SMOOTHING_WINDOW:
        return default_preprocessing(n_channels)[-1:]
    views = [make_pipeline(StandardNormalVariate(), _slope())]
    if n_channels >= CURVATURE_WINDOW:
        views.append(curvature())
    return views


def _slope() -> SavitzkyGolay:
    return SavitzkyGolay(SMOOTHING_WINDOW, polyorder=2, deriv=1, mode="interp")


def curvature() -> SavitzkyGolay:
    """Return the second derivative, unfitted, for 21 channels and more."""
    return SavitzkyGolay(CURVATURE_WINDOW, polyorder=3, deriv=2, mode="interp")


def fitted_views(
    preprocessing: Sequence[TransformerMixin] | None,
    X: Array,
    default: Callable[[int], list[TransformerMixin]] = default_preprocessing,
) -> list[TransformerMixin]:
    """Fit clones of the transformers, or of the default ones, to the source spectra.

    Parameters
    ----------
    preprocessing : sequence of transformers or None
        Unfitted transformers; None means the default ones.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    default : callable
        Returns the default transformers for a number of channels.

    Returns
    -------
    list of transformer
        The fitted clones.

    Raises
    ------
    ValueError
        If there is none, or a spectrum is constant and one begins with SNV.
    """
    views = default(X.shape[1]) if preprocessing is None else preprocessing
    if not views:
        raise ValueError("preprocessing is empty: give one transformer or more, or None.")
    for view in views:
        _refuse_flat_before_snv(view, X, "X")
    return [clone(view).fit(X) for view in views]


def preprocess(view: TransformerMixin, X: Array, *, name: str = "X") -> Array:
    """Return preprocessed spectra (n_samples, n_channels_out).

    Parameters
    ----------
    view : transformer
        Fitted transformer.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    name : str
        What the caller calls ``X``.

    Returns
    -------
    ndarray of shape (n_samples, n_channels_out)
        Finite values, also where scikit-learn is set to return data frames.

    Raises
    ------
    ValueError
        If a spectrum is constant and the transformer begins with SNV, or the result is not finite.
    """
    _refuse_flat_before_snv(view, X, name)
    return check_array(view.transform(X), dtype=np.float64, input_name=f"preprocessed {name}")


def _refuse_flat_before_snv(view: TransformerMixin, X: Array, name: str) -> None:
    first = view.steps[0][1] if isinstance(view, Pipeline) else view
    if isinstance(first, StandardNormalVariate):
        refuse_flat(X, name=name)


def standard_normal_variates(X: Array) -> Array:
    """Return spectra less their mean, over their deviation; flat ones stay flat.

    For diagnoses, which must have an answer for every spectrum: SNV before a calibration refuses
    flat ones.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.

    Returns
    -------
    ndarray of shape (n_samples, n_channels)
        Their variates.
    """
    centred = X - X.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    smallest = 10 * np.finfo(np.float64).eps * np.abs(X).max(axis=1, keepdims=True)
    return centred / np.where(deviation > smallest, deviation, 1.0)


def diagnostic_views(X: Array) -> list[Array]:
    """Return what diagnoses look at: standard normal variates of spectra, and second derivatives.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.

    Returns
    -------
    list of ndarray of shape (n_samples, n_channels)
        Broad differences show in the first, fine ones in the second, which 21 channels allow.
    """
    views = [standard_normal_variates(X)]
    if X.shape[1] >= CURVATURE_WINDOW:
        views.append(np.asarray(curvature().fit_transform(X)))
    return views
