"""P-values that are exact for exchangeable spectra, however few and of whatever distribution."""

from bisect import bisect_left, bisect_right, insort

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

N_PERMUTATIONS = 1999
"""Of a group test, whose p-value is 1/2000 at least."""


def conformal_pvalues(reference: ArrayLike, scores: ArrayLike) -> Array:
    r"""Return how likely spectra like the reference are at least as strange as each spectrum.

    .. math:: p = \frac{1 + \#\{i : s_i \ge s\}}{n + 1}

    Parameters
    ----------
    reference : array-like of shape (n_reference,)
        Scores of spectra that the score was not fitted to; larger is stranger.
    scores : array-like of shape (n_samples,)
        Scores of the spectra in question.

    Returns
    -------
    ndarray of shape (n_samples,)
        p-values from 1 / (n_reference + 1) to 1: a spectrum exchangeable with the reference gets
        :math:`p \le \alpha` with probability at most :math:`\alpha`, on average over references.

    References
    ----------
    .. [1] Vovk, V., Gammerman, A., & Shafer, G. (2005). Algorithmic Learning in a Random World.
       Springer. https://doi.org/10.1007/b106715

    Examples
    --------
    >>> from spectralfm.applicability import conformal_pvalues
    >>> conformal_pvalues([1.0, 2.0, 3.0, 4.0], [5.0, 2.5, 0.0])
    array([0.2, 0.6, 1. ])
    """
    ordered = np.sort(np.asarray(reference, dtype=np.float64))
    below = np.searchsorted(ordered, np.asarray(scores, dtype=np.float64), side="left")
    return np.asarray((1.0 + len(ordered) - below) / (len(ordered) + 1.0))


def group_pvalue(reference: Array, scores: Array, seed: int = 0) -> float:
    """Return the p-value of the hypothesis that a group is like the reference, by ranks.

    The sum of the group's ranks among both is compared with those of groups drawn at random
    from both, which is exact with the observed group counted as one of them.

    Parameters
    ----------
    reference : ndarray of shape (n_reference,)
        Scores of spectra that the score was not fitted to; larger is stranger.
    scores : ndarray of shape (n_samples,)
        Scores of the group.
    seed : int
        Of the draws.

    Returns
    -------
    float
        From 1/2000 to 1; small where the group is stranger as a whole.
    """
    both = np.concatenate([scores, reference])
    ordered = np.sort(both)
    ranks = np.searchsorted(ordered, both, "left") + np.searchsorted(ordered, both, "right")
    keys = np.random.default_rng(seed).random((N_PERMUTATIONS, len(both)))
    drawn = ranks[np.argsort(keys, axis=1)[:, : len(scores)]].sum(axis=1)
    return float((1 + np.sum(drawn >= ranks[: len(scores)].sum())) / (1 + N_PERMUTATIONS))


class GrowingReference:
    r"""P-values of one spectrum after the other, each of which joins the reference.

    .. math:: p_t = \frac{\#\{i : s_i > s_t\} + u_t\, \#\{i : s_i = s_t\}}{n + t}

    over the reference and all spectra up to and including t, with u uniform. If all are
    exchangeable, these p-values are independent of one another and uniform. With a fixed reference
    they are not: they share what it happens to be.

    Parameters
    ----------
    reference : ndarray of shape (n_reference,)
        Values of spectra in control that the statistic was not fitted to.
    """

    def __init__(self, reference: Array) -> None:
        self.values: list[float] = sorted(map(float, reference))

    def pvalue(self, value: float, u: float) -> float:
        """Return the p-value of the next spectrum, small if its value is large.

        Parameters
        ----------
        value : float
            Its value.
        u : float
            Uniform number in (0, 1].

        Returns
        -------
        float
            In (0, 1].
        """
        insort(self.values, value)
        n = len(self.values)
        above = bisect_right(self.values, value)
        return (n - above + u * (above - bisect_left(self.values, value))) / n
