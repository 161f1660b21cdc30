"""Folds that leave a standard and its calibration sample out together."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def joint_folds(n_samples: int, rows: Rows, n_folds: int) -> tuple[Rows, Rows]:
    """Deal calibration samples and standards into folds.

    Standards are dealt first, one a fold as far as they go; a calibration sample that is a standard
    follows it. The others are dealt in a fixed random order.

    Parameters
    ----------
    n_samples : int
        Number of calibration samples.
    rows : ndarray of shape (n_standards,)
        Calibration sample that each standard is, -1 for none.
    n_folds : int
        Number of folds, no more than samples.

    Returns
    -------
    samples : ndarray of shape (n_samples,)
        Fold of each calibration sample.
    standards : ndarray of shape (n_standards,)
        Fold of each standard.
    """
    n_folds = min(n_folds, n_samples)
    standards = np.arange(len(rows)) % n_folds
    samples = np.full(n_samples, -1, dtype=np.intp)
    known = rows >= 0
    samples[rows[known]] = standards[known]
    others = np.random.default_rng(0).permutation(np.flatnonzero(samples < 0))
    # The last folds have the fewest standards, so they take the first of the others.
    samples[others] = n_folds - 1 - np.arange(len(others)) % n_folds
    return samples, standards
