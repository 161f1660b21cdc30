"""Folds that leave a standard and its calibration sample out together."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def joint_folds(n_samples: int, rows: Rows, replicates: Rows, n_folds: int) -> tuple[Rows, Rows]:
    """Deal calibration samples and standards into folds.

    Standards are dealt first, those in the calibration set before the others, one a fold as far as
    they go; replicates of a sample stay together, and a calibration sample that is a standard
    follows it. The other samples are dealt in a fixed random order, so that each fold has some.

    Parameters
    ----------
    n_samples : int
        Number of calibration samples.
    rows : ndarray of shape (n_standards,)
        Calibration sample that each standard is, -1 for none.
    replicates : ndarray of shape (n_standards,)
        Number of the sample that each standard is; replicates share it, and their row.
    n_folds : int
        Number of folds; with fewer samples each is a fold.

    Returns
    -------
    samples : ndarray of shape (n_samples,)
        Fold of each calibration sample.
    standards : ndarray of shape (n_standards,)
        Fold of each standard.
    """
    n_folds = min(n_folds, n_samples)
    known = rows >= 0
    fold_of: dict[int, int] = {}
    for number in np.r_[replicates[known], replicates[~known]].tolist():
        fold_of.setdefault(number, len(fold_of) % n_folds)
    standards = np.array([fold_of[number] for number in replicates.tolist()], dtype=np.intp)
    samples = np.full(n_samples, -1, dtype=np.intp)
    samples[rows[known]] = standards[known]
    others = np.random.default_rng(0).permutation(np.flatnonzero(samples < 0))
    # The last folds have the fewest standards, so they take the first of the others.
    samples[others] = n_folds - 1 - np.arange(len(others)) % n_folds
    return samples, standards
