"""The leaderboard: what ships, estimators of every kind added to it, equal numbers each time."""

import csv
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from sklearn.base import BaseEstimator
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler

from spectralfm.benchmark import Leaderboard, _precomputed
from spectralfm.benchmark._candidate import budgets_of, predict
from spectralfm.benchmark._paired_test import compare
from spectralfm.benchmark._sets import tasks
from spectralfm.foundation import SpectralFMEncoder
from spectralfm.transfer import (
    CalibrationTransfer,
    DifferencePenalizedRidge,
    DomainInvariantPLS,
    MeanShift,
    OptimalTransportStandardization,
    SlopeBiasCorrection,
)


@pytest.fixture(scope="module")
def board():
    return Leaderboard.from_precomputed(["simulated"])


def test_results_ship_for_every_set(monkeypatch, tmp_path):
    assert _precomputed.available() == ["corn", "simulated", "soil", "tablets"]
    monkeypatch.delenv("SPECTRALFM_DATA", raising=False)
    assert repr(Leaderboard.from_precomputed()).endswith("methods on simulated)")
    (tmp_path / "transfer").mkdir()
    (tmp_path / "transfer" / "soil_moisture.npz").touch()
    monkeypatch.setenv("SPECTRALFM_DATA", str(tmp_path))
    assert repr(Leaderboard.from_precomputed()).endswith("methods on simulated, soil)")
    with pytest.raises(ValueError, match="no precomputed results of 'barley': choose out of corn"):
        Leaderboard.from_precomputed(["barley"])


def test_precomputed_are_what_the_methods_give_here(board):
    """The mean shift of the table, computed anew."""
    again = board.evaluate_and_add(MeanShift(), name="again", budgets=[0, 3, 10])
    rows = {(row["n"], row["method"]): row for row in again.rows()}
    for n in ("0", "3", "10"):
        for key in ("score", "q1", "q3"):
            assert rows[n, "again"][key] == pytest.approx(rows[n, "mean shift"][key], rel=1e-3)


def test_equal_when_repeated_and_the_first_is_left_alone(board):
    before = str(board.rows())
    first, second = (
        board.evaluate_and_add(DifferencePenalizedRidge(), name="mine", budgets=[5])
        for _ in range(2)
    )
    assert str(first.rows()) == str(second.rows()) != before == str(board.rows())


def test_ranks_quartiles_and_tests(board):
    rows = board.rows()
    assert all(row["method"] != "full recalibration" for row in rows)
    for n in ("none", "0", "3", "10"):
        at = [row for row in rows if row["n"] == n]
        scores = [row["score"] for row in at]
        assert scores == sorted(scores) and [row["rank"] for row in at] == [*range(1, len(at) + 1)]
        assert at[0]["ratio_to_best"] == 1 and math.isnan(at[0]["p"])
        assert all(row["q1"] <= row["q3"] and row["p_holm"] >= row["p"] for row in at[1:])


def test_the_paired_test_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = (dict(enumerate(rng.random(12) + 1)) for _ in range(2))
    a[99] = 5.0  # not a task of the other
    ratio, p = compare(a, b)
    logs = np.log([a[i] / b[i] for i in range(12)])
    assert ratio == pytest.approx(np.exp(logs.mean())) and p == wilcoxon(logs).pvalue
    assert compare(b, b) == (1.0, 1.0)
    assert all(math.isnan(value) for value in compare({1: 1.0}, {2: 1.0}))


KINDS = [
    (DomainInvariantPLS(3), ("none", 0, 3, 5, 10, 20)),
    (MeanShift(), (0, 3, 5, 10, 20)),
    (OptimalTransportStandardization(), (0, 3, 5, 10, 20)),
    (CalibrationTransfer(LinearRegression(), MeanShift()), (3, 5, 10, 20)),
    (SlopeBiasCorrection(LinearRegression()), (3, 5, 10, 20)),
    (PLSRegression(4), ("none",)),
]


@pytest.mark.parametrize(("estimator", "budgets"), KINDS, ids=lambda one: type(one).__name__)
def test_every_kind_of_estimator(estimator, budgets):
    if isinstance(estimator, MeanShift):
        budgets = budgets if not getattr(estimator, "paired", True) else budgets[1:]
    assert budgets_of(estimator) == budgets
    task = next(tasks("simulated", 1))
    for budget in budgets[:2]:
        predicted = predict(estimator, task, budget)
        assert predicted.shape == task.y_test.shape and np.isfinite(predicted).all()


def test_the_axis_is_told_to_those_that_ask():
    class Asking(Ridge):
        def __init__(self, wavelengths=None):
            super().__init__()
            self.wavelengths = wavelengths

        def fit(self, X, y):
            assert len(self.wavelengths) == X.shape[1]
            return super().fit(X, y)

    task = next(tasks("simulated", 1))
    assert predict(Asking(), task, "none").shape == task.y_test.shape


def test_what_cannot_run_is_refused(board):
    with pytest.raises(TypeError, match="StandardScaler is neither a regressor.* nor"):
        board.evaluate_and_add(StandardScaler())
    with pytest.raises(TypeError, match="neither a regressor"):
        board.evaluate_and_add(SpectralFMEncoder())
    with pytest.raises(ValueError, match="a method 'mean shift' already"):
        board.evaluate_and_add(MeanShift(), name="mean shift")
    with pytest.raises(ValueError, match="Ridge cannot run at budget 3: choose out of 'none'"):
        board.evaluate_and_add(Ridge(), budgets=[3])


def test_other_spectra_are_noticed(board):
    rows = [dict(row) for row in board._errors]
    for row in rows:
        row["rmsep"] *= 1.1
    with pytest.raises(ValueError, match="recalibration of component 1.*spectra are not the same"):
        Leaderboard(rows).evaluate_and_add(Ridge())


class Fails(BaseEstimator):
    def fit(self, X, y):
        raise ValueError("cannot")

    def predict(self, X):
        raise AssertionError


def test_an_error_of_the_estimator_is_its_own(board):
    with pytest.raises(ValueError, match="cannot"):
        board.evaluate_and_add(Fails())


def test_written_as_csv_and_frame(board, tmp_path):
    frame = board.to_frame()
    assert isinstance(frame, pd.DataFrame) and len(frame) == len(board.rows())
    board.to_csv(tmp_path / "board.csv")
    with open(tmp_path / "board.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == frame["method"].tolist()
    assert float(rows[3]["score"]) == pytest.approx(frame["score"][3], rel=1e-3)
    assert rows[0]["p"] == "" and list(rows[0]) == list(frame.columns)


def test_results_of_another_protocol_are_refused(monkeypatch):
    monkeypatch.setattr(_precomputed, "VERSION", 99)
    with pytest.raises(ValueError, match="protocol 1.*but the protocol is that of .*99"):
        Leaderboard.from_precomputed(["simulated"])
