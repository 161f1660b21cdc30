"""Run every transfer method under the protocol: ``python benchmarks/transfer.py --dataset corn``.

RMSEPs are kept in ``benchmarks/runs/`` as they come, so an interrupted run goes on where it
stopped (``--fresh`` forgets those of the methods asked for). Scores are written to
``benchmarks/results/transfer_<dataset>.csv``, those of ``--quick`` to
``transfer_<dataset>_quick.csv``; rows of methods not asked for stay. With ``--backend dask``
tasks run on a local Dask cluster of ``--n-jobs`` workers, a process each, with equal results.
"""

import argparse
import csv
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from _foundation import SLOW_SPLITS, SLOW_SPLITS_QUICK
from _methods import METHODS
from _protocol import ALL_SEEDS, ORDER, Budget, Task, tasks
from _provenance import RESULTS, write_csv
from _scores import RECALIBRATION, print_table, score_rows
from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from spectralfm.metrics import rmsep

RUNS = Path(__file__).parent / "runs"
FIELDS = ["seed", "source", "target", "group", "property", "n", "method", "rmsep"]
QUICK = 4
"""Splits of a quick run."""


def run(task: Task, asked: list[tuple[str, Budget]]) -> list[dict]:
    """Return one row a property, method and budget."""
    rows = []
    for name, n in asked:
        with warnings.catch_warnings():
            # Widest settings are clipped to what few standards allow, and say so each time.
            warnings.filterwarnings("ignore", message=".*clipped", category=UserWarning)
            warnings.filterwarnings("ignore", message=".*only the bias", category=UserWarning)
            predicted = METHODS[name].predict(task, n)
        errors = rmsep(task.y_test, predicted, multioutput="raw_values")
        rows += [
            {
                "seed": task.seed, "source": task.source, "target": task.target,
                "group": task.group, "property": prop, "n": n, "method": name,
                "rmsep": f"{error:.6g}",
            }
            for prop, error in zip(task.properties, errors, strict=True)
        ]  # fmt: skip
    task.encodings.clear()
    return rows


def read_runs(dataset: str, checkpoint: str = "small") -> tuple[Path, list[dict]]:
    """Return the file of RMSEPs with some weights, which need not exist, and its rows."""
    weights = "" if checkpoint == "small" else f"_{Path(checkpoint).stem}"
    path = RUNS / f"{dataset}{weights}.csv"
    if not path.exists():
        return path, []
    with path.open() as file:
        return path, list(csv.DictReader(file))


def missing_work(args: argparse.Namespace, methods: list[str], rows: list[dict]) -> list[tuple]:
    """Return tasks and what is still to be run of each."""
    done = {(row["seed"], row["source"], row["target"], row["method"], row["n"]) for row in rows}
    work = []
    slow_splits = SLOW_SPLITS_QUICK if args.quick else SLOW_SPLITS
    for task in tasks(args.dataset, QUICK if args.quick else ALL_SEEDS[args.dataset]):
        task.checkpoint = args.checkpoint
        asked = [
            (name, n)
            for name in methods
            if task.seed < slow_splits or not METHODS[name].slow
            for n in METHODS[name].budgets
            if (str(task.seed), task.source, task.target, name, str(n)) not in done
        ]
        if asked:
            work.append((task, asked))
    return work


@contextmanager
def workers(backend: str, n_jobs: int) -> Iterator[None]:
    """Let joblib use its own processes, or those of a local Dask cluster."""
    if backend == "loky":
        with parallel_config(backend, n_jobs=n_jobs):
            yield
        return
    from dask.distributed import Client, LocalCluster

    # Workers import the modules beside this file, too.
    folder = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    cluster = LocalCluster(n_workers=n_jobs, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster), parallel_config("dask", n_jobs=n_jobs):
        yield


def main() -> None:
    """Parse the command line, run what is missing, print and write the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=sorted(ALL_SEEDS), default="corn")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} splits instead of all")
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD")
    parser.add_argument("--checkpoint", default="small", help="weights of the foundation methods")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--backend", choices=("loky", "dask"), default="loky")
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs")
    args = parser.parse_args()

    methods = args.methods or list(METHODS)
    if RECALIBRATION not in methods:
        methods.append(RECALIBRATION)
    path, rows = read_runs(args.dataset, args.checkpoint)
    if args.fresh:
        rows = [row for row in rows if row["method"] not in methods]
    RUNS.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        work = missing_work(args, methods, rows)
        with workers(args.backend, args.n_jobs):
            results = Parallel(return_as="generator_unordered")(
                delayed(run)(task, asked) for task, asked in work
            )
            for new in tqdm(results, total=len(work), unit="task", desc=args.dataset):
                writer.writerows(new)
                file.flush()
                rows += new
    n_splits = QUICK if args.quick else ALL_SEEDS[args.dataset]
    rows = [row for row in rows if int(row["seed"]) < n_splits and row["method"] in methods]
    scores = score_rows(rows)
    print_table(scores, methods)
    name = f"transfer_{path.stem}" + ("_quick" if args.quick else "")
    packages = ("numpy", "scipy", "scikit-learn", "torch", "chemotools", "ikpls")
    print(f"written to {write_csv(name, scores + others(name, methods), *packages)}")


def others(name: str, methods: list[str]) -> list[dict]:
    """Return the rows of a table that are of other methods, with where they come from."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] not in methods]
    return sorted(rows, key=lambda row: (row["group"], row["method"], ORDER.index(row["n"])))


if __name__ == "__main__":
    main()
