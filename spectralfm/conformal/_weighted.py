"""Weighted conformal prediction: conformal samples of another population than the new ones."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._density_ratio import DensityRatio
from ._small_samples import ROUNDING, check_number, fewest_samples, undercoverage_risk
from ._split import around

Array = NDArray[np.float64]


class WeightedIntervals:
    r"""Half width of each spectrum from errors weighted by how common their spectra are there.

    .. math:: \hat y \pm \inf\Big\{q : \frac{\sum_i w_i [s_i \le q]}{\sum_i w_i + w(x)} \ge c
        \Big\}

    Parameters
    ----------
    errors : ndarray of shape (n_samples, n_targets)
        Reference values minus predictions of samples kept apart.
    X : ndarray of shape (n_samples, n_channels)
        Their spectra.
    ratio : DensityRatio
        Gives :math:`\log w`.
    confidence_level : float
        :math:`c`, between 0 and 1.

    Attributes
    ----------
    n_calibration : int
        Number of samples.
    n_effective : float
        :math:`(\sum w_i)^2 / \sum w_i^2`, how many samples of equal weight they are worth.
    undercoverage_risk : float
        That of so many; NaN if they are too few for the level.

    Raises
    ------
    ValueError
        If the samples are too few for the level, whatever their weights.
    """

    def __init__(
        self, errors: Array, X: Array, ratio: DensityRatio, confidence_level: float
    ) -> None:
        check_number(len(errors), confidence_level, what="conformal samples")
        self.scores, self.ratio, self.confidence_level = np.abs(errors), ratio, confidence_level
        self.log_weights = ratio.log_ratio(X)
        weights = np.exp(self.log_weights - self.log_weights.max())
        self.n_calibration = len(errors)
        self.n_effective = float(weights.sum() ** 2 / np.square(weights).sum())
        self.undercoverage_risk = float("nan")
        if self.n_effective >= fewest_samples(confidence_level):
            self.undercoverage_risk = undercoverage_risk(self.n_effective, confidence_level)
        else:
            warnings.warn(
                f"The {self.n_calibration} conformal samples are worth {self.n_effective:.1f} of "
                "the population of X_target, fewer than "
                f"{fewest_samples(confidence_level)}: most intervals will be infinite. Measure "
                "reference values of samples that resemble X_target."
            )

    def bounds(self, X: ArrayLike, predicted: Array, groups: NDArray | None) -> Array:
        """Return lower and upper bounds, infinite where the weights demand it, with a warning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra.
        predicted : ndarray of shape (n_samples, n_targets)
            Their predictions.
        groups : ndarray of shape (n_samples,) or None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper bounds in the unit of the property.
        """
        log_weights = self.ratio.log_ratio(np.asarray(X, dtype=np.float64))
        largest = np.maximum(log_weights, self.log_weights.max())
        own = np.exp(log_weights - largest)
        weights = np.exp(self.log_weights - largest[:, None])
        total = weights.sum(axis=1) + own
        half_width = np.empty(predicted.shape)
        for target, scores in enumerate(self.scores.T):
            order = np.argsort(scores, kind="stable")
            reached = np.cumsum(weights[:, order], axis=1) / total[:, None]
            enough = reached >= self.confidence_level - ROUNDING
            first = np.where(enough.any(axis=1), enough.argmax(axis=1), len(scores))
            half_width[:, target] = np.append(scores[order], np.inf)[first]
        warn_infinite(half_width)
        return around(predicted, half_width)


def warn_infinite(half_width: Array) -> None:
    """Say how many spectra have an interval without end.

    Parameters
    ----------
    half_width : ndarray of shape (n_samples, n_targets)
        Half widths, or any values that are infinite where the interval is.
    """
    infinite = np.isinf(half_width).any(axis=1).sum()
    if infinite:
        warnings.warn(
            f"{infinite} of {len(half_width)} spectra have an infinite interval: the conformal "
            "samples hold too few like them to bound their error at this confidence_level. Measure "
            "reference values of samples that resemble these spectra."
        )
