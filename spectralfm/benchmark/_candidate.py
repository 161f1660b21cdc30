"""How the benchmark gives an estimator what it may know, by what its ``fit`` takes."""

import inspect
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import has_fit_parameter

from ..comparison import SourceCalibration, correct_spectra
from ._protocol import BUDGETS, STANDARDS, UNLABELLED, Array, Budget, Task


def budgets_of(estimator: Any) -> tuple[Budget, ...]:
    """Return the budgets at which an estimator can run.

    Parameters
    ----------
    estimator : estimator
        A regressor, refitted or around a source model, or a standardizer.

    Returns
    -------
    tuple
        All for a regressor that takes ``standards`` and ``X_target``; numbers of standards for
        what takes ``X_source``, and unlabelled spectra where it needs no pairs; none for others.

    Raises
    ------
    TypeError
        If it can be neither.
    """
    takes = {name for name in ("standards", "X_target", "X_source") if _takes(estimator, name)}
    if not hasattr(estimator, "fit") or not (hasattr(estimator, "predict") or "X_source" in takes):
        raise TypeError(
            f"A {type(estimator).__name__} is neither a regressor, with fit and predict, nor a "
            "standardizer, whose fit takes X_source: the benchmark cannot run it."
        )
    if hasattr(estimator, "predict") and takes & {"standards", "X_target"}:
        found: tuple[Budget, ...] = ("none",)
        found += (0,) if "X_target" in takes else ()
        return found + (STANDARDS if "standards" in takes else ())
    if "X_source" in takes:
        return STANDARDS if getattr(estimator, "paired", True) else UNLABELLED
    return BUDGETS[:1]


def predict(estimator: Any, task: Task, budget: Budget) -> Array:
    """Fit a clone of an estimator to what a budget allows, and predict the test spectra.

    Parameters
    ----------
    estimator : estimator
        As of `budgets_of`.
    task : Task
        The task.
    budget : int or "none"
        One of `budgets_of`.

    Returns
    -------
    ndarray of shape (n_test, n_properties)
        Predictions.
    """
    model = clone(estimator)
    _tell_axis(model, task)
    with warnings.catch_warnings():
        # Widest settings are clipped to what few standards allow, and say so each time.
        warnings.filterwarnings("ignore", message=".*clipped", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*only the bias", category=UserWarning)
        if _takes(model, "X_source"):
            return _moved(model, task, budget)
        known = {key: one for key, one in task.given(budget).items() if _takes(model, key)}
        predicted = model.fit(task.X, task.y, **known).predict(task.X_test)
    return np.asarray(predicted, dtype=np.float64).reshape(task.y_test.shape)


def _moved(model: Any, task: Task, budget: Budget) -> Array:
    """Predict with the source model, whose spectra or predictions are corrected."""
    if not hasattr(model, "predict"):
        target, source = task.X_test, task.X
        if budget:
            standards = task.standards(int(budget))
            target, source = standards.target, standards.source
        calibration = SourceCalibration(task.X, task.y, task.source_model)
        return correct_spectra(calibration, model, target, source).predict(task.X_test)
    if "estimator" in model.get_params(deep=False):
        model.set_params(estimator=FrozenEstimator(task.source_model))
    standards = task.standards(int(budget))
    model.fit(standards.target, standards.y, X_source=standards.source)
    return np.asarray(model.predict(task.X_test), dtype=np.float64).reshape(task.y_test.shape)


def _takes(estimator: Any, name: str) -> bool:
    return hasattr(estimator, "fit") and has_fit_parameter(estimator, name)


def _tell_axis(model: Any, task: Task) -> None:
    """Set the axis of an estimator that has an argument for it and was told nothing."""
    parameters = inspect.signature(type(model)).parameters
    unsaid = all(getattr(model, name, None) is None for name in ("wavelengths", "wavenumbers"))
    if "wavelengths" in parameters and unsaid:
        model.set_params(wavelengths=task.wavelengths)
