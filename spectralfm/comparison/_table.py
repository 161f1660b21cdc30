"""The table of a comparison, as text and as CSV."""

import csv
import os
from collections.abc import Sequence
from math import floor, isfinite, log10

from ._compare import Comparison, figures_of_merit

HEADINGS = {
    "rmsep": "RMSEP",
    "sep": "SEP",
    "bias": "bias",
    "slope": "slope",
    "r2": "R2",
    "rpd": "RPD",
    "score": "score",
}
IN_UNIT = ("rmsep", "sep", "bias")
MOST_DIGITS = 6


def format_table(comparison: Comparison) -> str:
    """Return the table of one task as text that fits a terminal.

    Parameters
    ----------
    comparison : Comparison
        What to say.

    Returns
    -------
    str
        What was done, a line a method, and what the score is.

    Examples
    --------
    >>> from spectralfm.comparison import Comparison, compare_methods, format_table, simulated_set
    >>> task = simulated_set(n_samples=40, n_channels=60).task()
    >>> predictions = compare_methods(task, 5, methods=["mean shift", "full recalibration"])
    >>> print(format_table(Comparison(task, 5, predictions)))  # doctest: +ELLIPSIS
    component 1 (%), simulated, source to target, seed 0
    25 calibration samples, 5 standards (Kennard-Stone), 15 test samples
    <BLANKLINE>
    method                RMSEP     SEP    bias   slope      R2     RPD   score
    ...
    """
    task = comparison.task
    unit = f" ({task.unit})" if task.unit else ""
    seed = "" if task.seed is None else f", seed {task.seed}"
    rows = figures_of_merit(task, comparison.predictions)
    smallest = min((row["rmsep"] for row in rows if row["rmsep"] > 0), default=1.0)
    digits = min(max(2 - floor(log10(smallest)), 0), MOST_DIGITS)
    lines = [
        f"{task.property_name}{unit}, {task.dataset}, {task.source} to {task.target}{seed}",
        f"{len(task.X)} calibration samples, {comparison.n_standards} standards (Kennard-Stone), "
        f"{len(task.y_test)} test samples",
        *task.remarks,
        "",
        f"{'method':19}" + "".join(f"{heading:>8}" for heading in HEADINGS.values()),
    ]
    for row in rows:
        cells = [
            f"{row[key]:8.{digits if key in IN_UNIT else 2}f}"
            if isfinite(row[key])
            else f"{'-':>8}"
            for key in HEADINGS
        ]
        lines.append(f"{row['method']:19}{''.join(cells)}")
    if task.can_recalibrate:
        score = "score: RMSEP over that of the full recalibration, for which every calibration\n"
        score += f"sample is measured on {task.target} and the model made anew."
    else:
        score = "No score: not every calibration sample was measured on the target."
    return "\n".join([*lines, "", score])


def write_table(comparisons: Sequence[Comparison], path: str | os.PathLike[str]) -> None:
    """Write the figures of merit of some tasks as CSV, a row a property and method.

    Parameters
    ----------
    comparisons : sequence of Comparison
        What to write.
    path : str or path-like
        The file.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.comparison import Comparison, compare_methods, simulated_set, write_table
    >>> task = simulated_set(n_samples=40, n_channels=60).task()
    >>> comparison = Comparison(task, 5, compare_methods(task, 5, methods=["mean shift"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table([comparison], os.path.join(folder, "transfer.csv"))
    ...     with open(os.path.join(folder, "transfer.csv")) as file:
    ...         print(file.readline())
    dataset,source,target,seed,n_calibration,n_standards,n_test,property,unit,method,rmsep,...
    """
    rows = []
    for comparison in comparisons:
        task = comparison.task
        about = {
            "dataset": task.dataset,
            "source": task.source,
            "target": task.target,
            "seed": "" if task.seed is None else task.seed,
            "n_calibration": len(task.X),
            "n_standards": comparison.n_standards,
            "n_test": len(task.y_test),
            "property": task.property_name,
            "unit": task.unit or "",
        }
        for row in figures_of_merit(task, comparison.predictions):
            merits = {key: f"{row[key]:.6g}" if isfinite(row[key]) else "" for key in HEADINGS}
            rows.append(about | {"method": row["method"]} | merits)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
