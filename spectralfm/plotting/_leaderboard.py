"""Methods ranked by their scores on several sets, as a dot plot."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ._style import COLOURS, check_labels, check_vector, legend_outside, panels

Array = NDArray[np.float64]

QUARTILES = (25, 50, 75)

LOGARITHMIC = 5.0
"""Largest score over the smallest from which the axis is logarithmic."""

POINTS_PER_INCH = 72
LETTER = 8.5
"""Largest size of the names of methods, points."""

LINE_HEIGHT = 0.26
"""Inches of one method."""


class LeaderboardDisplay:
    """Scores of methods on sets: medians as dots, quartiles as bars, the best of each set filled.

    Methods are ordered by their mean rank over the sets, those that were not tried on all of them
    below the others. Make it with `from_scores` or, of a table, `from_records`.

    Parameters
    ----------
    methods : array-like of shape (n_rows,)
        Method of each score.
    groups : array-like of shape (n_rows,)
        Set, or instrument pair, of each score.
    scores : array-like of shape (n_rows,)
        The scores. Several of one method and set, such as those of splits, are summarised by their
        median and quartiles.
    q1, q3 : array-like of shape (n_rows,), optional
        Quartiles, where scores are medians already: one a method and set.
    greater_is_better : bool, default=False
        Whether the largest score is the best, and not the smallest.
    score_name : str, default="Score"
        What the scores are, with their unit.
    baseline : float, optional
        A score to draw a line at, such as 1 for errors relative to a full recalibration.

    Attributes
    ----------
    methods_ : list of str
        Methods, the best first; then those with gaps, the best first.
    groups_ : list of str
        Sets, in the order of their first appearance.
    table_ : ndarray of shape (n_methods, n_groups, 3)
        First quartile, median and third quartile; NaN where a method was not tried, and quartiles
        of a single score are the score itself.
    ranks_ : ndarray of shape (n_methods,)
        Mean ranks over the sets they were tried on, 1 for a method that is the best everywhere.
    axes_ : ndarray of matplotlib Axes of shape (n_groups,)
        One panel a set.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Their figure.
    points_ : list of tuple of matplotlib PathCollection
        The medians of each panel but the best, and the best.

    Raises
    ------
    ValueError
        If the columns differ in length, scores are not finite, or medians with quartiles repeat a
        method and set.

    See Also
    --------
    StandardsCurveDisplay : One method for many numbers of standards.

    Notes
    -----
    Ranks of methods that were tried on other sets cannot be compared: read nothing into the order
    of those with gaps.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from spectralfm.plotting import LeaderboardDisplay
    >>> display = LeaderboardDisplay.from_scores(
    ...     ["PDS", "SST", "PDS", "SST"], ["corn", "corn", "soil", "soil"], [1.4, 1.2, 1.5, 1.1]
    ... )
    >>> display.methods_, display.ranks_
    (['SST', 'PDS'], array([1., 2.]))
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        methods: ArrayLike | Sequence[str],
        groups: ArrayLike | Sequence[str],
        scores: ArrayLike,
        *,
        q1: ArrayLike | None = None,
        q3: ArrayLike | None = None,
        greater_is_better: bool = False,
        score_name: str = "Score",
        baseline: float | None = None,
    ) -> None:
        values = check_vector(scores, name="scores")
        n = len(values)
        method = check_labels(methods, name="methods", n=n)
        group = check_labels(groups, name="groups", n=n)
        if (q1 is None) != (q3 is None):
            raise ValueError("q1 and q3 belong together: pass both or neither.")
        quartiles = None
        if q1 is not None and q3 is not None:
            quartiles = check_vector(q1, name="q1", n=n), check_vector(q3, name="q3", n=n)
        names, self.groups_ = list(dict.fromkeys(method)), list(dict.fromkeys(group))
        table = np.full((len(names), len(self.groups_), 3), np.nan)
        for i, name in enumerate(names):
            for j, one in enumerate(self.groups_):
                rows = np.flatnonzero((method == name) & (group == one))
                if quartiles is not None and len(rows) > 1:
                    raise ValueError(
                        f"{name} has {len(rows)} rows on {one}, each with quartiles: choose one, "
                        "or pass the scores of all splits without q1 and q3."
                    )
                if len(rows):
                    table[i, j] = np.percentile(values[rows], QUARTILES)
                    if quartiles is not None:
                        table[i, j, ::2] = [ends[rows[0]] for ends in quartiles]
        ranks = _mean_ranks(table[:, :, 1], greater_is_better)
        gaps = np.isnan(table[:, :, 1]).sum(axis=1)
        order = np.lexsort((ranks, gaps > 0))
        self.methods_ = [names[i] for i in order]
        self.table_, self.ranks_ = table[order], ranks[order]
        self.greater_is_better = greater_is_better
        self.score_name, self.baseline = score_name, baseline

    @classmethod
    def from_scores(
        cls,
        methods: ArrayLike | Sequence[str],
        groups: ArrayLike | Sequence[str],
        scores: ArrayLike,
        *,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw scores.

        Parameters
        ----------
        methods, groups, scores : array-like of shape (n_rows,)
            As of the class.
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, one a set; by default on a new figure.
        **options : dict
            ``q1``, ``q3``, ``greater_is_better``, ``score_name`` and ``baseline``, as of the class.

        Returns
        -------
        LeaderboardDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(methods, groups, scores, **options).plot(ax=ax)

    @classmethod
    def from_records(
        cls,
        records: Any,
        *,
        method: str = "method",
        group: str = "group",
        score: str = "score",
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw a table of scores, one a row.

        Parameters
        ----------
        records : DataFrame, or iterable of mappings
            The rows, such as ``csv.DictReader`` reads them; with columns ``q1`` and ``q3``, the
            scores are medians.
        method, group, score : str, default="method", "group" and "score"
            Names of the columns.
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, one a set; by default on a new figure.
        **options : dict
            ``greater_is_better``, ``score_name`` and ``baseline``, as of the class.

        Returns
        -------
        LeaderboardDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no rows, or a column is missing.
        """
        if hasattr(records, "columns"):
            columns = {name: list(records[name]) for name in records.columns}
        else:
            rows = list(records)
            shared = set.intersection(*(set(row) for row in rows)) if rows else set()
            columns = {name: [row[name] for row in rows] for name in shared}
        missing = [name for name in (method, group, score) if not columns.get(name)]
        if missing:
            raise ValueError(
                f"The records have no column {', '.join(missing)}: name the columns of methods, "
                "groups and scores by method=, group= and score=."
            )
        quartiles = {name: columns[name] for name in ("q1", "q3") if name in columns}
        return cls.from_scores(
            columns[method], columns[group], columns[score], ax=ax, **{**quartiles, **options}
        )

    def plot(self, ax: Any = None) -> Self:
        """Draw one panel a set.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, one a set; by default on a new figure.

        Returns
        -------
        self : LeaderboardDisplay
            With ``axes_``, ``ax_``, ``figure_`` and ``points_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``ax`` has not one axes a set.
        """
        n_methods, n_groups = len(self.methods_), len(self.groups_)
        size = (max(6.4, 1.6 + 1.5 * n_groups), max(2.4, 1.5 + LINE_HEIGHT * n_methods))
        layout = {"ncols": n_groups, "sharey": True, "figsize": size}
        self.axes_ = panels(ax, type(self).__name__, n_groups, **layout)
        self.points_ = [
            self._draw(panel, self.table_[:, j], name)
            for j, (panel, name) in enumerate(zip(self.axes_, self.groups_, strict=True))
        ]
        first = self.axes_[0]
        height = POINTS_PER_INCH * first.get_window_extent().height / first.figure.dpi / n_methods
        first.set_yticks(range(n_methods), self.methods_, fontsize=min(LETTER, 0.8 * height))
        first.set_ylim(n_methods - 0.4, -0.6)
        self.ax_, self.figure_ = first, first.figure
        legend_outside(first, self._handles(), loc="outside lower center")
        return self

    def _handles(self) -> list[Any]:
        """Return what the legend shows."""
        from matplotlib.lines import Line2D

        point: dict[str, Any] = {"linestyle": "none", "markersize": 5.5}
        handles = [
            Line2D([], [], label="best", marker="D", color=COLOURS[1], **point),
            Line2D([], [], label="median", marker="o", mfc="white", mec=COLOURS[0], **point),
            Line2D([], [], label="quartiles", color=COLOURS[0], linewidth=2, alpha=0.5),
        ]
        if self.baseline is not None:
            label = f"{self.score_name} = {self.baseline:g}"
            handles.append(Line2D([], [], label=label, color="0.5", linestyle="--", linewidth=1))
        return handles

    def _draw(self, ax: Any, columns: Array, group: str) -> Any:
        """Draw quartiles (n_methods, 3) of one set."""
        rows = np.flatnonzero(np.isfinite(columns[:, 1]))
        q1, median, q3 = columns[rows].T
        best = median == (median.max() if self.greater_is_better else median.min())
        for row in range(len(columns)):
            ax.axhline(row, color="0.92", linewidth=0.8, zorder=0)
        if self.baseline is not None:
            ax.axvline(self.baseline, color="0.5", linestyle="--", linewidth=1, zorder=0.5)
        ax.hlines(rows, q1, q3, color=COLOURS[0], linewidth=2, alpha=0.5, zorder=1)
        points = ax.scatter(
            median[~best], rows[~best], s=28, color="white", edgecolors=COLOURS[0], zorder=2
        )
        first = ax.scatter(median[best], rows[best], s=28, color=COLOURS[1], marker="D", zorder=3)
        if median.min() > 0 and median.max() > LOGARITHMIC * median.min():
            ax.set_xscale("log")
        ax.set_title(group, fontsize="medium")
        ax.set_xlabel(self.score_name, fontsize="small")
        ax.tick_params(axis="x", labelsize="small")
        ax.tick_params(axis="y", length=0)
        return points, first


def _mean_ranks(medians: Array, greater_is_better: bool) -> Array:
    """Return the mean rank of each method over the sets it was tried on."""
    signed = -medians if greater_is_better else medians
    return np.nanmean(rankdata(signed, axis=0, nan_policy="omit"), axis=1)
