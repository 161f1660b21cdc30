"""Fit any kind of calibration transfer, told apart by the signature of its ``fit``."""

import inspect
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator


class Pairs(Protocol):
    """What `standards_curve` reads from a `spectralfm.transfer.Standards`."""

    source: NDArray[np.float64]
    target: NDArray[np.float64]
    y: NDArray[np.float64] | None

    def take(self, rows: ArrayLike) -> "Pairs":
        """Return the pairs at ``rows``."""


def fit_transfer(
    method: Any, X: NDArray[np.float64], y: NDArray[np.float64], standards: Pairs | None
) -> Any:
    """Return the calibration moved to the target instrument.

    Parameters
    ----------
    method : estimator or callable
        As in `standards_curve`.
    X : ndarray of shape (n_samples, n_source_channels)
        Calibration spectra recorded on the source.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Their reference values.
    standards : Standards or None
        Samples measured on both instruments.

    Returns
    -------
    object
        Something fitted whose ``predict`` takes target spectra.

    Raises
    ------
    TypeError
        If ``method`` is of no known kind, or has no model to use without standards.
    """
    if not hasattr(method, "fit"):
        if callable(method):
            return method(X, y, standards)
        raise TypeError(f"method must be an estimator or a callable, not {type(method).__name__}.")
    takes = inspect.signature(method.fit).parameters
    if "standards" in takes:
        return clone(method).fit(X, y, standards=standards)
    if "X_source" not in takes or not hasattr(method, "predict"):
        raise TypeError(
            f"{type(method).__name__} takes neither standards= nor X_source= in fit, or cannot "
            "predict. Wrap spectra standardizers in CalibrationTransfer, or pass a function of "
            "(X, y, standards)."
        )
    transfer = clone(method)
    source_model = None
    for name, value in transfer.get_params(deep=False).items():
        if hasattr(value, "predict"):
            unfrozen = value.estimator if isinstance(value, FrozenEstimator) else value
            source_model = FrozenEstimator(clone(unfrozen).fit(X, y))
            transfer.set_params(**{name: source_model})
    if standards is not None:
        return transfer.fit(standards.target, standards.y, X_source=standards.source)
    if source_model is None:
        raise TypeError(
            f"{type(method).__name__} holds no source model to use without standards. "
            "Leave out n_standards=0."
        )
    return source_model
