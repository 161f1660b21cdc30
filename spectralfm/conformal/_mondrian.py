"""Mondrian conformal prediction: every group, such as an instrument, has its own half width."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._small_samples import check_number
from ._split import SplitIntervals, around

Array = NDArray[np.float64]


class MondrianIntervals:
    r"""A half width for each group, :math:`\hat y \pm s_{g,(k_g)}`.

    Parameters
    ----------
    errors : ndarray of shape (n_samples, n_targets)
        Reference values minus predictions of samples kept apart.
    groups : ndarray of shape (n_samples,)
        Group of each.
    confidence_level : float
        Between 0 and 1.

    Attributes
    ----------
    n_calibration : int
        Number of samples, all groups together.
    undercoverage_risk : float
        That of the worst group.
    by_group : dict
        `SplitIntervals` of each group.

    Raises
    ------
    ValueError
        If a group has too few samples for the level; the message names it.
    """

    def __init__(self, errors: Array, groups: NDArray, confidence_level: float) -> None:
        self.by_group: dict[Any, SplitIntervals] = {}
        for group in np.unique(groups).tolist():
            own = errors[groups == group]
            check_number(len(own), confidence_level, what=f"conformal samples of group {group!r}")
            self.by_group[group] = SplitIntervals(own, confidence_level)
        self.n_calibration = len(errors)
        self.undercoverage_risk = max(one.undercoverage_risk for one in self.by_group.values())

    def bounds(self, X: ArrayLike, predicted: Array, groups: NDArray | None) -> Array:
        """Return lower and upper bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra; not used.
        predicted : ndarray of shape (n_samples, n_targets)
            Their predictions.
        groups : ndarray of shape (n_samples,)
            Group of each.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
            Lower and upper bounds in the unit of the property.

        Raises
        ------
        ValueError
            If there are no groups, or one that was not conformalized.
        """
        if groups is None:
            raise ValueError(
                'method="mondrian" needs groups: pass groups=, the group (instrument) of every '
                f"spectrum, one of {sorted(self.by_group)}."
            )
        result = np.empty((*predicted.shape, 2))
        for group in np.unique(groups).tolist():
            if group not in self.by_group:
                raise ValueError(
                    f"No sample of group {group!r} was conformalized, only of "
                    f"{sorted(self.by_group)}: nothing is known of its errors. Conformalize with "
                    "labelled samples of that group."
                )
            rows = groups == group
            result[rows] = around(predicted[rows], self.by_group[group].half_width)
        return result
