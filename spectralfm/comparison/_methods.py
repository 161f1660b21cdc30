"""Every method, as a function that moves a source calibration to the target with its standards.

Spectra are corrected and filtered after the preprocessing that the source model chose for the
property. Settings of a method, where it has some to choose from, are those of least error on
left-out standards, property by property. The regressors that average over settings need no choice.
"""

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csc_array
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
from ._calibration import (
    MovedModel,
    Regress,
    SourceCalibration,
    SourceView,
    correct_spectra,
    corrected,
)
from ._task import Array
from ._tuning import Method, tuned

FEWEST_STANDARDS = 3
"""Below, no standard can be left out of every method."""


def _no_transfer(calibration: SourceCalibration, standards: Standards) -> PLSRegressionCV:
    """Use the source model as it is."""
    return calibration.model


def _correct_predictions(
    calibration: SourceCalibration, standards: Standards
) -> SlopeBiasCorrection:
    """Keep the source model, correct what it predicts."""
    model = SlopeBiasCorrection(FrozenEstimator(calibration.model))
    return model.fit(standards.target, standards.y)


def _correct(standardizer: Any, source: SourceView, standards: Standards) -> list[Regress]:
    """Keep the source model, correct the preprocessed spectra it gets."""
    return [corrected(standardizer, source, standards.target, standards.source)]


def _correct_locally(
    pds: PiecewiseDirectStandardization, source: SourceView, standards: Standards
) -> list[Regress]:
    """Keep the source model, correct its spectra by PDS with every number of LVs at once."""

    def regress(X: Array, matrix: csc_array, offset: Array) -> Array:
        return np.asarray((X @ matrix + offset) @ source.coef.T + source.intercept)

    maps = clone(pds)._fit_maps(standards.target, standards.source, every=True)
    return [partial(regress, matrix=matrix, offset=offset) for matrix, offset in maps]


def _refit_filtered(spectra_filter: Any, source: SourceView, standards: Standards) -> list[Regress]:
    """Calibrate the source anew on preprocessed, filtered spectra."""
    fitted = clone(spectra_filter).fit(standards.target, X_source=standards.source)
    model = PLSRegressionCV(preprocessing=[FunctionTransformer()])
    model.fit(fitted.transform(source.X), source.y)
    return [make_pipeline(fitted, model).predict]


def _refit_invariant(
    regressor: DomainInvariantPLS, source: SourceView, standards: Standards
) -> list[Regress]:
    """Calibrate the source anew with every number of LVs at once."""
    model = clone(regressor).fit(source.X, source.y, standards=standards)

    def regress(X: Array, coef: Array) -> Array:
        return (X - model.target_means_[0]) @ coef.T + model.y_mean_

    return [partial(regress, coef=coef) for coef in model.coef_path_]


def _untuned(standardizer: Any) -> Method:
    """Return the method that corrects spectra by a standardizer without settings."""

    def method(calibration: SourceCalibration, standards: Standards) -> MovedModel:
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
    "DS": tuned(
        _correct,
        lambda n: [
            DirectStandardization(k, center=center)
            for k in (1, 2, 4, 8, 16, None)
            for center in (True, False)
            # The two left of three standards cannot tell settings apart: take the simplest.
            if (n > 3 and (k is None or k < n - 1)) or (k == 1 and center)
        ],
    ),
    "PDS": tuned(
        _correct_locally,
        lambda n: [
            PiecewiseDirectStandardization(width, min(n - 1, 3), scale=False)
            for width in (1, 2, 5, 10, 20)
        ],
        local=True,
    ),
    "ridge DS": tuned(
        _correct, lambda n: [RidgeDirectStandardization(ridge) for ridge in np.logspace(-5, 0, 6)]
    ),
    "SST": tuned(_correct, lambda n: [SpectralSpaceTransformation(k) for k in range(1, n)]),
    "CCA": tuned(
        _correct, lambda n: [CanonicalCorrelationTransfer(k) for k in range(1, min(n, 6))]
    ),
    "OT, linear": _untuned(OptimalTransportStandardization("linear")),
    "EPO": tuned(
        _refit_filtered,
        lambda n: [ExternalParameterOrthogonalization(k) for k in (1, 2, 3, 4, 6, 9) if k < n],
    ),
    "GLSW": tuned(
        _refit_filtered,
        lambda n: [GeneralizedLeastSquaresWeighting(alpha) for alpha in (1e-3, 1e-2)],
    ),
    "di-PLS": tuned(
        _refit_invariant,
        lambda n: [DomainInvariantPLS(14)],
        views=SourceCalibration.views_and_derivative,
    ),
    "averaged PLS": _averaging(AveragedPLS()),
    "noise-aware ridge": _averaging(DifferencePenalizedRidge()),
    "TransferEnsemble": _averaging(TransferEnsemble()),
}
"""Name in the table -> method."""
