"""Predicted against reference values."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..metrics import rmsep
from ._style import axes, drawn, next_look, with_unit

IDENTITY, POINTS = "identity", "predictions"
"""Marks of what is drawn: the line once on an axes, points once a display."""


class PredictedReferenceDisplay:
    """Predicted against reference values of one property, with the line of faultless predictions.

    Make it with `from_predictions` or `from_estimator`; draw further methods on the same ``ax``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Reference values.
    y_pred : array-like of shape (n_samples,)
        Predictions.
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
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    points_ : matplotlib PathCollection
        The samples.

    Raises
    ------
    ValueError
        If the values are not finite or differ in number, or belong to several properties.

    See Also
    --------
    StandardsCurveDisplay : Error against the number of standards.

    Examples
    --------
    >>> from spectralfm.plotting import PredictedReferenceDisplay
    >>> display = PredictedReferenceDisplay([10.0, 11.0, 12.0], [10.5, 11.5, 12.5], unit="%")
    >>> display.rmsep_
    0.5
    >>> display.plot().ax_.get_ylabel()  # doctest: +SKIP
    'Predicted (%)'
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
    ) -> None:
        errors = np.atleast_1d(rmsep(y_true, y_pred, multioutput="raw_values"))
        if len(errors) > 1:
            raise ValueError(f"There are {len(errors)} properties: draw one at a time.")
        self.y_true, self.y_pred = np.ravel(y_true), np.ravel(y_pred)
        self.rmsep_ = float(errors[0])
        self.name, self.property_name, self.unit = name, property_name, unit

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
        ax: Any = None,
        **scatter: Any,
    ) -> Self:
        """Draw predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            Reference values and predictions.
        name, property_name, unit : str, optional
            As of the class.
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
        display = cls(y_true, y_pred, name=name, property_name=property_name, unit=unit)
        return display.plot(ax=ax, **scatter)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str | None = None,
        property_name: str | None = None,
        unit: str | None = None,
        ax: Any = None,
        **scatter: Any,
    ) -> Self:
        """Draw what a fitted calibration predicts.

        Parameters
        ----------
        estimator : estimator
            Fitted, with ``predict``.
        X : array-like of shape (n_samples, n_channels)
            Spectra of samples it was not fitted on.
        y : array-like of shape (n_samples,)
            Their reference values.
        name, property_name, unit : str, optional
            As of the class; ``name`` is by default that of the estimator's class.
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
        name = type(estimator).__name__ if name is None else name
        display = cls(y, estimator.predict(X), name=name, property_name=property_name, unit=unit)
        return display.plot(ax=ax, **scatter)

    def plot(self, ax: Any = None, **scatter: Any) -> Self:
        """Draw the samples, the line of faultless predictions and a legend with the RMSEP.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        **scatter : dict
            Passed to matplotlib's ``scatter``.

        Returns
        -------
        self : PredictedReferenceDisplay
            With ``ax_``, ``figure_`` and ``points_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax, type(self).__name__)
        if not drawn(ax, IDENTITY):
            middle = float(self.y_true.mean())
            ax.axline((middle, middle), slope=1, color="0.6", linewidth=1, gid=IDENTITY, zorder=0)
        number = f"{self.rmsep_:#.3g}".rstrip(".")
        error = f"RMSEP {number} {self.unit or ''}".rstrip()
        look = next_look(ax, POINTS) | {"s": 22, "alpha": 0.8, "linewidths": 0}
        look["label"] = f"{self.name}: {error}" if self.name else error
        self.points_ = ax.scatter(self.y_true, self.y_pred, **look | scatter)
        ax.set_xlabel(with_unit("Reference", self.unit))
        ax.set_ylabel(with_unit("Predicted", self.unit))
        if self.property_name:
            ax.set_title(self.property_name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
