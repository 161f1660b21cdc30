"""Residuals of models fitted to n samples and a new one, as functions of the new one's value."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from ..transfer import SlopeBiasCorrection
from ..transfer._source_model import predict_columns, with_names
from ._full import ResidualLines

Array = NDArray[np.float64]


def residual_lines(estimator: Any, fitted: Any, X: Any, n_targets: int) -> list[ResidualLines]:
    """Return the residual lines of each property.

    Parameters
    ----------
    estimator : estimator
        What was fitted, with its parameters.
    fitted : estimator
        The same after ``fit``.
    X : ndarray or DataFrame of shape (n_samples, n_channels)
        What it was fitted on.
    n_targets : int
        Number of properties.

    Returns
    -------
    list of callable
        As `FullIntervals` takes them, one a property.

    Raises
    ------
    ValueError
        If there is no closed form for the estimator.
    """
    if isinstance(estimator, SlopeBiasCorrection) and isinstance(
        estimator.estimator, FrozenEstimator
    ):
        known = _source_predictions(fitted.estimator_, X)
        return [
            partial(slope_bias_lines, fitted.estimator_, known[:, target], target, estimator.slope)
            for target in range(n_targets)
        ]
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("ridge", estimator)]
    ridge, before = steps[-1][1], [step for _, step in steps[:-1]]
    frozen = all(isinstance(step, FrozenEstimator) or step == "passthrough" for step in before)
    if not isinstance(ridge, Ridge) or not frozen or ridge.positive:
        raise ValueError(
            'method="full" has a closed form for SlopeBiasCorrection(FrozenEstimator(model)), for '
            "Ridge, and for pipelines of frozen transformers before a Ridge, not for this "
            f'{type(estimator).__name__}. Use method="jackknife+" with the same samples.'
        )
    alphas = np.broadcast_to(np.asarray(ridge.alpha, dtype=np.float64), n_targets)
    if (alphas <= 0).any():
        raise ValueError('method="full" needs a Ridge with alpha > 0: without it, it interpolates.')
    transform = fitted[:-1].transform if before else np.asarray
    known = np.asarray(transform(X), dtype=np.float64)
    return [
        partial(ridge_lines, transform, known, float(alpha), ridge.fit_intercept)
        for alpha in alphas
    ]


def slope_bias_lines(
    model: Any, known: Array, target: int, slope: bool, X: Any, y: Array
) -> tuple[Array, Array]:
    r"""Residuals of a straight line through predictions, :math:`(I - H)(y, v)`.

    Parameters
    ----------
    model : estimator
        Source model.
    known : ndarray of shape (n_samples,)
        Its predictions for the samples.
    target : int
        Number of the property.
    slope : bool
        Whether the line has a slope, or only a bias.
    X : ndarray or DataFrame of shape (m, n_channels)
        New spectra.
    y : ndarray of shape (n_samples,)
        Reference values.

    Returns
    -------
    a, b : ndarray of shape (m, n_samples + 1)
        The lines.
    """
    f = np.column_stack([np.tile(known, (len(X), 1)), _source_predictions(model, X)[:, target]])
    values, last = np.zeros_like(f), np.zeros_like(f)
    values[:, :-1], last[:, -1] = y, 1.0
    if not slope:
        return _centred(values - f), _centred(last)
    spread = _centred(f)
    length = np.sqrt(np.square(spread).sum(axis=1, keepdims=True))
    unit = spread / np.where(length > 0, length, 1.0)
    a, b = _centred(values), _centred(last)
    a -= unit * (unit * a).sum(axis=1, keepdims=True)
    b -= unit * (unit * b).sum(axis=1, keepdims=True)
    return a, b


def ridge_lines(
    transform: Any, known: Array, alpha: float, intercept: bool, X: Any, y: Array
) -> tuple[Array, Array]:
    r"""Residuals of a ridge regression, :math:`\alpha (K + \alpha I)^{-1} C (y, v)`.

    :math:`K = C Z Z^\top C` holds the inner products of the samples' features and C centres them.

    Parameters
    ----------
    transform : callable
        Makes features of spectra.
    known : ndarray of shape (n_samples, n_features)
        Features of the samples.
    alpha : float
        Penalty, > 0.
    intercept : bool
        Whether there is an intercept; without, C is the identity.
    X : ndarray or DataFrame of shape (m, n_channels)
        New spectra.
    y : ndarray of shape (n_samples,)
        Reference values.

    Returns
    -------
    a, b : ndarray of shape (m, n_samples + 1)
        The lines.
    """
    centre = known.mean(axis=0) if intercept else np.zeros(known.shape[1])
    old, new = known - centre, np.asarray(transform(X), dtype=np.float64) - centre
    n = len(old)
    gram = np.empty((len(new), n + 1, n + 1))
    gram[:, :n, :n] = old @ old.T
    gram[:, :n, n] = gram[:, n, :n] = new @ old.T
    gram[:, n, n] = np.square(new).sum(axis=1)
    sides = np.zeros((n + 1, 2))
    sides[:n, 0], sides[n, 1] = y, 1.0
    if intercept:
        gram = _centred(gram)
        gram = gram - gram.mean(axis=1, keepdims=True)
        sides = sides - sides.mean(axis=0)
    sides = np.tile(alpha * sides, (len(new), 1, 1))
    solved = np.asarray(np.linalg.solve(gram + alpha * np.eye(n + 1), sides), dtype=np.float64)
    return solved[:, :, 0], solved[:, :, 1]


def _source_predictions(model: Any, X: Any) -> Array:
    """Return predictions (n_samples, n_targets) for an array or a data frame."""
    return predict_columns(model, with_names(model, X, np.asarray(X, dtype=np.float64)))


def _centred(values: Array) -> Array:
    """Return values minus the mean of their last axis."""
    return values - values.mean(axis=-1, keepdims=True)
