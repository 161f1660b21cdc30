"""Filters on the instrument difference subspace, the base of EPO and GLSW."""

import warnings
from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import svd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import check_matrix, check_paired, check_same_channels, check_spectra, forget
from ._standards import Standards, check_standards


class DifferenceFilter(SavableMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """Shrink the directions in which paired spectra of two instruments differ.

    A subclass has a boolean parameter ``center`` and writes `_shrinkage`. The filter
    ``X - X V' diag(1 - g) V`` with directions ``V`` (rows) and factors ``g`` keeps every direction
    in which the instruments agree, and costs two thin products.
    """

    __metadata_request__fit = {"X_source": True, "standards": True}

    center: bool

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        X_source: ArrayLike | None = None,
        standards: Standards | None = None,
    ) -> Self:
        """Learn the directions in which the two instruments differ.

        Give either ``X_source`` or ``standards``. With neither, a warning says so and
        ``transform`` returns its input.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            With ``X_source``: spectra of the standards on the target instrument. With
            ``standards``: the calibration spectra, of which only the axis is used.
        y : ignored
            Present for pipelines.
        X_source : array-like of shape (n_samples, n_channels), optional
            Spectra of the same samples as ``X``, row by row, on the source instrument.
        standards : Standards, optional
            Samples measured on both instruments, preprocessed as ``X`` is: a pipeline passes
            them on without the steps before this one.

        Returns
        -------
        self : object
            The fitted filter.

        Raises
        ------
        TypeError
            If ``standards`` is not a `Standards`.
        ValueError
            If both or badly paired spectra are given, or a spectrum is not finite.
        """
        forget(self)
        self._validate_params()
        X = check_spectra(self, X, reset=True)
        if X_source is not None and standards is not None:
            raise ValueError(
                "X_source and standards are both given, but only one can say how the instruments "
                "differ. Pass X_source when X holds the standards, standards when X holds the "
                "calibration."
            )
        if standards is not None:
            check_standards(standards)
            for part, name in ((standards.source, "source"), (standards.target, "target")):
                check_same_channels(part.shape[1], X.shape[1], name=f"standards.{name}", of="X")
            source, target = standards.source, standards.target
        elif X_source is not None:
            source = check_matrix(X_source, name="X_source")
            check_paired(X, source)
            check_same_channels(source.shape[1], X.shape[1], name="X_source", of="X")
            target = X
        else:
            warnings.warn(
                "X_source and standards are None, so there is nothing to learn: transform will "
                "return the spectra unchanged. Pass the same samples on both instruments."
            )
            source = target = X[:0]
        self.n_standards_ = len(target)
        difference = target - source
        if self.center and len(difference):
            difference = difference - difference.mean(axis=0)
        directions, singular_values = self._directions(difference, np.linalg.norm(target))
        self.shrinkage_ = self._shrinkage(singular_values)
        self.components_ = directions[: len(self.shrinkage_)]
        self.singular_values_ = singular_values[: len(self.shrinkage_)]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Shrink the difference directions of spectra from either instrument.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the source or the target instrument.

        Returns
        -------
        ndarray of shape (n_samples, n_channels)
            Filtered spectra.
        """
        check_is_fitted(self)
        X = check_spectra(self, X)
        scores = X @ self.components_.T
        return X - (scores * (1.0 - self.shrinkage_)) @ self.components_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    @staticmethod
    def _directions(
        difference: NDArray[np.float64], scale: np.floating
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return right singular vectors as rows and singular values above rounding error."""
        if not len(difference):
            return difference, np.zeros(0)
        _, values, directions = svd(difference, full_matrices=False)
        # The difference of equal spectra is rounding error of the spectra, not of the difference.
        kept = values > max(difference.shape) * np.finfo(np.float64).eps * scale
        return directions[kept], values[kept]

    @abstractmethod
    def _shrinkage(self, singular_values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is left (0 to 1) of each of the first directions, largest first."""
