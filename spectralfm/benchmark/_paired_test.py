"""Whether one method is better than another on the same tasks."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

Array = NDArray[np.float64]


def holm(p: Array) -> Array:
    r"""Return p-values adjusted by Holm's step-down procedure.

    .. math:: \tilde p_{(k)} = \max_{j \le k} \min\big(1, (m - j + 1)\, p_{(j)}\big)

    Parameters
    ----------
    p : ndarray of shape (m,)
        p-values.

    Returns
    -------
    ndarray of shape (m,)
        Adjusted p-values.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


def compare(errors: dict[tuple, float], others: dict[tuple, float]) -> tuple[float, float]:
    """Compare RMSEPs task by task, with Wilcoxon's signed-rank test of their logarithms.

    Parameters
    ----------
    errors, others : dict of tuple to float
        Task to RMSEP, of two methods.

    Returns
    -------
    ratio : float
        Geometric mean of errors over others, on the tasks of both; NaN if there are none.
    p : float
        Two-sided p-value; 1 where all are equal. Splits share samples and properties share
        spectra, so it is too small: read it as what is surely not real.
    """
    shared = [task for task in errors if task in others]
    if not shared:
        return float("nan"), float("nan")
    difference = np.log([errors[task] / others[task] for task in shared])
    p = float(wilcoxon(difference).pvalue) if difference.any() else 1.0
    return float(np.exp(difference.mean())), p
