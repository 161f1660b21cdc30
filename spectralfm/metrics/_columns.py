"""What every metric does before and after: one column a property, and one number of several."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_consistent_length

from .._validation import check_enough, refuse_masked

Score = float | NDArray[np.float64]


def columns(
    y_true: ArrayLike, y_pred: ArrayLike, *, at_least: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return reference values and predictions with one column a property.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values and predictions.
    at_least : int
        Fewest samples the metric is defined for.

    Returns
    -------
    reference, predicted : ndarray of shape (n_samples, n_targets)
        The same as float64.

    Raises
    ------
    ValueError
        If they differ in shape, are not finite, or are too few.
    """
    checked = []
    for values, name in ((y_true, "y_true"), (y_pred, "y_pred")):
        refuse_masked(values, name=name)
        array = check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
        checked.append(array.reshape(len(array), -1))
    check_consistent_length(*checked)
    reference, predicted = checked
    if reference.shape[1] != predicted.shape[1]:
        raise ValueError(
            f"y_true has {reference.shape[1]} properties but y_pred has {predicted.shape[1]}. "
            "Pass predictions of the same properties."
        )
    check_enough(
        len(reference), at_least, what="samples", remedy="Pass more samples, or use rmsep."
    )
    return reference, predicted


def aggregate(values: NDArray[np.float64], multioutput: str | ArrayLike) -> Score:
    """Make one score of one a property, as scikit-learn does.

    Parameters
    ----------
    values : ndarray of shape (n_targets,)
        Score of each property.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        The mean, the scores themselves, or their weighted mean.

    Raises
    ------
    ValueError
        If ``multioutput`` is another text, or has not one weight a property.
    """
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return values
        if multioutput == "uniform_average":
            return float(values.mean())
        raise ValueError(
            "multioutput must be 'uniform_average', 'raw_values' or one weight a property, not "
            f"{multioutput!r}."
        )
    weights = np.asarray(multioutput, dtype=np.float64)
    if weights.shape != values.shape:
        raise ValueError(f"multioutput has {weights.size} weights for {values.size} properties.")
    return float(np.average(values, weights=weights))


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide without a word: x/0 is infinite, 0/0 is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator
