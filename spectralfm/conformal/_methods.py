"""The methods by name: what each needs of the conformal samples, and the intervals it makes."""

from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator

from .._validation import check_matrix, check_same_channels
from ..transfer import Unpaired
from ._cross import CrossIntervals
from ._density_ratio import DensityRatio
from ._folds import fold_rows, refit_without
from ._full import FullIntervals
from ._mondrian import MondrianIntervals
from ._residual_lines import residual_lines
from ._small_samples import check_number
from ._split import SplitIntervals
from ._training_set import refuse_others, refuse_reused
from ._weighted import WeightedIntervals

Array = NDArray[np.float64]

APART = ("split", "mondrian", "weighted")
"""Methods whose conformal samples the model must not have seen."""

METHODS = (*APART, "cv+", "jackknife+", "full")


class Intervals(Protocol):
    """What a method learns from conformal samples."""

    n_calibration: int
    undercoverage_risk: float

    def bounds(self, X: Any, predicted: Array, groups: NDArray | None) -> Array:
        """Return intervals (n_samples, n_targets, 2) of spectra and their predictions."""


def make_intervals(
    regressor: Any,
    given: Any,
    X: Array,
    y: Array,
    predicted: Array,
    groups: NDArray | None,
    *,
    X_target: Unpaired | ArrayLike | None,
) -> Intervals:
    """Make the intervals of a fitted regressor from conformal samples.

    Parameters
    ----------
    regressor : ConformalRegressor
        Fitted, but not conformalized.
    given : ndarray or DataFrame of shape (n_samples, n_channels)
        Spectra of the conformal samples, as they were given.
    X : ndarray of shape (n_samples, n_channels)
        The same as an array.
    y : ndarray of shape (n_samples, n_targets)
        Their reference values.
    predicted : ndarray of shape (n_samples, n_targets)
        Their predictions.
    groups : ndarray of shape (n_samples,) or None
        Groups for "mondrian" and "cv+".
    X_target : Unpaired, array-like of shape (n_spectra, n_channels) or None
        Spectra for "weighted".

    Returns
    -------
    Intervals
        Those of the regressor's method.

    Raises
    ------
    ValueError
        If the method does not allow these samples, or they are too few for the level.
    """
    method, level, training = regressor.method, regressor.confidence_level, regressor.training_
    if method in APART:
        refuse_reused(training, X, method)
        if method == "mondrian":
            return MondrianIntervals(y - predicted, _required(groups), level)
        if method == "weighted":
            ratio = DensityRatio(regressor.density_ratio, regressor.transformer)
            ratio.fit(X, _population(X_target, X.shape[1]))
            return WeightedIntervals(y - predicted, X, ratio, level)
        return SplitIntervals(y - predicted, level)
    if isinstance(regressor.estimator, FrozenEstimator):
        raise ValueError(
            f'method="{method}" fits the model again without some samples, and this one is frozen. '
            'Use method="split" with samples that it has not seen.'
        )
    check_number(len(X), level, what="conformal samples")
    if method == "full":
        refuse_others(training, X, y)
        lines = residual_lines(regressor.estimator, regressor.estimator_, given, y.shape[1])
        return FullIntervals(lines, y, level)
    keys = training.keys_of(X)
    folds = fold_rows(None if method == "jackknife+" else regressor.cv, keys, X, y, groups)
    refit = partial(refit_without, regressor.estimator, training, keys)
    return CrossIntervals(refit, given, y, folds, level)


def _required(groups: NDArray | None) -> NDArray:
    if groups is None:
        raise ValueError(
            'method="mondrian" needs groups: pass groups=, the group (instrument) of every sample.'
        )
    return groups


def _population(X_target: Unpaired | ArrayLike | None, n_channels: int) -> Array:
    """Return the spectra that "weighted" weighs for."""
    if X_target is None:
        raise ValueError(
            'method="weighted" needs X_target: pass unlabelled spectra of the population that the '
            'intervals are for, or use method="split" if the conformal samples belong to it.'
        )
    given = X_target.target if isinstance(X_target, Unpaired) else X_target
    target = check_matrix(given, name="X_target")
    check_same_channels(target.shape[1], n_channels, name="X_target", of="X")
    return target
