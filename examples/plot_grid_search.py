"""
Search over transfer methods
============================

The validated model stays as it is, and a step in front of it corrects the spectra of the new
instrument. Which step, with which settings, at which place of the preprocessing, is a question for
`GridSearchCV`.
"""

# %%
# The model that was validated on the source: a derivative and PLS, frozen.

import matplotlib.pyplot as plt
import numpy as np
from chemotools.derivative import SavitzkyGolay
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from spectralfm.datasets import make_instrument_pair
from spectralfm.metrics import rmsep
from spectralfm.model_selection import kennard_stone
from spectralfm.transfer import (
    CalibrationTransfer,
    DirectStandardization,
    MeanShift,
    PiecewiseDirectStandardization,
    RidgeDirectStandardization,
    SpectralSpaceTransformation,
)

pair = make_instrument_pair(n_samples=110, random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
model = make_pipeline(SavitzkyGolay(window_length=11, deriv=1), PLSRegression(6, scale=False))
frozen = FrozenEstimator(model.fit(X[:50], y[:50]))

# %%
# Fifteen samples were measured on both instruments. A grid is a list: each method comes with the
# settings that it alone has. ``X_source`` goes through `fit` and is cut into the same folds.

standards = kennard_stone(X[:50], 15)
grid = [
    {"transfer": ["passthrough"], "slope_bias": [False, True]},
    {"transfer": [MeanShift(), RidgeDirectStandardization()], "insert_at": [0, 1]},
    {"transfer": [DirectStandardization()], "transfer__n_components": [2, 4, 8]},
    {"transfer": [SpectralSpaceTransformation()], "transfer__n_components": [2, 4, 8]},
    {
        "transfer": [PiecewiseDirectStandardization()],
        "transfer__window_length": [3, 7],
        "transfer__n_components": [1, 2],
        "insert_at": [0, 1],
    },
]
search = GridSearchCV(
    CalibrationTransfer(frozen), grid, scoring="neg_root_mean_squared_error", cv=5
)
search.fit(X_target[standards], y[standards], X_source=X[standards])
print(search.best_params_)
print(f"RMSEP before: {rmsep(y[50:], model.predict(X_target[50:])):.2f} %")
print(f"RMSEP after:  {rmsep(y[50:], search.predict(X_target[50:])):.2f} %")

# %%
# What the fifteen standards said of each candidate in cross-validation, against its error on sixty
# samples that nobody used. The two agree roughly: a choice by so few samples is noisy, which is why
# `TransferEnsemble` averages instead of choosing.

candidates = search.cv_results_["params"]
names = np.array([type(one["transfer"]).__name__ for one in candidates])
names[names == "str"] = "no step"
promised = -search.cv_results_["mean_test_score"]
found = []
for parameters in candidates:
    one = CalibrationTransfer(frozen).set_params(**parameters)
    one.fit(X_target[standards], y[standards], X_source=X[standards])
    found.append(rmsep(y[50:], one.predict(X_target[50:])))

figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for name, marker in zip(dict.fromkeys(names), "osD^vP", strict=True):
    of = names == name
    ax.plot(promised[of], np.array(found)[of], marker, label=name)
limits = [min(promised.min(), min(found)) / 1.2, max(promised.max(), max(found)) * 1.2]
ax.plot(limits, limits, color="0.7", zorder=0)
ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
ax.set(xlabel="RMSE in cross-validation of the standards, %", ylabel="RMSEP of test samples, %")
ax.legend(fontsize="small")
