"""The figure of a comparison: predicted against reference, and RMSEP against standards."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..plotting import PredictedReferenceDisplay, StandardsCurveDisplay
from ..plotting._style import require_matplotlib
from ._compare import RECALIBRATION, Comparison

SHOWN = ("no transfer", "TransferEnsemble", RECALIBRATION)
"""Methods whose predictions are drawn: before, after, and what re-measuring everything gives."""


LOOKS: dict[str, dict[str, Any]] = {
    "no transfer": {"color": "#D55E00", "marker": "X"},
    "mean shift": {"color": "#E69F00", "marker": "v"},
    "PDS": {"color": "#009E73", "marker": "s"},
    "EPO": {"color": "#CC79A7", "marker": "D"},
    "TransferEnsemble": {"color": "#0072B2", "marker": "o"},
    RECALIBRATION: {"color": "#000000", "marker": "^"},
}
"""A method looks the same on both sides."""


def draw_figure(comparisons: Sequence[Comparison], path: str | os.PathLike[str]) -> None:
    """Draw comparisons, one a row, into a file.

    Parameters
    ----------
    comparisons : sequence of Comparison
        What to draw.
    path : str or path-like
        File to write; its suffix says in which format.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If matplotlib does not write such files.

    Examples
    --------
    >>> from spectralfm.comparison import Comparison, compare_methods, draw_figure, simulated_set
    >>> task = simulated_set(n_samples=40, n_channels=60).task()
    >>> comparison = Comparison(task, 5, compare_methods(task, 5, methods=["no transfer"]))
    >>> draw_figure([comparison], "transfer.png")  # doctest: +SKIP
    """
    require_matplotlib("draw_figure")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6 * len(comparisons)), layout="constrained")
    axes = figure.subplots(len(comparisons), 2, squeeze=False)
    for (left, right), comparison in zip(axes, comparisons, strict=True):
        _draw_predictions(left, comparison)
        _draw_curves(right, comparison)
    figure.savefig(path, dpi=120)


def check_figure_path(path: str | os.PathLike[str]) -> None:
    """Raise unless matplotlib can write such a file, before any work is done.

    Parameters
    ----------
    path : str or path-like
        File to write.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If matplotlib does not write such files.
    """
    require_matplotlib("The figure")
    from matplotlib.figure import Figure

    formats = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in formats:
        raise ValueError(f"{path}: the name of a figure ends in one of {', '.join(formats)}.")


def _draw_predictions(ax: Any, comparison: Comparison) -> None:
    """Draw predictions before and after the transfer, and of the full recalibration."""
    task = comparison.task
    for name in SHOWN:
        if name in comparison.predictions:
            PredictedReferenceDisplay.from_predictions(
                task.y_test,
                comparison.predictions[name],
                name=name,
                unit=task.unit,
                statistics=("rmsep",),
                ax=ax,
                **LOOKS[name],
            )
    ax.set_title(f"{task.property_name}, {task.source} to {task.target}: test samples")


def _draw_curves(ax: Any, comparison: Comparison) -> None:
    """Draw RMSEP against the number of standards."""
    for name, curve in comparison.curves.items():
        if name == RECALIBRATION:
            ax.axhline(curve.median[0], linestyle="--", label=name, color=LOOKS[name]["color"])
        else:
            StandardsCurveDisplay.from_curve(
                curve, name=name, unit=comparison.task.unit, ax=ax, **LOOKS.get(name, {})
            )
    ax.set_ylim(bottom=0)
    ax.legend()
    splits = f"median and quartiles of {comparison.n_splits} splits"
    ax.set_title(f"Standards: {splits if comparison.n_splits > 1 else 'the same test samples'}")
