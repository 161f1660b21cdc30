"""
Your own CSV files
==================

Two spectrometers export their spectra, the laboratory its reference values: three files as they
come, semicolons and decimal commas included. From them to predictions in a file of their own, and
to the command line, which needs no Python.
"""

# %%
# The files. Yours are there already; here they are written first, as a bench spectrometer, a
# handheld of another range and resolution, and a laboratory would. Open one in an editor: the first
# line names the columns, a column named by a number is a channel, the first column is the sample.

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from spectralfm.axis import common_axis, resample
from spectralfm.datasets import load_spectra_csv, make_instrument_pair
from spectralfm.metrics import rmsep
from spectralfm.model_selection import kennard_stone
from spectralfm.plotting import PredictedReferenceDisplay
from spectralfm.transfer import PLSRegressionCV, Standards, TransferEnsemble

folder = Path(tempfile.mkdtemp())
pair = make_instrument_pair(
    60, 150, n_target_channels=90, shift=2.5, broadening=12, gain=1.1, random_state=2
)
axes = {"bench": pair.wavelengths["source"], "handheld": pair.wavelengths["target"]}
spectra = {"bench": pair.spectra["source"], "handheld": pair.spectra["target"]}
samples = [str(number) for number in range(100, 160)]


def comma(value):
    """Write a number as Excel does in most of Europe."""
    return f"{value:.5g}".replace(".", ",")


for name, X in spectra.items():
    with open(folder / f"{name}.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["", *map(comma, axes[name])])
        writer.writerows([sample, *map(comma, row)] for sample, row in zip(samples, X, strict=True))
with open(folder / "laboratory.csv", "w", newline="") as file:
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["Sample", "moisture (%)", "variety"])
    for k, sample in enumerate(samples):
        writer.writerow([sample, "NA" if k == 7 else comma(pair.y[k, 0]), "AB"[k % 2]])
for line in (folder / "bench.csv").read_text().splitlines()[:3]:
    print(line[:60], "...")

# %%
# Read them. The unit of the channels is asked for where the names do not say it: 1100 to 2500 may
# be nm or cm-1. Reference values come along by sample, whatever their order, NaN where the
# laboratory has none.

bench = load_spectra_csv(folder / "bench.csv", unit="nm", references_csv=folder / "laboratory.csv")
handheld = load_spectra_csv(folder / "handheld.csv", unit="nm")
print(bench.DESCR)
print(handheld.DESCR)

# %%
# Look at the spectra before anything else. Absorbance lies between 0 and 3, say; percent
# reflectance R is ``-np.log10(R / 100)`` in absorbance.

figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for data, color, label in ((bench, "C0", "bench"), (handheld, "C1", "handheld")):
    lines = ax.plot(data.wavelengths, data.X[:10].T, color=color, linewidth=0.8)
    lines[0].set_label(label)
ax.set(xlabel="wavelength, nm", ylabel="absorbance")
ax.legend()

# %%
# Two axes become one: the range both recorded, at the coarser of the two spacings.

axis = common_axis(bench.wavelengths, handheld.wavelengths, unit="nm")
X = resample(bench.X, bench.wavelengths, axis, unit="nm")
X_target = resample(handheld.X, handheld.wavelengths, axis, unit="nm")

# %%
# Pair the spectra by their ids, not by their order, and keep samples apart to test on: here 40
# calibrate, ten of which are the standards, and the other 20 are what the handheld is to predict.

row_of = {sample: row for row, sample in enumerate(handheld.sample_ids)}
X_target = X_target[[row_of[sample] for sample in bench.sample_ids]]
y = bench.y[:, bench.target_names.index("moisture (%)")]
known = np.isfinite(y)
X, X_target, y, ids = X[known], X_target[known], y[known], bench.sample_ids[known]
both = kennard_stone(X[:40], 10)
standards = Standards(source=X[both], target=X_target[both], y=y[both])
print("Measure on both:", ", ".join(ids[both]))

before = PLSRegressionCV().fit(X[:40], y[:40])
after = TransferEnsemble().fit(X[:40], y[:40], standards=standards)
show = PredictedReferenceDisplay.from_estimator
display = show(before, X_target[40:], y[40:], name="no transfer", unit="%")
show(after, X_target[40:], y[40:], name="TransferEnsemble", unit="%", ax=display.ax_)

# %%
# Predictions for a spreadsheet.

predicted = after.predict(X_target[40:])
with open(folder / "predicted.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["sample", "moisture (%)"])
    writer.writerows(zip(ids[40:], predicted.round(2), strict=True))
print((folder / "predicted.csv").read_text()[:60], "...")
print(f"RMSEP {rmsep(y[40:], predicted):.2f} %")

# %%
# On the command line the same takes three files: calibration spectra of the source, spectra of the
# target, and the standards as the target recorded them, with the ids they have in the first::
#
#     spectralfm demo --source-csv bench.csv --target-csv handheld.csv \
#                     --standards-csv standards.csv --references-csv laboratory.csv --unit nm
#     spectralfm finetune --source-csv bench.csv --target-csv handheld.csv \
#                     --standards-csv standards.csv --references-csv laboratory.csv --unit nm \
#                     --run-dir runs/moisture
#     spectralfm evaluate runs/moisture --source-csv bench.csv --target-csv new.csv \
#                     --standards-csv standards.csv --references-csv laboratory.csv --unit nm \
#                     --run-dir runs/moisture-new
#
# ``demo`` compares every method; test samples must not be among those of the calibration file, and
# are refused with a message that says so. ``finetune`` keeps a model and its metrics in a folder.
#
# What goes wrong most often: a file with one spectrum a *column* is for
# `spectralfm.io.read_spectra`, as are JCAMP-DX, SPC and OPUS files; repeated scans of a sample must
# be averaged before pairing; a table written by pandas or R has a column that counts its rows,
# which is left out with a warning if the sample ids stand beside it.
