"""Read what the transfer benchmark has written: of all splits, or else of a quick run."""

import csv
from pathlib import Path

from _protocol import ORDER, REAL
from _provenance import RESULTS

DEFAULT = "SpectralFM"
"""The row of the default configuration."""

GROUPS = ("corn->mp", "corn->m5", "tablets", "soil")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table, none where there is no such file."""
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def table_of(dataset: str) -> tuple[Path, list[dict[str, str]]]:
    """Return the table of a set, that of a quick run until the default has run on all splits.

    Methods that have not are there from the quick run.
    """
    full, quick = (RESULTS / f"transfer_{dataset}{end}.csv" for end in ("", "_quick"))
    rows, few = read(full), read(quick)
    every = {row["method"] for row in rows}
    if DEFAULT in every:
        return full, rows + [row for row in few if row["method"] not in every]
    if not few:
        raise SystemExit(f"run first: python benchmarks/transfer.py --dataset {dataset}")
    return quick, few


def scores() -> dict[tuple[str, str, str], dict[str, str]]:
    """Return the rows of all sets by group, method and number of standards."""
    rows = [row for dataset in REAL for row in table_of(dataset)[1]]
    rows.sort(key=lambda row: (GROUPS.index(row["group"]), ORDER.index(row["n"])))
    return {(row["group"], row["method"], row["n"]): row for row in rows}
