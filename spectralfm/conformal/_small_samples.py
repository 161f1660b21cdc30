"""Quantiles, smallest numbers and risks that are exact for few samples."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from .._validation import check_enough

ROUNDING = 1e-9
"""0.9 * 10 is 9, also where floating-point numbers say 9.000000000000002."""


def rank(n_samples: int, confidence_level: float) -> int:
    """Return which of ``n_samples`` sorted scores bounds the next one, counted from 1.

    Parameters
    ----------
    n_samples : int
        Number of scores.
    confidence_level : float
        Between 0 and 1.

    Returns
    -------
    int
        ``ceil(confidence_level * (n_samples + 1))``; above ``n_samples`` none of them does.
    """
    return max(math.ceil(confidence_level * (n_samples + 1) - ROUNDING), 1)


def fewest_samples(confidence_level: float) -> int:
    r"""Return how many samples an interval of finite width needs.

    .. math:: n \ge \frac{c}{1 - c}

    Parameters
    ----------
    confidence_level : float
        :math:`c`, between 0 and 1, both excluded.

    Returns
    -------
    int
        9 at 90 %, 19 at 95 %, 99 at 99 %.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> from spectralfm.conformal import fewest_samples
    >>> fewest_samples(0.9), fewest_samples(0.95)
    (9, 19)
    """
    _check_level(confidence_level)
    return max(math.ceil(confidence_level / (1 - confidence_level) - ROUNDING), 1)


def undercoverage_risk(
    n_samples: float, confidence_level: float = 0.9, *, shortfall: float = 0.1
) -> float:
    r"""Return the chance that one deployment covers less than its level by ``shortfall`` or more.

    .. math:: P(\mathrm{coverage} \le c - s), \qquad
        \mathrm{coverage} \sim \mathrm{Beta}(k, n + 1 - k), \quad k = \lceil c (n + 1) \rceil

    Coverage of 90 % is an average over deployments. One of them has its own n samples, and covers
    what these happen to say.

    Parameters
    ----------
    n_samples : float
        :math:`n`, samples that the intervals are conformalized on. With a fraction, as of an
        effective number, :math:`k = c (n + 1)` is not rounded.
    confidence_level : float, default=0.9
        :math:`c`, between 0 and 1, both excluded.
    shortfall : float, default=0.1
        :math:`s \ge 0`: 0.1 is ten points.

    Returns
    -------
    float
        Chance between 0 and 1.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1, or the samples are fewer than `fewest_samples` says.

    Notes
    -----
    Exact for split conformal prediction with independent samples of continuous errors, a bound
    where errors are tied. For the other methods it is a guide: full conformal prediction and the
    jackknife+ allow no such statement without assumptions on the model [2]_.

    References
    ----------
    .. [1] Vovk, V. (2013). Conditional validity of inductive conformal predictors. Machine
       Learning, 92, 349-376. https://doi.org/10.1007/s10994-013-5355-6
    .. [2] Bian, M., & Barber, R. F. (2023). Training-conditional coverage for distribution-free
       predictive inference. Electronic Journal of Statistics, 17(2), 2044-2066.
       https://doi.org/10.1214/23-EJS2145

    Examples
    --------
    >>> from spectralfm.conformal import undercoverage_risk
    >>> [round(undercoverage_risk(n), 3) for n in (10, 30, 100)]
    [0.107, 0.044, 0.002]
    """
    check_number(n_samples, confidence_level)
    whole = float(n_samples).is_integer()
    k = rank(int(n_samples), confidence_level) if whole else confidence_level * (n_samples + 1)
    return float(beta.cdf(max(confidence_level - shortfall, 0.0), k, n_samples + 1 - k))


def conformal_quantile(scores: ArrayLike, confidence_level: float = 0.9) -> NDArray[np.float64]:
    r"""Return the bound that the next score stays below with the stated probability.

    .. math:: \hat q = s_{(k)}, \qquad k = \lceil c (n + 1) \rceil

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_targets)
        Scores of exchangeable samples, such as absolute errors; finite.
    confidence_level : float, default=0.9
        :math:`c`, between 0 and 1, both excluded.

    Returns
    -------
    ndarray of shape () or (n_targets,)
        The k-th smallest score of each column.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1, a score is not finite, or there are fewer than
        `fewest_samples` says.

    Examples
    --------
    >>> from spectralfm.conformal import conformal_quantile
    >>> float(conformal_quantile([0.3, 0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7, 0.8], 0.9))
    0.9
    """
    values = np.asarray(scores, dtype=np.float64)
    check_number(len(values), confidence_level)
    if not np.isfinite(values).all():
        raise ValueError(
            "scores hold NaN or infinity. Leave out samples without a reference value."
        )
    k = rank(len(values), confidence_level)
    return np.partition(values, k - 1, axis=0)[k - 1]


def check_number(n_samples: float, confidence_level: float, *, what: str = "samples") -> None:
    """Refuse fewer samples than an interval of finite width needs.

    Parameters
    ----------
    n_samples : float
        How many there are.
    confidence_level : float
        Between 0 and 1, both excluded.
    what : str
        What is counted, for the message.

    Raises
    ------
    ValueError
        If they are too few, or the level is not between 0 and 1.
    """
    check_enough(
        n_samples,
        fewest_samples(confidence_level),
        what=f"{what} for intervals of confidence level {confidence_level:g}",
        remedy="Measure more samples with reference values on the target, or lower "
        f"confidence_level to {n_samples / (n_samples + 1):.3g}.",
    )


def _check_level(confidence_level: float) -> None:
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level is {confidence_level}, but must lie between 0 and 1: 0.9 is 90 %."
        )
