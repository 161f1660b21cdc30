"""Write the tables of docs/which_method.md from the CSVs of the benchmarks.

Each stands between ``<!-- name -->`` and ``<!-- end -->``. ``make tables`` runs it.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from _foundation import FOUNDATION, SLOW
from _protocol import ALL, BUDGETS, REAL, SEEDS
from _provenance import RESULTS
from _results import DEFAULT, GROUPS, read, scores, table_of
from _scores import RECALIBRATION

PAGE = Path(__file__).parents[1] / "docs" / "which_method.md"
NAMES = [str(n) for n in BUDGETS]
PARTS = ("TransferEnsemble", "noise-aware ridge", "noise-aware ridge, physics prior")
SURE = 0.05
"""Differences with a smaller p-value after Holm's correction are called sure."""

CLOSE = 1.05
"""A score as good as that of a full recalibration, 1, for most uses."""

WORTH_NAMING = 1.02
"""Losses by more are named even where they are not sure."""


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, all columns but the first to the right."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---", *["--:"] * (len(lines[0]) - 1)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def splits() -> str:
    """Say on how many splits the tables rest."""
    said = []
    for dataset, every in ((name, SEEDS[name]) for name in REAL):
        path, rows = table_of(dataset)
        n = max(int(row["splits"]) for row in rows)
        few = min(int(row["splits"]) for row in rows)
        some = f" ({few} where marked *)" if few < n else ""
        of_all = "" if n == every else f" of the protocol's {every}"
        said.append(f"* {dataset}: {n} splits{of_all}{some}, `{path.name}`")
    return "\n".join(said)


def score_tables() -> str:
    """Return a table a group: score of every method and number of standards, the best in bold."""
    found, parts = scores(), []
    for group in GROUPS:
        methods = list(dict.fromkeys(method for of, method, _ in found if of == group))
        every = max(int(row["splits"]) for key, row in found.items() if key[0] == group)
        best = {
            n: min(
                float(row["score"])
                for (of, method, own), row in found.items()
                if (of, own) == (group, n) and int(row["splits"]) == every
            )
            for n in NAMES
        }
        lines = []
        for method in sorted(methods, key=lambda name: (name != DEFAULT, name.lower())):
            if method == RECALIBRATION or method in SLOW:  # those of few splits: see the parts
                continue
            cells, mark = [], ""
            for n in NAMES:
                row = found.get((group, method, n))
                score = f"{float(row['score']):.2f}" if row else ""
                if row and int(row["splits"]) < every:
                    mark = " *"
                elif row and float(row["score"]) <= best[n]:
                    score = f"**{score}**"
                cells.append(score)
            lines.append([method + mark, *cells])
        parts.append(f"### {group}\n\n" + markdown(["method", *NAMES], lines))
    return "\n\n".join(parts)


def standards_needed() -> str:
    """Return the fewest standards with which a method is within 5 % of a full recalibration."""
    found, lines = scores(), []
    for method in (DEFAULT, "TransferEnsemble", "noise-aware ridge", "di-PLS", "PDS"):
        cells = []
        for group in GROUPS:
            rows = ((n, found.get((group, method, n))) for n in NAMES)
            enough = (n for n, row in rows if row and float(row["score"]) <= CLOSE)
            cells.append(next(enough, f"over {NAMES[-1]}"))
        lines.append([method, *cells])
    return markdown(["method", *GROUPS], lines)


def tests() -> dict[tuple[str, str, str], dict[str, str]]:
    """Return the paired tests by group, method and number of standards."""
    rows = read(RESULTS / "significance.csv")
    if not rows:
        raise SystemExit("run first: python benchmarks/significance.py")
    return {(row["group"], row["method"], row["n"]): row for row in rows}


def losses() -> str:
    """List where another method is better than the default by 2 % or surely, these in bold."""
    lines = []
    for (group, method, n), row in tests().items():
        ratio, sure = float(row["ratio"]), float(row["p_holm"]) < SURE
        if method != RECALIBRATION and ratio > (1 if sure else WORTH_NAMING):
            p = f"**{row['p_holm']}**" if sure else row["p_holm"]
            lines.append([group, n, method, f"{ratio:.2f}", row["pairs"], row["p"], p])
    if not lines:
        return "Nowhere by 2 %, and nowhere surely."
    head = ["group", "n", "method", "RMSEP of the default over it", "pairs", "p", "corrected p"]
    return markdown(head, lines)


def part_table() -> str:
    """Return RMSEP of each part alone, or of the default with one more, over that of the default.

    Where the paired test sees no sure difference, the number stands in brackets.
    """
    found, lines = tests(), []
    names = [name for name in (*PARTS, *FOUNDATION, *SLOW) if name != DEFAULT]
    for group in GROUPS:
        for name in names:
            cells = []
            for n in NAMES:
                row = found.get((group, name, n))
                cell = f"{1 / float(row['ratio']):.2f}" if row else ""
                cells.append(f"({cell})" if row and float(row["p_holm"]) >= SURE else cell)
            if any(cells):
                lines.append([group, name, *cells])
    head = markdown(["group", "method", *NAMES], lines)
    return head.replace("| --- | --: |", "| --- | --- |", 1)


def recalibration() -> str:
    """Return RMSEP of the default over that of a full recalibration."""
    found = tests()
    lines = []
    for group in GROUPS:
        rows = [found.get((group, RECALIBRATION, n)) for n in NAMES]
        lines.append([group, *(f"{float(row['ratio']):.2f}" if row else "" for row in rows)])
    return markdown(["group", *NAMES], lines)


def few_shot() -> str:
    """Return RMSEP over that of PLS by set, number of labels and method."""
    rows = read(RESULTS / "few_shot.csv")
    if not rows:
        return "Not measured yet."
    methods = [name for name in dict.fromkeys(row["method"] for row in rows) if name != "PLS"]
    cells = {(row["set"], row["n"], row["method"]): row for row in rows}
    order = [
        (name, n) for n in ("10", "20", "50", ALL) for name in dict.fromkeys(k[0] for k in cells)
    ]
    lines = [
        [n, name, *(f"{float(cells[name, n, method]['ratio']):.2f}" for method in methods)]
        + [cells[name, n, methods[0]]["splits"]]
        for name, n in order
        if (name, n, methods[0]) in cells
    ]
    head = markdown(["labels", "set", *methods, "splits"], lines)
    return head.replace("| --- | --: |", "| --- | --- |", 1)


TABLES: dict[str, Callable[[], str]] = {
    "splits": splits,
    "needed": standards_needed,
    "scores": score_tables,
    "recalibration": recalibration,
    "losses": losses,
    "parts": part_table,
    "few-shot": few_shot,
}


def filled(page: str) -> str:
    """Return the page with its tables as the CSVs have them now."""
    for name, table in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = table()
        page, count = re.subn(
            pattern, lambda m, t=text: f"{m[1]}\n{t}\n\n{m[2]}", page, flags=re.DOTALL
        )
        if count != 1:
            raise SystemExit(f"{PAGE.name} has no place for the table {name!r}")
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written to {PAGE}")
