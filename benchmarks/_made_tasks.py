"""Tasks that are partly made up, so that no default is chosen on the three real sets alone.

handhelds: pairs of handheld instruments that measured the same powders (forensic_K, forensic_T),
with properties made of what both instruments record of them: the first five pairs of canonical
variates of ten main components each, and 15 % of noise. simulated: sets of one real instrument with
their reference values, and a simulated target, of large differences or of any size.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from _real_pairs import real_pairs

from spectralfm.simulation import InstrumentSimulator

HANDHELDS = ("forensic_K", "forensic_T")
N_PROPERTIES, N_COMPONENTS, NOISE = 5, 10, 0.15

LABELLED = (
    "nirsoil", "tecator", "cassava_ikeogu", "barley_auroranir", "dough_cookies", "wheat_ohpl",
    "tablets_dyrby_nir", "gasoline",
)  # fmt: skip
DECADES = {"large": 1.0, "any": 2.0}
"""How far below their largest the amplitudes of the simulated effects may be, in decades."""

N_CALIBRATION, MOST_CHANNELS = 60, 350


def handhelds(seed: int) -> Iterator[dict]:
    """Yield source, target, group, spectra of both, values, names, wavelengths, and the split."""
    for name, wavelengths, spectra in real_pairs(*HANDHELDS):
        y = _shared_properties(*spectra.values())
        order = np.random.default_rng(seed).permutation(len(y))
        for source, target in (tuple(spectra), tuple(reversed(spectra))):
            yield {
                "source": source, "target": target, "group": "handhelds",
                "X": spectra[source], "X_target": spectra[target], "y": y,
                "properties": [f"{name} {k + 1}" for k in range(N_PROPERTIES)],
                "wavelengths": wavelengths, "calibration": order[:50], "test": order[50:],
            }  # fmt: skip


def _shared_properties(*spectra: np.ndarray) -> np.ndarray:
    """Return sums of canonical variates of two instruments, (n_samples, N_PROPERTIES)."""
    bases = [
        np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[0][:, :N_COMPONENTS] for X in spectra
    ]
    left, _, right = np.linalg.svd(bases[0].T @ bases[1])
    y = (bases[0] @ left + bases[1] @ right.T)[:, :N_PROPERTIES]
    noise = np.random.default_rng(0).normal(size=y.shape)
    return y / y.std(axis=0) + NOISE * noise


def simulated(seed: int) -> Iterator[dict]:
    """Yield the same of simulated targets."""
    for number, name in enumerate(LABELLED):
        X, y, wavelengths = _labelled(name)
        order = np.random.default_rng([seed, number]).permutation(len(X))
        n = min(N_CALIBRATION, int(0.6 * len(X)))
        calibration, test = order[:n], order[n : n + N_CALIBRATION]
        varies = y[calibration].std(axis=0) > 0
        for size, decades in DECADES.items():
            generator = torch.Generator().manual_seed(100 * seed + number)
            simulator = InstrumentSimulator(decades=decades)
            one = simulator.sample_instruments(1, generator)
            instruments = one[torch.zeros(len(X), dtype=torch.long)]
            axis = torch.from_numpy(1e7 / wavelengths)
            recorded = simulator.apply(torch.from_numpy(X), axis, instruments, generator).numpy()
            yield {
                "source": name, "target": f"simulated, {size}", "group": f"simulated, {size}",
                "X": X, "X_target": recorded, "y": y[:, varies],
                "properties": [f"{name} {k + 1}" for k in range(varies.sum())],
                "wavelengths": wavelengths, "calibration": calibration, "test": test,
            }  # fmt: skip


def _labelled(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spectra, values and wavelengths in nm, upwards, of a set without missing values."""
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        raise SystemExit(f"set SPECTRALFM_DATA to a folder with labelled/{name}.npz")
    with np.load(Path(folder, f"labelled/{name}.npz")) as data:
        X, y, axis = (data[key].astype(float) for key in ("X", "Y", "axis"))
        wavelengths = 1e7 / axis if str(data["axis_unit"]) == "cm-1" else axis
    y = y.reshape(len(X), -1)
    sound = np.isfinite(X).all(axis=1) & np.isfinite(y).all(axis=1)
    kept = np.argsort(wavelengths)[:: max(1, X.shape[1] // MOST_CHANNELS)]
    return X[sound][:, kept], y[sound], wavelengths[kept]
