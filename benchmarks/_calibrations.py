"""Calibrations of one instrument, each with the settings that it chooses for itself."""

from typing import Any

import numpy as np
from chemotools.scatter import StandardNormalVariate
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from spectralfm.foundation import SpectralFMRegressor
from spectralfm.transfer import PLSRegressionCV, TransferEnsemble


def calibrations(place: dict[str, Any], checkpoint: str, seed: int) -> dict[str, Any]:
    """Return the calibrations by name; PLS chooses preprocessing and LVs, the others read SNV."""
    return {
        "PLS": PLSRegressionCV(),
        "ridge": make_pipeline(
            StandardNormalVariate(), RidgeCV(np.logspace(-6, 3, 28), alpha_per_target=True)
        ),
        "SVR": MultiOutputRegressor(_support_vectors()),
        "random forest": make_pipeline(
            StandardNormalVariate(),
            RandomForestRegressor(200, max_features=0.1, random_state=seed),
        ),
        "TransferEnsemble": TransferEnsemble(),
        "SpectralFM": SpectralFMRegressor(checkpoint, **place),
    }


def _support_vectors() -> GridSearchCV:
    # Values are scaled, so that C and epsilon mean the same for every property.
    machine = make_pipeline(StandardNormalVariate(), StandardScaler(), SVR(epsilon=0.01))
    return GridSearchCV(
        TransformedTargetRegressor(machine, transformer=StandardScaler()),
        {
            "regressor__svr__C": [1.0, 10.0, 100.0],
            "regressor__svr__gamma": ["scale", 1e-4],
        },
        cv=KFold(5, shuffle=True, random_state=0),
        scoring="neg_root_mean_squared_error",
    )
