"""Every method of the transfer benchmark: (task, budget) -> test predictions.

Methods with standards are those of `spectralfm.comparison`. Nothing sees the values of the test
set; with no standards the unlabelled test spectra are given, with the budget "none" nothing of the
target.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import chemotools.adaptation as chemotools
import numpy as np
from _foundation import FOUNDATION, SLOW, physics_prior
from _protocol import ALL, BUDGETS, STANDARDS, UNLABELLED, Array, Budget, Task
from _scores import RECALIBRATION
from chemotools.scatter import StandardNormalVariate
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline

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


class Method(NamedTuple):
    """How to predict the test spectra, at which budgets, and whether it is slow."""

    predict: Callable[[Task, Any], Array]
    budgets: tuple[Budget, ...]
    slow: bool = False


def _calibration(task: Task) -> SourceCalibration:
    return SourceCalibration(task.X, task.y, task.source_model)


def _compared(name: str) -> Method:
    """Make a method of one of the package's comparison, all of which need standards."""

    def method(task: Task, n: int) -> Array:
        return WITH_STANDARDS[name](_calibration(task), task.standards(n)).predict(task.X_test)

    return Method(method, STANDARDS)


def _unpaired(name: str, standardizer: Any) -> Method:
    """Make a method that also works without pairs: all of the source onto the test spectra."""

    def method(task: Task, n: int) -> Array:
        if n:
            return _compared(name).predict(task, n)
        model = correct_spectra(_calibration(task), standardizer, task.X_test, task.X)
        return model.predict(task.X_test)

    return Method(method, UNLABELLED)


def _corrected(standardizer: Any, *, slow: bool = False) -> Method:
    """Make a method of a correction as it is, without tuning."""

    def method(task: Task, n: int) -> Array:
        standards = task.standards(n)
        source = _calibration(task)
        model = correct_spectra(source, standardizer, standards.target, standards.source)
        return model.predict(task.X_test)

    return Method(method, STANDARDS, slow)


def _regressor(regressor: Any) -> Method:
    """Make a method of a regressor that takes whatever is known of the target."""

    def method(task: Task, n: Budget) -> Array:
        return clone(regressor).fit(task.X, task.y, **task.given(n)).predict(task.X_test)

    return Method(method, BUDGETS)


def _di_pls(task: Task, n: int) -> Array:
    """With no standards take preprocessing and LVs of the source model."""
    if n:
        return _compared("di-PLS").predict(task, n)
    predicted = np.empty_like(task.y_test)
    for view in _calibration(task).views():
        X_target = view.preprocessing.transform(task.X_test)
        for column, y in zip(view.columns, view.y.T, strict=True):
            model = DomainInvariantPLS(int(task.source_model.n_components_[column]))
            predicted[:, column] = model.fit(view.X, y, X_target=X_target).predict(X_target)
    return predicted


def _no_transfer(task: Task, n: Budget) -> Array:
    return task.source_model.predict(task.X_test)


def _full_recalibration(task: Task, n: Budget) -> Array:
    return PLSRegressionCV().fit(task.X_target, task.y).predict(task.X_test)


def _target_only(task: Task, n: int) -> Array:
    standards = task.standards(n)
    return PLSRegressionCV(cv=5).fit(standards.target, standards.y).predict(task.X_test)


def _pooled(task: Task, n: int) -> Array:
    standards = task.standards(n)
    X, y = np.vstack([task.X, standards.target]), np.vstack([task.y, standards.y])
    return PLSRegressionCV().fit(X, y).predict(task.X_test)


def _reduced(regressor: Any) -> Any:
    """Return a regressor of one property after another on 30 principal components of SNV."""
    return MultiOutputRegressor(make_pipeline(StandardNormalVariate(), PCA(30), regressor))


OPTIONAL: dict[str, tuple[str, str, Callable[[type], Any]]] = {
    "TabPFN, pooled": ("tabpfn", "TabPFNRegressor", lambda cls: _reduced(cls(random_state=0))),
    "AOM-PLS of nirs4all, pooled": (
        "nirs4all.operators.models.sklearn.aom_pls",
        "AOMPLSRegressor",
        lambda cls: MultiOutputRegressor(cls()),
    ),
}
"""Regressors of packages that are no dependency: name -> module, class and how it is made."""


def optional_methods() -> dict[str, Method]:
    """Return the methods whose packages are installed.

    They know of no instruments: calibration samples and standards are pooled.
    """

    def pooled(module: str, cls: str, make: Callable[[type], Any]) -> Method:
        def method(task: Task, n: Budget) -> Array:
            X, y = task.X, task.y
            if n != "none":
                standards = task.standards(int(n))
                X, y = np.vstack([X, standards.target]), np.vstack([y, standards.y])
            return make(getattr(import_module(module), cls)).fit(X, y).predict(task.X_test)

        return Method(method, ("none", *STANDARDS), slow=True)

    return {
        name: pooled(*parts)
        for name, parts in OPTIONAL.items()
        if find_spec(parts[0].split(".")[0]) is not None
    }


METHODS: dict[str, Method] = {
    **{name: Method(predict, budgets) for name, (predict, budgets) in FOUNDATION.items()},
    **{name: _compared(name) for name in WITH_STANDARDS},
    "no transfer": Method(_no_transfer, ("none",)),
    "mean shift": _unpaired("mean shift", MeanShift()),
    "OT, linear": _unpaired("OT, linear", OptimalTransportStandardization("linear")),
    "di-PLS": Method(_di_pls, UNLABELLED),
    "averaged PLS": _regressor(AveragedPLS()),
    "noise-aware ridge": _regressor(DifferencePenalizedRidge()),
    "noise-aware ridge, physics prior": Method(physics_prior, BUDGETS),
    "TransferEnsemble": _regressor(TransferEnsemble()),
    "PDS, default": _corrected(PiecewiseDirectStandardization()),
    "DS, chemotools": _corrected(chemotools.DirectStandardization(), slow=True),
    "PDS, chemotools": _corrected(chemotools.PiecewiseDirectStandardization(), slow=True),
    "pooled PLS": Method(_pooled, STANDARDS),
    "target standards only": Method(_target_only, STANDARDS),
    **{name: Method(predict, budgets, slow=True) for name, (predict, budgets) in SLOW.items()},
    **optional_methods(),
    RECALIBRATION: Method(_full_recalibration, (ALL,)),
}
"""Name in the table -> method."""
