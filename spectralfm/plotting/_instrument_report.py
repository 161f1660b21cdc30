"""What a target instrument does to spectra, region by region."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..transfer import InstrumentEffects, Standards, instrument_effects
from ._style import drawn, label_axis, legend_outside, next_look, panels

REPORT, BARS = "instrument report", "limits of an instrument report"
"""Mark points and bars of displays among others on an axes."""

IDEAL = {"shift": 0.0, "gain": 1.0, "offset": 0.0, "broadening": 0.0}

SPREAD = 0.12
"""Width of a region, relative, by which the points of several reports stand apart."""


class InstrumentReportDisplay:
    """Shift, gain, offset and broadening of a target instrument, one point a region of the axis.

    Bars are confidence limits, lines what an instrument without a difference has. Make it with
    `from_standards`, as the samples measured on both instruments show it, and with
    `from_estimator`, as a fitted correction sees it; draw both on the same ``ax`` to compare.

    Parameters
    ----------
    effects : InstrumentEffects
        What `spectralfm.transfer.instrument_effects` returned.
    name : str, optional
        Name in the legend.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (4,)
        Shift, gain, offset and broadening.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : dict of str to matplotlib Line2D
        The points of "shift", "gain", "offset" and "broadening".
    bars_ : dict of str to matplotlib LineCollection
        Their limits.

    Raises
    ------
    TypeError
        If ``effects`` are not `InstrumentEffects`.

    See Also
    --------
    spectralfm.transfer.instrument_effects : The estimates, and when they fail.
    SpectraTransferDisplay : The spectra themselves.

    Notes
    -----
    What a correction sees is estimated between target spectra and what it makes of them, as if
    these were the source's: a correction that undoes all of the difference reports the instrument
    as the standards do; one that leaves spectra as they are reports none. Regions where the spectra
    do not tell the effects apart have no point; bars may end outside the panel.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.plotting import InstrumentReportDisplay
    >>> from spectralfm.transfer import PiecewiseDirectStandardization, Standards
    >>> pair = make_instrument_pair(random_state=0)
    >>> standards = Standards(pair.spectra["source"][:10], pair.spectra["target"][:10])
    >>> pds = PiecewiseDirectStandardization()
    >>> pds = pds.fit(standards.target, X_source=standards.source)
    >>> axis = {"wavelengths": pair.wavelengths, "regions": 5}
    >>> measured = InstrumentReportDisplay.from_standards(standards, **axis)
    >>> seen = InstrumentReportDisplay.from_estimator(
    ...     pds, pair.spectra["target"][10:], ax=measured.axes_, **axis
    ... )
    >>> [label.get_text() for label in measured.figure_.legends[0].get_texts()]
    ['standards', 'PiecewiseDirectStandardization']
    >>> plt.close(measured.figure_)
    """

    def __init__(self, effects: InstrumentEffects, *, name: str | None = None) -> None:
        if not isinstance(effects, InstrumentEffects):
            raise TypeError(
                f"effects must be InstrumentEffects, not {type(effects).__name__}: estimate them "
                "by spectralfm.transfer.instrument_effects."
            )
        self.effects, self.name = effects, name

    @classmethod
    def from_standards(
        cls,
        standards: Standards,
        *,
        name: str | None = "standards",
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw what the standards show.

        Parameters
        ----------
        standards : Standards
            Samples measured on both instruments.
        name : str, default="standards"
            Name in the legend.
        ax : array-like of four matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **options : dict
            Passed to `spectralfm.transfer.instrument_effects`: ``wavelengths`` or ``wavenumbers``,
            ``regions`` and others.

        Returns
        -------
        InstrumentReportDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(instrument_effects(standards, **options), name=name).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        name: str | None = None,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw the instrument as a fitted correction sees it.

        Parameters
        ----------
        estimator : transformer
            Fitted to write target spectra as the source's, such as
            `PiecewiseDirectStandardization` or `SpectralFMStandardizer`.
        X : array-like of shape (n_samples, n_target_channels)
            Spectra on the target instrument.
        name : str, optional
            Name in the legend, by default that of the estimator's class.
        ax : array-like of four matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **options : dict
            Passed to `spectralfm.transfer.instrument_effects`.

        Returns
        -------
        InstrumentReportDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pairs = Standards(source=estimator.transform(X), target=X)
        name = type(estimator).__name__ if name is None else name
        return cls.from_standards(pairs, name=name, ax=ax, **options)

    def plot(self, ax: Any = None) -> Self:
        """Draw the four effects.

        Parameters
        ----------
        ax : array-like of four matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        self : InstrumentReportDisplay
            With ``axes_``, ``ax_``, ``figure_``, ``lines_`` and ``bars_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``ax`` is not four axes.
        """
        layout = {"nrows": 2, "ncols": 2, "sharex": True}
        self.axes_ = panels(ax, type(self).__name__, 4, **layout)
        edges, unit = self.effects.edges, self.effects.unit
        axis_unit = unit.replace("cm-1", "cm$^{-1}$").replace("channel", "channels")
        labels = {
            "shift": f"Shift ({axis_unit})",
            "gain": "Gain",
            "offset": "Offset",
            "broadening": f"Broadening ({axis_unit})",
        }
        self.lines_: dict[str, Any] = {}
        self.bars_: dict[str, Any] = {}
        for panel, (effect, label) in zip(self.axes_, labels.items(), strict=True):
            self._draw(panel, effect)
            panel.set_ylabel(label)
            if panel.get_subplotspec() is None or panel.get_subplotspec().is_last_row():
                label_axis(panel, unit, edges[0], edges[-1])
            else:
                panel.set_xlim((edges[-1], edges[0]) if unit == "cm-1" else edges[[0, -1]])
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        if self.name:
            legend_outside(self.ax_)
        return self

    def _draw(self, ax: Any, effect: str) -> None:
        """Draw one effect of all regions."""
        edges = self.effects.edges
        earlier = len(drawn(ax, REPORT))
        if not earlier:
            ax.axhline(IDEAL[effect], color="0.6", linewidth=1, zorder=0)
        step = SPREAD * ((earlier + 1) // 2) * (-1) ** earlier
        places = (edges[1:] + edges[:-1]) / 2 + step * np.diff(edges)
        look = next_look(ax, REPORT) | {"label": self.name or "_report"}
        values, limits = getattr(self.effects, effect), self.effects.limits[effect]
        (self.lines_[effect],) = ax.plot(
            places, values, linestyle="none", markersize=5, zorder=3, **look
        )
        known = np.isfinite(limits).all(axis=1)
        self.bars_[effect] = ax.vlines(
            places[known], *limits[known].T, color=look["color"], linewidth=1.2, alpha=0.7, gid=BARS
        )
        _set_height(ax, IDEAL[effect])


def _set_height(ax: Any, ideal: float) -> None:
    """Show all points, and bars as far as most of them reach."""
    values = np.concatenate([[ideal], *(line.get_ydata() for line in drawn(ax, REPORT))])
    values = values[np.isfinite(values)]
    bars = [np.ptp(bar[:, 1]) for bars in drawn(ax, BARS) for bar in bars.get_segments()]
    low, high = values.min(), values.max()
    reach = np.median(bars) / 2 if bars else 0.0
    margin = max(0.15 * (high - low), 1.2 * min(reach, high - low)) or 0.01
    ax.set_ylim(low - margin, high + margin)
