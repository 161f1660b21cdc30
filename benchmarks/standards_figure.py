"""Draw score against number of standards, with quartiles over splits: docs/figures/standards.png.

Reads what ``transfer.py`` wrote: ``python benchmarks/standards_figure.py``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from _protocol import BUDGETS
from _results import DEFAULT, GROUPS, scores
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from spectralfm.plotting._style import COLOURS, MARKERS

LINES = (
    DEFAULT, "TransferEnsemble", "network member alone", "noise-aware ridge", "PDS", "di-PLS",
)  # fmt: skip
TITLES = {
    "corn->mp": "corn, target mp5 or mp6",
    "corn->m5": "corn, target m5",
    "tablets": "tablets",
    "soil": "soil, dry and wet",
}
KEYS = ("score", "q1", "q3")
TICKS = (0.9, 1, 1.2, 1.5, 2, 3, 4)
WIDE_TICKS = (1, 2, 3, 5, 7, 10, 20, 30)
PATH = Path(__file__).parents[1] / "docs" / "figures" / "standards.png"


def draw(ax: Axes, group: str, found: dict) -> None:
    """Draw the lines of one group, and name each at its end."""
    names = [str(n) for n in BUDGETS]
    ends, high = [], 1.0
    for method, colour, marker in zip(LINES, COLOURS, MARKERS, strict=False):
        rows = [(x, found.get((group, method, n))) for x, n in enumerate(names)]
        rows = [(x, row) for x, row in rows if row]
        if not rows:
            continue
        x = [place for place, _ in rows]
        y, q1, q3 = np.array([[float(row[key]) for key in KEYS] for _, row in rows]).T
        first = method == DEFAULT
        ax.fill_between(x, q1, q3, color=colour, alpha=0.12, lw=0)
        ax.plot(x, y, color=colour, marker=marker, ms=4.5, lw=2.4 if first else 1.3,
                zorder=3 if first else 2)  # fmt: skip
        ends.append((y[-1], method, colour))
        high = max(high, y.max(), q3[1:].max(initial=0))
    ax.axhline(1, color="0.45", lw=1, ls="--", zorder=1)
    ax.set_yscale("log")
    ax.set_ylim(0.82, high * 1.08)
    ticks = TICKS if high < 5 else WIDE_TICKS
    ax.yaxis.set_major_locator(FixedLocator([t for t in ticks if t < high * 1.08]))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(range(len(names)), ["no target\nspectrum", "0, un-\nlabelled", *names[2:]],
                  fontsize=9)  # fmt: skip
    ax.set_xlim(-0.25, len(names) - 0.9)
    ax.set_title(TITLES[group], loc="left", fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.92", lw=0.8)
    ax.set_axisbelow(True)
    label(ax, sorted(ends))


def label(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write the names beside the ends of the lines, none over another."""
    low, high = np.log(ax.get_ylim())
    wanted = np.array([(np.log(y) - low) / (high - low) for y, _, _ in ends])
    gap = 0.062
    places = wanted.copy()
    for _ in range(200):
        for k in range(len(places) - 1):
            overlap = gap - (places[k + 1] - places[k])
            if overlap > 0:
                places[k] -= overlap / 2
                places[k + 1] += overlap / 2
        places += max(0.0, 0.01 - places[0])
    for place, want, (_, method, colour) in zip(places, wanted, ends, strict=True):
        weight = "bold" if method == DEFAULT else "normal"
        ax.plot([1.0, 1.035], [want, place], transform=ax.transAxes, color=colour, lw=0.7,
                clip_on=False)  # fmt: skip
        ax.text(1.045, place, method, color=colour, transform=ax.transAxes, va="center",
                fontsize=9, weight=weight)  # fmt: skip


def main() -> None:
    """Draw and write the figure."""
    found = scores()
    splits = {
        group: max(int(row["splits"]) for key, row in found.items() if key[0] == group)
        for group in GROUPS
    }
    figure, panels = plt.subplots(2, 2, figsize=(11.5, 8), layout="constrained")
    for ax, group in zip(panels.flat, GROUPS, strict=True):
        draw(ax, group, found)
        ax.set_title(f"{splits[group]} splits", loc="right", fontsize=9, color="0.4")
    for ax in panels[1]:
        ax.set_xlabel("number of standards")
    for ax in panels[:, 0]:
        ax.set_ylabel("RMSEP / RMSEP of a full recalibration")
    PATH.parent.mkdir(exist_ok=True)
    figure.savefig(PATH, dpi=110)
    print(f"written to {PATH}")


if __name__ == "__main__":
    main()
