"""Full conformal prediction in closed form, for models whose residuals are linear in y."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from ._small_samples import check_number, rank, undercoverage_risk
from ._weighted import warn_infinite

Array = NDArray[np.float64]
ResidualLines = Callable[[Any, Array], tuple[Array, Array]]

CHUNK = 1_000_000
"""Numbers held at a time."""

RELATIVE = 1e-9
"""Residuals closer than this count as equal."""


class FullIntervals:
    r"""All values that, as reference value of the new sample, would leave it an ordinary one.

    .. math:: \{v : \#\{i \le n : |r_i(v)| < |r_{n+1}(v)|\} < k\}, \qquad
        k = \lceil c (n + 1) \rceil, \quad r_i(v) = a_i + b_i v

    where :math:`r(v)` are the residuals of the model fitted to the n samples and to the new one
    with the value v. The set may have gaps; the interval spans them.

    Parameters
    ----------
    lines : callable
        Takes spectra (m, n_channels) and one property of the n samples, (n,); returns :math:`a` and
        :math:`b`, each (m, n + 1). One a property.
    y : ndarray of shape (n_samples, n_targets)
        Reference values.
    confidence_level : float
        Between 0 and 1.

    Attributes
    ----------
    n_calibration : int
        Number of samples.
    undercoverage_risk : float
        `spectralfm.conformal.undercoverage_risk` of so many.

    Raises
    ------
    ValueError
        If the samples are too few for the level.
    """

    def __init__(self, lines: list[ResidualLines], y: Array, confidence_level: float) -> None:
        check_number(len(y), confidence_level, what="conformal samples")
        self.lines, self.y, self.confidence_level = lines, y, confidence_level
        self.n_calibration = len(y)
        self.undercoverage_risk = undercoverage_risk(len(y), confidence_level)

    def bounds(self, X: Any, predicted: Array, groups: NDArray | None) -> Array:
        """Return lower and upper bounds, infinite where a sample of high leverage demands it.

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
        step = max(CHUNK // (2 * (self.n_calibration + 1) ** 2), 1)
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            for target, (lines, y) in enumerate(zip(self.lines, self.y.T, strict=True)):
                result[part, target] = conforming(
                    *lines(_safe_indexing(X, part), y), self.confidence_level
                )
        warn_infinite(result.max(axis=-1) - result.min(axis=-1))
        return result


def conforming(a: Array, b: Array, confidence_level: float) -> Array:
    r"""Return the span of the values with which the last sample is an ordinary one.

    Residuals only change order where two are equal in magnitude, so that these values are all that
    need to be tried.

    Parameters
    ----------
    a, b : ndarray of shape (m, n + 1)
        Residuals :math:`a + b v`, the new sample's in the last column.
    confidence_level : float
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (m, 2)
        Smallest and largest value, or minus and plus infinity.
    """
    n = a.shape[1] - 1
    # Residuals of equal slope meet nowhere, but for rounding errors far away.
    level = 1e-12 * np.abs(b).max(axis=1, keepdims=True)
    a_new, b_new = a[:, -1:], b[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        meetings = [
            np.where(np.abs(slope) > level, value / slope, np.nan)
            for value, slope in (
                (a_new - a[:, :-1], b[:, :-1] - b_new),
                (-a_new - a[:, :-1], b[:, :-1] + b_new),
                (-a_new, b_new),
            )
        ]
    values = np.concatenate(meetings, axis=1)
    # Where nothing meets, any value will do.
    values[np.isnan(values).all(axis=1)] = 0.0
    low, high = np.nanmin(values, axis=1), np.nanmax(values, axis=1)
    beyond = 1.0 + (high - low) + np.abs(low) + np.abs(high)  # further out the order stays
    tried = np.column_stack([low - beyond, values, high + beyond])
    residuals = np.abs(a[:, None] + b[:, None] * tried[:, :, None])
    rounding = RELATIVE * (np.abs(a_new) + np.abs(b_new * tried))
    as_large = (residuals[:, :, :-1] >= residuals[:, :, -1:] - rounding[:, :, None]).sum(axis=2)
    ordinary = (as_large > n - rank(n, confidence_level)) & ~np.isnan(tried)
    result = np.column_stack(
        [
            np.where(ordinary, tried, np.inf).min(axis=1),
            np.where(ordinary, tried, -np.inf).max(axis=1),
        ]
    )
    result[ordinary[:, 0], 0] = -np.inf
    result[ordinary[:, -1], 1] = np.inf
    return result
