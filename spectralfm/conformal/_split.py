"""Split conformal prediction: errors of samples that the model has never seen."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._small_samples import check_number, conformal_quantile, undercoverage_risk

Array = NDArray[np.float64]


def around(predicted: Array, half_width: Array) -> Array:
    """Return intervals (n_samples, n_targets, 2) of given half width around predictions."""
    return np.stack([predicted - half_width, predicted + half_width], axis=-1)


class SplitIntervals:
    r"""One half width for all spectra, :math:`\hat y \pm s_{(k)}`.

    Parameters
    ----------
    errors : ndarray of shape (n_samples, n_targets)
        Reference values minus predictions of samples kept apart.
    confidence_level : float
        Between 0 and 1.

    Attributes
    ----------
    n_calibration : int
        Number of samples.
    undercoverage_risk : float
        `spectralfm.conformal.undercoverage_risk` of so many.
    half_width : ndarray of shape (n_targets,)
        In the unit of the property.

    Raises
    ------
    ValueError
        If the samples are too few for the level.
    """

    def __init__(self, errors: Array, confidence_level: float) -> None:
        check_number(len(errors), confidence_level, what="conformal samples")
        self.half_width = conformal_quantile(np.abs(errors), confidence_level)
        self.n_calibration = len(errors)
        self.undercoverage_risk = undercoverage_risk(len(errors), confidence_level)

    def bounds(self, X: ArrayLike, predicted: Array, groups: NDArray | None) -> Array:
        """Return lower and upper bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra; not used.
        predicted : ndarray of shape (n_samples, n_targets)
            Their predictions.
        groups : ndarray of shape (n_samples,) or None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper bounds in the unit of the property.
        """
        return around(predicted, self.half_width)
