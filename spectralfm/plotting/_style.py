"""What the displays share: matplotlib, axes, colours that all eyes can tell apart, labels."""

from importlib.util import find_spec
from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito, without the yellow that white paper swallows."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a colour, so that a figure can also be read in grey."""


def axes(ax: Any, owner: str) -> Any:
    """Return ``ax``, or the axes of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    require_matplotlib(owner)
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


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


def next_look(ax: Any, gid: str) -> dict[str, str]:
    """Return colour and marker of the next display of one kind on ``ax``."""
    k = len(drawn(ax, gid))
    return {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "gid": gid}


def with_unit(text: str, unit: str | None) -> str:
    """Append the unit, if it is known."""
    return f"{text} ({unit})" if unit else text
