"""Error of prediction against the number of standards."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from ._style import axes, drawn, next_look, with_unit

CURVE = "standards curve"
"""Marks the lines of displays among others on an axes."""


class StandardsCurveDisplay:
    """RMSEP against the number of standards: median, and a band between the quartiles.

    Make it with `from_curve`; draw further methods on the same ``ax``.

    Parameters
    ----------
    n_standards : array-like of shape (n_points,)
        Numbers of standards.
    median : array-like of shape (n_points,)
        Median RMSEP over splits, in the unit of the property.
    q1, q3 : array-like of shape (n_points,), optional
        Its quartiles; without them there is no band.
    name : str, optional
        Name of the method in the legend.
    property_name : str, optional
        Name of the property.
    unit : str, optional
        Its unit, for example ``"%"``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    line_ : matplotlib Line2D
        The median.
    band_ : matplotlib PolyCollection or None
        What lies between the quartiles.

    Raises
    ------
    ValueError
        If the arrays are not one-dimensional and of equal length.

    See Also
    --------
    spectralfm.model_selection.standards_curve : Measure the curve.
    PredictedReferenceDisplay : Predicted against reference values.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from spectralfm.plotting import StandardsCurveDisplay
    >>> display = StandardsCurveDisplay([3, 5, 10], [0.9, 0.6, 0.5], unit="%")
    >>> display.plot().ax_.get_ylabel()
    'RMSEP (%)'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        n_standards: ArrayLike,
        median: ArrayLike,
        *,
        q1: ArrayLike | None = None,
        q3: ArrayLike | None = None,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
    ) -> None:
        self.n_standards, self.median = np.asarray(n_standards), np.asarray(median)
        self.q1 = None if q1 is None else np.asarray(q1)
        self.q3 = None if q3 is None else np.asarray(q3)
        if (self.q1 is None) != (self.q3 is None):
            raise ValueError("q1 and q3 belong together: pass both or neither.")
        for label in ("n_standards", "median", "q1", "q3"):
            values = getattr(self, label)
            if values is not None and values.shape != (self.n_standards.size,):
                raise ValueError(
                    f"{label} has shape {values.shape}, but there are {self.n_standards.size} "
                    "numbers of standards. Of a curve of several properties, pass column=."
                )
        self.name, self.property_name, self.unit = name, property_name, unit

    @classmethod
    def from_curve(
        cls,
        curve: Bunch,
        *,
        column: int | None = None,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
        ax: Any = None,
        **line: Any,
    ) -> Self:
        """Draw a curve.

        Parameters
        ----------
        curve : Bunch
            What `spectralfm.model_selection.standards_curve` returned.
        column : int, optional
            Which property, if the curve has several.
        name, property_name, unit : str, optional
            As of the class.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **line : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        StandardsCurveDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        median, q1, q3 = (
            np.asarray(curve[key]) if column is None else np.asarray(curve[key])[:, column]
            for key in ("median", "q1", "q3")
        )
        names = {"name": name, "property_name": property_name, "unit": unit}
        return cls(curve.n_standards, median, q1=q1, q3=q3, **names).plot(ax=ax, **line)

    def plot(self, ax: Any = None, **line: Any) -> Self:
        """Draw the median, the band between the quartiles and a legend.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **line : dict
            Passed to matplotlib's ``plot``.

        Returns
        -------
        self : StandardsCurveDisplay
            With ``ax_``, ``figure_``, ``line_`` and ``band_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax, type(self).__name__)
        look = next_look(ax, CURVE) | {"markersize": 5, "linewidth": 1.5}
        # A label that starts with an underscore stays out of the legend.
        look["label"] = self.name or "_curve"
        (self.line_,) = ax.plot(self.n_standards, self.median, **look | line)
        self.band_ = None
        if self.q1 is not None and self.q3 is not None and (self.q3 > self.q1).any():
            self.band_ = ax.fill_between(
                self.n_standards, self.q1, self.q3, color=self.line_.get_color(), alpha=0.15, lw=0
            )
        ax.set_xticks(sorted({x for curve in drawn(ax, CURVE) for x in curve.get_xdata()}))
        ax.set_xlabel("Number of standards")
        ax.set_ylabel(with_unit("RMSEP", self.unit))
        if self.property_name:
            ax.set_title(self.property_name)
        if self.name:
            ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
