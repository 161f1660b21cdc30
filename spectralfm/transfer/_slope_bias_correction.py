"""Slope and bias correction: correct the predictions, not the spectra."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import check_matrix, check_paired, check_spectra, forget
from ._source_model import (
    check_model_channels,
    check_properties,
    check_reference,
    predict_columns,
    resolve_source_model,
    with_names,
)

FEWEST_FOR_SLOPE = 3
"""A line through two standards fits them exactly, noise included."""


def fit_line(
    predicted: NDArray[np.float64], reference: NDArray[np.float64], *, slope: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Regress the reference on the predictions, property by property.

    Parameters
    ----------
    predicted : ndarray of shape (n_standards, n_targets)
        Predictions for the standards on the target instrument.
    reference : ndarray of shape (n_standards, n_targets)
        What they should be.
    slope : bool
        Whether to fit a slope, or the bias only.

    Returns
    -------
    slope : ndarray of shape (n_targets,)
        Slopes; 1 where only the bias is corrected.
    bias : ndarray of shape (n_targets,)
        Intercepts, in the unit of the property.
    """
    mean, goal = predicted.mean(axis=0), reference.mean(axis=0)
    slopes = np.ones(len(mean))
    if slope:
        spread, wanted = predicted - mean, reference - goal
        level = 1e-10 * np.maximum(np.abs(predicted).max(axis=0), np.abs(reference).max(axis=0))
        flat = (np.abs(spread).max(axis=0) <= level) | (np.abs(wanted).max(axis=0) <= level)
        if len(predicted) < FEWEST_FOR_SLOPE:
            warnings.warn(
                f"{len(predicted)} standards are too few for a slope, which needs "
                f"{FEWEST_FOR_SLOPE}: only the bias is corrected."
            )
        else:
            if flat.any():
                warnings.warn(
                    "The standards are constant, in prediction or reference, in property "
                    f"{np.flatnonzero(flat).tolist()}: only the bias is corrected there. Choose "
                    "standards that span the property."
                )
            moment = (spread * wanted).sum(axis=0)
            slopes[~flat] = (moment / np.where(flat, 1.0, (spread**2).sum(axis=0)))[~flat]
    return slopes, goal - slopes * mean


class SlopeBiasCorrection(SavableMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Correct the predictions of a source model on the target by a straight line (SBC).

    .. math:: \hat y = a + b f(x_t), \qquad
        (a, b) = \arg\min \sum_i \left(r_i - a - b f(x_{t,i})\right)^2

    The reference :math:`r_i` of a standard is its ``y`` when given, else what the source model
    predicts from its source spectrum.

    Parameters
    ----------
    estimator : estimator
        The source model :math:`f`, a `sklearn.frozen.FrozenEstimator` around a fitted regressor or
        pipeline. A fitted estimator without it works until the next ``clone``; an unfitted one is
        fitted on ``X_source`` (without it on ``X``) and ``y``, with a warning.
    slope : bool, default=True
        Whether to correct the slope; False: the bias only. With fewer than 3 standards, or
        standards that do not differ in the property, only the bias is corrected, with a warning.

    Attributes
    ----------
    slope_ : ndarray of shape (n_targets,)
        Slopes :math:`b`.
    bias_ : ndarray of shape (n_targets,)
        Intercepts :math:`a` in the unit of the property.
    estimator_ : estimator
        The fitted source model, not a copy.
    n_standards_ : int
        Number of standards.

    See Also
    --------
    CalibrationTransfer : Correct the spectra, and the slope and bias of what remains.
    MeanShift : Correct the mean of the spectra.

    Notes
    -----
    Right when the instruments differ by what the model sees as an offset or gain common to all
    samples. It cannot help when the target instrument adds noise or a sample-dependent difference
    to the predictions: the slope then falls below 1 and predictions shrink to the mean.

    The regression is of reference on prediction, which minimises the error of new predictions.

    References
    ----------
    .. [1] Bouveresse, E., Hartmann, C., Massart, D. L., Last, I. R., & Prebble, K. A. (1996).
       Standardization of near-infrared spectrometric instruments. Analytical Chemistry, 68(6),
       982-990. https://doi.org/10.1021/ac9510595
    .. [2] Feudale, R. N., Woody, N. A., Tan, H., Myles, A. J., Brown, S. D., & Ferre, J. (2002).
       Transfer of multivariate calibration models: a review. Chemometrics and Intelligent
       Laboratory Systems, 64(2), 181-192. https://doi.org/10.1016/S0169-7439(02)00085-0

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cross_decomposition import PLSRegression
    >>> from sklearn.frozen import FrozenEstimator
    >>> from spectralfm.transfer import SlopeBiasCorrection
    >>> X_source = np.random.default_rng(0).random((30, 20))
    >>> y = X_source[:, 3]
    >>> model = PLSRegression(5).fit(X_source, y)
    >>> X_target = 0.8 * X_source + 0.1
    >>> sbc = SlopeBiasCorrection(FrozenEstimator(model)).fit(X_target[:5], y[:5])
    >>> bool(sbc.score(X_target, y) > model.score(X_target, y))
    True
    """

    __metadata_request__fit = {"X_source": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "slope": ["boolean"],
    }

    def __init__(self, estimator: Any, *, slope: bool = True) -> None:
        self.estimator = estimator
        self.slope = slope

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, X_source: ArrayLike | None = None
    ) -> Self:
        """Fit the line on standards.

        Parameters
        ----------
        X : array-like of shape (n_standards, n_channels)
            Spectra of the standards on the target instrument.
        y : array-like of shape (n_standards,) or (n_standards, n_targets), optional
            Their reference values.
        X_source : array-like of shape (n_standards, n_channels), optional
            Spectra of the same samples, row by row, on the source instrument. Needed without ``y``.

        Returns
        -------
        self : object
            The fitted correction.

        Raises
        ------
        NotFittedError
            If a frozen estimator was never fitted.
        ValueError
            If neither ``y`` nor ``X_source`` is given, spectra or values are not finite, do not
            pair up, or have another number of channels or properties than the source model.
        """
        forget(self)
        self._validate_params()
        owner = type(self).__name__
        spectra = check_spectra(self, X, reset=True)
        source = None
        if X_source is not None:
            source = check_matrix(X_source, name="X_source")
            check_paired(spectra, source)
        if y is not None:
            reference = check_reference(y, spectra)
        elif X_source is None:
            raise ValueError(
                f"{owner} requires y to be passed, but the target y is None, and so is X_source. "
                "Pass the standards' reference values, or their spectra on the source instrument."
            )
        model = resolve_source_model(
            self.estimator, X if X_source is None else X_source, y, owner=owner
        )
        check_model_channels(model, spectra.shape[1], name="X")
        if y is None and source is not None:
            check_model_channels(model, source.shape[1], name="X_source")
            reference = predict_columns(model, with_names(model, X_source, source))
        predicted = predict_columns(model, with_names(model, X, spectra))
        check_properties(reference, predicted)
        self.slope_, self.bias_ = fit_line(predicted, reference, slope=self.slope)
        self.n_standards_ = len(spectra)
        self.estimator_ = model
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the properties of samples measured on the target instrument.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Corrected predictions, in the shape the source model gives.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        predicted = np.asarray(
            self.estimator_.predict(with_names(self.estimator_, X, spectra)), dtype=np.float64
        )
        corrected = predicted.reshape(len(predicted), -1) * self.slope_ + self.bias_
        return corrected.reshape(predicted.shape)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
