"""Any input gets an answer or a documented error: few of the cases of ``benchmarks/fuzz.py``.

Hypothesis draws the same cases each time, so that a failure is one of the change at hand.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from _fuzz_cases import Case, cases, public_estimators
from _fuzz_outcome import Failure, judge

ESTIMATORS = public_estimators()
SLOW = {name for name in ESTIMATORS if name.startswith("SpectralFM")} | {"TestTimeAdapter"}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_answer_or_a_documented_error(name):
    @settings(
        max_examples=5 if name in SLOW else 25, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(cases(ESTIMATORS[name]))
    def check(case):
        judge(case)

    check()


def test_all_are_found():
    assert {"PLSRegressionCV", "Resampler", "KennardStone", "ConformalRegressor"} < set(ESTIMATORS)
    assert len(ESTIMATORS) >= 26


class Broken(BaseEstimator):
    """Goes wrong in one of the ways that the fuzzing must notice."""

    def __init__(self, fault="none"):
        self.fault = fault

    def fit(self, X, y=None):
        if self.fault == "fit raises without purpose":
            np.ones((2, 3)) @ np.ones(5)
        if self.fault == "fit raises IndexError":
            X[99]
        if self.fault == "fit complains":
            np.ones(1) / np.zeros(1)
        if self.fault == "fit changes its input":
            X[0] = 7
        if self.fault == "fit fails halfway":
            self.half_ = 1
            raise ValueError("no words to a user's help, but words")
        self.fitted_ = True
        return self

    def predict(self, X):
        if self.fault != "fit fails halfway" and not hasattr(self, "fitted_"):
            raise NotFittedError("fit first")
        value = {"NaN": np.nan}.get(self.fault, 0.0)
        if self.fault == "float32":
            return np.zeros(len(X), np.float32)
        return np.full(len(X) - (self.fault == "a row less"), value)


@pytest.mark.parametrize(
    "fault",
    [
        "fit raises without purpose", "fit raises IndexError", "fit complains",
        "fit changes its input", "fit fails halfway", "NaN", "float32", "a row less",
    ],
)  # fmt: skip
def test_faults_are_noticed(fault):
    X = np.ones((3, 4))
    known = {"X": X.copy, "y": lambda: np.arange(3.0)}
    sound = Case(Broken(), known, (X, np.arange(3.0)), X)
    assert judge(sound) == "answer"
    with pytest.raises(Failure):
        judge(sound._replace(estimator=Broken(fault)))
