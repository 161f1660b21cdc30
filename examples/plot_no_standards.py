"""
No standards at all
===================

Standards cost days, and sometimes the source instrument no longer exists. Two things still help:
unlabelled spectra that the target records anyway, and a calibration that trusts only what
instruments have in common.

With ``SPECTRALFM_DATA`` set, the spectra are those of corn on two spectrometers; without, they are
simulated.
"""

# %%
# Fifty samples calibrate on the source. Of the target there are thirty spectra, of other samples,
# whose values are to be predicted.

import os

import matplotlib.pyplot as plt

from spectralfm.datasets import fetch_corn, make_instrument_pair
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.metrics import bias, rmsep, sep
from spectralfm.transfer import PLSRegressionCV, TransferEnsemble, Unpaired

if os.environ.get("SPECTRALFM_DATA"):
    pair, source, target, column = fetch_corn(), "m5", "mp6", 0
else:
    pair, source, target, column = make_instrument_pair(random_state=1), "source", "target", 0
X, y = pair.spectra[source][:50], pair.y[:50, column]
X_new, y_new = pair.spectra[target][50:], pair.y[50:, column]

# %%
# The usual calibration, and two that nobody told anything of the target: `TransferEnsemble` is
# cautious with spectra unlike those of the source, `SpectralFMRegressor` adds the pretrained
# encoder, which has seen thousands of simulated instruments and needs the axis.

usual = PLSRegressionCV().fit(X, y)
cautious = TransferEnsemble().fit(X, y)
pretrained = SpectralFMRegressor(wavelengths=pair.wavelengths).fit(X, y)

# %%
# With the unlabelled spectra, as `Unpaired`, the ensemble removes or penalizes what differs in the
# mean. It presumes that both instruments see the same kind of samples: if all new samples were
# wetter, that difference would be taken for the instrument's.

unlabelled = TransferEnsemble().fit(X, y, X_target=Unpaired(X_new))

models = {
    "PLS": usual,
    "TransferEnsemble": cautious,
    "SpectralFMRegressor": pretrained,
    "TransferEnsemble,\nunlabelled spectra": unlabelled,
}
predicted = {name: model.predict(X_new) for name, model in models.items()}
for name, values in predicted.items():
    print(
        f"{' '.join(name.split()):38} RMSEP {rmsep(y_new, values):6.2f}   "
        f"bias {bias(y_new, values):6.2f}   SEP {sep(y_new, values):6.2f}"
    )

# %%
# RMSEP is made of bias and SEP. Most of what an instrument change does to a calibration is bias,
# and a bias needs little to be found: a handful of labelled samples is the next thing to ask for.
#
# Caution has its price where it is not needed: between the twins mp5 and mp6 of the corn set, PLS
# predicts the protein of these thirty samples with an RMSEP of 0.25 %, the cautious models with
# 0.37 and 0.33 %.

figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.barh(list(predicted), [rmsep(y_new, values) for values in predicted.values()], height=0.6)
ax.invert_yaxis()
ax.set(xlabel=f"RMSEP of {pair.target_names[column]}, %")
