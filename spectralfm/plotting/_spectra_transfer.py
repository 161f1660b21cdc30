"""Spectra before and after a transfer, and what is left of the difference."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import check_matrix, check_paired, check_same_channels
from ..axis import covered_channels, resample
from ..axis._stated import CHANNEL, stated_axes
from ._style import COLOURS, label_axis, legend_above, panels

Array = NDArray[np.float64]

LONG_NAME = 32
"""Letters of a name that leaves no room for a second entry beside it."""

OUTER = (10, 90)
"""Percentiles of the samples between which bands lie."""

STYLES: dict[str, dict[str, Any]] = {
    "source": {"color": COLOURS[5], "linestyle": "-", "linewidth": 4, "alpha": 0.6},
    "target": {"color": COLOURS[1], "linestyle": "--", "linewidth": 1.5},
    "corrected": {"color": COLOURS[0], "linestyle": "-", "linewidth": 1.2},
}
"""The source is a broad line, so that what lies upon it is seen."""


class SpectraTransferDisplay:
    """Spectra of source and target, target spectra as corrected, and their differences from source.

    Above, mean spectra; below, what target and corrected target differ from the source, sample by
    sample: the mean, and a band from the 10th to the 90th percentile of the samples. Make it with
    `from_predictions` or `from_estimator`.

    Parameters
    ----------
    source : array-like of shape (n_samples, n_source_channels)
        Spectra on the source instrument.
    target : array-like of shape (n_samples, n_target_channels)
        Spectra of the same samples, row by row, on the target instrument.
    corrected : array-like of shape (n_samples, n_source_channels), optional
        The target's as a correction writes them.
    wavelengths, wavenumbers : array-like of shape (n_target_channels,), optional
        Axis of the target in nm or in cm-1; with neither, channels are counted.
    source_wavelengths, source_wavenumbers : array-like of shape (n_source_channels,), optional
        Axis of the source in the same unit, by default that of the target.
    name : str, default="corrected"
        Name of the correction in the legend.

    Attributes
    ----------
    before_ : ndarray of shape (n_samples, n_shared)
        Target minus source at the source channels that both record.
    after_ : ndarray of shape (n_samples, n_source_channels) or None
        Corrected target minus source.
    rms_before_, rms_after_ : float
        Root mean squares of these; NaN where there is no correction.
    axes_ : ndarray of matplotlib Axes of shape (2,)
        Spectra and differences.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : dict of str to matplotlib Line2D
        The means drawn: "source", "target", "corrected", "before" and "after".

    Raises
    ------
    ValueError
        If spectra are not finite or do not pair up, or an axis does not fit them.

    See Also
    --------
    InstrumentReportDisplay : The same difference as shift, gain, offset and broadening.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.plotting import SpectraTransferDisplay
    >>> from spectralfm.transfer import PiecewiseDirectStandardization
    >>> pair = make_instrument_pair(random_state=0)
    >>> X, X_target = pair.spectra["source"], pair.spectra["target"]
    >>> pds = PiecewiseDirectStandardization().fit(X_target[:10], X_source=X[:10])
    >>> display = SpectraTransferDisplay.from_estimator(
    ...     pds, X_target[10:], X[10:], wavelengths=pair.wavelengths
    ... )
    >>> display.rms_after_ < 0.5 * display.rms_before_, display.axes_[1].get_xlabel()
    (True, 'Wavelength (nm)')
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        source: ArrayLike,
        target: ArrayLike,
        corrected: ArrayLike | None = None,
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        source_wavelengths: ArrayLike | None = None,
        source_wavenumbers: ArrayLike | None = None,
        name: str = "corrected",
    ) -> None:
        self.source = check_matrix(source, name="source")
        self.target = check_matrix(target, name="target")
        check_paired(self.target, self.source, name="source")
        n_channels = self.source.shape[1]
        self.axis, self.source_axis, self.unit = stated_axes(
            self.target.shape[1],
            n_channels,
            wavelengths=wavelengths,
            wavenumbers=wavenumbers,
            source_wavelengths=source_wavelengths,
            source_wavenumbers=source_wavenumbers,
        )
        self.name = name
        self.shared_axis, self.before_ = self._difference()
        self.rms_before_, self.rms_after_ = _rms(self.before_), np.nan
        self.corrected, self.after_ = None, None
        if corrected is not None:
            self.corrected = check_matrix(corrected, name="corrected")
            check_paired(self.corrected, self.source, name="source")
            check_same_channels(
                self.corrected.shape[1], n_channels, name="corrected", of="the source"
            )
            self.after_ = self.corrected - self.source
            self.rms_after_ = _rms(self.after_)

    @classmethod
    def from_predictions(
        cls,
        source: ArrayLike,
        target: ArrayLike,
        corrected: ArrayLike,
        *,
        ax: Any = None,
        **axis: Any,
    ) -> Self:
        """Draw spectra and their correction.

        Parameters
        ----------
        source, target, corrected : array-like of shape (n_samples, n_channels)
            As of the class.
        ax : array-like of two matplotlib Axes, optional
            Where to draw spectra and differences; by default on a new figure.
        **axis : dict
            ``wavelengths`` or ``wavenumbers``, ``source_wavelengths`` or ``source_wavenumbers``,
            and ``name``, as of the class.

        Returns
        -------
        SpectraTransferDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return cls(source, target, corrected, **axis).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, X_source: ArrayLike, *, ax: Any = None, **axis: Any
    ) -> Self:
        """Draw what a fitted correction makes of spectra.

        Parameters
        ----------
        estimator : transformer
            Fitted, such as `PiecewiseDirectStandardization` or `SpectralFMStandardizer`.
        X : array-like of shape (n_samples, n_target_channels)
            Spectra on the target instrument, best of samples it was not fitted to.
        X_source : array-like of shape (n_samples, n_source_channels)
            The same samples on the source instrument.
        ax : array-like of two matplotlib Axes, optional
            Where to draw spectra and differences; by default on a new figure.
        **axis : dict
            As of `from_predictions`; ``name`` is by default that of the estimator's class.

        Returns
        -------
        SpectraTransferDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        named = {"name": type(estimator).__name__} | axis
        return cls(X_source, X, estimator.transform(X), **named).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw spectra above, differences below.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, optional
            Where to draw them; by default on a new figure.

        Returns
        -------
        self : SpectraTransferDisplay
            With ``axes_``, ``ax_``, ``figure_`` and ``lines_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``ax`` is not two axes.
        """
        layout = {"nrows": 2, "sharex": True, "height_ratios": (3, 2)}
        self.axes_ = panels(ax, type(self).__name__, 2, **layout)
        upper, lower = self.axes_
        self.lines_ = {}
        drawn = {"source": (self.source_axis, self.source), "target": (self.axis, self.target)}
        if self.corrected is not None:
            drawn["corrected"] = (self.source_axis, self.corrected)
        for kind, (axis, spectra) in drawn.items():
            label = self.name if kind == "corrected" else kind
            self.lines_[kind] = _line(upper, axis, spectra, kind, label)
        lower.axhline(0, color="0.6", linewidth=1, zorder=0)
        label = f"target: RMS {self.rms_before_:.2g}"
        self.lines_["before"] = _line(lower, self.shared_axis, self.before_, "target", label, True)
        if self.after_ is not None:
            label = f"{self.name}: RMS {self.rms_after_:.2g}"
            self.lines_["after"] = _line(
                lower, self.source_axis, self.after_, "corrected", label, True
            )
        ends = [*self.axis[[0, -1]], *self.source_axis[[0, -1]]]
        for panel in self.axes_:
            label_axis(panel, self.unit, min(ends), max(ends))
        legend_above(upper, ncols=3)
        legend_above(lower, ncols=2 if len(self.name) < LONG_NAME else 1)
        if upper.get_shared_x_axes().joined(upper, lower):
            upper.set_xlabel("")
        upper.set_ylabel("Mean spectrum")
        lower.set_ylabel("Minus source")
        self.ax_, self.figure_ = upper, upper.figure
        return self

    def _difference(self) -> tuple[Array, Array]:
        """Return the source channels that the target records, and target minus source there."""
        if self.axis is self.source_axis:
            return self.axis, self.target - self.source
        shared = covered_channels(self.axis, self.source_axis)
        if self.unit == CHANNEL or not shared.any():
            raise ValueError(
                "Source and target share no channels: check the unit of both axes, and pass both."
            )
        axis = self.source_axis[shared]
        target = resample(self.target, self.axis, axis, unit=self.unit)
        return axis, target - self.source[:, shared]


def _line(ax: Any, axis: Array, spectra: Array, kind: str, label: str, band: bool = False) -> Any:
    """Draw the mean of spectra, and the band that holds most of them."""
    style = STYLES[kind]
    if band and len(spectra) > 1:
        ends = np.percentile(spectra, OUTER, axis=0)
        ax.fill_between(axis, *ends, color=style["color"], alpha=0.2, linewidth=0)
    (line,) = ax.plot(axis, spectra.mean(axis=0), label=label, **style)
    return line


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
