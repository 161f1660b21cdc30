"""CV+ and jackknife+: every sample is predicted by a model fitted without it. The door to MAPIE."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from mapie.regression import CrossConformalRegressor
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import PredefinedSplit

from ..transfer._source_model import predict_columns, with_names
from ._small_samples import check_number, undercoverage_risk

Array = NDArray[np.float64]


class FoldColumn(RegressorMixin, BaseEstimator):
    """What MAPIE takes for the model of a fold: it reads its predictions from a column.

    Models that need standards, data frames or several properties cannot be handed to MAPIE, their
    predictions can: ``X`` holds the number of the fold and the predictions of all folds' models.
    """

    def fit(self, X: Array, y: Array) -> Self:
        """Find out which fold is left out of ``X``.

        Parameters
        ----------
        X : ndarray of shape (n_samples, 1 + n_folds)
            Number of the fold, then predictions.
        y : ndarray of shape (n_samples,)
            Not used.

        Returns
        -------
        self : FoldColumn
            The fold's column.
        """
        absent = np.setdiff1d(np.arange(X.shape[1] - 1), X[:, 0])
        self.column_ = 1 + int(absent[0]) if absent.size else 1
        return self

    def predict(self, X: Array) -> Array:
        """Return the column of predictions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, 1 + n_folds)
            Number of the fold, then predictions.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predictions of the model of this fold.
        """
        return X[:, self.column_]


class CrossIntervals:
    r"""From the smallest to the largest of shifted predictions, but for a share of them.

    .. math:: \left[-q\{-(\hat y_{-i}(x) - s_i)\}, \; q\{\hat y_{-i}(x) + s_i\}\right], \qquad
        s_i = |y_i - \hat y_{-i}(x_i)|

    where :math:`\hat y_{-i}` is the model fitted without the fold of sample i and q the k-th
    smallest of n values, as in `spectralfm.conformal.conformal_quantile`.

    Parameters
    ----------
    refit : callable
        Takes the numbers of samples to leave out, returns a fitted model.
    X : ndarray or DataFrame of shape (n_samples, n_channels)
        Spectra of the conformal samples.
    y : ndarray of shape (n_samples, n_targets)
        Their reference values.
    folds : list of ndarray of int
        Samples of each fold; every sample is in one.
    confidence_level : float
        Between 0 and 1.

    Attributes
    ----------
    n_calibration : int
        Number of samples.
    undercoverage_risk : float
        `spectralfm.conformal.undercoverage_risk` of so many.
    models : list of estimator
        Fitted models, one a fold.

    Raises
    ------
    ValueError
        If the samples are too few for the level.
    """

    def __init__(
        self,
        refit: Callable[[NDArray[np.intp]], Any],
        X: Any,
        y: Array,
        folds: list[NDArray[np.intp]],
        confidence_level: float,
    ) -> None:
        check_number(len(y), confidence_level, what="conformal samples")
        self.models = [refit(rows) for rows in folds]
        number = np.empty(len(y))
        for fold, rows in enumerate(folds):
            number[rows] = fold
        self._known = number, self._predictions(X), y, confidence_level
        self.mapie = _conformalized(*self._known)
        self.n_calibration = len(y)
        self.undercoverage_risk = undercoverage_risk(len(y), confidence_level)

    def bounds(self, X: Any, predicted: Array, groups: NDArray | None) -> Array:
        """Return lower and upper bounds.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_samples, n_channels)
            Spectra.
        predicted : ndarray of shape (n_samples, n_targets)
            Not used.
        groups : ndarray of shape (n_samples,) or None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper bounds in the unit of the property.
        """
        result = np.empty((*predicted.shape, 2))
        unfolded = np.full(len(predicted), -1.0)
        for target, (mapie, columns) in enumerate(
            zip(self.mapie, self._predictions(X), strict=True)
        ):
            # Where infinite bounds are allowed MAPIE accepts 9 samples at 90 %, and is right.
            _, interval = mapie.predict_interval(
                np.column_stack([unfolded, columns]),
                aggregate_point_predictions=None,
                allow_infinite_bounds=True,
            )
            result[:, target] = interval[:, :, 0]
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Leave MAPIE's objects out of pickles and files: they are made again from numbers."""
        return {name: value for name, value in vars(self).items() if name != "mapie"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.mapie = _conformalized(*self._known)

    def _predictions(self, X: Any) -> Array:
        """Return predictions (n_targets, n_samples, n_folds) of all models."""
        spectra = np.asarray(X, dtype=np.float64)
        columns = [predict_columns(model, with_names(model, X, spectra)) for model in self.models]
        return np.stack(columns, axis=-1).transpose(1, 0, 2)


def _conformalized(
    number: Array, predictions: Array, y: Array, confidence_level: float
) -> list[CrossConformalRegressor]:
    """Hand MAPIE predictions (n_targets, n_samples, n_folds) and the fold each sample is in."""
    result = []
    for values, columns in zip(y.T, predictions, strict=True):
        mapie = CrossConformalRegressor(
            FoldColumn(), confidence_level=confidence_level, cv=PredefinedSplit(number)
        )
        result.append(mapie.fit_conformalize(np.column_stack([number, columns]), values))
    return result
