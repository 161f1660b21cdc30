"""
Next to the instrument
======================

A calibration that was moved goes where the instrument is: another computer, without the
calibration spectra, for years.
"""

# %%
# Move it, in the place where the data are.

import pickle
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator

from spectralfm.datasets import make_instrument_pair
from spectralfm.transfer import CalibrationTransfer, RidgeDirectStandardization

pair = make_instrument_pair(random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
validated = PLSRegression(6, scale=False).fit(X[:50], y[:50])
model = CalibrationTransfer(FrozenEstimator(validated), RidgeDirectStandardization())
model.fit(X_target[:10], y[:10], X_source=X[:10])

# %%
# What goes to the instrument needs neither the standards nor the report: `to_pipeline` gives the
# steps alone, plain scikit-learn. Every estimator of the package can be pickled. Beside the model
# keep a few spectra with what it predicts for them, and the versions it was made with.

folder = Path(tempfile.mkdtemp())
pipeline = model.to_pipeline()
with open(folder / "moisture.pickle", "wb") as file:
    pickle.dump(pipeline, file)
check = X_target[50:53]
np.savez(folder / "check.npz", spectra=check, predicted=pipeline.predict(check))
print((folder / "moisture.pickle").stat().st_size // 1000, "kB")

# %%
# At the instrument: unpickling runs what the file says, so load only files you made. Predict the
# spectra kept before the first new one, and whenever a library was updated.

with open(folder / "moisture.pickle", "rb") as file:
    loaded = pickle.load(file)
with np.load(folder / "check.npz") as kept:
    np.testing.assert_allclose(loaded.predict(kept["spectra"]), kept["predicted"], rtol=1e-9)

# %%
# Watch it. The residual of a spectrum from the principal components of the calibration grows when
# instrument or samples change, before any reference value is at hand. The limit is the largest of
# forty spectra recorded when the model was installed; after the twentieth spectrum of the stream
# the wavelengths begin to drift.

components = np.linalg.svd(X[:50] - X[:50].mean(axis=0), full_matrices=False)[2][:6]


def residual(spectra):
    """Return the root mean square of what the six components leave."""
    centred = loaded[:-1].transform(spectra) - X[:50].mean(axis=0)
    return np.sqrt(np.mean((centred - centred @ components.T @ components) ** 2, axis=1))


drift = np.clip(np.arange(30) - 20, 0, None)[:, None] * 0.2  # nm
slope = np.gradient(X_target[50:], pair.wavelengths, axis=1)
stream = X_target[50:] - drift * slope
figure, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.plot(residual(stream), "o-", label="stream")
limit = residual(X_target[10:50]).max()
ax.axhline(limit, color="0.5", linestyle="--", label="largest at installation")
ax.set(xlabel="spectrum", ylabel="residual, absorbance", ylim=(0, None))
ax.legend()
