"""Calibrations from few labels, no other instrument: RMSEP over that of tuned PLS, by set.

A quarter of each split is test, the first 10, 20, 50 or all of the rest calibrate. Of larger sets
400 spectra are used. The ratio is that of medians over splits, geometric mean over properties, then
over sets. Spectra of nirsoil, without values, were in the training of the weights.
"""

import argparse
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _calibrations import calibrations
from _labelled import labelled
from _provenance import write_csv
from joblib import Parallel, delayed
from tqdm import tqdm

SETS = (
    "nirsoil", "tecator", "tablets_dyrby_nir", "tablets_dyrby_raman", "cassava_ikeogu",
    "cassava_tbc", "gasoline", "beer", "wheat_ohpl", "dough_cookies", "fermentation_mir",
)  # fmt: skip
BUDGETS, MOST = (10, 20, 50), 400


def run(name: str, seed: int, checkpoint: str) -> list[tuple[tuple, list]]:
    """Return set, number of labels, method and RMSEPs of one split."""
    X, Y, place = labelled(name)
    kept = np.random.default_rng(0).permutation(len(X))[:MOST]
    order = np.random.default_rng(seed).permutation(kept)
    test, rest = np.split(order, [len(order) // 4])
    numbers = {n: n for n in BUDGETS if n < len(rest)} | {"all": len(rest)}
    found = []
    for n, n_labels in numbers.items():
        rows = rest[:n_labels]
        for method, model in calibrations(place, checkpoint, seed).items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*clipped|.*column-vector y")
                predicted = model.fit(X[rows], Y[rows]).predict(X[test]).reshape(len(test), -1)
            found.append(((name, n, method), np.sqrt(np.square(Y[test] - predicted).mean(0))))
    return found


def ratios(results: list[tuple[tuple, list]], n_splits: int) -> list[dict]:
    """Return one row a set, number of labels and method, and one for all sets."""
    errors: dict[tuple, list] = {}
    for key, error in results:
        errors.setdefault(key, []).append(error)
    medians = {key: np.log(np.median(found, axis=0)) for key, found in errors.items()}
    logs = {key: float((log - medians[*key[:2], "PLS"]).mean()) for key, log in medians.items()}
    for n, method in dict.fromkeys(key[1:] for key in medians):
        of_sets = [log for key, log in logs.items() if key[1:] == (n, method)]
        logs["geometric mean", n, method] = float(np.mean(of_sets))
    return [
        {"set": name, "n": n, "method": method, "ratio": f"{np.exp(log):.3f}", "splits": n_splits}
        for (name, n, method), log in logs.items()
    ]


def main() -> None:
    """Run all sets, print the means, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", default="small")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=1)
    args = parser.parse_args()
    work = [delayed(run)(name, s, args.checkpoint) for name in SETS for s in range(args.splits)]
    parts = Parallel(n_jobs=args.n_jobs, return_as="generator")(work)
    table = ratios([row for part in tqdm(parts, total=len(work)) for row in part], args.splits)
    for row in table:
        if row["set"] == "geometric mean":
            print(f"{row['n']:>4} {row['method']:20} {row['ratio']}")
    print(write_csv("few_shot", table, "numpy", "scikit-learn", "torch"))


if __name__ == "__main__":
    main()
