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
from sklearn.preprocessing import FunctionTransformer

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


def _folds(n: int, most: int) -> list[np.ndarray]:
    """Leave one standard out, or a fifth where that makes more than ``most`` folds."""
    n_folds = n if n <= most else 5
    return [np.arange(n)[k::n_folds] for k in range(n_folds)]


def _best(
    candidates: list[Any], standards: Standards, predict: Callable, most_folds: int
) -> list[Any]:
    """Return for each property the candidate of least error on left-out standards."""
    errors = []
    for candidate in candidates:
        squares = np.zeros(standards.y.shape[1])
        for out in _folds(standards.n_standards, most_folds):
            keep = np.setdiff1d(np.arange(standards.n_standards), out)
            predicted = predict(candidate, standards.take(keep), standards.target[out])
            squares += np.square(predicted - standards.y[out]).sum(axis=0)
        errors.append(squares)
    return [candidates[k] for k in np.argmin(errors, axis=0)]


def _tuned(
    candidates: Callable[[int], Iterable[Any]], predict: Callable, most_folds: int = 10
) -> Method:
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
            chosen = _best(options, standards, of_task, most_folds)
        columns = {id(c): of_task(c, standards, task.X_test) for c in chosen}
        return np.column_stack([columns[id(c)][:, j] for j, c in enumerate(chosen)])

    return method


def _preprocessed(task: Task, standards: Standards, X: Array, predict: Callable) -> Array:
    """Predict property by property in the space of the source model's preprocessing.

    ``predict(j, X, standards, X_test)`` gets preprocessed spectra and returns one property.
    """
    columns = []
    for j, view in enumerate(task.source_model.preprocessing_):
        read = view.transform
        moved = Standards(read(standards.source), read(standards.target), standards.y)
        columns.append(predict(j, read(task.X), moved, read(X)))
    return np.column_stack(columns)


def _corrected(task: Task, standardizer: Any, standards: Standards, X: Array) -> Array:
    """Predict with the source model after correcting the preprocessed spectra."""

    def predict(j: int, _: Array, moved: Standards, X_test: Array) -> Array:
        standardizer.fit(moved.target, X_source=moved.source)
        model = task.source_model
        return standardizer.transform(X_test) @ model.coef_[j] + model.intercept_[j]

    return _preprocessed(task, standards, X, predict)


def _refitted(task: Task, standardizer: Any, standards: Standards, X: Array) -> Array:
    """Predict with a calibration refitted to filtered, preprocessed spectra of the source."""

    def predict(j: int, X_source: Array, moved: Standards, X_test: Array) -> Array:
        standardizer.fit(moved.target, X_source=moved.source)
        model = PLSRegressionCV(preprocessing=[FunctionTransformer()])
        model.fit(standardizer.transform(X_source), task.y[:, j])
        return model.predict(standardizer.transform(X_test))

    return _preprocessed(task, standards, X, predict)


def _regressed(task: Task, regressor: Any, standards: Standards, X: Array) -> Array:
    """Predict with a regressor that takes the standards in its fit, on first derivatives."""
    read = DERIVATIVE.fit(task.X).transform
    moved = Standards(read(standards.source), read(standards.target), standards.y)
    return regressor.fit(read(task.X), task.y, standards=moved).predict(read(X))


def _transfer(regressor: Any) -> Method:
    """Make a method of a regressor with settings of its own."""

    def method(task: Task, n: int) -> Array:
        given = {"standards": task.standards(n)} if n else {"X_target": task.X_test}
        return regressor.fit(task.X, task.y, **given).predict(task.X_test)

    return method


def _unpaired(standardizer: Any) -> Method:
    """Make a method that also works without pairs: all of the source onto the test spectra."""

    def method(task: Task, n: int) -> Array:
        if n:
            return _corrected(task, standardizer, task.standards(n), task.X_test)

        def predict(j: int, X_source: Array, _: Standards, X_test: Array) -> Array:
            standardizer.fit(X_test, X_source=X_source)
            model = task.source_model
            return standardizer.transform(X_test) @ model.coef_[j] + model.intercept_[j]

        return _preprocessed(task, task.standards(1), task.X_test, predict)

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
    "DS": _tuned(
        lambda n: [
            DirectStandardization(k, center=center)
            for k in (None, 2, 4, 8, 16)
            if k is None or k < n
            for center in (True, False)
        ],
        _corrected,
    ),
    "PDS": _tuned(
        lambda n: [
            PiecewiseDirectStandardization(w, k, scale=False)
            for w in (1, 2, 5, 10, 20)
            for k in range(1, min(n, 4))
        ],
        _corrected,
    ),
    "PDS, default": _tuned(lambda n: [PiecewiseDirectStandardization()], _corrected),
    "ridge DS": _tuned(
        lambda n: [RidgeDirectStandardization(r) for r in np.logspace(-5, 0, 6)], _corrected
    ),
    "SST": _tuned(lambda n: [SpectralSpaceTransformation(k) for k in range(1, n)], _corrected),
    "CCA": _tuned(
        lambda n: [CanonicalCorrelationTransfer(k) for k in range(1, min(n, 6))], _corrected
    ),
    "OT, linear": _unpaired(OptimalTransportStandardization("linear")),
    "EPO": _tuned(
        lambda n: [ExternalParameterOrthogonalization(k) for k in range(1, min(n, 5))], _refitted, 5
    ),
    "GLSW": _tuned(
        lambda n: [GeneralizedLeastSquaresWeighting(a) for a in (1e-3, 1e-2)], _refitted, 5
    ),
    "di-PLS": _tuned(lambda n: [DomainInvariantPLS(k) for k in range(4, 15, 2)], _regressed, 5),
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
