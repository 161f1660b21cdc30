"""Whether the standards are paired at all: rows that were shuffled teach every method nonsense."""

import numpy as np
from numpy.typing import NDArray

from ._preprocessing import diagnostic_views
from ._standards import Standards

Array = NDArray[np.float64]

FEWEST = 8
"""Of fewer standards there are too few orders to tell by."""

N_ORDERS = 999
"""Random orders compared."""

CHANCE = 0.05
"""Share of the orders that may fit as well as the given one."""


def looks_paired(standards: Standards) -> bool:
    r"""Tell whether source and target rows belong together better than in random orders.

    .. math:: p = \frac{1 + \#\{\pi : r(\pi) > r\}}{1 + M}, \qquad
              r(\pi) = \frac1n \sum_i \cos(s_i - \bar s,\; t_{\pi(i)} - \bar t)

    Orders that only exchange replicates fit equally well and do not count.

    Parameters
    ----------
    standards : Standards
        Paired samples, rows in the same order, on one axis.

    Returns
    -------
    bool
        Whether p is at most 0.05 in one view of the spectra; True for fewer than 8 standards, of
        which too little can be told.

    Notes
    -----
    s and t are standard normal variates of the spectra, and then their second derivatives: pairs
    fit in one of them at least. Of true sets of 8, 10 and 20 standards of corn, tablets, soil and
    simulated pairs none was refused, of two handhelds that share 125 nm (forensic_T) one in twelve;
    of shuffled sets one in eight passes, by luck. A few rows that were swapped among many are not
    noticed.
    """
    if len(standards.source) < FEWEST:
        return True
    views = zip(diagnostic_views(standards.source), diagnostic_views(standards.target), strict=True)
    return any(_fits(source, target) for source, target in views)


def _fits(source: Array, target: Array) -> bool:
    """Tell whether rows fit better than in random orders."""
    n = len(source)
    fit = _directions(source) @ _directions(target).T  # (n, n)
    rng, rows = np.random.default_rng(0), np.arange(n)
    given = np.trace(fit)
    others = np.array([fit[rows, rng.permutation(n)].sum() for _ in range(N_ORDERS)])
    better = np.count_nonzero(others > given + 1e-9 * n)
    return bool((1 + better) / (1 + N_ORDERS) <= CHANCE)


def _directions(spectra: Array) -> Array:
    """Return differences of spectra from their mean, of unit length."""
    centred = spectra - spectra.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1.0)
