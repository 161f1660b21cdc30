"""The regression vector that a linear model amounts to, for instrument software."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._validation import check_matrix, check_same_channels
from ..axis import check_axis
from ..checkpoint._files import write_atomically
from ..foundation._ridge import fit_ridge
from ..foundation._spectral_axis import axis_in_names
from ._affine import ROUNDING, find_affine, never_affine
from ._assembler import copied
from ._self_test import channels_of, make_spectra, unnamed

Array = NDArray[np.float64]

FEWEST = 10
"""Spectra that an approximation is fitted to, at least."""


class Fidelity(NamedTuple):
    """How well a regression vector stands for a model.

    Parameters
    ----------
    exact : bool
        Whether the model is linear, so that only rounding is left.
    largest : ndarray of shape (n_targets,)
        Largest deviation from ``predict``, in the unit of the property.
    rms : ndarray of shape (n_targets,)
        Root mean square of the deviations.
    spread : ndarray of shape (n_targets,)
        Standard deviation of the predictions, to compare them with.
    n_spectra : int
        Spectra compared: those given, or made where none were.
    left_out : bool
        Whether each spectrum was compared with a vector fitted without it.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.deployment import Fidelity
    >>> Fidelity(False, np.array([0.3]), np.array([0.1]), np.array([2.0]), 40, True).left_out
    True
    """

    exact: bool
    largest: Array
    rms: Array
    spread: Array
    n_spectra: int
    left_out: bool


@dataclass(frozen=True, eq=False)
class BVector:
    """Regression vectors and intercepts on the axis of the target instrument.

    Parameters
    ----------
    coef : ndarray of shape (n_targets, n_channels)
        Regression vectors, unit of the property over absorbance unit.
    intercept : ndarray of shape (n_targets,)
        Intercepts in the unit of the property.
    axis : ndarray of shape (n_channels,)
        Positions of the channels, in ``unit``.
    unit : {"nm", "cm-1", "channel"}
        Unit of the axis; channels are counted from 0 where no axis is known.
    fidelity : Fidelity
        How well they stand for the model.

    See Also
    --------
    to_b_vector : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.deployment import BVector, Fidelity
    >>> one = np.ones(1)
    >>> fidelity = Fidelity(True, 0 * one, 0 * one, one, 4, False)
    >>> vector = BVector(np.array([[2.0, -1.0]]), one, np.array([1100.0, 1200.0]), "nm", fidelity)
    >>> vector.predict([[0.5, 0.25]])
    array([[1.75]])
    """

    coef: Array
    intercept: Array
    axis: Array
    unit: str
    fidelity: Fidelity

    def predict(self, X: ArrayLike) -> Array:
        """Return ``X @ coef.T + intercept``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on ``axis``.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            Predictions in the unit of the properties.
        """
        spectra = check_matrix(X, name="X")
        check_same_channels(spectra.shape[1], self.coef.shape[1], name="X", of="the vector")
        return spectra @ self.coef.T + self.intercept

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table that instrument software and spreadsheets read.

        Parameters
        ----------
        path : str or path-like
            The file: a heading (``wavelength_nm,b0,b1``), the intercepts
            (``intercept,1.5,0.2``), and one line a channel, with 17 digits.
        """
        first = {"nm": "wavelength_nm", "cm-1": "wavenumber_cm-1", "channel": "channel"}[self.unit]
        lines = [",".join([first, *(f"b{i}" for i in range(len(self.coef)))])]
        lines.append(",".join(["intercept", *map(_number, self.intercept)]))
        rows = zip(self.axis, self.coef.T, strict=True)
        lines += [",".join([f"{place:.10g}", *map(_number, row)]) for place, row in rows]
        write_atomically(Path(path), ("\n".join(lines) + "\n").encode())


def _number(value: float) -> str:
    return f"{value:.17g}"


def to_b_vector(
    estimator: Any,
    X: ArrayLike | None = None,
    *,
    approximate: bool = False,
    wavelengths: ArrayLike | None = None,
    wavenumbers: ArrayLike | None = None,
) -> BVector:
    r"""Return the regression vector of a model that is linear from the target's spectra on.

    .. math:: \hat y = x^\top b + b_0

    Parameters
    ----------
    estimator : estimator
        A fitted regressor that `spectralfm.save` takes: PLS or ridge after derivatives, smoothing
        or centring, on spectra corrected by a matrix, with slope and bias, or an average of such.
    X : array-like of shape (n_spectra, n_channels), optional
        Spectra on the target's axis to compare the vector with the model on; with ``approximate``
        also those it is fitted to. Without them, made ones.
    approximate : bool, default=False
        Whether a model that is not linear gets the ridge regression of its predictions on ``X``.
    wavelengths, wavenumbers : array-like of shape (n_channels,), default=None
        Axis of the target in nm or in cm-1; without, column names or the axis that the estimator
        knows.

    Returns
    -------
    BVector
        Vectors, intercepts, axis and fidelity.

    Raises
    ------
    ValueError
        If the model is not linear, with the reason, unless ``approximate``; if then there are fewer
        than 10 spectra; or if the estimator predicts nothing.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    to_onnx : For models that are not linear.

    Notes
    -----
    The vector is read off the model by one step in each channel, and compared on other spectra: a
    deviation beyond rounding, or a part that never is a matrix (SNV, networks, caution about
    foreign spectra), means that the model is not linear. Of an approximation ``largest`` and
    ``rms`` are those of spectra left out of the fit one at a time, on the instrument and of the
    kind of ``X``: nothing is known of others.

    Examples
    --------
    >>> import numpy as np
    >>> import spectralfm
    >>> from chemotools.derivative import SavitzkyGolay
    >>> from sklearn.cross_decomposition import PLSRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> X = np.random.default_rng(0).random((30, 20)).cumsum(axis=1)
    >>> y = X[:, 4] - X[:, 3]
    >>> model = make_pipeline(SavitzkyGolay(5, deriv=1), PLSRegression(2)).fit(X, y)
    >>> vector = spectralfm.to_b_vector(model, X, wavelengths=np.linspace(1100, 1480, 20))
    >>> vector.fidelity.exact, bool(np.abs(vector.predict(X)[:, 0] - model.predict(X)).max() < 1e-9)
    (True, True)
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict") or hasattr(estimator, "classes_"):
        raise ValueError(f"{type(estimator).__name__} predicts no property: it has no vector.")
    channels = channels_of(estimator)
    n_channels = channels["n_channels"]
    model, objects = copied(estimator)
    spectra = make_spectra(n_channels, objects)
    if X is not None:
        spectra = check_matrix(X, name="X")
        check_same_channels(spectra.shape[1], n_channels, name="X", of="the model")
    axis, unit = _axis(estimator, channels, wavelengths, wavenumbers)
    with unnamed(objects):
        predicted = np.asarray(model.predict(spectra)).reshape(len(spectra), -1)
        reasons = never_affine(objects)
        if not reasons:
            affine, off = find_affine(model.predict, n_channels)
            coef, intercept = affine.matrix.T, affine.offset
            fitted = spectra @ coef.T + intercept
            size = np.abs(spectra) @ np.abs(affine.matrix) + np.abs(predicted)
            if not max(off, (np.abs(fitted - predicted) / size).max()) <= ROUNDING:
                reasons = [f"results off by {off:.2g} of the largest from every matrix"]
    if reasons and not approximate:
        raise ValueError(
            f"This {type(estimator).__name__} is not linear ({'; '.join(reasons)}), so no vector "
            "predicts the same. Export it with spectralfm.to_onnx, or pass approximate=True and X, "
            "spectra of the target, for the nearest vector and how far it is off."
        )
    if reasons:
        if X is None or len(spectra) < FEWEST:
            raise ValueError(
                f"An approximation is fitted to spectra of the target: pass X, at least {FEWEST}."
            )
        fit = fit_ridge(spectra, predicted, np.empty((0, n_channels)), 0.0)
        coef, intercept, fitted = fit.coef.T, fit.intercept, fit.left_out
    deviations = fitted - predicted
    fidelity = Fidelity(
        not reasons,
        np.abs(deviations).max(axis=0),
        np.sqrt(np.square(deviations).mean(axis=0)),
        predicted.std(axis=0),
        len(spectra),
        bool(reasons),
    )
    return BVector(coef, intercept, axis, unit, fidelity)


def _axis(
    estimator: Any,
    channels: dict[str, Any],
    wavelengths: ArrayLike | None,
    wavenumbers: ArrayLike | None,
) -> tuple[Array, str]:
    """Return the axis of the target and its unit, as far as anything is known."""
    n_channels = channels["n_channels"]
    if wavelengths is not None and wavenumbers is not None:
        raise ValueError("Give either wavelengths or wavenumbers, not both.")
    for given, unit, name in (
        (wavelengths, "nm", "wavelengths"), (wavenumbers, "cm-1", "wavenumbers"),
    ):  # fmt: skip
        if given is None:
            given = getattr(estimator, name, None)
        if given is not None:
            return check_axis(given, unit=unit, n_channels=n_channels, name=name), unit
    if channels["wavenumbers"] is not None:
        return np.asarray(channels["wavenumbers"], dtype=np.float64), "cm-1"
    named = axis_in_names(channels["names"])
    if named is not None:
        return named, "nm"
    return np.arange(n_channels, dtype=np.float64), "channel"
