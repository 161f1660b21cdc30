"""The search over transfer methods, their parameters and positions, as users run it."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import sklearn
from chemotools.adaptation import DirectStandardization
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from test_calibration_transfer import FROZEN, X_TARGET, X, Y

from spectralfm.transfer import CalibrationTransfer, MeanShift
from spectralfm.transfer import PiecewiseDirectStandardization as PDS

GRID = [
    {
        "transfer": ["passthrough", MeanShift(), DirectStandardization()],
        "insert_at": [0, 1, "auto"],
    },
    {
        "transfer": [PDS()],
        "transfer__window_length": [1, 3],
        "transfer__n_components": [1, 9],
        "slope_bias": [False, True],
    },
]


def check_grid_search(X_target, y, X_source, frozen, best_possible):
    """Search without routing on one process and with routing on two, and pickle the result."""
    results = []
    for routing, n_jobs in [(False, 1), (True, 2)]:
        with sklearn.config_context(enable_metadata_routing=routing):
            search = GridSearchCV(
                CalibrationTransfer(frozen),
                GRID,
                scoring="neg_root_mean_squared_error",
                cv=3,
                n_jobs=n_jobs,
                error_score="raise",
            ).fit(X_target, y, X_source=X_source)
        results.append(search.cv_results_["mean_test_score"])
        restored = pickle.loads(pickle.dumps(search))
        np.testing.assert_array_equal(restored.predict(X_target), search.predict(X_target))
    for scores in results[1:]:
        np.testing.assert_array_equal(scores, results[0])
    assert -search.best_score_ < best_possible


# Nine LVs in a window of three channels are clipped with a warning, not refused.
@pytest.mark.filterwarnings("ignore:n_components:UserWarning")
def test_grid_search_over_method_parameters_and_position():
    check_grid_search(X_TARGET[:12], Y[:12], X[:12], FROZEN, 0.1)


@pytest.mark.filterwarnings("ignore:n_components:UserWarning")
def test_grid_search_on_corn():
    path = Path(os.environ.get("SPECTRALFM_DATA", "")) / "transfer" / "corn.npz"
    if not path.is_file():
        pytest.skip("SPECTRALFM_DATA names no folder with transfer/corn.npz")
    with np.load(path) as corn:
        source, target, moisture = corn["X_mp5"], corn["X_mp6"], corn["Y"][:, 0]
    preprocessing = StandardNormalVariate(), SavitzkyGolay(window_length=15, polyorder=2, deriv=1)
    pipeline = make_pipeline(*preprocessing, PLSRegression(6)).fit(source[20:], moisture[20:])
    check_grid_search(target[:12], moisture[:12], source[:12], FrozenEstimator(pipeline), 0.3)
