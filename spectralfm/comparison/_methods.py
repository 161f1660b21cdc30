"""Every method, as a function that moves a source calibration to the target with its standards.

Settings of a method, where it has some to choose from, are those of least error on standards left
out of the transfer. The regressors that average over settings need no choice.
"""

import warnings
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ..transfer import (
    AveragedPLS,
    CalibrationTransfer,
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
from ._task import Array

FEWEST_STANDARDS = 3
"""Below, no standard can be left out of every method."""

MOST_FOLDS = 5


class SourceCalibration(NamedTuple):
    """What was made on the source: spectra, reference values and the model fitted to them."""

    X: Array
    y: Array
    model: PLSRegressionCV


Method = Callable[[SourceCalibration, Standards], Any]
"""Returns something whose ``predict`` takes target spectra."""

Fit = Callable[[Any, SourceCalibration, Standards], Any]
"""A method with one setting still open, its first argument."""


def _no_transfer(calibration: SourceCalibration, standards: Standards) -> Any:
    """Use the source model as it is."""
    return calibration.model


def _correct_predictions(
    estimator: None, calibration: SourceCalibration, standards: Standards
) -> Any:
    """Keep the source model, correct what it predicts."""
    model = SlopeBiasCorrection(FrozenEstimator(calibration.model))
    return model.fit(standards.target, standards.y)


def _correct_spectra(
    standardizer: Any, calibration: SourceCalibration, standards: Standards
) -> CalibrationTransfer:
    """Keep the source model, correct the spectra it gets."""
    model = CalibrationTransfer(FrozenEstimator(calibration.model), standardizer, insert_at=0)
    return model.fit(standards.target, standards.y, X_source=standards.source)


def _refit_filtered(
    spectra_filter: Any, calibration: SourceCalibration, standards: Standards
) -> Pipeline:
    """Calibrate the source anew on filtered spectra."""
    spectra_filter.fit(standards.target, X_source=standards.source)
    model = PLSRegressionCV().fit(spectra_filter.transform(calibration.X), calibration.y)
    return Pipeline([("filter", spectra_filter), ("model", model)])


def _refit(regressor: Any, calibration: SourceCalibration, standards: Standards) -> Any:
    """Calibrate the source anew with the standards at hand."""
    return regressor.fit(calibration.X, calibration.y, standards=standards)


def _tuned(fit: Fit, settings: Callable[[int], Iterable[Any]]) -> Method:
    """Return the method with the setting of least error on left-out standards.

    Parameters
    ----------
    fit : callable
        The method with its setting open.
    settings : callable
        Most components the standards allow -> candidates.

    Returns
    -------
    callable
        The method.
    """

    def method(calibration: SourceCalibration, standards: Standards) -> Any:
        n = standards.n_standards
        n_folds = min(n, MOST_FOLDS)
        # Components after centring, when the largest fold is left out.
        candidates = list(settings(n - ceil(n / n_folds) - 1))
        with warnings.catch_warnings():
            # Wider than the data allow is as good as the widest they allow: no need to say so.
            warnings.filterwarnings("ignore", message=".*is clipped to", category=UserWarning)
            if len(candidates) == 1:
                return fit(candidates[0], calibration, standards)
            errors = []
            for candidate in candidates:
                squares = 0.0
                for fold in range(n_folds):
                    out = np.arange(n) % n_folds == fold
                    model = fit(candidate, calibration, standards.take(~out))
                    left = standards.take(out)
                    squares += np.square(model.predict(left.target) - left.y).sum()
                errors.append(squares)
            return fit(candidates[int(np.argmin(errors))], calibration, standards)

    return method


METHODS: dict[str, Method] = {
    "no transfer": _no_transfer,
    "mean shift": _tuned(_correct_spectra, lambda most: [MeanShift()]),
    "SBC": _tuned(_correct_predictions, lambda most: [None]),
    "DS": _tuned(_correct_spectra, lambda most: [DirectStandardization()]),
    "PDS": _tuned(
        _correct_spectra,
        lambda most: [
            PiecewiseDirectStandardization(width, k)
            for width in (1, 2, 5, 10)
            for k in range(1, min(most, 3) + 1)
        ],
    ),
    "ridge DS": _tuned(
        _correct_spectra,
        lambda most: [RidgeDirectStandardization(ridge) for ridge in np.logspace(-5, 0, 6)],
    ),
    "SST": _tuned(
        _correct_spectra,
        lambda most: [SpectralSpaceTransformation(k) for k in range(1, min(most, 7) + 1)],
    ),
    "CCA": _tuned(
        _correct_spectra,
        lambda most: [CanonicalCorrelationTransfer(k) for k in range(1, min(most, 5) + 1)],
    ),
    "OT": _tuned(_correct_spectra, lambda most: [OptimalTransportStandardization()]),
    "EPO": _tuned(
        _refit_filtered,
        lambda most: [ExternalParameterOrthogonalization(k) for k in range(1, min(most, 4) + 1)],
    ),
    "GLSW": _tuned(
        _refit_filtered,
        lambda most: [GeneralizedLeastSquaresWeighting(alpha) for alpha in (1e-4, 1e-3, 1e-2)],
    ),
    "di-PLS": _tuned(_refit, lambda most: [DomainInvariantPLS(k) for k in range(4, 15, 2)]),
    "averaged PLS": _tuned(_refit, lambda most: [AveragedPLS()]),
    "noise-aware ridge": _tuned(_refit, lambda most: [DifferencePenalizedRidge()]),
    "TransferEnsemble": _tuned(_refit, lambda most: [TransferEnsemble()]),
}
"""Name in the table -> method."""
