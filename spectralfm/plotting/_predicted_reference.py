"""Predicted against reference values."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..metrics import bias, coverage, r2, rmsep, sep
from ._style import axes, drawn, legend_clear, next_look, with_unit

IDENTITY, POINTS = "identity", "predictions"
"""Marks of what is drawn: the line once on an axes, points once a display."""

STATISTICS = ("rmsep", "sep", "bias", "r2", "n", "coverage")


class PredictedReferenceDisplay:
    """Predicted against reference values of one property, with the line of faultless predictions.

    Make it with `from_predictions` or `from_estimator`; draw further methods on the same ``ax``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Reference values.
    y_pred : array-like of shape (n_samples,)
        Predictions.
    interval : array-like of shape (n_samples, 2), optional
        Lower and upper bounds of prediction intervals. Infinite ones are not drawn.
    name : str, optional
        Name of the method in the legend.
    property_name : str, optional
        Name of the property.
    unit : str, optional
        Its unit, for example ``"%"``.

    Attributes
    ----------
    rmsep_ : float
        Root mean square error of prediction, in the unit of the property.
    sep_ : float
        The same after subtraction of the bias; NaN from one sample.
    bias_ : float
        Mean of predicted minus reference.
    r2_ : float
        Coefficient of determination; NaN from one sample.
    coverage_ : float or None
        Share of reference values within their interval.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    points_ : matplotlib PathCollection
        The samples.
    intervals_ : matplotlib LineCollection or None
        Their intervals.

    Raises
    ------
    ValueError
        If the values are not finite or differ in number, or belong to several properties.

    See Also
    --------
    spectralfm.conformal.ConformalRegressor : Intervals that cover at a stated level.
    StandardsCurveDisplay : Error against the number of standards.

    Examples
    --------
    >>> from spectralfm.plotting import PredictedReferenceDisplay
    >>> y_true, y_pred = [10.0, 11.0, 12.0], [10.5, 11.5, 12.5]
    >>> display = PredictedReferenceDisplay(y_true, y_pred, unit="%")
    >>> display.rmsep_, display.sep_, display.bias_
    (0.5, 0.0, 0.5)

    With matplotlib, drawing methods return it with ``ax_`` and ``figure_``:

    >>> import matplotlib.pyplot as plt
    >>> interval = [[9.8, 11.2], [10.8, 12.2], [12.2, 12.8]]
    >>> display = PredictedReferenceDisplay.from_predictions(y_true, y_pred, interval=interval)
    >>> print(display.ax_.get_legend().get_texts()[0].get_text())
    RMSEP 0.500, SEP 0.00, bias 0.500
    R² 0.625, n = 3, 67 % in intervals
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        interval: ArrayLike | None = None,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
    ) -> None:
        errors = np.atleast_1d(rmsep(y_true, y_pred, multioutput="raw_values"))
        if len(errors) > 1:
            raise ValueError(f"There are {len(errors)} properties: draw one at a time.")
        self.y_true, self.y_pred = np.ravel(y_true), np.ravel(y_pred)
        several = len(self.y_true) > 1
        self.rmsep_, self.bias_ = float(errors[0]), float(bias(self.y_true, self.y_pred))
        self.sep_ = float(sep(self.y_true, self.y_pred)) if several else np.nan
        self.r2_ = float(r2(self.y_true, self.y_pred)) if several else np.nan
        self.interval, self.coverage_ = None, None
        if interval is not None:
            self.coverage_ = float(coverage(self.y_true, interval))
            self.interval = np.asarray(interval, dtype=np.float64).reshape(-1, 2)
        self.name, self.property_name, self.unit = name, property_name, unit

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        interval: ArrayLike | None = None,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
        statistics: Sequence[str] = STATISTICS,
        ax: Any = None,
        **scatter: Any,
    ) -> Self:
        """Draw predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            Reference values and predictions.
        interval : array-like of shape (n_samples, 2), optional
            Lower and upper bounds of prediction intervals.
        name, property_name, unit : str, optional
            As of the class.
        statistics : sequence of str, default=("rmsep", "sep", "bias", "r2", "n", "coverage")
            What the legend says.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **scatter : dict
            Passed to matplotlib's ``scatter``.

        Returns
        -------
        PredictedReferenceDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        display = cls(
            y_true, y_pred, interval=interval, name=name, property_name=property_name, unit=unit
        )
        return display.plot(ax=ax, statistics=statistics, **scatter)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
        statistics: Sequence[str] = STATISTICS,
        ax: Any = None,
        **scatter: Any,
    ) -> Self:
        """Draw what a fitted calibration predicts, with intervals if it predicts any.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``predict``, or with ``predict_interval`` as
            `spectralfm.conformal.ConformalRegressor` has it.
        X : array-like of shape (n_samples, n_channels)
            Spectra of samples it was not fitted on.
        y : array-like of shape (n_samples,)
            Their reference values.
        groups : array-like of shape (n_samples,), optional
            Groups of the samples, for ``predict_interval`` of Mondrian intervals.
        name, property_name, unit : str, optional
            As of the class; ``name`` is by default that of the estimator's class.
        statistics : sequence of str, default=("rmsep", "sep", "bias", "r2", "n", "coverage")
            What the legend says.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **scatter : dict
            Passed to matplotlib's ``scatter``.

        Returns
        -------
        PredictedReferenceDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        interval = None
        if hasattr(estimator, "predict_interval"):
            options = {} if groups is None else {"groups": groups}
            predicted, interval = estimator.predict_interval(X, **options)
        else:
            predicted = estimator.predict(X)
        return cls.from_predictions(
            y,
            predicted,
            interval=interval,
            name=type(estimator).__name__ if name is None else name,
            property_name=property_name,
            unit=unit,
            statistics=statistics,
            ax=ax,
            **scatter,
        )

    def plot(
        self, ax: Any = None, *, statistics: Sequence[str] = STATISTICS, **scatter: Any
    ) -> Self:
        """Draw the samples, their intervals, the line of faultless predictions and a legend.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        statistics : sequence of str, default=("rmsep", "sep", "bias", "r2", "n", "coverage")
            What the legend says.
        **scatter : dict
            Passed to matplotlib's ``scatter``.

        Returns
        -------
        self : PredictedReferenceDisplay
            With ``ax_``, ``figure_``, ``points_`` and ``intervals_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a statistic does not exist.
        """
        label = self._label(statistics)
        ax = axes(ax, type(self).__name__)
        if not drawn(ax, IDENTITY):
            middle = float(self.y_true.mean())
            ax.axline((middle, middle), slope=1, color="0.6", linewidth=1, gid=IDENTITY, zorder=0)
        look = next_look(ax, POINTS) | {"s": 22, "alpha": 0.8, "linewidths": 0, "label": label}
        self.points_ = ax.scatter(self.y_true, self.y_pred, **look | scatter)
        self.intervals_ = None
        if self.interval is not None:
            bounded = np.isfinite(self.interval).all(axis=1)
            self.intervals_ = ax.vlines(
                self.y_true[bounded],
                *self.interval[bounded].T,
                colors=self.points_.get_facecolor()[:1, :3],
                linewidth=1,
                alpha=0.45,
                zorder=0.5,
            )
        ax.set_xlabel(with_unit("Reference", self.unit))
        ax.set_ylabel(with_unit("Predicted", self.unit))
        if self.property_name:
            ax.set_title(self.property_name)
        legend_clear(ax, np.concatenate([points.get_offsets() for points in drawn(ax, POINTS)]))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, statistics: Sequence[str]) -> str:
        """Return name and statistics, on three lines at most."""
        unknown = [name for name in statistics if name not in STATISTICS]
        if isinstance(statistics, str) or unknown:
            raise ValueError(f"statistics are some of {', '.join(STATISTICS)}, not {statistics!r}.")
        texts = {
            "rmsep": f"RMSEP {_number(self.rmsep_)} {self.unit or ''}".rstrip(),
            "sep": f"SEP {_number(self.sep_)}",
            "bias": f"bias {_number(self.bias_)}",
            "r2": f"R² {_number(self.r2_)}",
            "n": f"n = {len(self.y_true)}",
            "coverage": "",
        }
        if self.coverage_ is not None:
            texts["coverage"] = f"{100 * self.coverage_:.0f} % in intervals"
        said = [texts[name] for name in statistics if texts[name] and "nan" not in texts[name]]
        lines = [", ".join(said[k : k + 3]) for k in range(0, len(said), 3)]
        if self.name:
            lines = [f"{self.name}: {lines[0]}"] if len(lines) == 1 else [self.name, *lines]
        return "\n".join(lines)


def _number(value: float) -> str:
    """Write three digits, and a minus as long as those of the axes."""
    return f"{value:#.3g}".rstrip(".").replace("-", "−")
