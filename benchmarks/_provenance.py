"""Fair timing of alternatives in one process, and tables that say where they come from."""

import csv
import platform
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def interleaved(
    calls: dict[str, Callable[[], Any]],
    rounds: int = 7,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Return the shortest time of each call in seconds, run in turns so that all share the load.

    On one thread it is the time of the processor, so that what it does for others meanwhile is not
    counted; where a call waits for files, give another clock.
    """
    for call in calls.values():
        call()
    shortest = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            shortest[name] = min(shortest[name], clock() - start)
    return shortest


def provenance(*packages: str) -> dict[str, str]:
    """Return commit, machine and versions, to stand in every row of a table."""
    folder = Path(__file__).parent
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    versions = " ".join(f"{name}={version(name)}" for name in packages)
    return {
        "commit": commit,
        "machine": f"{_processor()}, python {platform.python_version()}",
        "versions": versions,
    }


def write_csv(name: str, rows: list[dict[str, Any]], *packages: str) -> Path:
    """Write rows with their provenance to ``benchmarks/results/<name>.csv``.

    Rows that bring a provenance of their own keep it.
    """
    here = provenance(*packages)
    rows = [row | {key: row.get(key, value) for key, value in here.items()} for row in rows]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _processor() -> str:
    """Return the model name of the processor, which ``platform`` does not know on Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
