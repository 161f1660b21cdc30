"""From RMSEPs to scores: RMSEP / RMSEP of a full recalibration on the target, geometric mean."""

from collections import defaultdict

import numpy as np

from ._protocol import ORDER

RECALIBRATION = "full recalibration"


def score_rows(rows: list[dict]) -> list[dict]:
    """Return one row a group, method and number of standards.

    The score is the ratio of median RMSEPs over splits, geometric mean over pairs and properties;
    q1 and q3 are the quartiles, over splits, of the same mean of the single splits' RMSEPs. A
    method that ran on some splits is compared with the recalibrations of these.

    Parameters
    ----------
    rows : list of dict
        RMSEPs: ``group``, ``method``, ``n``, ``seed``, ``source``, ``target``, ``property`` and
        ``rmsep``; those of the full recalibration among them.

    Returns
    -------
    list of dict
        ``group``, ``method``, ``n``, ``score``, ``q1``, ``q3`` and ``splits``, in order.
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
                "score": float(np.exp(np.mean(medians))), "q1": float(q1), "q3": float(q3),
                "splits": len(splits),
            }
        )  # fmt: skip
    return scores


def _place(item: tuple[tuple, dict]) -> tuple:
    (group, method, n), _ = item
    return group, method, ORDER.index(n)
