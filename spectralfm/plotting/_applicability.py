"""Spectra inside and outside of what a model knows: T2 against Q."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ._style import COLOURS, SMALL, axes, check_labels, check_vector, look

DECADE = 10.0
"""Largest value over its limit from which an axis is logarithmic."""

INSIDE, OUTSIDE = "inside", "outside"


class ApplicabilityDisplay:
    r"""Hotelling's T2 against the residual Q of each spectrum, with the limits of both.

    T2 is the distance from the middle of the calibration within the model's components, Q the
    squared distance from them. Spectra beyond a limit are unlike the calibration: large in T2, more
    of the same; large in Q, of another kind. Make it with `from_predictions`.

    Parameters
    ----------
    t2 : array-like of shape (n_samples,)
        Hotelling's :math:`T^2`, >= 0.
    q : array-like of shape (n_samples,)
        Squared residual Q (SPE), >= 0.
    t2_limit, q_limit : float
        Their limits, > 0.
    groups : array-like of shape (n_samples,), optional
        Group of each spectrum, such as its instrument, seven at most.

    Attributes
    ----------
    inside_ : ndarray of shape (n_samples,), bool
        Whether neither limit is exceeded.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    points_ : dict of str to matplotlib PathCollection
        Samples of each group, or those "inside" and "outside".
    limits_ : tuple of matplotlib Line2D
        The lines of the limits of T2 and Q.

    Raises
    ------
    ValueError
        If a value is negative or not finite, or a limit not positive.

    Notes
    -----
    An axis is logarithmic where the largest value exceeds ten times the limit and none is zero.

    References
    ----------
    .. [1] Jackson, J. E., & Mudholkar, G. S. (1979). Control procedures for residuals associated
       with principal component analysis. Technometrics, 21(3), 341-349.
       https://doi.org/10.1080/00401706.1979.10489779

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from spectralfm.plotting import ApplicabilityDisplay
    >>> display = ApplicabilityDisplay.from_predictions(
    ...     [1.0, 2.0, 9.0], [0.1, 0.4, 0.2], t2_limit=6.0, q_limit=0.5
    ... )
    >>> display.inside_
    array([ True,  True, False])
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        t2: ArrayLike,
        q: ArrayLike,
        *,
        t2_limit: float,
        q_limit: float,
        groups: ArrayLike | Sequence[Any] | None = None,
    ) -> None:
        self.t2 = check_vector(t2, name="t2")
        n = len(self.t2)
        self.q = check_vector(q, name="q", n=n)
        for name, values in (("t2", self.t2), ("q", self.q)):
            if values.min() < 0:
                raise ValueError(f"{name} holds {values.min():g}: squared distances are >= 0.")
        for name, limit in (("t2_limit", t2_limit), ("q_limit", q_limit)):
            if not 0 < limit < np.inf:
                raise ValueError(f"{name} must be positive, not {limit}.")
        self.t2_limit, self.q_limit = float(t2_limit), float(q_limit)
        self.groups = None if groups is None else check_labels(groups, name="groups", n=n)
        if self.groups is not None and len(set(self.groups)) > len(COLOURS):
            raise ValueError(
                f"groups has {len(set(self.groups))} groups, more than the {len(COLOURS)} colours "
                "that can be told apart: draw some of them, or join some."
            )
        self.inside_ = (self.t2 <= self.t2_limit) & (self.q <= self.q_limit)

    @classmethod
    def from_predictions(
        cls,
        t2: ArrayLike,
        q: ArrayLike,
        *,
        t2_limit: float,
        q_limit: float,
        groups: ArrayLike | Sequence[Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw both distances.

        Parameters
        ----------
        t2, q : array-like of shape (n_samples,)
            As of the class.
        t2_limit, q_limit : float
            Their limits.
        groups : array-like of shape (n_samples,), optional
            Group of each spectrum.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        ApplicabilityDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(t2, q, t2_limit=t2_limit, q_limit=q_limit, groups=groups).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the samples and both limits.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        self : ApplicabilityDisplay
            With ``ax_``, ``figure_``, ``points_`` and ``limits_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax, type(self).__name__)
        named = self.groups
        if named is None:
            named = np.where(self.inside_, INSIDE, OUTSIDE)
        names = [INSIDE, OUTSIDE] if self.groups is None else list(dict.fromkeys(named))
        self.points_ = {}
        for k, name in enumerate(names):
            rows = named == name
            label = f"{name}: {rows.sum()} of {len(rows)}"
            if self.groups is not None:
                label = f"{name}: {self.inside_[rows].sum()} of {rows.sum()} inside"
            self.points_[name] = ax.scatter(
                self.t2[rows], self.q[rows], s=26, alpha=0.8, linewidths=0, label=label, **look(k)
            )
        self.limits_ = (
            ax.axvline(self.t2_limit, color="0.3", linestyle="--", linewidth=1, zorder=0),
            ax.axhline(self.q_limit, color="0.3", linestyle="--", linewidth=1, zorder=0),
        )
        _scale(ax.set_xscale, ax.set_xlim, self.t2, self.t2_limit)
        _scale(ax.set_yscale, ax.set_ylim, self.q, self.q_limit)
        ax.set_xlabel("Hotelling's T²")
        ax.set_ylabel("Residual Q")
        ax.legend(fontsize=SMALL, title=f"Limits: T² {self.t2_limit:.3g}, Q {self.q_limit:.3g}",
                  title_fontsize=SMALL)  # fmt: skip
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _scale(set_scale: Any, set_ends: Any, values: Any, limit: float) -> None:
    """Choose the scale of one axis, and ends that leave room beyond the limit."""
    high = max(values.max(), limit)
    if values.min() > 0 and high > DECADE * limit:
        set_scale("log")
        set_ends(min(values.min(), limit) / 1.5, high * 1.5)
    else:
        set_ends(-0.03 * high, 1.1 * high)
