"""The fitted model of the source instrument, as the estimators that wrap one see it."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_array, check_is_fitted

from .._validation import (
    check_magnitude,
    check_paired,
    check_same_channels,
    refuse_masked,
    refuse_text,
)


def resolve_source_model(estimator: Any, X: ArrayLike, y: ArrayLike | None, *, owner: str) -> Any:
    """Return the fitted source model: as it is if it was fitted, else fitted on ``X`` and ``y``.

    Parameters
    ----------
    estimator : estimator
        A `FrozenEstimator`, a fitted estimator, or an unfitted one.
    X : array-like of shape (n_samples, n_source_channels)
        Spectra to fit an unfitted estimator on.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
        Their reference values.
    owner : str
        Name of the estimator that wraps it, for the messages.

    Returns
    -------
    estimator
        The fitted model, without `FrozenEstimator` around it. A fitted one is not copied.

    Raises
    ------
    NotFittedError
        If a `FrozenEstimator` holds an estimator that was never fitted.
    ValueError
        If an unfitted estimator is to be fitted without reference values.
    """
    frozen = isinstance(estimator, FrozenEstimator)
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        if frozen:
            raise NotFittedError(
                f"The {type(estimator).__name__} frozen in {owner} is not fitted. Fit it on the "
                f"calibration spectra of the source instrument before freezing it."
            ) from None
    else:
        return estimator
    if y is None:
        raise ValueError(
            f"{owner} requires y to be passed, but the target y is None, and its estimator is not "
            "fitted. Pass FrozenEstimator(model) with a model fitted on the source instrument."
        )
    warnings.warn(
        f"The estimator of {owner} is not fitted, so it is fitted on the {len(np.asarray(y))} "
        "standards as the source measured them. Pass FrozenEstimator(model) to keep a calibration "
        "of the source: clone and GridSearchCV forget what an unfrozen estimator learned."
    )
    return clone(estimator).fit(X, y)


def check_model_channels(model: Any, n_channels: int, *, name: str) -> None:
    """Raise unless the source model, if it counts its channels, takes ``n_channels`` of them."""
    expected = getattr(model, "n_features_in_", n_channels)
    check_same_channels(n_channels, expected, name=name, of="the source model")


def check_reference(y: ArrayLike, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standards' reference values as float64, one row a standard, one column a property.

    Raises
    ------
    ValueError
        If they are not finite numbers, too large or too small, or not as many as the spectra.
    """
    refuse_masked(y, name="y")
    refuse_text(y, name="y")
    values = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_paired(X, values, name="y")
    check_magnitude(values, name="y")
    return values.reshape(len(values), -1)


def with_names(model: Any, given: object, checked: NDArray[np.float64]) -> Any:
    """Return the DataFrame that was given if the model knows column names, else the array."""
    positions = getattr(model, "_positions_in_", None)
    knows = hasattr(model, "feature_names_in_") or positions is not None
    return given if knows and hasattr(given, "columns") else checked


def predict_columns(model: Any, X: Any) -> NDArray[np.float64]:
    """Return predictions as float64 with one column a property."""
    predictions = np.asarray(model.predict(X), dtype=np.float64)
    return predictions.reshape(len(predictions), -1)


def check_properties(reference: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
    """Raise unless reference values and predictions have the same number of properties."""
    if reference.shape[1] != predicted.shape[1]:
        raise ValueError(
            f"y has {reference.shape[1]} properties, but the source model predicts "
            f"{predicted.shape[1]}. Pass the columns the model was fitted on, in that order."
        )
