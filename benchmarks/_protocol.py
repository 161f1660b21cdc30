"""The protocol of the transfer benchmark, which is the package's, with room for encoded spectra.

Beside the package's sets there are those of `_made_tasks`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from _made_tasks import SPLITS, made

from spectralfm.benchmark import _protocol, _sets
from spectralfm.benchmark._protocol import ALL, BUDGETS, ORDER, STANDARDS, UNLABELLED, Array, Budget
from spectralfm.benchmark._sets import REAL, SEEDS

__all__ = [
    "ALL", "ALL_SEEDS", "BUDGETS", "ORDER", "REAL", "SEEDS", "STANDARDS", "UNLABELLED", "Array",
    "Budget", "Task", "tasks",
]  # fmt: skip

ALL_SEEDS = SEEDS | SPLITS
"""Number of random splits of each set, the package's and those made here."""


@dataclass
class Task(_protocol.Task):
    """A task that remembers what the encoder made of its spectra."""

    checkpoint: str = "small"
    """Weights that the foundation methods read."""
    encodings: dict[Any, Array] = field(default_factory=dict, repr=False)
    """What those weights made of the spectra so far."""


def tasks(dataset: str, n_seeds: int) -> Iterator[Task]:
    """Yield the tasks of a set, split by split."""
    if dataset in SPLITS:
        yield from (Task(**parts) for seed in range(n_seeds) for parts in made(dataset, seed))
        return
    for task in _sets.tasks(dataset, n_seeds):
        yield Task(**{part.name: getattr(task, part.name) for part in fields(task)})
