"""Scores as tables write and print them."""

from _protocol import ORDER

from spectralfm.benchmark import _scores
from spectralfm.benchmark._scores import RECALIBRATION

__all__ = ["RECALIBRATION", "print_table", "score_rows"]


def score_rows(rows: list[dict]) -> list[dict]:
    """Return one row a group, method and number of standards, numbers with three decimals."""
    return [
        row | {key: f"{row[key]:.3f}" for key in ("score", "q1", "q3")}
        for row in _scores.score_rows(rows)
    ]


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
