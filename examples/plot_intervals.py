"""
Prediction intervals
====================

A number without an interval says nothing of whether to act on it. `ConformalRegressor` puts
intervals around the predictions of any regressor that cover at a stated level on the target, from
nine labelled samples on. :doc:`/conformal` tells which method fits which samples, and its cost.
"""

# %%
# A calibration of the source, and ten samples measured on the target, drawn at random from what is
# to be predicted, with reference values.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator

from spectralfm.conformal import ConformalRegressor, fewest_samples
from spectralfm.datasets import make_instrument_pair
from spectralfm.metrics import coverage, mean_interval_width
from spectralfm.transfer import SlopeBiasCorrection

pair = make_instrument_pair(n_samples=160, random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
calibration = FrozenEstimator(PLSRegression(6, scale=False).fit(X[:50], y[:50]))
ten, new = slice(50, 60), slice(60, 160)
print("needed at 90 %:", fewest_samples(0.9))

# %%
# The ten correct slope and bias, and give the intervals, too: ``method="full"`` is made for samples
# that the model was fitted to. ``"split"`` would be refused, since there the model errs less than
# on new samples.

model = ConformalRegressor(SlopeBiasCorrection(calibration), method="full", confidence_level=0.9)
model.fit(X_target[ten], y[ten]).conformalize(X_target[ten], y[ten])
predicted, interval = model.predict_interval(X_target[new])
print(f"covered: {coverage(y[new], interval):.2f}, width {mean_interval_width(interval):.2f} %")

# %%
# Ninety percent is an average over deployments; this one has its own ten samples. The chance that
# it covers less than 80 % is told, and falls with more samples.

print(f"chance of covering less than 80 %: {model.undercoverage_risk_:.2f}")

# %%
# The same without transfer, with intervals made on the source, where they hold: on the target they
# do not.

naive = ConformalRegressor(calibration, method="split").conformalize(X[ten], y[ten])
off, off_interval = naive.predict_interval(X_target[new])
print(f"without transfer, covered: {coverage(y[new], off_interval):.2f}")

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True)
for ax, values, bounds, title in (
    (axes[0], off, off_interval, "as on the source"),
    (axes[1], predicted, interval, "slope, bias and intervals of ten samples"),
):
    inside = (bounds[:, 0] <= y[new]) & (y[new] <= bounds[:, 1])
    for these, color, label in ((inside, "C0", "covered"), (~inside, "C3", "missed")):
        error = np.abs(bounds[these].T - values[these])
        ax.errorbar(y[new][these], values[these], error, fmt="o", ms=3, lw=1, c=color, label=label)
    ax.axline((y[new].mean(), y[new].mean()), slope=1, color="0.6", zorder=0)
    ax.set(title=title, xlabel="reference, %")
axes[0].set(ylabel="predicted, %")
axes[1].legend()
