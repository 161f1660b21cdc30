"""How many standards are worth measuring."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch


class Advice(NamedTuple):
    """What to measure.

    Parameters
    ----------
    n_standards : int
        Samples to measure on both instruments.
    error : float
        Median error to be expected with them, in the unit of the curve.
    gain : float
        By what fraction of it the next number tried, or any later one, lowers the error.
    more_may_help : bool
        Whether it is the largest number tried, reached by a step that was worth it.

    Examples
    --------
    >>> from spectralfm.applicability import Advice
    >>> Advice(n_standards=5, error=0.21, gain=0.0, more_may_help=True).n_standards
    5
    """

    n_standards: int
    error: float
    gain: float
    more_may_help: bool

    def __str__(self) -> str:
        found = (
            f"Measure {self.n_standards} standards: an error of {self.error:.3g} is to be expected"
        )
        if self.more_may_help:
            return f"{found}. More were not tried and may help."
        return f"{found}, and the next ones lower it by {100 * self.gain:.0f} %."


def advise_standards(curve: Bunch, marginal_gain: float = 0.1) -> Any:
    r"""Read off a curve how many standards are worth measuring when the instrument is another.

    .. math:: n^* = \min\Big\{n_i : 1 - \frac{\min_{j \le i + 1} e_j}{\min_{j \le i} e_j} < g\Big\}

    Parameters
    ----------
    curve : Bunch
        What `spectralfm.model_selection.standards_curve` returned: median errors e over numbers of
        standards n, of a set where many samples were measured on two instruments.
    marginal_gain : float, default=0.1
        g, the fraction by which the next number of standards must lower the error to be worth it,
        between 0 and 1.

    Returns
    -------
    Advice or list of Advice
        One a property if the curve has several.

    Raises
    ------
    ValueError
        If ``marginal_gain`` is not between 0 and 1.

    See Also
    --------
    spectralfm.model_selection.standards_budget : The number within a tolerance of the best of all.

    Notes
    -----
    It stops at the first step that is not worth it, so that numbers tried must not lie closer
    than what their difference can gain: 3, 5, 10, 20 rather than 3, 4, 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.utils import Bunch
    >>> from spectralfm.applicability import advise_standards
    >>> curve = Bunch(n_standards=np.array([3, 5, 10, 20]), median=np.array([0.9, 0.6, 0.5, 0.48]))
    >>> print(advise_standards(curve))
    Measure 10 standards: an error of 0.5 is to be expected, and the next ones lower it by 4 %.
    """
    if not 0 < marginal_gain < 1:
        raise ValueError(f"marginal_gain is {marginal_gain}, but must lie between 0 and 1.")
    order = np.argsort(curve.n_standards, kind="stable")
    counts = np.asarray(curve.n_standards)[order]
    medians = np.asarray(curve.median, dtype=np.float64)[order]
    if medians.ndim == 2:
        return [_advice(counts, column, marginal_gain) for column in medians.T]
    return _advice(counts, medians, marginal_gain)


def _advice(counts: NDArray, medians: NDArray[np.float64], marginal_gain: float) -> Advice:
    best = np.minimum.accumulate(medians)
    gains = 1 - best[1:] / np.maximum(best[:-1], np.finfo(np.float64).tiny)
    worthless = np.flatnonzero(gains < marginal_gain)
    i = int(worthless[0]) if worthless.size else len(counts) - 1
    i = int(np.flatnonzero(best == best[i])[0])  # the fewest that reach this error
    gain = float(gains[i]) if i < len(gains) else 0.0
    return Advice(int(counts[i]), float(best[i]), gain, not worthless.size and len(counts) > 1)
