"""The protocol of the transfer benchmark: who is calibration, test and standard, and the score."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectralfm.datasets import fetch_corn, fetch_tablets, load_npz_pair
from spectralfm.model_selection import kennard_stone
from spectralfm.transfer import PLSRegressionCV, Standards

Array = NDArray[np.float64]

SEEDS = {"corn": 20, "tablets": 10, "soil": 20}
"""Number of random splits of each set."""

Budget = int | str

STANDARDS = (3, 5, 10, 20)
UNLABELLED = (0, *STANDARDS)
BUDGETS: tuple[Budget, ...] = ("none", *UNLABELLED)
"""Numbers of standards. 0 means unlabelled test spectra of the target, "none" no spectrum of it."""

ALL = "all"
"""The budget of a full recalibration: every calibration sample on the target, with its values."""

ORDER = [str(budget) for budget in (*BUDGETS, ALL)]
"""Budgets as tables write and sort them."""


@dataclass
class Task:
    """One source, target and split; all properties at once."""

    dataset: str
    seed: int
    source: str
    target: str
    group: str
    X: Array = field(repr=False)
    y: Array = field(repr=False)
    X_target: Array = field(repr=False)
    """The calibration samples on the target: what the standards are taken from."""
    X_test: Array = field(repr=False)
    y_test: Array = field(repr=False)
    properties: list[str] = field(repr=False)
    wavelengths: Array = field(repr=False)
    """Where all spectra are recorded, nm."""
    checkpoint: str = "small"
    """Weights that the foundation methods read."""
    encodings: dict[Any, Array] = field(default_factory=dict, repr=False)
    """What those weights made of the spectra so far."""

    @cached_property
    def source_model(self) -> PLSRegressionCV:
        """The calibration to be transferred."""
        return PLSRegressionCV().fit(self.X, self.y)

    @cached_property
    def selection(self) -> NDArray[np.intp]:
        """Kennard-Stone order of the calibration samples on their raw source spectra."""
        return kennard_stone(self.X, max(STANDARDS))

    def standards(self, n: int) -> Standards:
        """Return the first n standards."""
        rows = self.selection[:n]
        return Standards(self.X[rows], self.X_target[rows], self.y[rows])

    def given(self, budget: Budget) -> dict[str, Any]:
        """Return what a regressor's ``fit`` may know of the target."""
        if budget == "none":
            return {}
        return {"standards": self.standards(int(budget))} if budget else {"X_target": self.X_test}


def tasks(dataset: str, n_seeds: int) -> Iterator[Task]:
    """Yield the tasks of a set, split by split."""
    for seed in range(n_seeds):
        yield from {"corn": _corn, "tablets": _tablets, "soil": _soil}[dataset](seed)


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
        raise SystemExit("soil has no public download: set SPECTRALFM_DATA to a folder that has it")
    soil = load_npz_pair(Path(folder) / "transfer" / "soil_moisture.npz")
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
