"""Errors of prediction, in the unit of the property, and the line through them."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score

from ._columns import Score, aggregate, columns, ratio


def rmsep(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Root mean square error of prediction: the whole error, bias included.

    .. math:: \mathrm{RMSEP} = \sqrt{\frac1n \sum_i (\hat y_i - y_i)^2}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    y_pred : array-like of the same shape
        Predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        RMSEP in the unit of the property.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Examples
    --------
    >>> from spectralfm.metrics import rmsep
    >>> rmsep([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    0.5
    """
    reference, predicted = columns(y_true, y_pred)
    return aggregate(np.sqrt(((predicted - reference) ** 2).mean(axis=0)), multioutput)


def sep(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Error left once the bias is taken off: the standard error of prediction.

    .. math:: \mathrm{SEP} = \sqrt{\frac1{n-1} \sum_i (\hat y_i - y_i - \mathrm{bias})^2}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        SEP in the unit of the property.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Notes
    -----
    ISO 12099 writes the same. Some texts call RMSEP "SEP", and this one "SEP(C)".

    Examples
    --------
    >>> from spectralfm.metrics import sep
    >>> sep([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    0.0
    """
    reference, predicted = columns(y_true, y_pred, at_least=2)
    return aggregate((predicted - reference).std(axis=0, ddof=1), multioutput)


def bias(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Mean residual; positive when predictions are too high.

    .. math:: \mathrm{bias} = \frac1n \sum_i (\hat y_i - y_i)

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    y_pred : array-like of the same shape
        Predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        Bias in the unit of the property.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Examples
    --------
    >>> from spectralfm.metrics import bias
    >>> bias([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    0.5
    """
    reference, predicted = columns(y_true, y_pred)
    return aggregate((predicted - reference).mean(axis=0), multioutput)


def slope(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Slope of the reference values regressed on the predictions (ISO 12099).

    .. math:: b = \frac{\sum_i (\hat y_i - \bar{\hat y})(y_i - \bar y)}
                       {\sum_i (\hat y_i - \bar{\hat y})^2}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        Slope, 1 for a faithful instrument; NaN when all predictions are equal.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Notes
    -----
    The direction matters: predictions regressed on reference values have a slope below 1 even for
    the best calibration, because regression shrinks towards the mean. Reference on predicted is
    the slope that a slope-and-bias correction multiplies predictions with.

    Examples
    --------
    >>> from spectralfm.metrics import slope
    >>> slope([10.0, 11.0, 12.0], [20.0, 22.0, 24.0])
    0.5
    """
    reference, predicted = columns(y_true, y_pred, at_least=2)
    reference = reference - reference.mean(axis=0)
    predicted = predicted - predicted.mean(axis=0)
    return aggregate(
        ratio((predicted * reference).sum(axis=0), (predicted**2).sum(axis=0)), multioutput
    )


def r2(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: str | ArrayLike = "uniform_average"
) -> Score:
    r"""Coefficient of determination; negative when the mean would predict better.

    .. math:: R^2 = 1 - \frac{\sum_i (\hat y_i - y_i)^2}{\sum_i (y_i - \bar y)^2}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        At most 1. It is not the squared correlation, which an instrument's bias leaves untouched.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Examples
    --------
    >>> from spectralfm.metrics import r2
    >>> r2([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    0.625
    """
    reference, predicted = columns(y_true, y_pred, at_least=2)
    return aggregate(r2_score(reference, predicted, multioutput="raw_values"), multioutput)
