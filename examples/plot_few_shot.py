"""
Few standards, few labels
=========================

How many samples must be measured again? `standards_curve` answers with the samples at hand, before
more are prepared. The second half asks the same of the calibration itself: how few reference
values does it take?
"""

# %%
# Eighty samples that both instruments measured serve for the question. They are split again and
# again; in each split the standards are chosen among the calibration samples, and the rest is
# predicted from spectra of the target.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import SpectralFMEncoder, SpectralFMRegressor
from spectralfm.metrics import rmsep
from spectralfm.model_selection import standards_budget, standards_curve
from spectralfm.plotting import StandardsCurveDisplay
from spectralfm.transfer import (
    CalibrationTransfer,
    DifferencePenalizedRidge,
    PLSRegressionCV,
    RidgeDirectStandardization,
    Standards,
)

pair = make_instrument_pair(random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
both = Standards(X, X_target, y)
splits = [(rows[:50], rows[50:]) for rows in map(np.random.default_rng(0).permutation, [80] * 5)]
methods = {
    "PLS after ridge DS": CalibrationTransfer(PLSRegressionCV(), RidgeDirectStandardization()),
    "noise-aware ridge": DifferencePenalizedRidge(),
}
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, method in methods.items():
    curve = standards_curve(method, both, n_standards=(3, 5, 10, 20), cv=splits)
    StandardsCurveDisplay.from_curve(curve, name=name, unit="%", ax=ax)
    budget = standards_budget(curve, tolerance=0.1)
    print(f"{name}: {budget} standards, within 10 % of the best")

# %%
# Few labels on one instrument: the first 8, 16, 32 of the calibration samples have a reference
# value. A ridge on the encoder's features, the encoder within its ensemble, and PLS. On eleven real
# sets (:doc:`/which_method`) the regressor errs about a tenth less than PLS with 10 to 50 labels,
# and owes most of that to the ensemble. Here, a simulated mixture and eight labels, it errs far
# more: compare on your own samples.

pls = PLSRegressionCV()
features = SpectralFMEncoder(wavelengths=pair.wavelengths, output="features")
ridge = make_pipeline(features, StandardScaler(), RidgeCV(np.logspace(-2, 5, 15)))
regressor = SpectralFMRegressor(wavelengths=pair.wavelengths)
numbers = (8, 16, 32)
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for (name, model), marker in zip(
    {"PLS": pls, "ridge on features": ridge, "SpectralFMRegressor": regressor}.items(),
    "osD",
    strict=True,
):
    errors = [rmsep(y[50:], model.fit(X[:n], y[:n]).predict(X[50:])) for n in numbers]
    ax.plot(numbers, errors, marker=marker, label=name)
ax.set(xlabel="samples with reference value", ylabel="RMSEP, %", xscale="log", ylim=(0, None))
ax.set_xticks(numbers, [str(n) for n in numbers])
ax.minorticks_off()
ax.legend()
