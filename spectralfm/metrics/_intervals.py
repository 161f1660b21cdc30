"""Whether prediction intervals hold, and how wide they are."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_consistent_length

from ._columns import Score, aggregate


def coverage(
    y_true: ArrayLike, interval: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Fraction of reference values inside their interval, bounds included.

    .. math:: \frac1n \sum_i \mathbf 1[l_i \le y_i \le u_i]

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    interval : array-like of shape (n_samples, 2) or (n_samples, n_targets, 2)
        Lower and upper bounds; infinite bounds are allowed.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        Coverage, 0 to 1. Observed on n samples, it scatters around the truth c with standard
        deviation ``sqrt(c (1 - c) / n)``.

    Raises
    ------
    ValueError
        If lengths differ, a bound is NaN, or a lower bound lies above its upper bound.

    Examples
    --------
    >>> from spectralfm.metrics import coverage
    >>> coverage([1.0, 2.0, 3.0, 4.0], [[0, 2], [1, 3], [2, 4], [5, 6]])
    0.75
    """
    values = check_array(y_true, dtype=np.float64, ensure_2d=False, input_name="y_true")
    values = values.reshape(len(values), -1)
    lower, upper = _bounds(interval)
    check_consistent_length(values, lower)
    if values.shape != lower.shape:
        raise ValueError(
            f"interval bounds {lower.shape[1]} properties but y_true has {values.shape[1]}."
        )
    return aggregate(((lower <= values) & (values <= upper)).mean(axis=0), multioutput)


def mean_interval_width(
    interval: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    """Mean width of the intervals: at equal coverage, the narrower are better.

    Parameters
    ----------
    interval : array-like of shape (n_samples, 2) or (n_samples, n_targets, 2)
        Lower and upper bounds.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        Width in the unit of the property; infinite if a bound is.

    Raises
    ------
    ValueError
        If a bound is NaN, or a lower bound lies above its upper bound.

    Examples
    --------
    >>> from spectralfm.metrics import mean_interval_width
    >>> mean_interval_width([[0, 2], [1, 5]])
    3.0
    """
    lower, upper = _bounds(interval)
    return aggregate((upper - lower).mean(axis=0), multioutput)


def _bounds(interval: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower and upper bounds of shape (n_samples, n_targets)."""
    bounds = check_array(
        interval, dtype=np.float64, allow_nd=True, ensure_all_finite=False, input_name="interval"
    )
    if bounds.ndim > 3 or bounds.shape[-1] != 2:
        raise ValueError(
            "interval must have shape (n_samples, 2) or (n_samples, n_targets, 2): lower and upper "
            f"bound last. Got {bounds.shape}."
        )
    lower, upper = bounds.reshape(len(bounds), -1, 2).transpose(2, 0, 1)
    if np.isnan(bounds).any():
        raise ValueError("interval holds NaN. Predict with finite spectra.")
    crossed = np.flatnonzero((lower > upper).any(axis=1))
    if crossed.size:
        raise ValueError(
            f"interval has its lower bound above the upper one at row {crossed[0]}: "
            "columns are lower, upper."
        )
    return lower, upper
