"""Real pairs of instruments that measured the same samples, on one axis."""

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from spectralfm.axis import common_axis, resample
from spectralfm.datasets import fetch_corn, fetch_tablets, load_npz_pair

Pair = tuple[str, np.ndarray, dict[str, np.ndarray]]


def real_pairs(*sets: str) -> Iterator[Pair]:
    """Yield name of the set, wavelengths in nm, and spectra of two instruments."""
    for name in sets:
        yield from ((name, *pair) for pair in _pairs_of(name))


def _pairs_of(name: str) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    if name == "corn":
        corn = fetch_corn()
        for two in combinations(corn.spectra, 2):
            yield corn.wavelengths, {i: corn.spectra[i] for i in two}
    elif name == "tablets":
        tablets = fetch_tablets()
        rows = np.setdiff1d(tablets.splits["calibrate"], tablets.outliers)
        # Above 1638 nm the detector saturates.
        yield tablets.wavelengths[:520], {i: X[rows, :520] for i, X in tablets.spectra.items()}
    elif name == "soil":
        soil = _npz("soil_moisture")
        channels = slice(100, 2100, 8)
        for target in ("wet", "wet_airdried1d"):
            yield (
                soil.wavelengths[channels],
                {i: soil.spectra[i][:, channels] for i in ("dry", target)},
            )
    else:
        pair = _npz(name)
        axis = common_axis(*pair.wavelengths.values())
        yield axis, {i: resample(X, pair.wavelengths[i], axis) for i, X in pair.spectra.items()}


def _npz(name: str):
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        raise SystemExit(f"{name} has no public download: set SPECTRALFM_DATA to a folder with it")
    return load_npz_pair(Path(folder, "transfer", f"{name}.npz"))
