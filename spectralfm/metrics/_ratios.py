"""Spread of the reference values over the error of prediction.

All three divide by RMSEP, because a change of instrument shows first as bias, which SEP forgives.
``bias_corrected=True`` divides by SEP, the older habit.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._columns import Score, aggregate, columns, ratio
from ._errors import rmsep, sep


def _reference_and_error(
    y_true: ArrayLike, y_pred: ArrayLike, bias_corrected: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    reference, predicted = columns(y_true, y_pred, at_least=2)
    error = (sep if bias_corrected else rmsep)(reference, predicted, multioutput="raw_values")
    return reference, np.asarray(error)


def rpd(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    bias_corrected: bool = False,
    multioutput: str | ArrayLike = "uniform_average",
) -> Score:
    r"""Ratio of performance to deviation: standard deviation over error.

    .. math:: \mathrm{RPD} = \mathrm{SD}(y) / \mathrm{RMSEP}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    bias_corrected : bool, default=False
        Divide by SEP instead of RMSEP.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        The ratio, without unit; infinite for perfect predictions.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Notes
    -----
    The standard deviation has ``n - 1`` degrees of freedom. RPD and R2 say the same:
    ``r2 = 1 - n / (n - 1) / rpd**2``. Reference values that are not normally distributed are better
    judged by `rpiq`.

    References
    ----------
    .. [1] Bellon-Maurel, V., Fernandez-Ahumada, E., Palagos, B., Roger, J.-M., & McBratney, A.
       (2010). Critical review of chemometric indicators commonly used for assessing the quality of
       the prediction of soil attributes by NIR spectroscopy. TrAC Trends in Analytical Chemistry,
       29(9), 1073-1081. https://doi.org/10.1016/j.trac.2010.05.006

    Examples
    --------
    >>> from spectralfm.metrics import rpd
    >>> rpd([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    2.0
    """
    reference, error = _reference_and_error(y_true, y_pred, bias_corrected)
    return aggregate(ratio(reference.std(axis=0, ddof=1), error), multioutput)


def rpiq(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    bias_corrected: bool = False,
    multioutput: str | ArrayLike = "uniform_average",
) -> Score:
    r"""Ratio of performance to interquartile distance, for skewed reference values.

    .. math:: \mathrm{RPIQ} = (Q_3(y) - Q_1(y)) / \mathrm{RMSEP}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    bias_corrected : bool, default=False
        Divide by SEP instead of RMSEP.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        The ratio, without unit; infinite for perfect predictions.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Notes
    -----
    Quartiles are interpolated linearly, as `numpy.quantile` does by default.

    References
    ----------
    .. [1] Bellon-Maurel, V., Fernandez-Ahumada, E., Palagos, B., Roger, J.-M., & McBratney, A.
       (2010). Critical review of chemometric indicators commonly used for assessing the quality of
       the prediction of soil attributes by NIR spectroscopy. TrAC Trends in Analytical Chemistry,
       29(9), 1073-1081. https://doi.org/10.1016/j.trac.2010.05.006

    Examples
    --------
    >>> from spectralfm.metrics import rpiq
    >>> rpiq([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    2.0
    """
    reference, error = _reference_and_error(y_true, y_pred, bias_corrected)
    return aggregate(
        ratio(np.subtract(*np.quantile(reference, [0.75, 0.25], axis=0)), error), multioutput
    )


def rer(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    bias_corrected: bool = False,
    multioutput: str | ArrayLike = "uniform_average",
) -> Score:
    r"""Range error ratio: range of the reference values over the error.

    .. math:: \mathrm{RER} = (\max y - \min y) / \mathrm{RMSEP}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, at least two samples.
    y_pred : array-like of the same shape
        Predictions.
    bias_corrected : bool, default=False
        Divide by SEP instead of RMSEP.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_targets,)
        How properties are aggregated.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        The ratio, without unit; infinite for perfect predictions.

    Raises
    ------
    ValueError
        If the two differ in shape, are not finite, or are too few.

    Notes
    -----
    It rests on the two most extreme samples: compare it only between predictions of one test set.

    References
    ----------
    .. [1] Williams, P. C., & Sobering, D. C. (1993). Comparison of commercial near infrared
       transmittance and reflectance instruments for analysis of whole grains and seeds. Journal
       of Near Infrared Spectroscopy, 1(1), 25-32. https://doi.org/10.1255/jnirs.3

    Examples
    --------
    >>> from spectralfm.metrics import rer
    >>> rer([10.0, 11.0, 12.0], [10.5, 11.5, 12.5])
    4.0
    """
    reference, error = _reference_and_error(y_true, y_pred, bias_corrected)
    return aggregate(ratio(np.ptp(reference, axis=0), error), multioutput)
