"""
Next to the instrument
======================

A calibration that was moved goes where the instrument is: another computer, without the
calibration spectra, for years. :doc:`/deployment` says what is in the files, and what may be.
"""

# %%
# Move it, in the place where the data are.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator

import spectralfm
from spectralfm.datasets import make_instrument_pair
from spectralfm.transfer import CalibrationTransfer, RidgeDirectStandardization

pair = make_instrument_pair(random_state=1)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
validated = PLSRegression(6, scale=False).fit(X[:50], y[:50])
model = CalibrationTransfer(FrozenEstimator(validated), RidgeDirectStandardization())
model.fit(X_target[:10], y[:10], X_source=X[:10])

# %%
# Save it in one file. It is no pickle: arrays and JSON, from which `load` runs no code. In it go
# a few spectra with what the model makes of them, so that every `load` is a test of the file, of
# the libraries and of the computer.

folder = Path(tempfile.mkdtemp())
spectralfm.save(model, folder / "moisture.safetensors", X_check=X_target[50:53])
print((folder / "moisture.safetensors").stat().st_size // 1000, "kB")

# %%
# At the instrument: the predictions are the same, bit for bit with the same versions. A file that
# was damaged on its way is refused, other versions of the libraries are told in a warning.

loaded = spectralfm.load(folder / "moisture.safetensors")
np.testing.assert_array_equal(loaded.predict(X_target), model.predict(X_target))

# %%
# Software of instruments often takes no more than a regression vector. From the spectra of the
# target on, this model is one product and a sum, and so it has a vector; `to_b_vector` says how
# exactly the two agree. `to_onnx` is for runtimes in between. Pickle works as for any estimator
# of scikit-learn: without the package's own checks, and only for files you made, since unpickling
# runs what they say.

vector = spectralfm.to_b_vector(model, X_target, wavelengths=pair.wavelengths)
print("exact:", vector.fidelity.exact)
figure, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.plot(vector.axis, vector.coef[0])
ax.set(xlabel="wavelength on the target, nm", ylabel="regression vector, % / absorbance")

# %%
# Watch it. The residual of a spectrum from the principal components of the calibration grows when
# instrument or samples change, before any reference value is at hand. The limit is the largest of
# forty spectra recorded when the model was installed; after the twentieth spectrum of the stream
# the wavelengths begin to drift.

components = np.linalg.svd(X[:50] - X[:50].mean(axis=0), full_matrices=False)[2][:6]


def residual(spectra):
    """Return the root mean square of what the six components leave."""
    centred = loaded.transfer_.transform(spectra) - X[:50].mean(axis=0)
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
