"""A frozen source calibration with a transfer step at the best place of its preprocessing."""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import check_matrix, check_paired, check_spectra, forget
from ._insertion import (
    Steps,
    best_position,
    fit_transfer_step,
    frozen_pipeline,
    left_out_rmse_by_position,
    rmse,
    same_axis,
    transform_through,
)
from ._piecewise_direct_standardization import PiecewiseDirectStandardization
from ._slope_bias_correction import SlopeBiasCorrection
from ._source_model import (
    check_model_channels,
    check_properties,
    check_reference,
    predict_columns,
    resolve_source_model,
    with_names,
)

Array = NDArray[np.float64]


class CalibrationTransfer(SavableMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Make a source calibration work on the target by correcting the spectra on their way into it.

    .. math:: \hat y = f\left(g_m \cdots g_{k+1}\, T\, g_k \cdots g_1(x_t)\right)

    The frozen pipeline of preprocessing steps :math:`g_1 \dots g_m` and model :math:`f` stays as it
    is; the transfer step :math:`T` is learned from standards, both sides of which have passed the
    first :math:`k` steps.

    Parameters
    ----------
    estimator : estimator
        The source calibration, a `sklearn.frozen.FrozenEstimator` around a fitted pipeline or
        regressor. A fitted estimator without it works until the next ``clone``; an unfitted one is
        fitted on ``X_source`` (without it on ``X``) and ``y``, with a warning.
    transfer : transformer, "passthrough" or None, default=None
        The transfer step, with ``fit(X_target, X_source=X_source)`` and ``transform``: any of this
        package's or of chemotools'. None: `PiecewiseDirectStandardization` with its
        defaults. "passthrough": no step.
    insert_at : int or "auto", default="auto"
        After how many steps of the pipeline the transfer step goes: 0 for raw spectra. "auto"
        compares all positions by leave-one-out error on the standards (10-fold above 20) and needs
        3 standards; with fewer it is 0.
    slope_bias : bool, default=False
        Whether the predictions are corrected by a line fitted on the same standards.

    Attributes
    ----------
    pipeline_ : Pipeline
        Frozen steps with the transfer step among them.
    transfer_ : transformer or None
        The fitted transfer step.
    insert_at_ : int
        Its position.
    estimator_ : estimator
        The fitted source calibration, not a copy.
    report_ : Bunch
        ``n_standards``, ``reference`` ("y" or "source predictions": what errors are measured
        against), ``insert_at``, ``position`` (in words), ``errors`` (dict from position to
        cross-validated RMSE, when positions were compared), ``rmse_before`` (None if
        the channels differ) and ``rmse_after`` on the standards, in-sample, ``slope`` and ``bias``
        (None without ``slope_bias``). Errors, slopes and biases have shape (n_targets,).
    n_features_in_ : int
        Number of channels of the *target*.

    See Also
    --------
    SlopeBiasCorrection : Correct predictions only.
    TransferRegressor : The other way: refit the model.

    Notes
    -----
    Several properties are weighed by the spread of their reference in the choice of a position.
    Only position 0 exists for a model that is not a `Pipeline`, and for a target with another
    number of channels, which the source's preprocessing cannot take. ``rmse_after`` flatters
    flexible methods: direct standardization reproduces its standards exactly. Judge by ``errors``
    or by samples kept apart.

    To search over methods, parameters and positions, wrap it in `GridSearchCV` and pass
    ``X_source`` to its ``fit``: folds cut it together with ``X``.

    A correction of the spectra does not help where the source model reads detail that the target
    does not record; refit the model then (`DifferencePenalizedRidge`, `DomainInvariantPLS`).

    References
    ----------
    .. [1] Feudale, R. N., Woody, N. A., Tan, H., Myles, A. J., Brown, S. D., & Ferre, J. (2002).
       Transfer of multivariate calibration models: a review. Chemometrics and Intelligent
       Laboratory Systems, 64(2), 181-192. https://doi.org/10.1016/S0169-7439(02)00085-0

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cross_decomposition import PLSRegression
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from spectralfm.transfer import CalibrationTransfer, MeanShift
    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(50)
    >>> X = np.outer(y, np.sin(np.arange(30) / 5)) + 0.1 * rng.random((50, 30))
    >>> X_target = X + 0.3 * np.sin(np.arange(30) / 5)
    >>> derivative = FunctionTransformer(np.gradient, kw_args={"axis": 1})
    >>> source = FrozenEstimator(make_pipeline(derivative, PLSRegression(2)).fit(X, y))
    >>> model = CalibrationTransfer(source, MeanShift()).fit(X_target[:6], X_source=X[:6])
    >>> bool(model.score(X_target, y) > 0.9 > source.score(X_target, y))
    True
    >>> model.report_.position
    'on raw spectra'
    """

    __metadata_request__fit = {"X_source": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "transfer": [None, StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "insert_at": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "slope_bias": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        transfer: Any = None,
        *,
        insert_at: Any = "auto",
        slope_bias: bool = False,
    ) -> None:
        self.estimator = estimator
        self.transfer = transfer
        self.insert_at = insert_at
        self.slope_bias = slope_bias

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, X_source: ArrayLike | None = None
    ) -> Self:
        """Learn the transfer step on standards and choose its place.

        Parameters
        ----------
        X : array-like of shape (n_standards, n_target_channels)
            Spectra of the standards on the target instrument.
        y : array-like of shape (n_standards,) or (n_standards, n_targets), optional
            Their reference values. Without them, the source model's predictions on ``X_source``
            are the reference.
        X_source : array-like of shape (n_standards, n_source_channels)
            Spectra of the same samples, row by row, on the source instrument. When None, a
            warning says so and there is no transfer step.

        Returns
        -------
        self : object
            The transferred calibration.

        Raises
        ------
        NotFittedError
            If a frozen estimator was never fitted.
        ValueError
            If spectra or values are not finite or do not pair up, do not fit the source model, or
            the position does not exist.
        """
        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True)
        if X_source is None:
            warnings.warn(
                "X_source is None, so there is no transfer step to learn: the source model gets "
                "the target spectra unchanged. Pass X_source=, the same samples on the source."
            )
            source, X_source, transfer = spectra, X, None
        else:
            source = check_matrix(X_source, name="X_source")
            check_paired(spectra, source)
            transfer = None if self.transfer == "passthrough" else self.transfer
            if self.transfer is None:
                transfer = PiecewiseDirectStandardization()
        reference = None if y is None else check_reference(y, spectra)
        model = resolve_source_model(self.estimator, X_source, y, owner=type(self).__name__)
        check_model_channels(model, source.shape[1], name="X" if transfer is None else "X_source")
        if transfer is None:
            check_model_channels(model, spectra.shape[1], name="X")

        X_in, S_in = with_names(model, X, spectra), with_names(model, X_source, source)
        predicted = predict_columns(model, S_in)
        if reference is None:
            reference = predicted
        check_properties(reference, predicted)
        steps = model.steps if isinstance(model, Pipeline) else [("model", model)]
        comparable = same_axis(X_in, S_in)
        last = len(steps) - 1 if comparable else 0
        errors: dict[int, Array] = {}
        if self.insert_at == "auto":
            if transfer is not None and last > 0:
                errors = left_out_rmse_by_position(
                    steps, transfer, X_in, S_in, reference, slope_bias=self.slope_bias
                )
            self.insert_at_ = best_position(errors, reference)
        elif self.insert_at > last:
            raise ValueError(
                f"insert_at = {self.insert_at} does not exist: the source model has "
                f"{len(steps) - 1} steps before its regressor, the target {spectra.shape[1]} and "
                f"the source {source.shape[1]} channels. Choose 0 to {last}."
            )
        else:
            self.insert_at_ = self.insert_at
        self._fit_pipeline(steps, transfer, X_in, S_in, reference)
        self.estimator_ = model
        line = self.pipeline_[-1] if self.slope_bias else None
        place = f"after {steps[self.insert_at_ - 1][0]}" if self.insert_at_ else "on raw spectra"
        self.report_ = Bunch(
            n_standards=len(spectra),
            reference="source predictions" if y is None else "y",
            insert_at=self.insert_at_,
            position=place,
            errors=errors,
            rmse_before=rmse(predict_columns(model, X_in), reference) if comparable else None,
            rmse_after=rmse(predict_columns(self.pipeline_, X_in), reference),
            slope=None if line is None else line.slope_,
            bias=None if line is None else line.bias_,
        )
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict the properties of samples measured on the target instrument.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_target_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions in the shape the source model gives.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        X = with_names(self.estimator_, X, spectra)
        return np.asarray(self.pipeline_.predict(X), dtype=np.float64)

    def to_pipeline(self) -> Pipeline:
        """Return a plain pipeline that predicts the same, for deployment.

        Returns
        -------
        Pipeline
            All steps fitted and frozen, so that neither ``fit`` nor ``clone`` changes them. It does
            not check its input as this class does.
        """
        check_is_fitted(self)
        return Pipeline(list(self.pipeline_.steps))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "report_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags

    def _fit_pipeline(
        self, steps: Steps, transfer: Any, X: Any, X_source: Any, reference: Array
    ) -> None:
        """Fit the transfer step and the line, and put them among the frozen steps."""
        before, after = steps[: self.insert_at_], steps[self.insert_at_ :]
        X, X_source = transform_through(before, X), transform_through(before, X_source)
        self.transfer_ = None
        if transfer is not None:
            self.transfer_ = fit_transfer_step(transfer, X, X_source, after)
            X = self.transfer_.transform(X)
        if self.slope_bias:
            name, regressor = after[-1]
            line = SlopeBiasCorrection(FrozenEstimator(regressor))
            X = transform_through(after[:-1], X)
            after = [*after[:-1], (name, line.fit(X, reference))]
        self.pipeline_ = frozen_pipeline(before, self.transfer_, after)
