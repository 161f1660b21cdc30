r"""Bets against p-values being uniform, whose capital is a test martingale.

A gambler who starts with 1 and never goes into debt multiplies it by c, ever, with probability at
most 1 / c if the game is fair: Ville's inequality.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POWERS = np.array([0.2, 0.4, 0.6, 0.8])
"""Exponents of the bets on small and on large p-values."""

SHARED = 0.01
"""Share of the capital that is dealt anew before each bet, so that a late change is bet on too."""


class BettingMartingale:
    r"""Capital of bets on small and on large p-values.

    .. math:: M_t = \sum_k C_{t,k}, \qquad
              C_{t,k} = f_k(p_t) \Big((1 - \epsilon) C_{t-1,k} + \frac{\epsilon}{K} M_{t-1}\Big)

    over bets :math:`f_k(p) = \kappa p^{\kappa - 1}`, the same of 1 - p, and the bet 1 of those who
    wait. Each integrates to 1, so that M is a martingale if p-values are independent and uniform.
    """

    def __init__(self) -> None:
        n = 2 * len(POWERS) + 1
        self.capital = np.full(n, 1.0 / n)
        self.log_scale = 0.0

    @property
    def log_value(self) -> float:
        """Natural logarithm of the capital."""
        return self.log_scale + float(np.log(self.capital.sum()))

    def bet(self, p: float) -> None:
        """Bet on one p-value.

        Parameters
        ----------
        p : float
            Between 0 and 1.
        """
        low, high = (max(one, 1e-300) for one in (p, 1.0 - p))
        gains = np.concatenate([[1.0], POWERS * low ** (POWERS - 1), POWERS * high ** (POWERS - 1)])
        total = self.capital.sum()
        dealt = (1 - SHARED) * self.capital + SHARED * total / len(self.capital)
        self.capital = dealt * gains / total
        self.log_scale += float(np.log(total))
