"""Which differences are real: the default against every method, at each number of standards.

Wilcoxon's signed-rank test on the logarithms of RMSEPs, paired over splits, instrument pairs and
properties, with Holm's correction over all comparisons of the table. Splits share samples and
properties share spectra, so the pairs are not independent and the p-values are too small: read
them as what is surely not real. Methods that ran on few splits are compared on those.

    python benchmarks/significance.py

reads the RMSEPs that ``transfer.py`` kept, and writes ``benchmarks/results/significance.csv``.
"""

import argparse
import math
from collections import defaultdict

import numpy as np
from _protocol import ALL, BUDGETS, ORDER, REAL
from _provenance import write_csv
from _results import DEFAULT, GROUPS
from scipy.stats import wilcoxon
from transfer import read_runs

from spectralfm.benchmark._paired_test import holm

Errors = dict[tuple[str, str, str], dict[tuple, float]]


def errors_of(checkpoint: str) -> Errors:
    """Return logarithms of RMSEPs by group, method and number of standards, and by task."""
    found: Errors = defaultdict(dict)
    for dataset in REAL:
        for row in read_runs(dataset, checkpoint)[1]:
            task = (row["seed"], row["source"], row["target"], row["property"])
            found[row["group"], row["method"], row["n"]][task] = math.log(float(row["rmsep"]))
    return found


def compare(errors: Errors) -> list[dict]:
    """Return one row a group, method and budget that the default also has."""
    rows = []
    for (group, method, own), others in errors.items():
        # What does not depend on standards is compared at all numbers of them.
        budgets = BUDGETS if method == "no transfer" or own == ALL else (own,)
        for n in budgets if method != DEFAULT else ():
            default = errors.get((group, DEFAULT, str(n)), {})
            shared = [task for task in default if task in others]
            difference = np.array([default[task] - others[task] for task in shared])
            if difference.any():
                rows.append(
                    {
                        "group": group, "n": str(n), "method": method,
                        "ratio": np.exp(difference.mean()), "pairs": len(shared),
                        "lower": (difference < 0).mean(), "p": wilcoxon(difference).pvalue,
                    }
                )  # fmt: skip
    return rows


def main() -> None:
    """Test and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", default="small")
    rows = compare(errors_of(parser.parse_args().checkpoint))
    if not rows:
        raise SystemExit("run first: python benchmarks/transfer.py --dataset corn")
    for row, p in zip(rows, holm(np.array([row["p"] for row in rows])), strict=True):
        row.update(p=f"{row['p']:.2g}", p_holm=f"{p:.2g}", lower=f"{row['lower']:.2f}")
        row["ratio"] = f"{row['ratio']:.3f}"
    rows.sort(key=lambda row: (GROUPS.index(row["group"]), ORDER.index(row["n"]), row["method"]))
    print(f"written to {write_csv('significance', rows, 'scipy')}")


if __name__ == "__main__":
    main()
