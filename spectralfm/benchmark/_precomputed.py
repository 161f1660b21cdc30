"""RMSEPs that came with the package: one file a set, a row a task, property, budget and method."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from ._protocol import VERSION

KEY = ("group", "source", "target", "property", "n", "method")


def available() -> list[str]:
    """Return the names of the sets with precomputed results."""
    return sorted(
        file.name.removesuffix(".csv")
        for file in files("spectralfm.benchmark").joinpath("results").iterdir()
        if file.name.endswith(".csv")
    )


def read(dataset: str) -> list[dict]:
    """Return the precomputed RMSEPs of a set.

    Parameters
    ----------
    dataset : str
        One of `available`.

    Returns
    -------
    list of dict
        ``dataset``, ``seed``, those of ``KEY`` and ``rmsep``.

    Raises
    ------
    ValueError
        If they are of another version of the protocol.
    """
    file = files("spectralfm.benchmark").joinpath("results", f"{dataset}.csv")
    lines = file.read_text(encoding="utf-8").splitlines()
    if lines[0] != _first_line():
        raise ValueError(
            f"The precomputed results of {dataset} say {lines[0]!r}, but the protocol is that of "
            f"{_first_line()!r}: install results and package of one release."
        )
    rows = []
    for row in csv.DictReader(lines[1:]):
        key = {name: row[name] for name in KEY}
        for name, value in row.items():
            if name not in KEY and value:
                rows.append({"dataset": dataset, "seed": int(name), **key, "rmsep": float(value)})
    return rows


def write(path: Path, rows: Sequence[dict]) -> None:
    """Write RMSEPs as `read` takes them, the splits side by side.

    Parameters
    ----------
    path : Path
        The file.
    rows : sequence of dict
        ``seed``, those of ``KEY`` and ``rmsep``.
    """
    seeds = sorted({int(row["seed"]) for row in rows})
    table: dict[tuple, dict[int, str]] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in KEY)
        table.setdefault(key, {})[int(row["seed"])] = f"{float(row['rmsep']):.5g}"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(_first_line() + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*KEY, *seeds])
        for key, errors in table.items():
            writer.writerow([*key, *(errors.get(seed, "") for seed in seeds)])


def _first_line() -> str:
    return f"# RMSEP by split, protocol {VERSION}"
