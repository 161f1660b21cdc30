"""Every method of the transfer benchmark: (task, number of standards) -> test predictions.

Settings are chosen, property by property, by the error on left-out standards. Nothing sees the
values of the test set; with no standards the unlabelled test spectra are given.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from _protocol import Array, Task
from chemotools.derivative import SavitzkyGolay
from sklearn.frozen import FrozenEstimator

from spectralfm.transfer import (
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

DERIVATIVE = SavitzkyGolay(15, polyorder=2, deriv=1, mode="interp")

Method = Callable[[Task, int], Array | None]


def _folds(n: int) -> list[np.ndarray]:
    """Leave one standard out, or a fifth of more than five."""
    return [np.arange(n)[k :: min(n, 5)] for k in range(min(n, 5))]


def _best(candidates: Iterable[Any], standards: Standards, predict: Callable) -> list[Any]:
    """Return for each property the candidate of least error on left-out standards."""
    candidates, errors = list(candidates), []
    for candidate in candidates:
        squares = np.zeros(standards.y.shape[1])
        for out in _folds(standards.n_standards):
            keep = np.setdiff1d(np.arange(standards.n_standards), out)
            predicted = predict(candidate, standards.take(keep), standards.target[out])
            squares += np.square(predicted - standards.y[out]).sum(axis=0)
        errors.append(squares)
    return [candidates[k] for k in np.argmin(errors, axis=0)]


def _tuned(candidates: Callable[[int], Iterable[Any]], predict: Callable) -> Method:
    """Make a method of candidates and a rule that predicts with one of them."""

    def method(task: Task, n: int) -> Array | None:
        if n == 0:
            return None
        standards = task.standards(n)

        def of_task(candidate: Any, some: Standards, X: Array) -> Array:
            return predict(task, candidate, some, X)

        options = list(candidates(n))
        chosen = options * task.y.shape[1]
        if len(options) > 1:
            chosen = _best(options, standards, of_task)
        columns = {id(c): of_task(c, standards, task.X_test) for c in chosen}
        return np.column_stack([columns[id(c)][:, j] for j, c in enumerate(chosen)])

    return method


def _corrected(task: Task, standardizer: Any, standards: Standards, X: Array) -> Array:
    """Predict with the source model after correcting the spectra."""
    standardizer.fit(standards.target, X_source=standards.source)
    return task.source_model.predict(standardizer.transform(X))


def _refitted(task: Task, standardizer: Any, standards: Standards, X: Array) -> Array:
    """Predict with a calibration refitted to filtered spectra of the source."""
    standardizer.fit(standards.target, X_source=standards.source)
    model = PLSRegressionCV(preprocessing=[DERIVATIVE])
    model.fit(standardizer.transform(task.X), task.y)
    return model.predict(standardizer.transform(X))


def _regressed(task: Task, regressor: Any, standards: Standards, X: Array) -> Array:
    """Predict with a regressor that takes the standards in its fit."""
    return regressor.fit(task.X, task.y, standards=standards).predict(X)


def _transfer(regressor: Any) -> Method:
    """Make a method of a regressor with settings of its own."""

    def method(task: Task, n: int) -> Array:
        given = {"standards": task.standards(n)} if n else {"X_target": task.X_test}
        return regressor.fit(task.X, task.y, **given).predict(task.X_test)

    return method


def _unpaired(standardizer: Any) -> Method:
    """Make a method that moves all spectra of the source onto those of the target."""

    def method(task: Task, n: int) -> Array:
        X = task.X_test if n == 0 else task.standards(n).target
        X_source = task.X if n == 0 else task.standards(n).source
        standardizer.fit(X, X_source=X_source)
        return task.source_model.predict(standardizer.transform(task.X_test))

    return method


def _no_transfer(task: Task, n: int) -> Array:
    return task.source_model.predict(task.X_test)


def _full_recalibration(task: Task, n: int) -> Array:
    return PLSRegressionCV().fit(task.X_target, task.y).predict(task.X_test)


def _target_only(task: Task, n: int) -> Array | None:
    if n == 0:
        return None
    standards = task.standards(n)
    return PLSRegressionCV(cv=5).fit(standards.target, standards.y).predict(task.X_test)


def _pooled(task: Task, n: int) -> Array | None:
    if n == 0:
        return None
    standards = task.standards(n)
    X, y = np.vstack([task.X, standards.target]), np.vstack([task.y, standards.y])
    return PLSRegressionCV().fit(X, y).predict(task.X_test)


def _slope_bias(task: Task, n: int) -> Array | None:
    if n == 0:
        return None
    standards = task.standards(n)
    model = SlopeBiasCorrection(FrozenEstimator(task.source_model))
    return model.fit(standards.target, standards.y).predict(task.X_test)


METHODS: dict[str, Method] = {
    "no transfer": _no_transfer,
    "mean shift": _unpaired(MeanShift()),
    "SBC": _slope_bias,
    "DS": _tuned(lambda n: [DirectStandardization()], _corrected),
    "PDS": _tuned(
        lambda n: [
            PiecewiseDirectStandardization(w, k) for w in (1, 2, 5, 10) for k in range(1, min(n, 4))
        ],
        _corrected,
    ),
    "PDS, default": _tuned(lambda n: [PiecewiseDirectStandardization()], _corrected),
    "ridge DS": _tuned(
        lambda n: [RidgeDirectStandardization(r) for r in np.logspace(-5, 0, 6)], _corrected
    ),
    "SST": _tuned(
        lambda n: [SpectralSpaceTransformation(k) for k in range(1, min(n, 8))], _corrected
    ),
    "CCA": _tuned(
        lambda n: [CanonicalCorrelationTransfer(k) for k in range(1, min(n, 6))], _corrected
    ),
    "OT, linear": _unpaired(OptimalTransportStandardization("linear")),
    "EPO": _tuned(
        lambda n: [ExternalParameterOrthogonalization(k) for k in range(1, min(n, 5))], _refitted
    ),
    "GLSW": _tuned(
        lambda n: [GeneralizedLeastSquaresWeighting(a) for a in (1e-4, 1e-3, 1e-2)], _refitted
    ),
    "di-PLS": _tuned(lambda n: [DomainInvariantPLS(k) for k in range(4, 15, 2)], _regressed),
    "pooled PLS": _pooled,
    "target standards only": _target_only,
    "averaged PLS": _transfer(AveragedPLS()),
    "noise-aware ridge": _transfer(DifferencePenalizedRidge()),
    "TransferEnsemble": _transfer(TransferEnsemble()),
    "full recalibration": _full_recalibration,
}
"""Name in the table -> method; a method returns None where it needs standards and has none."""

WITHOUT_STANDARDS = ("no transfer", "full recalibration")
"""Methods whose result does not depend on the number of standards."""
