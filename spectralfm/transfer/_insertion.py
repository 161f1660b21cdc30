"""A transfer step inserted before some steps of a fitted pipeline."""

import inspect
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from ..metrics import rmsep
from ._slope_bias_correction import FEWEST_FOR_SLOPE, fit_line
from ._source_model import predict_columns

Array = NDArray[np.float64]
Steps = list[tuple[str, Any]]

MOST_LEFT_OUT_SINGLY = 20
"""With more standards than this, 10 folds stand in for leaving out each."""

FEWEST_TO_COMPARE = 3
"""Positions are not compared on fewer standards."""


def transform_through(steps: Steps, X: Any) -> Any:
    """Return spectra as fitted steps, none of them the last of a pipeline, leave them."""
    for _, step in steps:
        if step is not None and step != "passthrough":
            X = step.transform(X)
    return X


def predict_through(steps: Steps, X: Any) -> Array:
    """Return predictions (n_samples, n_targets) of the last of fitted steps."""
    return predict_columns(steps[-1][1], transform_through(steps[:-1], X))


def fit_transfer_step(transfer: Any, X: Any, X_source: Any, following: Steps) -> Any:
    """Return a fitted clone of ``transfer`` whose output the following steps accept.

    A step that was fitted on a DataFrame wants its column names back.

    Raises
    ------
    TypeError
        If ``fit`` of the step takes no ``X_source``.
    """
    accepted = inspect.signature(transfer.fit).parameters.values()
    if not any(one.name == "X_source" or one.kind is one.VAR_KEYWORD for one in accepted):
        raise TypeError(
            f"transfer must be a step whose fit takes X_source, and that of "
            f"{type(transfer).__name__} does not: it cannot learn how the instruments differ."
        )
    step = clone(transfer).fit(X, X_source=X_source)
    receiver = next(part for _, part in following if part is not None and part != "passthrough")
    if hasattr(receiver, "feature_names_in_") and hasattr(X_source, "columns"):
        step.set_output(transform=type(X_source).__module__.partition(".")[0])
    return step


def left_out_rmse(
    transfer: Any, X: Any, X_source: Any, reference: Array, following: Steps, *, slope_bias: bool
) -> Array:
    """Return the RMSE of predictions for standards that the transfer step was not fitted on.

    Parameters
    ----------
    transfer : transformer
        The transfer step; it is cloned.
    X, X_source : array-like of shape (n_standards, n_channels)
        Standards on the target and on the source, as they reach the step.
    reference : ndarray of shape (n_standards, n_targets)
        What should be predicted.
    following : list of (str, estimator)
        Fitted steps after it, the last a regressor.
    slope_bias : bool
        Whether a line is fitted to the predictions of the remaining standards.

    Returns
    -------
    ndarray of shape (n_targets,)
        Root mean squared errors in the unit of the properties.
    """
    n = len(reference)
    n_folds = n if n <= MOST_LEFT_OUT_SINGLY else 10
    fold_of = np.arange(n) % n_folds
    left_out = np.empty_like(reference)
    for fold in range(n_folds):
        kept, left = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        X_kept = _safe_indexing(X, kept)
        step = fit_transfer_step(transfer, X_kept, _safe_indexing(X_source, kept), following)
        predicted = predict_through(following, step.transform(_safe_indexing(X, left)))
        if slope_bias:
            fitted = predict_through(following, step.transform(X_kept))
            slope, bias = fit_line(fitted, reference[kept], slope=len(kept) >= FEWEST_FOR_SLOPE)
            predicted = predicted * slope + bias
        left_out[left] = predicted
    return rmse(left_out, reference)


def left_out_rmse_by_position(
    steps: Steps, transfer: Any, X: Any, X_source: Any, reference: Array, *, slope_bias: bool
) -> dict[int, Array]:
    """Return `left_out_rmse` for the transfer step before each of ``steps``, by its index.

    With fewer than 3 standards a warning says so and nothing is compared.
    """
    if len(reference) < FEWEST_TO_COMPARE:
        warnings.warn(
            f"{len(reference)} standards are too few to compare positions, which needs "
            f"{FEWEST_TO_COMPARE}: the transfer step goes on raw spectra."
        )
        return {}
    errors = {}
    for k in range(len(steps)):
        before, following = steps[:k], steps[k:]
        errors[k] = left_out_rmse(
            transfer,
            transform_through(before, X),
            transform_through(before, X_source),
            reference,
            following,
            slope_bias=slope_bias,
        )
    return errors


def best_position(errors: dict[int, Array], reference: Array) -> int:
    """Return the position of least error, properties weighed by their spread; 0 without errors."""
    spread = reference.std(axis=0)
    spread[spread == 0] = 1.0
    # Rounded, so that the first of equally good positions is taken on every machine.
    return min(errors, key=lambda k: round(np.mean((errors[k] / spread) ** 2), 12), default=0)


def same_axis(X: Any, X_source: Any) -> bool:
    """Say whether two groups of spectra have equally many, and if named equally named, channels."""
    named = hasattr(X, "columns") and hasattr(X_source, "columns")
    return X.shape[1] == X_source.shape[1] and (
        not named or list(X.columns) == list(X_source.columns)
    )


def rmse(predicted: Array, reference: Array) -> Array:
    """Return the root mean squared error of each property, shape (n_targets,)."""
    return np.atleast_1d(rmsep(reference, predicted, multioutput="raw_values"))


def frozen_pipeline(before: Steps, transfer: Any, after: Steps) -> Pipeline:
    """Return a pipeline of frozen steps with a transfer step, if it is not None, among them."""
    taken = [name for name, _ in (*before, *after)]
    name = "transfer"
    while name in taken:
        name += "-step"
    inserted = [] if transfer is None else [(name, transfer)]
    return Pipeline([(name, _frozen(step)) for name, step in (*before, *inserted, *after)])


def _frozen(step: Any) -> Any:
    """Freeze a step unless it is frozen or none."""
    kept = step is None or step == "passthrough" or isinstance(step, FrozenEstimator)
    return step if kept else FrozenEstimator(step)
