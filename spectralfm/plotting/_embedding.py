"""A map of latents or other features of spectra, by instrument and by chemistry."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA

from .._validation import check_matrix
from ._style import COLOUR_MAP, COLOURS, MARKERS, SMALL, check_labels, check_vector, panels


class EmbeddingDisplay:
    """Features of spectra on their first two principal components.

    One panel has the colours of the instruments, one those of the chemistry; markers are the
    instruments' in both. Chemistry latents that serve a transfer are mixed over instruments and
    ordered by chemistry; instrument latents lie apart by instrument. Make it with
    `from_predictions` or `from_estimator`.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Features: at least three samples and two features.
    instruments : array-like of shape (n_samples,), optional
        Instrument of each spectrum, seven at most.
    chemistry : array-like of shape (n_samples,), optional
        Property of each sample: numbers, or names of classes, seven at most.
    name : str, optional
        What the features are, above the panels.
    property_name : str, optional
        What ``chemistry`` is, with its unit.

    Attributes
    ----------
    scores_ : ndarray of shape (n_samples, 2)
        Places on the map.
    explained_ : ndarray of shape (2,)
        Share of the variance of the features that each component has.
    axes_ : ndarray of matplotlib Axes
        One panel for each of ``instruments`` and ``chemistry`` that is given, or one in all.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Their figure.

    Raises
    ------
    ValueError
        If features are not finite, constant or too few, or labels are not as many as the samples.

    See Also
    --------
    spectralfm.foundation.SpectralFMEncoder : ``output="chem"`` and ``output="inst"``.

    Notes
    -----
    Two components are a shadow of many: spectra far apart on the map are far apart, but spectra
    near each other may differ in what is not shown, whose share the labels of the axes tell.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from spectralfm.plotting import EmbeddingDisplay
    >>> Z = np.random.default_rng(0).normal(size=(20, 5))
    >>> display = EmbeddingDisplay.from_predictions(
    ...     Z, instruments=["A", "B"] * 10, chemistry=Z[:, 0], property_name="Moisture (%)"
    ... )
    >>> display.scores_.shape, len(display.axes_)
    ((20, 2), 2)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        Z: ArrayLike,
        *,
        instruments: ArrayLike | Sequence[Any] | None = None,
        chemistry: ArrayLike | Sequence[Any] | None = None,
        name: str | None = None,
        property_name: str | None = None,
    ) -> None:
        features = check_matrix(Z, name="Z")
        n = len(features)
        if n < 3 or features.shape[1] < 2:
            raise ValueError(
                f"Z has {n} samples and {features.shape[1]} features: a map needs three and two."
            )
        if not np.ptp(features, axis=0).any():
            raise ValueError("Z is the same for all samples: there is nothing to draw.")
        self.instruments = None
        if instruments is not None:
            self.instruments = check_labels(instruments, name="instruments", n=n)
        self.chemistry = None if chemistry is None else _chemistry(chemistry, n)
        for labels, given in (("instruments", self.instruments), ("chemistry", self.chemistry)):
            if given is not None and given.dtype == object and len(set(given)) > len(COLOURS):
                raise ValueError(
                    f"{labels} has {len(set(given))} classes, more than the {len(COLOURS)} colours "
                    "that can be told apart: draw some of them, or join some."
                )
        pca = PCA(2, svd_solver="full").fit(features)
        self.scores_, self.explained_ = pca.transform(features), pca.explained_variance_ratio_
        self.name, self.property_name = name, property_name

    @classmethod
    def from_predictions(cls, Z: ArrayLike, *, ax: Any = None, **options: Any) -> Self:
        """Draw features.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_features)
            Features.
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, as many as panels; by default on a new figure.
        **options : dict
            ``instruments``, ``chemistry``, ``name`` and ``property_name``, as of the class.

        Returns
        -------
        EmbeddingDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(Z, **options).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, *, ax: Any = None, **options: Any
    ) -> Self:
        """Draw what a fitted encoder, or another transformer, makes of spectra.

        Parameters
        ----------
        estimator : transformer
            Fitted, such as `SpectralFMEncoder`.
        X : array-like of shape (n_samples, n_channels)
            Spectra.
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, as many as panels; by default on a new figure.
        **options : dict
            As of `from_predictions`; ``name`` is by default the estimator's ``output``, or its
            class.

        Returns
        -------
        EmbeddingDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        output = getattr(estimator, "output", None)
        name = f"z_{output}" if output in ("chem", "inst") else output or type(estimator).__name__
        return cls(estimator.transform(X), **{"name": name} | options).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, optional
            Where to draw, as many as panels; by default on a new figure.

        Returns
        -------
        self : EmbeddingDisplay
            With ``axes_``, ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``ax`` has another number of axes.
        """
        given = (self.instruments, self.chemistry)
        colourings: list[Any] = [one for one in given if one is not None] or [None]
        n = len(colourings)
        layout = {"ncols": n, "figsize": (3.7 * n + 0.7, 3.8), "sharey": True}
        self.axes_ = panels(ax, type(self).__name__, n, **layout)
        for panel, colouring in zip(self.axes_, colourings, strict=True):
            self._draw(panel, colouring)
            panel.set_xlabel(f"PC 1 ({100 * self.explained_[0]:.0f} %)")
        self.axes_[0].set_ylabel(f"PC 2 ({100 * self.explained_[1]:.0f} %)")
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        if self.name:
            self.ax_.set_title(self.name, loc="left")
        return self

    def _draw(self, ax: Any, colouring: Any) -> None:
        """Draw all samples: colours by one thing, markers by instrument if it is known."""
        classes, numbers = _classes(colouring), {}
        if colouring is not None and classes == [None]:
            numbers = {"cmap": COLOUR_MAP, "vmin": colouring.min(), "vmax": colouring.max()}
        for k, one in enumerate(classes):
            for j, instrument in enumerate(_classes(self.instruments)):
                rows = np.ones(len(self.scores_), dtype=bool)
                rows &= True if one is None else colouring == one
                rows &= True if instrument is None else self.instruments == instrument
                if rows.any():
                    colour = {"c": colouring[rows]} | numbers if numbers else {"color": COLOURS[k]}
                    marker = MARKERS[k if instrument is None else j]
                    ax.scatter(
                        *self.scores_[rows].T, s=26, alpha=0.8, lw=0, marker=marker, **colour
                    )
        if classes != [None]:
            ax.legend(handles=self._handles(classes, colouring), fontsize=SMALL)
        if numbers:
            bar = ax.figure.colorbar(ax.collections[0], ax=ax)
            bar.set_label(self.property_name or "Chemistry")
            bar.solids.set_alpha(1)
        elif colouring is not None and colouring is self.chemistry and self.property_name:
            ax.get_legend().set_title(self.property_name)

    def _handles(self, classes: list[Any], colouring: Any) -> list[Any]:
        """Return a point of each class, or a field where markers are the instruments'."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        if colouring is self.instruments or self.instruments is None:
            return [
                Line2D([], [], linestyle="none", label=one, color=colour, marker=marker)
                for one, colour, marker in zip(classes, COLOURS, MARKERS, strict=False)
            ]
        return [
            Patch(label=one, color=colour) for one, colour in zip(classes, COLOURS, strict=False)
        ]


def _classes(labels: Any) -> list[Any]:
    """Return classes in the order of their first appearance; [None] for numbers or nothing."""
    if labels is None or labels.dtype != object:
        return [None]
    return list(dict.fromkeys(labels))


def _chemistry(values: Any, n: int) -> NDArray[Any]:
    """Return numbers as float64, all else as text."""
    array = np.asarray(values)
    if array.dtype.kind in "fiu":
        return check_vector(array, name="chemistry", n=n)
    return check_labels(values, name="chemistry", n=n)
