"""Tasks that are partly made up, so that no default is chosen on the three real sets alone.

"handhelds": pairs of handheld instruments that measured the same powders (forensic_K, forensic_T),
with properties made of what both instruments record of them: the first five pairs of canonical
variates of ten main components each, and 15 % of noise. "labelled": sets of one instrument with
their reference values, and a simulated target, of large differences or of any size.
"""

from collections.abc import Iterator

import numpy as np
import torch
from _labelled import labelled
from _real_pairs import real_pairs

from spectralfm.simulation import InstrumentSimulator

SPLITS = {"handhelds": 4, "labelled": 3}
"""Number of random splits of each kind."""

HANDHELDS = ("forensic_K", "forensic_T")
N_PROPERTIES, N_COMPONENTS, NOISE = 5, 10, 0.15

SETS = (
    "nirsoil", "tecator", "cassava_ikeogu", "barley_auroranir", "dough_cookies", "wheat_ohpl",
    "tablets_dyrby_nir", "gasoline",
)  # fmt: skip
DECADES = {"large": 1.0, "any": 2.0}
"""How far below their largest the amplitudes of the simulated effects may be, in decades."""

N_CALIBRATION, MOST_CHANNELS = 60, 350


def made(kind: str, seed: int) -> Iterator[dict]:
    """Yield what a task consists of."""
    for pair in {"handhelds": _handhelds, "labelled": _simulated}[kind](seed):
        calibration, test = pair.pop("calibration"), pair.pop("test")
        X, X_target, y = (pair.pop(name) for name in ("X", "X_target", "y"))
        yield {
            **pair, "dataset": kind, "seed": seed, "X": X[calibration], "y": y[calibration],
            "X_target": X_target[calibration], "X_test": X_target[test], "y_test": y[test],
        }  # fmt: skip


def _handhelds(seed: int) -> Iterator[dict]:
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


def _simulated(seed: int) -> Iterator[dict]:
    """Yield the same of simulated targets."""
    for number, name in enumerate(SETS):
        X, y, wavelengths = _upwards(name)
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


def _upwards(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spectra, values and wavelengths in nm, upwards, of at most 350 channels or so."""
    X, y, place = labelled(name)
    wavelengths = 1e7 / place["wavenumbers"] if "wavenumbers" in place else place["wavelengths"]
    kept = np.argsort(wavelengths)[:: max(1, X.shape[1] // MOST_CHANNELS)]
    return X[:, kept], y, wavelengths[kept]
