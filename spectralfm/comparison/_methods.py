"""Every method, as a function that moves a source calibration to the target with its standards.

Spectra are corrected and filtered after the preprocessing that the source model chose for the
property. Settings of a method, where it has some to choose from, are those of least error on
left-out standards, property by property. The regressors that average over settings need no choice.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ..transfer import (
    AveragedPLS,
    CanonicalCorrelationTransfer,
    DifferencePenalizedRidge,
    DirectStandardization,
    DomainInvariantPLS,
    ExternalParameterOrthogonalization,
    GeneralizedLeastSquaresWeighting,
    MeanShift,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    RidgeDirectStandardization,
    SlopeBiasCorrection,
    SpectralSpaceTransformation,
    Standards,
    TransferEnsemble,
)
from ..transfer._preprocessing import default_preprocessing, preprocess
from ._calibration import (
    PreprocessedModel,
    PropertyModels,
    SourceCalibration,
    SourceProperty,
    correct_spectra,
    corrected,
)

FEWEST_STANDARDS = 3
"""Below, no standard can be left out of every method."""

Method = Callable[[SourceCalibration, Standards], Any]
"""Returns something whose ``predict`` takes target spectra."""

Fit = Callable[[Any, SourceProperty, Standards], Any]
"""A method for one property with its setting still open, its first argument."""


def _no_transfer(calibration: SourceCalibration, standards: Standards) -> PLSRegressionCV:
    """Use the source model as it is."""
    return calibration.model


def _correct_predictions(
    calibration: SourceCalibration, standards: Standards
) -> SlopeBiasCorrection:
    """Keep the source model, correct what it predicts."""
    model = SlopeBiasCorrection(FrozenEstimator(calibration.model))
    return model.fit(standards.target, standards.y)


def _correct(standardizer: Any, source: SourceProperty, standards: Standards) -> PreprocessedModel:
    """Keep the source model, correct the preprocessed spectra it gets."""
    return corrected(standardizer, source, standards.target, standards.source)


def _refit_filtered(
    spectra_filter: Any, source: SourceProperty, standards: Standards
) -> PreprocessedModel:
    """Calibrate the source anew on preprocessed, filtered spectra."""
    view = source.preprocessing
    fitted = clone(spectra_filter).fit(
        preprocess(view, standards.target), X_source=preprocess(view, standards.source)
    )
    model = PLSRegressionCV(preprocessing=[FunctionTransformer()])
    model.fit(fitted.transform(preprocess(view, source.X)), source.y)
    return PreprocessedModel(view, make_pipeline(fitted, model).predict)


def _refit_view(
    candidate: tuple[int, Any], source: SourceProperty, standards: Standards
) -> PreprocessedModel:
    """Calibrate the source anew on one of the default preprocessings."""
    position, regressor = candidate
    views = default_preprocessing(source.X.shape[1])
    view = views[min(position, len(views) - 1)].fit(source.X)
    moved = Standards(
        preprocess(view, standards.source), preprocess(view, standards.target), standards.y
    )
    model = clone(regressor).fit(preprocess(view, source.X), source.y, standards=moved)
    return PreprocessedModel(view, model.predict)


def _folds(n: int, most: int) -> list[np.ndarray]:
    """Leave one standard out, or a fifth where that makes more than ``most`` folds."""
    n_folds = n if n <= most else 5
    return [np.arange(n)[k::n_folds] for k in range(n_folds)]


def _best(
    fit: Fit, candidates: list[Any], source: SourceProperty, standards: Standards, most_folds: int
) -> Any:
    """Return the candidate of least error on left-out standards."""
    errors = []
    for candidate in candidates:
        squares = 0.0
        for out in _folds(standards.n_standards, most_folds):
            kept = np.setdiff1d(np.arange(standards.n_standards), out)
            model = fit(candidate, source, standards.take(kept))
            left = standards.take(out)
            squares += np.square(model.predict(left.target) - left.y).sum()
        errors.append(squares)
    return candidates[int(np.argmin(errors))]


def _tuned(fit: Fit, settings: Callable[[int], Iterable[Any]], most_folds: int = 10) -> Method:
    """Return the method that chooses a setting for each property.

    Parameters
    ----------
    fit : callable
        The method with its setting open.
    settings : callable
        Number of standards -> candidates.
    most_folds : int, default=10
        Above so many standards a fifth is left out at a time.

    Returns
    -------
    callable
        The method.
    """

    def method(calibration: SourceCalibration, standards: Standards) -> PropertyModels:
        candidates = list(settings(standards.n_standards))
        models = []
        with warnings.catch_warnings():
            # Wider than the data allow is as good as the widest they allow: no need to say so.
            warnings.filterwarnings("ignore", message=".*is clipped to", category=UserWarning)
            for source, some in calibration.properties(standards):
                best = _best(fit, candidates, source, some, most_folds)
                models.append(fit(best, source, some))
        return PropertyModels(models, calibration.y.ndim == 1)

    return method


def _untuned(standardizer: Any) -> Method:
    """Return the method that corrects spectra by a standardizer without settings."""

    def method(calibration: SourceCalibration, standards: Standards) -> PropertyModels:
        return correct_spectra(calibration, standardizer, standards.target, standards.source)

    return method


def _averaging(regressor: Any) -> Method:
    """Return the method that calibrates the source anew with a regressor that averages."""

    def method(calibration: SourceCalibration, standards: Standards) -> Any:
        return clone(regressor).fit(calibration.X, calibration.y, standards=standards)

    return method


METHODS: dict[str, Method] = {
    "no transfer": _no_transfer,
    "mean shift": _untuned(MeanShift()),
    "SBC": _correct_predictions,
    "DS": _tuned(
        _correct,
        lambda n: [
            DirectStandardization(k, center=center)
            for k in (None, 2, 4, 8, 16)
            if k is None or k < n
            for center in (True, False)
        ],
    ),
    "PDS": _tuned(
        _correct,
        lambda n: [
            PiecewiseDirectStandardization(width, k, scale=False)
            for width in (1, 2, 5, 10, 20)
            for k in range(1, min(n, 4))
        ],
    ),
    "ridge DS": _tuned(
        _correct, lambda n: [RidgeDirectStandardization(ridge) for ridge in np.logspace(-5, 0, 6)]
    ),
    "SST": _tuned(_correct, lambda n: [SpectralSpaceTransformation(k) for k in range(1, n)]),
    "CCA": _tuned(
        _correct, lambda n: [CanonicalCorrelationTransfer(k) for k in range(1, min(n, 6))]
    ),
    "OT, linear": _untuned(OptimalTransportStandardization("linear")),
    "EPO": _tuned(
        _refit_filtered,
        lambda n: [ExternalParameterOrthogonalization(k) for k in range(1, min(n, 7))],
        most_folds=5,
    ),
    "GLSW": _tuned(
        _refit_filtered,
        lambda n: [GeneralizedLeastSquaresWeighting(alpha) for alpha in (1e-3, 1e-2)],
        most_folds=5,
    ),
    "di-PLS": _tuned(
        _refit_view,
        lambda n: [(view, DomainInvariantPLS(k)) for view in (0, 2) for k in (6, 10)],
        most_folds=5,
    ),
    "averaged PLS": _averaging(AveragedPLS()),
    "noise-aware ridge": _averaging(DifferencePenalizedRidge()),
    "TransferEnsemble": _averaging(TransferEnsemble()),
}
"""Name in the table -> method."""
