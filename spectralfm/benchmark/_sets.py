"""The sets of the transfer benchmark: samples, instruments and channels, and how they are split."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ..datasets import fetch_corn, fetch_tablets, load_npz_pair, make_instrument_campaign
from ._protocol import Task

SEEDS = {"corn": 20, "tablets": 10, "soil": 20, "simulated": 4}
"""Number of random splits of each set."""

REAL = {"corn": "corn.npz", "tablets": "tablet.npz", "soil": "soil_moisture.npz"}
"""Sets that were measured, and their files in SPECTRALFM_DATA/transfer."""


def tasks(dataset: str, n_seeds: int) -> Iterator[Task]:
    """Yield the tasks of a set, split by split.

    Parameters
    ----------
    dataset : {"corn", "tablets", "soil", "simulated"}
        The set.
    n_seeds : int
        Number of random splits.

    Yields
    ------
    Task
        One source, target and split.

    Raises
    ------
    FileNotFoundError
        If the set is not there and cannot be downloaded.
    """
    for seed in range(n_seeds):
        yield from SETS[dataset](seed)


def _corn(seed: int) -> Iterator[Task]:
    corn = fetch_corn()
    order = np.random.default_rng(seed).permutation(80)
    test, calibration = order[:30], order[30:]
    for source, target in permutations(corn.spectra, 2):
        group = "corn->m5" if target == "m5" else "corn->mp"
        yield Task(
            "corn", seed, source, target, group,
            corn.spectra[source][calibration], corn.y[calibration],
            corn.spectra[target][calibration], corn.spectra[target][test], corn.y[test],
            list(corn.target_names), corn.wavelengths,
        )  # fmt: skip


def _tablets(seed: int) -> Iterator[Task]:
    tablets = fetch_tablets()
    channels = slice(0, 520)  # above 1638 nm the detector saturates
    clean = np.setdiff1d(tablets.splits["calibrate"], tablets.outliers)
    calibration = np.random.default_rng(seed).permutation(clean)[:120]
    test = tablets.splits["test"]
    for source, target in permutations(tablets.spectra, 2):
        X, X_target = tablets.spectra[source][:, channels], tablets.spectra[target][:, channels]
        yield Task(
            "tablets", seed, source, target, "tablets",
            X[calibration], tablets.y[calibration], X_target[calibration],
            X_target[test], tablets.y[test], list(tablets.target_names),
            tablets.wavelengths[channels],
        )  # fmt: skip


def _soil(seed: int) -> Iterator[Task]:
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        raise FileNotFoundError(
            "soil has no public download: set SPECTRALFM_DATA to a folder that has it."
        )
    soil = load_npz_pair(Path(folder) / "transfer" / REAL["soil"])
    channels = slice(100, 2100, 8)
    order = np.random.default_rng(seed).permutation(100)
    test, calibration = order[:40], order[40:]
    for source, target in (("dry", "wet"), ("dry", "wet_airdried1d"), ("wet", "dry")):
        X, X_target = soil.spectra[source][:, channels], soil.spectra[target][:, channels]
        yield Task(
            "soil", seed, source, target, "soil",
            X[calibration], soil.y[calibration], X_target[calibration],
            X_target[test], soil.y[test], list(soil.target_names), soil.wavelengths[channels],
        )  # fmt: skip


def measured_here() -> list[str]:
    """Return the names of the measured sets that SPECTRALFM_DATA holds."""
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        return []
    return [name for name, file in REAL.items() if Path(folder, "transfer", file).exists()]


@cache
def _campaign() -> Bunch:
    """Return 90 mixtures on three instruments, on a day each: the ideal one is not among them."""
    return make_instrument_campaign(
        90, 120, n_instruments=3, n_days=1, amplitude=0.3, random_state=20260101
    )


def _simulated(seed: int) -> Iterator[Task]:
    campaign = _campaign()
    order = np.random.default_rng(seed).permutation(90)
    test, calibration = order[:30], order[30:]
    spectra = {name: X[0] for name, X in campaign.spectra.items()}
    source = "instrument 1"
    for target in ("instrument 2", "instrument 3"):
        yield Task(
            "simulated", seed, source, target, "simulated",
            spectra[source][calibration], campaign.y[calibration],
            spectra[target][calibration], spectra[target][test], campaign.y[test],
            list(campaign.target_names), campaign.wavelengths,
        )  # fmt: skip


SETS: dict[str, Callable[[int], Iterator[Task]]] = {
    "corn": _corn,
    "tablets": _tablets,
    "soil": _soil,
    "simulated": _simulated,
}
"""Name of a set -> the tasks of one split."""
