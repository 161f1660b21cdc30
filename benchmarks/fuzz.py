"""Fuzz every public estimator: ``python benchmarks/fuzz.py --cases 10000``.

Each case fits an estimator to drawn input, sound or spoiled, and asks it about more. Failures are
told apart by where they come from, and the shortest case of each is printed; the exit status is 1
if there are any. ``tests/test_fuzz.py`` runs few of the same cases.
"""

import argparse
import os
import time
import traceback
from collections import Counter

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from _fuzz_cases import Case, cases, public_estimators
from _fuzz_outcome import Failure, judge
from _provenance import write_csv
from hypothesis import HealthCheck, Phase, given, seed, settings


def run(cls: type, n_cases: int, start: int) -> tuple[Counter, dict[str, tuple[str, Case]]]:
    """Return how often what came of the cases, and by place the shortest failing case."""
    outcomes: Counter = Counter()
    failures: dict[str, tuple[str, Case]] = {}

    @seed(start)
    @settings(
        max_examples=n_cases, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(cases(cls))
    def collect(case: Case) -> None:
        try:
            outcomes[judge(case)] += 1
        except Failure as failure:
            outcomes["failure"] += 1
            place = _place(failure)
            text = described(case)
            if place not in failures or len(text) < len(failures[place][0]):
                failures[place] = text, case

    collect()
    return outcomes, failures


def _place(failure: Failure) -> str:
    """Say where in the package a failure comes from."""
    cause = failure.__cause__ or failure
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [
        f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in frames if "spectralfm/" in f.filename
    ]
    return f"{str(failure)[:200]} [{ours[-1] if ours else '-'}]"


def described(case: Case) -> str:
    """Return a case as text."""
    known = {name: _shown(make) for name, make in case.known.items()}
    return f"{case.estimator}\n{known}\nlater {case.later!r}"


def _shown(make) -> str:
    try:
        return repr(make())
    except (ValueError, TypeError) as error:
        return repr(error)


def main() -> None:
    """Fuzz, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=10000, help="over all estimators")
    parser.add_argument("--estimators", nargs="+", metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print the failing cases in full")
    args = parser.parse_args()

    chosen = {
        name: cls
        for name, cls in public_estimators().items()
        if not args.estimators or name in args.estimators
    }
    rows, found = [], False
    for name, cls in chosen.items():
        start = time.monotonic()
        outcomes, failures = run(cls, -(-args.cases // len(chosen)), args.seed)
        answers, failed = outcomes["answer"], outcomes["failure"]
        rows.append(
            {
                "estimator": name, "cases": outcomes.total(), "answers": answers,
                "documented errors": outcomes.total() - answers - failed, "failures": failed,
                "seconds": f"{time.monotonic() - start:.0f}",
            }
        )  # fmt: skip
        print(*rows[-1].values(), flush=True)
        for place, (text, _) in failures.items():
            found = True
            print(f"  {place}" + (f"\n{text}\n" if args.show else ""))
    if not args.estimators:
        print(f"written to {write_csv('fuzz', rows, 'hypothesis', 'numpy', 'scikit-learn')}")
    raise SystemExit(int(found))


if __name__ == "__main__":
    main()
