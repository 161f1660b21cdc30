"""Which samples are left out together, and the model without them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv

from ._training_set import TrainingSet

Array = NDArray[np.float64]


def fold_rows(
    cv: Any, keys: list[bytes], X: Array, y: Array, groups: NDArray | None
) -> list[NDArray[np.intp]]:
    """Return the samples of each fold.

    Parameters
    ----------
    cv : int, splitter or None
        Number of folds, in the order of the samples, or what makes them; None: a fold a sample.
    keys : list of bytes
        Samples of equal keys are one sample.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    y : ndarray of shape (n_samples, n_targets)
        Reference values.
    groups : ndarray of shape (n_samples,) or None
        For splitters that keep groups together.

    Returns
    -------
    list of ndarray of int
        Row numbers, every row in one fold.

    Raises
    ------
    ValueError
        If spectra are repeated, or a sample is left out never or twice.
    """
    if len(set(keys)) < len(keys):
        raise ValueError(
            f"{len(keys) - len(set(keys))} conformal spectra are repeated: a sample cannot be left "
            "out while its copy stays. Remove the copies."
        )
    if cv is None:
        return list(np.arange(len(X))[:, None])
    splits = [rows for _, rows in check_cv(cv).split(X, y, groups)]
    if not np.array_equal(np.sort(np.concatenate(splits)), np.arange(len(X))):
        raise ValueError(
            "cv must leave every sample out exactly once: use KFold, GroupKFold or LeaveOneOut."
        )
    return splits


def refit_without(
    estimator: Any, training: TrainingSet, keys: list[bytes], rows: NDArray[np.intp]
) -> Any:
    """Fit the model again without some samples.

    Parameters
    ----------
    estimator : estimator
        The model; it is cloned.
    training : TrainingSet
        What it was fitted to.
    keys : list of bytes
        `row_keys` of the conformal samples.
    rows : ndarray of int
        Which of them to leave out.

    Returns
    -------
    estimator
        The fitted model.
    """
    X, y, fit_params = training.without({keys[row] for row in rows})
    return clone(estimator).fit(X, y, **fit_params)
