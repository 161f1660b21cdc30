"""From RMSEPs to scores: RMSEP / RMSEP of a full recalibration on the target, geometric mean."""

from collections import defaultdict

import numpy as np
from _protocol import ORDER

RECALIBRATION = "full recalibration"


def score_rows(rows: list[dict]) -> list[dict]:
    """Return one row a group, method and number of standards.

    The score is the ratio of median RMSEPs over splits, geometric mean over pairs and properties;
    q1 and q3 are the quartiles, over splits, of the same mean of the single splits' RMSEPs. A
    method that ran on some splits is compared with the recalibrations of these.
    """
    errors: dict[tuple, dict[tuple, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        key = (row["group"], row["method"], str(row["n"]))
        task = (row["source"], row["target"], row["property"])
        errors[key][task][int(row["seed"])] = float(row["rmsep"])
    recalibrations = {key[0]: by_task for key, by_task in errors.items() if key[1] == RECALIBRATION}
    scores = []
    for (group, method, n), by_task in sorted(errors.items(), key=_place):
        medians, splits = [], defaultdict(list)
        for task, found in by_task.items():
            reference = np.median([recalibrations[group][task][seed] for seed in found])
            medians.append(np.log(np.median(list(found.values())) / reference))
            for seed, error in found.items():
                splits[seed].append(np.log(error / reference))
        q1, q3 = np.exp(np.quantile([np.mean(logs) for logs in splits.values()], [0.25, 0.75]))
        scores.append(
            {
                "group": group, "method": method, "n": n,
                "score": f"{np.exp(np.mean(medians)):.3f}",
                "q1": f"{q1:.3f}", "q3": f"{q3:.3f}", "splits": len(splits),
            }
        )  # fmt: skip
    return scores


def _place(item: tuple[tuple, dict]) -> tuple:
    (group, method, n), _ = item
    return group, method, ORDER.index(n)


def print_table(scores: list[dict], methods: list[str]) -> None:
    """Print the scores as one table a group, a row a method, a column a number of standards."""
    budgets = [n for n in ORDER if any(row["n"] == n for row in scores)]
    for group in sorted({row["group"] for row in scores}):
        print(f"\n{group:36}" + "".join(f"{n:>8}" for n in budgets))
        for method in methods:
            cells = {
                row["n"]: row["score"]
                for row in scores
                if row["group"] == group and row["method"] == method
            }
            print(f"{method:36}" + "".join(f"{cells.get(n, '-'):>8}" for n in budgets))
