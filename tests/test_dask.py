"""Searches and benchmarks on a Dask cluster of two workers give what they give serially."""

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold

from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.transfer import (
    CalibrationTransfer,
    DirectStandardization,
    MeanShift,
    PiecewiseDirectStandardization,
    Standards,
    TransferEnsemble,
)

distributed = pytest.importorskip("distributed")

# Of Dask, about the system it runs on and its own pickling; not of the results.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PAIR = make_instrument_pair(40, 40, random_state=1)
X, X_TARGET, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y[:, 0]
FOLDS = KFold(3)


@pytest.fixture(scope="module")
def dask():
    """Two workers of a thread each, in this process: they start at once and cannot be orphaned."""
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        yield


def transfer_search():
    source = FrozenEstimator(PLSRegression(3).fit(X[:25], Y[:25]))
    search = GridSearchCV(
        CalibrationTransfer(source),
        {
            "transfer": [MeanShift(), DirectStandardization(2), PiecewiseDirectStandardization(3)],
            "slope_bias": [False, True],
        },
        cv=FOLDS,
    )
    return search, (X_TARGET[:15], Y[:15]), {"X_source": X[:15]}


def ensemble_search():
    search = GridSearchCV(TransferEnsemble(), {"sharpness": [0.0, 0.4]}, cv=FOLDS)
    return search, (X[:25], Y[:25]), {"standards": Standards(X[:6], X_TARGET[:6])}


def foundation_search(weights):
    model = SpectralFMRegressor(weights, wavelengths=PAIR.wavelengths, random_state=0)
    search = GridSearchCV(
        model, {"tuning": ["head", "lora"], "max_steps": [2], "stack": [False]}, cv=FOLDS
    )
    return search, (X[:25], Y[:25]), {"standards": Standards(X[:6], X_TARGET[:6])}


def assert_equal(search, known, more):
    serial = search.set_params(n_jobs=1).fit(*known, **more)
    scores, predicted = serial.cv_results_["mean_test_score"], serial.predict(X_TARGET)
    with parallel_config("dask"):
        shared = search.set_params(n_jobs=None).fit(*known, **more)
    np.testing.assert_array_equal(shared.cv_results_["mean_test_score"], scores)
    assert shared.best_params_ == serial.best_params_
    np.testing.assert_array_equal(shared.predict(X_TARGET), predicted)


@pytest.mark.parametrize("search", [transfer_search, ensemble_search])
def test_searches_over_transfer_methods(search, dask):
    assert_equal(*search())


def test_a_search_over_the_foundation_model(tiny_weights, dask):
    assert_equal(*foundation_search(tiny_weights))


def test_the_transfer_benchmark(dask, monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from _protocol import tasks
    from transfer import run

    asked = [("no transfer", "none"), ("DS", 3), ("TransferEnsemble", 5), ("mean shift", 0)]

    def rows():
        found = Parallel(return_as="generator_unordered")(
            delayed(run)(task, asked) for task in tasks("simulated", 1)
        )
        return sorted(str(row) for of_task in found for row in of_task)

    with parallel_config("threading", n_jobs=1):
        serial = rows()
    with parallel_config("dask"):
        assert rows() == serial
    assert len(serial) == 2 * len(asked) * 4


def test_the_leaderboard(dask):
    from spectralfm.benchmark import Leaderboard

    board = Leaderboard.from_precomputed(["simulated"])
    serial = board.evaluate_and_add(MeanShift(), name="mine", budgets=[3]).rows()
    with parallel_config("dask"):
        shared = board.evaluate_and_add(MeanShift(), name="mine", budgets=[3]).rows()
    assert str(shared) == str(serial)
