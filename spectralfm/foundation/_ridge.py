"""Ridge regression whose penalty is chosen by leave-one-out in closed form."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PENALTIES = np.logspace(-10, 1, 34)
"""Penalties tried, over the largest squared singular value."""


class RidgeFit(NamedTuple):
    """Regression vectors and how they were chosen."""

    coef: Array
    """Regression vectors (n_features, n_targets)."""
    intercept: Array
    """Intercepts (n_targets,)."""
    penalty: Array
    """Penalty of each target (n_targets,)."""
    left_out: Array
    """Prediction of each sample by a model fitted without it (n_samples, n_targets)."""
    error: Array
    """What the penalty minimises: mean squared errors (n_targets,)."""


def fit_ridge(Z: Array, y: Array, D: Array, weight: float) -> RidgeFit:
    r"""Fit a ridge regression that also keeps predictions still along given differences.

    .. math:: \min_{b, c} \lVert y - Z b - c \rVert^2 + w \lVert D b \rVert^2
              + \lambda \lVert b \rVert^2

    The penalty :math:`\lambda` minimises the leave-one-out error of the samples plus that of the
    differences, whose prediction should be zero: what a prediction on the other instrument is off
    by.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples, n_targets)
        Reference values.
    D : ndarray of shape (n_differences, n_features)
        Differences between instruments in the features; may have no rows.
    weight : float
        How many samples a difference counts for, >= 0.

    Returns
    -------
    RidgeFit
        The regression.
    """
    n_samples, n_targets = y.shape
    mean, y_mean = Z.mean(axis=0), y.mean(axis=0)
    rows = np.vstack([Z - mean, np.sqrt(weight) * D])
    values = np.vstack([y - y_mean, np.zeros((len(D), n_targets))])
    left, sizes, right = np.linalg.svd(rows, full_matrices=False)
    tiny = np.finfo(np.float64).tiny
    penalties = max(sizes[0] ** 2, tiny) * PENALTIES
    along = left.T @ values  # (rank, n_targets)
    own = np.r_[np.full(n_samples, 1 / n_samples), np.zeros(len(D))]
    unit = np.r_[np.ones(n_samples), np.full(len(D), max(np.sqrt(weight), tiny))]

    def residuals(penalty: float) -> Array:
        """Return by how much each row, left out, is missed, (n_rows, n_targets)."""
        kept = sizes**2 / (sizes**2 + penalty)
        leverage = own + np.square(left) @ kept
        missed = values - left @ (kept[:, None] * along)
        return missed / np.maximum(1 - leverage, 1e-13)[:, None] / unit[:, None]

    def error(penalty: float) -> Array:
        squares = np.square(residuals(penalty))
        moved = squares[n_samples:].mean(axis=0) if len(D) else 0.0
        return squares[:n_samples].mean(axis=0) + moved

    errors = np.array([error(penalty) for penalty in penalties])
    best = errors.argmin(axis=0)  # (n_targets,)
    chosen = penalties[best]
    coef = right.T @ (sizes[:, None] / (sizes[:, None] ** 2 + chosen) * along)
    missed = np.column_stack([residuals(p)[:n_samples, i] for i, p in enumerate(chosen)])
    return RidgeFit(coef, y_mean - mean @ coef, chosen, y - missed, errors.min(axis=0))


def fit_weighted_ridge(
    Z: Array, y: Array, D: Array, weight: float, n_first: int, first_weights: Sequence[float]
) -> tuple[RidgeFit, Array]:
    """Choose also how much the first features weigh against the others.

    Parameters
    ----------
    Z, y, D, weight
        As in `fit_ridge`.
    n_first : int
        Number of features whose weight is chosen.
    first_weights : sequence of float
        Factors to try on them, >= 0.

    Returns
    -------
    fit : RidgeFit
        The regression of each target with the smallest error, for features as they were given.
    factors : ndarray of shape (n_targets,)
        Factor that each target chose.
    """
    fits = []
    for factor in first_weights:
        gain = np.r_[np.full(n_first, factor), np.ones(Z.shape[1] - n_first)]
        fit = fit_ridge(Z * gain, y, D * gain, weight)
        fits.append(fit._replace(coef=gain[:, None] * fit.coef))
    best = np.argmin([fit.error for fit in fits], axis=0)  # (n_targets,)
    parts = [
        np.stack([fits[index][part][..., target] for target, index in enumerate(best)], axis=-1)
        for part in range(len(RidgeFit._fields))
    ]
    return RidgeFit(*parts), np.asarray(first_weights)[best]
