"""Run every transfer method under the protocol: ``python benchmarks/transfer.py --dataset corn``.

RMSEPs are kept in ``benchmarks/runs/`` as they come, so an interrupted run goes on where it
stopped (``--fresh`` starts anew). The table of scores is written to ``benchmarks/results/``.
"""

import argparse
import csv
import os
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from _methods import METHODS, WITHOUT_STANDARDS
from _protocol import BUDGETS, SEEDS, Task, tasks
from _provenance import write_csv
from _scores import print_table, score_rows
from joblib import Parallel, delayed
from tqdm import tqdm

from spectralfm.metrics import rmsep

RUNS = Path(__file__).parent / "runs"
FIELDS = ["seed", "source", "target", "group", "property", "n", "method", "rmsep"]


def run(task: Task, methods: list[str]) -> list[dict]:
    """Return one row a property, budget and method."""
    rows = []
    for name in methods:
        for n in (0,) if name in WITHOUT_STANDARDS else BUDGETS:
            with warnings.catch_warnings():
                # Widest settings are clipped to what few standards allow, and say so each time.
                warnings.filterwarnings("ignore", message=".*clipped", category=UserWarning)
                warnings.filterwarnings("ignore", message=".*only the bias", category=UserWarning)
                predicted = METHODS[name](task, n)
            if predicted is None:
                continue
            errors = rmsep(task.y_test, predicted, multioutput="raw_values")
            rows += [
                {
                    "seed": task.seed, "source": task.source, "target": task.target,
                    "group": task.group, "property": prop, "n": n, "method": name,
                    "rmsep": f"{error:.6g}",
                }
                for prop, error in zip(task.properties, errors, strict=True)
            ]  # fmt: skip
    return rows


def main() -> None:
    """Parse the command line, run what is missing, print and write the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=sorted(SEEDS), default="corn")
    parser.add_argument("--quick", action="store_true", help="4 splits instead of all")
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs")
    args = parser.parse_args()

    methods = args.methods or list(METHODS)
    if "full recalibration" not in methods:
        methods.append("full recalibration")
    n_seeds = 4 if args.quick else SEEDS[args.dataset]
    RUNS.mkdir(exist_ok=True)
    path = RUNS / f"{args.dataset}.csv"
    if args.fresh or not path.exists():
        path.write_text(",".join(FIELDS) + "\n")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    done = {(row["seed"], row["source"], row["target"], row["method"]) for row in rows}

    work = []
    for task in tasks(args.dataset, n_seeds):
        key = (str(task.seed), task.source, task.target)
        missing = [name for name in methods if (*key, name) not in done]
        if missing:
            work.append((task, missing))
    results = Parallel(n_jobs=args.n_jobs, return_as="generator_unordered")(
        delayed(run)(task, missing) for task, missing in work
    )
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        for new in tqdm(results, total=len(work), unit="task", desc=args.dataset):
            writer.writerows(new)
            file.flush()
            rows += new
    rows = [row for row in rows if int(row["seed"]) < n_seeds and row["method"] in methods]
    scores = score_rows(rows)
    print_table(scores, methods)
    if not args.quick and not args.methods:
        packages = ("numpy", "scipy", "scikit-learn", "chemotools", "ikpls")
        print(f"written to {write_csv(f'transfer_{args.dataset}', scores, *packages)}")


if __name__ == "__main__":
    main()
