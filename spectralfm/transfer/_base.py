"""The two ways to move a calibration, as base classes.

Signature A, `SpectraStandardizer`: keep the model, correct the spectra (target -> source).
Signature B, `TransferRegressor`: refit the model so that it ignores the instrument.
"""

import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    MultiOutputMixin,
    OneToOneFeatureMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import (
    check_matrix,
    check_paired,
    check_same_channels,
    check_spectra,
    check_targets,
    forget,
    require_finite,
)
from ._standards import Standards, Unpaired, check_standards

WRAP = "wrap the regressor in UnequalAxesRegressor, which resamples, or cut all to one axis."
"""What to do about regressors whose instruments have different channels."""


class SpectraStandardizer(SavableMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """Map spectra of the target instrument onto what the source would have recorded.

    A subclass writes `_fit_map` and `_map`. Every call of ``fit`` requests ``X_source``, so
    pipelines with metadata routing need no ``set_fit_request``.
    """

    __metadata_request__fit = {"X_source": True}

    paired = True
    """Whether row ``i`` of ``X`` and ``X_source`` must be the same sample."""

    affine = False
    """Whether the map is a matrix and an offset: then it folds into a regression vector."""

    def fit(self, X: ArrayLike, y: object = None, *, X_source: ArrayLike | None = None) -> Self:
        """Learn the map from the target to the source instrument.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_target_channels)
            Spectra of the standards on the target instrument.
        y : ignored
            Present for pipelines.
        X_source : array-like of shape (n_samples, n_source_channels)
            Spectra of the same samples, row by row, on the source instrument. When None, a
            warning says so and ``transform`` returns its input.

        Returns
        -------
        self : object
            The fitted standardizer.

        Raises
        ------
        ValueError
            If the spectra are not finite, do not pair up, or are too few.
        """
        forget(self)
        self._validate_params()
        source_names = getattr(X_source, "columns", None)
        X = check_spectra(self, X, reset=True)
        self.is_identity_ = X_source is None
        if X_source is None:
            warnings.warn(
                "X_source is None, so there is nothing to learn: transform will return the "
                "spectra unchanged. Pass X_source=, the same samples on the source instrument."
            )
            n_channels = X.shape[1]
        else:
            X_source = check_matrix(X_source, name="X_source")
            if self.paired:
                check_paired(X, X_source)
            n_channels = X_source.shape[1]
            self._fit_map(X, X_source)
        if source_names is not None:
            self.source_names_ = np.asarray(source_names, dtype=object)
        self.n_channels_out_ = n_channels
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Write spectra of the target instrument as the source would have recorded them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_target_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray of shape (n_samples, n_source_channels)
            Corrected spectra on the source axis.
        """
        check_is_fitted(self)
        X = check_spectra(self, X)
        return X.copy() if self.is_identity_ else self._map(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the output channels: the source's names if known, else the target's, else x0, x1.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the target channels.

        Returns
        -------
        ndarray of shape (n_source_channels,)
            Names of the source channels.
        """
        names = super().get_feature_names_out(input_features)
        if hasattr(self, "source_names_"):
            return self.source_names_
        if self.n_channels_out_ == len(names):
            return names
        return np.asarray([f"x{i}" for i in range(self.n_channels_out_)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_channels_out_")

    @staticmethod
    def _require_same_channels(X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        """Raise if a method that compares channel with channel got two axes."""
        check_same_channels(X_source.shape[1], X.shape[1], name="X_source", of="X")

    @abstractmethod
    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        """Learn the map from checked spectra."""

    @abstractmethod
    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply the map to checked spectra."""

    def _left_out(
        self, X: NDArray[np.float64], X_source: NDArray[np.float64], shared: dict[Any, Any]
    ) -> NDArray[np.float64] | None:
        """Correct each spectrum the map was fitted to by one fitted without it.

        A subclass that has the corrected spectra (n_samples, n_source_channels) in closed form
        returns them; None means that refitting is the only way. ``shared`` keeps what maps of
        the same spectra with other settings can use again.
        """
        return None


class TransferRegressor(SavableMixin, MultiOutputMixin, RegressorMixin, BaseEstimator, ABC):
    """Calibration refitted with spectra of the target instrument at hand.

    A subclass writes `_fit_model` and `_predict`, both for ``y`` of shape (n_samples, n_targets).
    """

    __metadata_request__fit = {"standards": True, "X_target": True}

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | None = None,
    ) -> Self:
        """Calibrate on the source so that the model holds on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Calibration spectra recorded on the source instrument.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        standards : Standards, optional
            Samples measured on both instruments.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            Unlabelled spectra of the target instrument. Inside cross-validation wrap them in
            `Unpaired`, or scikit-learn slices an array that happens to be as long as ``X``.

        Returns
        -------
        self : object
            The fitted regressor. With neither standards nor ``X_target`` it is a plain
            calibration of the source.

        Raises
        ------
        TypeError
            If ``standards`` is not a `Standards`.
        ValueError
            If spectra or reference values are not finite, constant, or of unequal width.
        """
        forget(self)
        self._validate_params()
        X, y = check_targets(self, X, y)
        n_channels = X.shape[1]
        if standards is not None:
            check_standards(standards)
            for part, name in ((standards.source, "source"), (standards.target, "target")):
                check_same_channels(
                    part.shape[1], n_channels, name=f"standards.{name}", of="X", remedy=WRAP
                )
        target = None if X_target is None else self._check_target(X_target, n_channels)
        self._fit_model(X, y.reshape(len(y), -1), standards, target)
        self.one_target_ = y.ndim == 1
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
            Predictions in the unit of the reference values.
        """
        check_is_fitted(self)
        y = self._predict(check_spectra(self, X))
        return y[:, 0] if self.one_target_ else y

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "one_target_")

    def _check_target(self, X_target: Any, n_channels: int) -> NDArray[np.float64]:
        """Return unlabelled target spectra, one a row; a subclass may take several groups."""
        target = (X_target if isinstance(X_target, Unpaired) else Unpaired(X_target)).target
        check_same_channels(target.shape[1], n_channels, name="X_target", of="X", remedy=WRAP)
        return target

    @abstractmethod
    def _fit_model(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        standards: Standards | None,
        X_target: NDArray[np.float64] | None,
    ) -> None:
        """Fit to checked spectra and reference values (n_samples, n_targets)."""

    @abstractmethod
    def _predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions (n_samples, n_targets) for checked target spectra."""


class LinearTransferRegressor(TransferRegressor):
    """One regression vector and intercept a property: ``y = X @ coef_.T + intercept_``.

    A subclass writes `_fit_linear`, which returns them for the *target* instrument.
    """

    def _fit_model(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        standards: Standards | None,
        X_target: NDArray[np.float64] | None,
    ) -> None:
        coef, intercept = self._fit_linear(X, y, standards, X_target)
        require_finite(self, coef, intercept)
        self.coef_, self.intercept_ = coef, intercept

    def _predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X @ self.coef_.T + self.intercept_

    @abstractmethod
    def _fit_linear(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        standards: Standards | None,
        X_target: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return regression vectors (n_targets, n_channels) and intercepts (n_targets,)."""
