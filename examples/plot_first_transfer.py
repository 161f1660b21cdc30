"""
First transfer
==============

A calibration made on one spectrometer predicts too high or too low on another. Ten samples measured
on both are enough to move it.

The spectra are simulated, so that the example runs anywhere; `spectralfm.datasets.fetch_corn` loads
real ones of the same structure.
"""

# %%
# Fifty calibration samples were measured on the source instrument, thirty samples are to be
# predicted from spectra of the target. Kennard-Stone chooses which ten to measure on both.

from spectralfm.datasets import make_instrument_pair
from spectralfm.model_selection import kennard_stone
from spectralfm.plotting import PredictedReferenceDisplay
from spectralfm.transfer import PLSRegressionCV, Standards, TransferEnsemble

pair = make_instrument_pair(random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
both = kennard_stone(X[:50], 10)
standards = Standards(source=X[both], target=X_target[both])

# %%
# The calibration as it is, and moved.

calibration = PLSRegressionCV().fit(X[:50], y[:50])
moved = TransferEnsemble().fit(X[:50], y[:50], standards=standards)

show = PredictedReferenceDisplay.from_estimator
before = show(calibration, X_target[50:], y[50:], name="no transfer", unit="%")
after = show(moved, X_target[50:], y[50:], unit="%", ax=before.ax_)
