"""Write the results that ship with the package, from the RMSEPs that ``transfer.py`` kept.

    python benchmarks/transfer.py --dataset simulated --quick
    python benchmarks/leaderboard.py

A set is written only if scores of its RMSEPs are those of its table in ``benchmarks/results``.
"""

from pathlib import Path

from _protocol import SEEDS
from _provenance import RESULTS
from _results import read
from _scores import score_rows
from transfer import QUICK, read_runs

import spectralfm.benchmark
from spectralfm.benchmark import _precomputed

FOLDER = Path(spectralfm.benchmark.__file__).parent / "results"


def main() -> None:
    """Write one file a set."""
    FOLDER.mkdir(exist_ok=True)
    for dataset in SEEDS:
        rows = [row for row in read_runs(dataset)[1] if int(row["seed"]) < QUICK]
        table = {
            (row["group"], row["method"], row["n"]): row["score"]
            for row in read(RESULTS / f"transfer_{dataset}_quick.csv")
        }
        agreed = (
            {
                (row["group"], row["method"], row["n"])
                for row in score_rows(rows)
                if table.get((row["group"], row["method"], row["n"])) == row["score"]
            }
            if rows
            else set()
        )
        kept = [row for row in rows if (row["group"], row["method"], row["n"]) in agreed]
        print(f"{dataset}: {len(kept)} of {len(rows)} RMSEPs, {len(agreed)} of {len(table)} scores")
        if kept:
            _precomputed.write(FOLDER / f"{dataset}.csv", kept)


if __name__ == "__main__":
    main()
