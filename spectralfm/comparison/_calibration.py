"""What the source brings, one property at a time, and models made of it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import TransformerMixin, clone

from ..transfer import PLSRegressionCV, Standards
from ..transfer._preprocessing import preprocess
from ._task import Array


class SourceProperty(NamedTuple):
    """The source calibration of one property."""

    X: Array
    """Spectra (n_samples, n_channels)."""
    y: Array
    """Reference values (n_samples,)."""
    preprocessing: TransformerMixin
    """What the source model does to the spectra first."""
    coef: Array
    """Its regression vector for preprocessed spectra (n_channels_out,)."""
    intercept: float


class SourceCalibration(NamedTuple):
    """What was made on the source: spectra, reference values and the model fitted to them."""

    X: Array
    """Spectra (n_samples, n_channels)."""
    y: Array
    """Reference values (n_samples,) or (n_samples, n_properties)."""
    model: PLSRegressionCV

    def properties(self, standards: Standards) -> Iterator[tuple[SourceProperty, Standards]]:
        """Take the properties apart.

        Parameters
        ----------
        standards : Standards
            Standards with values of all properties.

        Yields
        ------
        tuple of SourceProperty and Standards
            What belongs to one property; ``y`` of both is of shape (n,).
        """
        values = np.asarray(standards.y).reshape(standards.n_standards, -1)
        for j, source in enumerate(self.sources()):
            yield source, Standards(standards.source, standards.target, values[:, j])

    def sources(self) -> Iterator[SourceProperty]:
        """Take the properties apart, without standards.

        Yields
        ------
        SourceProperty
            One property after the other.
        """
        model = self.model
        for y, view, coef, intercept in zip(
            self.y.reshape(len(self.y), -1).T,
            model.preprocessing_,
            model.coef_,
            model.intercept_,
            strict=True,
        ):
            yield SourceProperty(self.X, y, view, coef, float(intercept))


class PreprocessedModel(NamedTuple):
    """A model of one property, behind its preprocessing."""

    preprocessing: TransformerMixin
    regress: Callable[[Array], Array]
    """Preprocessed spectra (n, n_channels_out) -> predictions (n,)."""

    def predict(self, X: Array) -> Array:
        """Predict the property.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Target spectra.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predictions in the unit of the reference values.
        """
        return self.regress(preprocess(self.preprocessing, X))


class PropertyModels(NamedTuple):
    """Models of the properties, side by side."""

    models: list[Any]
    one_target: bool
    """Whether the reference values were of shape (n,), and predictions shall be."""

    def predict(self, X: Array) -> Array:
        """Predict the properties.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Target spectra.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_properties)
            Predictions in the units of the reference values.
        """
        columns = [model.predict(X) for model in self.models]
        return columns[0] if self.one_target else np.column_stack(columns)


def corrected(
    standardizer: Any, source: SourceProperty, X_target: Array, X_source: Array
) -> PreprocessedModel:
    """Keep the source model of one property, correct the preprocessed spectra it gets.

    Parameters
    ----------
    standardizer : transformer
        Correction; it is cloned.
    source : SourceProperty
        The property.
    X_target, X_source : ndarray of shape (n_spectra, n_channels)
        What the correction is learned from, before preprocessing.

    Returns
    -------
    PreprocessedModel
        The model for target spectra.
    """
    view = source.preprocessing
    fitted = clone(standardizer).fit(
        preprocess(view, X_target), X_source=preprocess(view, X_source)
    )

    def regress(X: Array) -> Array:
        return fitted.transform(X) @ source.coef + source.intercept

    return PreprocessedModel(view, regress)


def correct_spectra(
    calibration: SourceCalibration, standardizer: Any, X_target: Array, X_source: Array
) -> PropertyModels:
    """Keep the source model, correct the preprocessed spectra it gets.

    Parameters
    ----------
    calibration : SourceCalibration
        Where each property has its own preprocessing, and so its own correction.
    standardizer : transformer
        Correction such as `spectralfm.transfer.MeanShift`; it is cloned.
    X_target : ndarray of shape (n_spectra, n_channels)
        Target spectra to learn from, before preprocessing.
    X_source : ndarray of shape (n_source_spectra, n_channels)
        Source spectra to learn from: of the same samples where the standardizer needs pairs.

    Returns
    -------
    PropertyModels
        The model for target spectra; ``predict`` returns the shape of ``calibration.y``.

    Examples
    --------
    >>> from spectralfm.comparison import SourceCalibration, correct_spectra, simulated_set
    >>> from spectralfm.transfer import MeanShift, PLSRegressionCV
    >>> task = simulated_set(n_samples=50, n_channels=60).task()
    >>> source = PLSRegressionCV().fit(task.X, task.y)
    >>> calibration = SourceCalibration(task.X, task.y, source)
    >>> correct_spectra(calibration, MeanShift(), task.X_test, task.X).predict(task.X_test).shape
    (19,)
    """
    models = [corrected(standardizer, one, X_target, X_source) for one in calibration.sources()]
    return PropertyModels(models, calibration.y.ndim == 1)
