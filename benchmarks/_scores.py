"""From RMSEPs to scores: RMSEP / RMSEP of a full recalibration on the target, geometric mean."""

from collections import defaultdict

import numpy as np


def score_rows(rows: list[dict]) -> list[dict]:
    """Return one row a group, method and number of standards.

    The score is the ratio of median RMSEPs over splits, geometric mean over pairs and properties;
    q1 and q3 are the quartiles, over splits, of the same mean of the single splits' RMSEPs.
    """
    errors: dict[tuple, dict[tuple, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        key = (row["group"], row["method"], int(row["n"]))
        task = (row["source"], row["target"], row["property"])
        errors[key][task][int(row["seed"])] = float(row["rmsep"])
    reference = {
        (key[0], task): float(np.median(list(seeds.values())))
        for key, by_task in errors.items()
        if key[1] == "full recalibration"
        for task, seeds in by_task.items()
    }
    scores = []
    for (group, method, n), by_task in sorted(errors.items()):
        medians = [
            np.log(np.median(list(seeds.values())) / reference[group, task])
            for task, seeds in by_task.items()
        ]
        splits = [
            np.mean([np.log(e[seed] / reference[group, task]) for task, e in by_task.items()])
            for seed in next(iter(by_task.values()))
        ]
        q1, q3 = np.exp(np.quantile(splits, [0.25, 0.75]))
        scores.append(
            {
                "group": group, "method": method, "n": n,
                "score": f"{np.exp(np.mean(medians)):.3f}",
                "q1": f"{q1:.3f}", "q3": f"{q3:.3f}", "splits": len(splits),
            }
        )  # fmt: skip
    return scores


def print_table(scores: list[dict], methods: list[str]) -> None:
    """Print the scores as one table a group, a row a method, a column a number of standards."""
    budgets = sorted({row["n"] for row in scores})
    for group in sorted({row["group"] for row in scores}):
        print(f"\n{group:36}" + "".join(f"{n:>8}" for n in budgets))
        for method in methods:
            cells = {
                row["n"]: row["score"]
                for row in scores
                if row["group"] == group and row["method"] == method
            }
            print(f"{method:36}" + "".join(f"{cells.get(n, '-'):>8}" for n in budgets))
