"""What the source brings, and models for the target made of it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from sklearn.base import TransformerMixin, clone

from ..transfer import PLSRegressionCV, Standards
from ..transfer._preprocessing import fitted_views, preprocess
from ._task import Array

Regress = Callable[[Array], Array]
"""Preprocessed target spectra (n, n_channels_out) -> predictions (n, n_properties)."""


class SourceView(NamedTuple):
    """The source calibration of the properties that read its spectra with one preprocessing."""

    preprocessing: TransformerMixin
    columns: NDArray[np.intp]
    """Which properties of the calibration these are (n_properties,)."""
    X: Array
    """Preprocessed spectra (n_samples, n_channels_out)."""
    y: Array
    """Reference values (n_samples, n_properties)."""
    coef: Array
    """Regression vectors of the source model (n_properties, n_channels_out), zero if there is none
    for this preprocessing."""
    intercept: Array
    """Its intercepts (n_properties,)."""

    def preprocessed(self, standards: Standards) -> Standards:
        """Return standards as the view reads them, with the values of its properties.

        Parameters
        ----------
        standards : Standards
            Standards with values of all properties of the calibration.

        Returns
        -------
        Standards
            Preprocessed spectra, and ``y`` of shape (n_standards, n_properties).
        """
        values = np.asarray(standards.y).reshape(standards.n_standards, -1)
        return Standards(
            preprocess(self.preprocessing, standards.source),
            preprocess(self.preprocessing, standards.target),
            values[:, self.columns],
        )

    def rotated(self, standards: Standards) -> tuple["SourceView", Standards]:
        """Express calibration and standards in an orthonormal basis of the space they span.

        Whatever depends on the spectra by their inner products alone is the same there, and
        costs as many dimensions as there are spectra, not channels.

        Parameters
        ----------
        standards : Standards
            Preprocessed standards.

        Returns
        -------
        SourceView and Standards
            The same with scores in place of spectra.
        """
        rows = np.vstack([self.X, standards.source, standards.target])
        if len(rows) >= rows.shape[1]:
            return self, standards
        basis, triangle = qr(rows.T, mode="economic")
        X, source, target = np.split(triangle.T, [len(self.X), len(self.X) + standards.n_standards])
        return self._replace(X=X, coef=self.coef @ basis), Standards(source, target, standards.y)

    def only(self, position: int) -> Self:
        """Return the view with one of its properties.

        Parameters
        ----------
        position : int
            Where in ``columns``.

        Returns
        -------
        SourceView
            The view with all else left out.
        """
        one = slice(position, position + 1)
        return self._replace(
            columns=self.columns[one], y=self.y[:, one], coef=self.coef[one],
            intercept=self.intercept[one],
        )  # fmt: skip


class SourceCalibration(NamedTuple):
    """What was made on the source: spectra, reference values and the model fitted to them."""

    X: Array
    """Spectra (n_samples, n_channels)."""
    y: Array
    """Reference values (n_samples,) or (n_samples, n_properties)."""
    model: PLSRegressionCV

    def views(self) -> Iterator[SourceView]:
        """Group the properties by the preprocessing that the source model chose for them.

        Yields
        ------
        SourceView
            Each property is in one of them.
        """
        model, chosen = self.model, self.model.preprocessing_
        for view in dict.fromkeys(chosen):
            columns = np.flatnonzero([other is view for other in chosen])
            source = self._view(view, columns)
            coef = np.array([model.coef_[j] for j in columns])
            yield source._replace(coef=coef, intercept=model.intercept_[columns])

    def views_and_derivative(self) -> Iterator[SourceView]:
        """Read the spectra as the source model does, and as first derivatives.

        Yields
        ------
        SourceView
            Those of `views`, and one without a model of the source for the properties that the
            source model does not read as first derivatives.
        """
        derivative = fitted_views(None, self.X)[-1]
        others: list[int] = []
        for view in self.views():
            yield view
            if type(view.preprocessing) is not type(derivative):
                others += view.columns.tolist()
        if others:
            yield self._view(derivative, np.array(others))

    def _view(self, view: TransformerMixin, columns: NDArray[np.intp]) -> SourceView:
        X, y = preprocess(view, self.X), self.y.reshape(len(self.y), -1)[:, columns]
        return SourceView(
            view, columns, X, y, np.zeros((len(columns), X.shape[1])), np.zeros(len(columns))
        )


class MovedModel(NamedTuple):
    """Models of the properties for target spectra, each behind its preprocessing."""

    parts: Sequence[tuple[SourceView, Regress]]
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
        predictions = np.empty((len(X), sum(len(view.columns) for view, _ in self.parts)))
        for view, regress in self.parts:
            predictions[:, view.columns] = regress(preprocess(view.preprocessing, X))
        return predictions[:, 0] if self.one_target else predictions


def corrected(standardizer: Any, source: SourceView, target: Array, reference: Array) -> Regress:
    """Keep the source model, correct the preprocessed spectra it gets.

    Parameters
    ----------
    standardizer : transformer
        Correction; it is cloned.
    source : SourceView
        The source model.
    target, reference : ndarray of shape (n_spectra, n_channels_out)
        Preprocessed spectra of target and source that the correction is learned from.

    Returns
    -------
    callable
        Preprocessed target spectra to predictions.
    """
    fitted = clone(standardizer).fit(target, X_source=reference)

    def regress(X: Array) -> Array:
        return np.asarray(fitted.transform(X) @ source.coef.T + source.intercept)

    return regress


def correct_spectra(
    calibration: SourceCalibration, standardizer: Any, X_target: Array, X_source: Array
) -> MovedModel:
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
    MovedModel
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
    parts = [
        (
            view,
            corrected(
                standardizer,
                view,
                preprocess(view.preprocessing, X_target),
                preprocess(view.preprocessing, X_source),
            ),
        )
        for view in calibration.views()
    ]
    return MovedModel(parts, calibration.y.ndim == 1)
