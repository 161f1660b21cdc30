"""Every method of the transfer benchmark: (task, number of standards) -> test predictions.

Methods with standards are those of `spectralfm.comparison`. Nothing sees the values of the test
set; with no standards the unlabelled test spectra are given.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from _protocol import Array, Task
from sklearn.base import clone

from spectralfm.comparison import METHODS as WITH_STANDARDS
from spectralfm.comparison import SourceCalibration, correct_spectra
from spectralfm.transfer import (
    AveragedPLS,
    DifferencePenalizedRidge,
    DomainInvariantPLS,
    MeanShift,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    TransferEnsemble,
)

Method = Callable[[Task, int], Array | None]


def _calibration(task: Task) -> SourceCalibration:
    return SourceCalibration(task.X, task.y, task.source_model)


def _with_standards(name: str) -> Method:
    """Make a method of one that needs standards."""

    def method(task: Task, n: int) -> Array | None:
        if n == 0:
            return None
        return WITH_STANDARDS[name](_calibration(task), task.standards(n)).predict(task.X_test)

    return method


def _unpaired(name: str, standardizer: Any) -> Method:
    """Make a method that also works without pairs: all of the source onto the test spectra."""

    def method(task: Task, n: int) -> Array | None:
        if n:
            return _with_standards(name)(task, n)
        model = correct_spectra(_calibration(task), standardizer, task.X_test, task.X)
        return model.predict(task.X_test)

    return method


def _unlabelled(name: str, regressor: Any) -> Method:
    """Make a method that also works without standards: the regressor gets the test spectra."""

    def method(task: Task, n: int) -> Array | None:
        if n:
            return _with_standards(name)(task, n)
        return clone(regressor).fit(task.X, task.y, X_target=task.X_test).predict(task.X_test)

    return method


def _di_pls(task: Task, n: int) -> Array | None:
    """With no standards take preprocessing and LVs of the source model."""
    if n:
        return _with_standards("di-PLS")(task, n)
    predicted = np.empty_like(task.y_test)
    for view in _calibration(task).views():
        X_target = view.preprocessing.transform(task.X_test)
        for column, y in zip(view.columns, view.y.T, strict=True):
            model = DomainInvariantPLS(int(task.source_model.n_components_[column]))
            predicted[:, column] = model.fit(view.X, y, X_target=X_target).predict(X_target)
    return predicted


def _default_pds(task: Task, n: int) -> Array | None:
    if n == 0:
        return None
    pds, standards = PiecewiseDirectStandardization(), task.standards(n)
    model = correct_spectra(_calibration(task), pds, standards.target, standards.source)
    return model.predict(task.X_test)


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


METHODS: dict[str, Method] = {
    **{name: _with_standards(name) for name in WITH_STANDARDS},
    "no transfer": _no_transfer,
    "mean shift": _unpaired("mean shift", MeanShift()),
    "OT, linear": _unpaired("OT, linear", OptimalTransportStandardization("linear")),
    "di-PLS": _di_pls,
    "averaged PLS": _unlabelled("averaged PLS", AveragedPLS()),
    "noise-aware ridge": _unlabelled("noise-aware ridge", DifferencePenalizedRidge()),
    "TransferEnsemble": _unlabelled("TransferEnsemble", TransferEnsemble()),
    "PDS, default": _default_pds,
    "pooled PLS": _pooled,
    "target standards only": _target_only,
    "full recalibration": _full_recalibration,
}
"""Name in the table -> method; a method returns None where it needs standards and has none."""

WITHOUT_STANDARDS = ("no transfer", "full recalibration")
"""Methods whose result does not depend on the number of standards."""
