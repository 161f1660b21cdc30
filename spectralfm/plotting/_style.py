"""What the displays share: matplotlib, axes, colours that all eyes can tell apart, labels."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito, without the yellow that white paper swallows."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a colour, so that a figure can also be read in grey."""

COLOUR_MAP = "cividis"
"""For numbers: its brightness rises evenly, and all eyes see the same order."""

SMALL = "small"
"""Size of the text of legends and notes."""

LETTERS = 13
"""Small letters that an inch holds."""

AXIS_LABELS = {"nm": "Wavelength (nm)", "cm-1": "Wavenumber (cm$^{-1}$)", "channel": "Channel"}


def axes(ax: Any, owner: str) -> Any:
    """Return ``ax``, or the axes of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    return panels(ax, owner, 1)[0]


def panels(ax: Any, owner: str, n: int, **figure: Any) -> NDArray[np.object_]:
    """Return the n axes given, or those of a new figure.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        What the caller was given.
    owner : str
        Name of the display, for messages.
    n : int
        Number of axes it draws on.
    **figure : dict
        Passed to ``matplotlib.pyplot.subplots`` for a new figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If another number of axes is given.
    """
    require_matplotlib(owner)
    if ax is not None:
        given = np.ravel(np.asarray(ax, dtype=object))
        if len(given) != n:
            raise ValueError(f"{owner} draws on {n} axes, but ax has {len(given)}.")
        return given
    import matplotlib.pyplot as plt

    return np.ravel(plt.subplots(squeeze=False, layout="constrained", **figure)[1])


def require_matplotlib(owner: str) -> None:
    """Raise unless matplotlib is installed.

    Raises
    ------
    ImportError
        With the command that installs it.
    """
    if find_spec("matplotlib") is None:
        raise ImportError(
            f"{owner} draws with matplotlib, which is not installed: pip install 'spectralfm[plot]'"
        )


def drawn(ax: Any, gid: str) -> list[Any]:
    """Return what earlier displays of one kind drew on ``ax``."""
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def look(k: int) -> dict[str, str]:
    """Return colour and marker number k."""
    return {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}


def next_look(ax: Any, gid: str) -> dict[str, str]:
    """Return colour and marker of the next display of one kind on ``ax``."""
    return look(len(drawn(ax, gid))) | {"gid": gid}


def with_unit(text: str, unit: str | None) -> str:
    """Append the unit, if it is known."""
    return f"{text} ({unit})" if unit else text


def label_axis(ax: Any, unit: str, low: float, high: float) -> None:
    """Name the axis of spectra and set its ends; wavenumbers descend."""
    ax.set_xlabel(AXIS_LABELS[unit])
    ax.set_xlim((high, low) if unit == "cm-1" else (low, high))


def legend_above(ax: Any, **legend: Any) -> None:
    """Put the legend above all that is drawn on ``ax``, and make room for it."""
    box = ax.legend(loc="upper left", fontsize=SMALL, **legend).get_window_extent()
    share = min(0.6, box.height / ax.get_window_extent().height + 0.04)
    low, high = ax.dataLim.intervaly
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - margin, high + margin
    ax.set_ylim(low, high + share / (1 - share) * (high - low))


def legend_clear(ax: Any, places: NDArray[np.float64]) -> None:
    """Put the legend where it covers none of the places (n, 2), above them if there is no room."""
    ax.autoscale(axis="y")
    box = ax.legend(fontsize=SMALL).get_window_extent()
    if any(box.contains(*place) for place in ax.transData.transform(places)):
        legend_above(ax)


def legend_outside(ax: Any, handles: Any = None, *, loc: str = "outside upper center") -> None:
    """Put a legend of what is drawn on ``ax`` beside all panels, or within, in foreign layouts."""
    figure = ax.figure
    if handles is None:
        handles = ax.get_legend_handles_labels()[0]
    if figure.get_layout_engine() is None:
        ax.legend(handles=handles, fontsize=SMALL)
        return
    for earlier in drawn(figure, loc):
        earlier.remove()
    width = sum(len(handle.get_label()) + 6 for handle in handles)
    rows = -(-width // int(LETTERS * figure.get_figwidth()))
    columns = -(-len(handles) // rows)
    figure.legend(handles=handles, loc=loc, ncols=columns, fontsize=SMALL).set_gid(loc)


def check_vector(values: ArrayLike, *, name: str, n: int | None = None) -> NDArray[np.float64]:
    """Return finite numbers, as many as wanted.

    Raises
    ------
    ValueError
        If they are not finite numbers in one dimension, or not n.
    """
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, one a sample.") from None
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector, one number a sample; it has {vector.shape}.")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} holds NaN or infinity: leave these samples out.")
    if n is not None and len(vector) != n:
        raise ValueError(f"{name} has {len(vector)} values for {n} samples.")
    return vector


def check_labels(labels: ArrayLike | Sequence[Any], *, name: str, n: int) -> NDArray[np.object_]:
    """Return labels as text, as many as wanted.

    Raises
    ------
    ValueError
        If there is not one a sample.
    """
    texts = np.array([str(label) for label in np.asarray(labels, dtype=object)], dtype=object)
    if len(texts) != n:
        raise ValueError(f"{name} has {len(texts)} labels for {n} samples.")
    return texts
