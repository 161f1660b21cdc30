"""The leaderboard: precomputed results of all methods, and yours among them."""

import csv
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from ..metrics import rmsep
from . import _precomputed
from ._candidate import budgets_of, predict
from ._paired_test import compare, holm
from ._protocol import ORDER, Budget, Task
from ._scores import RECALIBRATION, score_rows
from ._sets import measured_here, tasks

COLUMNS = (
    "group", "n", "rank", "method", "score", "q1", "q3", "splits", "ratio_to_best", "p", "p_holm",
)  # fmt: skip

AGREE = 0.01
"""Relative difference up to which recalibrations here and in the precomputed results are equal."""


class Leaderboard:
    """Scores of methods on fixed tasks, ranked, each compared with the best.

    The score of a method is its RMSEP over that of a full recalibration on the target: the ratio of
    medians over splits, geometric mean over instrument pairs and properties. 1 is as good as
    measuring and labelling all calibration samples on the target anew.

    Parameters
    ----------
    rows : sequence of dict
        RMSEPs: ``dataset``, ``group``, ``source``, ``target``, ``property``, ``seed``, ``n``,
        ``method`` and ``rmsep``. Mostly made by `from_precomputed`.

    Examples
    --------
    >>> from spectralfm.benchmark import Leaderboard
    >>> board = Leaderboard.from_precomputed(["simulated"])
    >>> best = next(row for row in board.rows() if row["n"] == "10")
    >>> best["rank"], best["ratio_to_best"]
    (1, 1.0)
    """

    def __init__(self, rows: Sequence[dict]) -> None:
        self._errors = tuple(dict(row) for row in rows)

    @classmethod
    def from_precomputed(cls, datasets: Sequence[str] | None = None) -> "Leaderboard":
        """Return the results that came with the package; nothing is downloaded or computed.

        Parameters
        ----------
        datasets : sequence of str, optional
            Out of "simulated", "corn", "tablets" and "soil". By default "simulated", of which
            `evaluate_and_add` makes the spectra itself, and where the environment variable
            SPECTRALFM_DATA names a folder, the measured sets that it holds.

        Returns
        -------
        Leaderboard
            Every method of the benchmark.

        Raises
        ------
        ValueError
            If there are no results of a set, or they are of another version of the protocol.
        """
        there = _precomputed.available()
        if datasets is None:
            datasets = ["simulated", *measured_here()]
        unknown = sorted(set(datasets) - set(there))
        if unknown:
            raise ValueError(
                f"There are no precomputed results of {unknown[0]!r}: choose out of "
                f"{', '.join(there)}."
            )
        return cls([row for name in datasets for row in _precomputed.read(name)])

    def evaluate_and_add(
        self,
        estimator: Any,
        *,
        name: str | None = None,
        budgets: Sequence[Budget] | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> "Leaderboard":
        """Run an estimator on the same tasks, and return a leaderboard that has it, too.

        Parameters
        ----------
        estimator : estimator
            It is cloned. One whose ``fit`` takes ``standards`` or ``X_target`` is refitted with
            them; one whose ``fit`` takes ``X_source`` corrects the spectra or, around a source
            model given as its ``estimator``, the predictions of the source calibration; any
            other regressor sees nothing of the target. An argument ``wavelengths`` is set to the
            axis of the task unless the estimator was told one.
        name : str, optional
            Name in the table; by default that of the class.
        budgets : sequence, optional
            Numbers of standards out of 3, 5, 10 and 20; 0 for unlabelled test spectra; "none" for
            nothing of the target. By default all that the estimator can take.
        n_jobs : int, optional
            Tasks at the same time, as of `joblib.Parallel`.
        verbose : bool, default=False
            Whether to show progress on a terminal.

        Returns
        -------
        Leaderboard
            A new one; this one stays as it is.

        Raises
        ------
        TypeError
            If the estimator can neither predict nor take ``X_source``.
        ValueError
            If there is a method of that name, a budget that the estimator cannot take, or the
            simulated or measured spectra here are others than those of the precomputed results.
        FileNotFoundError
            If the spectra of a measured set are not there.
        """
        name = type(estimator).__name__ if name is None else name
        if name in {row["method"] for row in self._errors}:
            raise ValueError(f"There is a method {name!r} already: give another name.")
        possible = budgets_of(estimator)
        chosen = possible if budgets is None else tuple(budgets)
        refused = [budget for budget in chosen if budget not in possible]
        if refused:
            raise ValueError(
                f"{type(estimator).__name__} cannot run at budget {refused[0]!r}: choose out of "
                f"{', '.join(map(repr, possible))}."
            )
        work = [task for dataset, n in self._splits().items() for task in tasks(dataset, n)]
        self._check_spectra(work)
        found = Parallel(n_jobs=n_jobs)(
            delayed(_errors_of)(estimator, name, task, chosen)
            for task in tqdm(work, unit="task", disable=None if verbose else True)
        )
        return Leaderboard([*self._errors, *(row for rows in found for row in rows)])

    def rows(self) -> list[dict[str, Any]]:
        """Return the table, best method first at each group and budget.

        Returns
        -------
        list of dict
            ``group`` of instrument pairs; ``n``, the budget; ``rank``; ``method``; ``score``, with
            its quartiles over splits ``q1`` and ``q3``; ``splits``, how many; ``ratio_to_best``,
            the geometric mean of RMSEPs over those of the best method on the tasks of both; ``p``
            of Wilcoxon's signed-rank test of that, and ``p_holm``, corrected for all methods of
            group and budget (NaN for the best). Tasks share samples, so that p is too small.
            The full recalibration is not ranked.
        """
        by_key: dict[tuple, dict[tuple, float]] = defaultdict(dict)
        for row in self._errors:
            task = (row["seed"], row["source"], row["target"], row["property"])
            by_key[row["group"], str(row["n"]), row["method"]][task] = float(row["rmsep"])
        groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
        for row in score_rows([*self._errors]):
            if row["method"] != RECALIBRATION:
                groups[row["group"], row["n"]].append(row)
        table = []
        for group, n in sorted(groups, key=lambda key: (key[0], ORDER.index(key[1]))):
            ranked = sorted(groups[group, n], key=lambda row: row["score"])
            best = by_key[group, n, ranked[0]["method"]]
            compared = [compare(by_key[group, n, row["method"]], best) for row in ranked]
            adjusted = [math.nan, *holm(np.array([p for _, p in compared[1:]]))]
            for rank, (row, (ratio, p), corrected) in enumerate(
                zip(ranked, compared, adjusted, strict=True), start=1
            ):
                more = {
                    "rank": rank, "ratio_to_best": ratio, "p": p if rank > 1 else math.nan,
                    "p_holm": float(corrected),
                }  # fmt: skip
                table.append({key: (row | more)[key] for key in COLUMNS})
        return table

    def to_frame(self) -> Any:
        """Return the table of `rows` as a pandas DataFrame.

        Returns
        -------
        DataFrame
            A row a group, budget and method.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(COLUMNS))

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write the table of `rows`.

        Parameters
        ----------
        path : str or path
            The file; it is replaced.
        """
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(COLUMNS), lineterminator="\n")
            writer.writeheader()
            for row in self.rows():
                numbers = {
                    key: "" if math.isnan(value) else f"{value:.4g}"
                    for key, value in row.items()
                    if isinstance(value, float)
                }
                writer.writerow(row | numbers)

    def __repr__(self) -> str:
        methods = {row["method"] for row in self._errors} - {RECALIBRATION}
        return f"Leaderboard({len(methods)} methods on {', '.join(self._splits())})"

    def _splits(self) -> dict[str, int]:
        """Return the number of splits of each set."""
        found: dict[str, int] = {}
        for row in self._errors:
            found[row["dataset"]] = max(found.get(row["dataset"], 0), int(row["seed"]) + 1)
        return found

    def _check_spectra(self, work: Sequence[Task]) -> None:
        """Raise unless recalibrations of the first task of each set agree with the results."""
        seen = set()
        for task in work:
            if task.dataset in seen:
                continue
            seen.add(task.dataset)
            model = type(task.source_model)().fit(task.X_target, task.y)
            for prop, error in _rmseps(task, model.predict(task.X_test)).items():
                known = self._recalibrated(task, prop)
                if abs(error - known) > AGREE * known:
                    raise ValueError(
                        f"A recalibration of {prop} of {task.dataset} has an RMSEP of {error:.4g} "
                        f"here, but {known:.4g} in the results: the spectra are not the same. "
                        "Compare versions of the package, torch and the data."
                    )

    def _recalibrated(self, task: Task, prop: str) -> float:
        key = (task.dataset, task.seed, task.source, task.target, prop, RECALIBRATION)
        names = ("dataset", "seed", "source", "target", "property", "method")
        return next(
            float(row["rmsep"]) for row in self._errors if tuple(row[name] for name in names) == key
        )


def _errors_of(estimator: Any, name: str, task: Task, budgets: Sequence[Budget]) -> list[dict]:
    """Return one row a property and budget."""
    rows = []
    for budget in budgets:
        errors = _rmseps(task, predict(estimator, task, budget))
        rows += [
            {
                "dataset": task.dataset, "seed": task.seed, "group": task.group,
                "source": task.source, "target": task.target, "property": prop, "n": str(budget),
                "method": name, "rmsep": error,
            }
            for prop, error in errors.items()
        ]  # fmt: skip
    return rows


def _rmseps(task: Task, predicted: NDArray[np.float64]) -> dict[str, float]:
    """Return the RMSEP of each property."""
    errors = np.atleast_1d(rmsep(task.y_test, predicted, multioutput="raw_values"))
    return dict(zip(task.properties, errors.tolist(), strict=True))
