"""A regressor with prediction intervals that cover at a stated level."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    MultiOutputMixin,
    RegressorMixin,
    clone,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import check_reference_values, check_spectra, forget, forget_names
from ..transfer import Unpaired
from ..transfer._source_model import (
    check_model_channels,
    check_properties,
    predict_columns,
    with_names,
)
from ._methods import METHODS, make_intervals
from ._training_set import TrainingSet

Array = NDArray[np.float64]

CONFORMALIZED = ("intervals_", "n_calibration_", "undercoverage_risk_", "one_target_")
"""What ``conformalize`` learns; ``fit`` forgets it."""


class ConformalRegressor(
    SavableMixin, MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Add prediction intervals to a regressor that cover new samples at a stated level.

    .. math:: P\big(l(x) \le y \le u(x)\big) \ge c

    for a sample exchangeable with the conformal samples, whatever the model and the distribution of
    its errors. The probability is over the conformal samples, too: see ``undercoverage_risk_``.

    Parameters
    ----------
    estimator : estimator
        The regressor: any of this package's or of scikit-learn's, or a `FrozenEstimator`, which is
        not fitted again.
    method : str, default="split"
        How intervals are made, and what the samples given to ``conformalize`` may have served for:

        - "split": one half width, from samples that ``fit`` has not seen;
        - "mondrian": a half width for each group (instrument), from such samples;
        - "weighted": samples that ``fit`` has not seen and that are of another population than
          the spectra to be predicted, weighted by the ratio of densities;
        - "cv+", "jackknife+": samples of ``fit``, calibration samples or standards, each predicted
          by a model fitted without its fold or without it;
        - "full": the samples of ``fit``, all of them, in closed form: for `SlopeBiasCorrection`,
          `Ridge`, and pipelines of frozen transformers before a `Ridge`.
    confidence_level : float, default=0.9
        :math:`c`, between 0 and 1, both excluded.
    cv : int or splitter, default=5
        Folds of "cv+"; a splitter must leave every sample out once.
    density_ratio : {"classifier", "t2"}, default="classifier"
        For "weighted": logistic regression that tells conformal samples from the others, or
        Hotelling's distances from both.
    transformer : transformer, default=None
        For "weighted": makes the features, such as `SpectralFMEncoder`, on whose first five
        principal components densities are compared; None: the spectra.

    Attributes
    ----------
    estimator_ : estimator
        The fitted regressor.
    training_ : TrainingSet
        What it was fitted to, data included, to recognise samples and to fit again without some;
        empty if it was frozen.
    intervals_ : object
        What ``conformalize`` learned, with attributes of the method's own.
    n_calibration_ : int
        Number of conformal samples.
    undercoverage_risk_ : float
        Chance that this deployment covers less than ``confidence_level`` by ten points or more,
        as `undercoverage_risk`. Exact for "split"; the worst of the groups for "mondrian"; of the
        effective number for "weighted", NaN if that is too small; a guide for the others.
    one_target_ : bool
        Whether ``conformalize`` was given one property as a vector.
    n_features_in_ : int
        Number of channels; of the target, where the regressor is a
        `spectralfm.transfer.UnequalAxesRegressor`.

    Raises
    ------
    ValueError
        From ``conformalize``, if there are fewer samples than the level needs, or samples that the
        method does not allow.

    See Also
    --------
    spectralfm.metrics.coverage : Coverage observed on labelled samples.
    spectralfm.model_selection.standards_curve : The error for numbers of standards.

    Notes
    -----
    Coverage does not survive a change of instrument: conformalize with samples measured on the
    target. They must be drawn at random from what is to be predicted; standards chosen to span the
    spectra (Kennard-Stone) are not, and mostly give intervals that are too wide. Several properties
    are covered each, not jointly.

    "cv+" and "jackknife+" are certain to cover :math:`2c - 1` only, and cover about c. Models
    that jump when a sample is left out are where they fall short.

    Rows of equal spectra are recognised as the same sample in single precision, on the same
    instrument only: that a conformal sample served on the source instrument, or in a model that was
    frozen, cannot be seen here.

    References
    ----------
    .. [1] Vovk, V., Gammerman, A., & Shafer, G. (2005). Algorithmic Learning in a Random World.
       Springer. https://doi.org/10.1007/b106715
    .. [2] Lei, J., G'Sell, M., Rinaldo, A., Tibshirani, R. J., & Wasserman, L. (2018).
       Distribution-free predictive inference for regression. Journal of the American Statistical
       Association, 113(523), 1094-1111. https://doi.org/10.1080/01621459.2017.1307116
    .. [3] Barber, R. F., Candes, E. J., Ramdas, A., & Tibshirani, R. J. (2021). Predictive
       inference with the jackknife+. Annals of Statistics, 49(1), 486-507.
       https://doi.org/10.1214/20-AOS1965
    .. [4] Tibshirani, R. J., Barber, R. F., Candes, E. J., & Ramdas, A. (2019). Conformal
       prediction under covariate shift. Advances in Neural Information Processing Systems, 32.
       https://doi.org/10.48550/arXiv.1904.06019

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from spectralfm.conformal import ConformalRegressor
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import PLSRegressionCV, SlopeBiasCorrection
    >>> pair = make_instrument_pair(random_state=0)
    >>> X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
    >>> source = FrozenEstimator(PLSRegressionCV().fit(X[:40], y[:40]))
    >>> model = ConformalRegressor(SlopeBiasCorrection(source), method="full")
    >>> standards = X_target[40:50], y[40:50]
    >>> model = model.fit(*standards).conformalize(*standards)
    >>> predicted, interval = model.predict_interval(X_target[50:])
    >>> interval.shape, model.n_calibration_, round(model.undercoverage_risk_, 2)
    ((30, 2), 10, 0.11)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "method": [StrOptions(set(METHODS))],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"])],
        "density_ratio": [StrOptions({"classifier", "t2"})],
        "transformer": [None, HasMethods(["fit", "transform"])],
    }

    def __init__(
        self,
        estimator: Any,
        method: str = "split",
        *,
        confidence_level: float = 0.9,
        cv: Any = 5,
        density_ratio: str = "classifier",
        transformer: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.confidence_level = confidence_level
        self.cv = cv
        self.density_ratio = density_ratio
        self.transformer = transformer

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit the regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra, as the regressor takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Reference values, where the regressor needs them.
        **fit_params : dict
            Further arguments of the regressor's ``fit``: ``standards``, ``X_target``,
            ``X_source``.

        Returns
        -------
        self : object
            The fitted regressor, without intervals yet.

        Raises
        ------
        ValueError
            If spectra or values are not finite or not as many, or the regressor refuses them.
        """
        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True)
        values = None if y is None else check_reference_values(y, spectra)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        given = X if hasattr(X, "columns") else spectra
        model = clone(self.estimator).fit(given, values, **fit_params)
        if getattr(model, "equal_axes_", True):
            check_model_channels(model, spectra.shape[1], name="X")
        else:
            # What is to be predicted lies on the axis of the target, X on that of the source.
            self.n_features_in_ = model.n_features_in_
            forget_names(self)
        if self._is_frozen():  # it has learned nothing of these samples
            given, spectra, values, fit_params = spectra[:0], spectra[:0], None, {}
        self.training_ = TrainingSet(given, spectra, values, fit_params)
        self.estimator_ = model
        return self

    def conformalize(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        X_target: Unpaired | ArrayLike | None = None,
    ) -> Self:
        """Learn the widths of the intervals from labelled samples of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Their spectra. For "split", "mondrian" and "weighted" other samples than those of
            ``fit``; for "cv+" and "jackknife+" some or all of those; for "full" the ``X`` and ``y``
            of ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their reference values.
        groups : array-like of shape (n_samples,), optional
            For "mondrian" the group of each, such as the instrument; for "cv+" what a splitter of
            groups keeps together.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            For "weighted": unlabelled spectra of the population to be predicted.

        Returns
        -------
        self : object
            The regressor with intervals.

        Raises
        ------
        NotFittedError
            If ``fit`` was not called; a `FrozenEstimator` needs no ``fit``.
        ValueError
            If the samples are too few for the level, were or were not used in ``fit``, or lack
            what the method needs.
        """
        for name in CONFORMALIZED:
            if hasattr(self, name):
                delattr(self, name)
        self._validate_params()
        if self._is_frozen() and not hasattr(self, "estimator_"):
            self.fit(X, y)
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        values = check_reference_values(y, spectra)
        columns = values.reshape(len(values), -1)
        predicted = predict_columns(self.estimator_, with_names(self.estimator_, X, spectra))
        check_properties(columns, predicted)
        labels = _check_groups(groups, len(spectra))
        named = X if hasattr(X, "columns") else spectra
        self.intervals_ = make_intervals(
            self, named, spectra, columns, predicted, labels, X_target=X_target
        )
        self.n_calibration_ = self.intervals_.n_calibration
        self.undercoverage_risk_ = self.intervals_.undercoverage_risk
        self.one_target_ = values.ndim == 1
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict as the regressor does.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions in the unit of the reference values.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        predicted = self.estimator_.predict(with_names(self.estimator_, X, spectra))
        return np.asarray(predicted, dtype=np.float64)

    def predict_interval(
        self, X: ArrayLike, groups: ArrayLike | None = None
    ) -> tuple[Array, Array]:
        """Predict with intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded where the conformal samples were.
        groups : array-like of shape (n_samples,), optional
            For "mondrian": the group of each, one of those conformalized.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions of the regressor fitted to all samples. Those of "cv+", "jackknife+" and
            "full" are not in the middle of the interval.
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper bounds in the unit of the property. Infinite where the samples cannot
            bound the error, with a warning: never for "split" and "mondrian".

        Raises
        ------
        NotFittedError
            If ``conformalize`` was not called.
        ValueError
            If a group is missing or unknown, or the spectra are not like those of ``fit``.
        """
        check_is_fitted(self)
        if not hasattr(self, "intervals_"):
            raise NotFittedError(
                f"This {type(self).__name__} has no intervals yet: call conformalize(X, y) with "
                "labelled samples measured on the target."
            )
        spectra = check_spectra(self, X)
        predicted = predict_columns(self.estimator_, with_names(self.estimator_, X, spectra))
        labels = _check_groups(groups, len(spectra))
        named = X if hasattr(X, "columns") else spectra
        interval = self.intervals_.bounds(named, predicted, labels)
        return (predicted[:, 0], interval[:, 0]) if self.one_target_ else (predicted, interval)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what arguments of ``fit`` go to the regressor.

        Returns
        -------
        MetadataRouter
            All that the regressor requests.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags = get_tags(self.estimator).target_tags
        return tags

    def _is_frozen(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)


def _check_groups(groups: ArrayLike | None, n_samples: int) -> NDArray | None:
    """Return groups as an array, one a spectrum."""
    if groups is None:
        return None
    labels = np.asarray(groups)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"groups has shape {labels.shape}, but there are {n_samples} spectra: give one group a "
            "spectrum."
        )
    return labels
