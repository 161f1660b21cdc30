r"""Cumulative sums of normal scores, and the threshold of a stated run length.

.. math:: S^\pm_t = \max(0, S^\pm_{t-1} \pm z_t - k), \qquad z_t = \Phi^{-1}(1 - p_t)

With exact p-values z is standard normal and independent, whatever the distribution of the
statistic, so that the run length in control is that of the textbook, also with few spectra.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

REFERENCE = 0.5
"""k: the chart is best at shifts of twice as many standard deviations."""

N_STATES = 200
"""Intervals of the Markov chain of Brook and Evans."""

CUT = 1e-12
"""p-values nearer to 0 or 1 are as good as that."""


def run_length(threshold: float) -> float:
    """Return the mean run length of a chart of one side, in control.

    Parameters
    ----------
    threshold : float
        h > 0.

    Returns
    -------
    float
        Mean number of spectra before S exceeds h, from the Markov chain of Brook and Evans.

    References
    ----------
    .. [1] Brook, D., & Evans, D. A. (1972). An approach to the probability distribution of cusum
       run length. Biometrika, 59(3), 539-549. https://doi.org/10.1093/biomet/59.3.539
    """
    width = 2 * threshold / (2 * N_STATES - 1)
    centre = width * np.arange(N_STATES)
    upper = ndtr(centre[None] - centre[:, None] + width / 2 + REFERENCE)
    moves = np.diff(upper, axis=1, prepend=0.0)  # into state 0 falls all below
    return float(np.linalg.solve(np.eye(N_STATES) - moves, np.ones(N_STATES))[0])


def threshold_of(arl0: float) -> float:
    """Return the threshold of a chart of one side.

    Parameters
    ----------
    arl0 : float
        Mean run length in control, at least 10.

    Returns
    -------
    float
        h.
    """
    return float(brentq(lambda h: np.log(run_length(h) / arl0), 0.05, 30.0, xtol=1e-6))


class Cusum:
    """Chart of both sides of one statistic."""

    def __init__(self) -> None:
        self.sums: NDArray[np.float64] = np.zeros(2)

    def add(self, p: float) -> None:
        """Add one p-value, small if the statistic is large.

        Parameters
        ----------
        p : float
            Between 0 and 1.
        """
        z = -float(ndtri(min(max(p, CUT), 1 - CUT)))
        self.sums = np.maximum(0.0, self.sums + np.array([z, -z]) - REFERENCE)
