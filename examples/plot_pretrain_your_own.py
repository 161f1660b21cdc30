"""
Pretrain an encoder on your own spectra
=======================================

Spectra without reference values are plentiful. An encoder learns from them how samples differ and
how instruments do, before any calibration is made.

Three laboratories are simulated here and the network is tiny, so that the example runs within a
minute; ``docs/pretraining.md`` tells what changes with real data.
"""

# %%
# Each laboratory leaves a table of spectra as CSV, wavelengths (nm) in its first line.

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm.datasets import make_instrument_pair
from spectralfm.datasets.corpora import FolderSource, build_corpus
from spectralfm.foundation import SpectralFMEncoder
from spectralfm.metrics import rmsep
from spectralfm.simulation import InstrumentSimulator, simulate_mixtures
from spectralfm.workflow import pretrain_on_corpus

folder = Path(tempfile.mkdtemp())
(folder / "spectra").mkdir()
wavelengths = np.arange(1100.0, 2500.0, 8.0)
axis = torch.from_numpy(1e7 / wavelengths)  # cm-1
simulator = InstrumentSimulator(modality="nir")
for lab in range(3):
    generator = torch.Generator().manual_seed(lab)
    samples = simulate_mixtures(120, axis, generator).spectra
    instrument = simulator.sample_instruments(1, generator)
    recorded = simulator.apply(samples, axis, instrument, generator).numpy()
    header = ",".join(f"{place:g}" for place in wavelengths)
    path = folder / "spectra" / f"laboratory{lab}.csv"
    np.savetxt(path, recorded, fmt="%.6g", delimiter=",", header=header, comments="")

# %%
# All files of a folder become one corpus, and the corpus an encoder. On the command line these are
# ``spectralfm corpus build spectra --output corpus.h5`` and ``spectralfm pretrain --corpus
# corpus.h5 --run-dir runs/first --size small``.

corpus = folder / "corpus.h5"
build_corpus(corpus, [FolderSource(folder / "spectra", unit="nm", modality="NIR")])
tiny = {"size": "tiny", "batch_size": 16, "device": "cpu"}
pretrain_on_corpus(corpus, folder / "after", n_steps=40, **tiny)
pretrain_on_corpus(corpus, folder / "before", n_steps=1, learning_rate=1e-9, **tiny)

# %%
# Forty samples with reference values, measured on one instrument, and forty others on two: what a
# ridge regression on the encoder's features is worth, before and after.

pair = make_instrument_pair(random_state=0)
X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
errors = {}
for name in ("before", "after"):
    weights = folder / name / "weights.safetensors"
    encoder = SpectralFMEncoder(weights, wavelengths=pair.wavelengths, output="features")
    ridge = make_pipeline(encoder, StandardScaler(), RidgeCV(np.logspace(-2, 5, 15)))
    ridge.fit(X[:40], y[:40])
    errors[name] = [rmsep(y[40:], ridge.predict(spectra[40:])) for spectra in (X, X_target)]

# %%
# Losses of spectra held out, each over its first value. Within forty steps the latents learn.
# Reconstruction and transfer begin as good as doing nothing, a line across what is hidden and no
# change at all; to do better they need hundreds of steps.

lines = (folder / "after" / "history.jsonl").read_text().splitlines()
history = [json.loads(line) for line in lines]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for term in ("masked", "denoising", "latent", "transfer"):
    losses = np.array([record[f"valid_{term}"] for record in history])
    left.plot([record["step"] for record in history], losses / losses[0], label=term)
left.set(xlabel="step", ylabel="loss over that at the start")
left.legend()
for k, (name, values) in enumerate(errors.items()):
    right.bar(np.arange(2) + 0.4 * k - 0.2, values, 0.4, label=f"{name} pretraining")
right.set_xticks([0, 1], ["same instrument", "other instrument"])
right.set(ylabel="RMSEP of the calibration")
right.legend()
