"""The protocol of the transfer benchmark: who is calibration, test and standard, and the score."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model_selection import kennard_stone
from ..transfer import PLSRegressionCV, Standards

Array = NDArray[np.float64]

VERSION = 1
"""Of tasks, splits, standards and budgets: results of another version are not comparable."""

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
