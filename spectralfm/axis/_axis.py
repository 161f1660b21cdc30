"""Units of an axis, what an axis must satisfy, and the axis that instruments share.

Three units exist: ``"nm"`` and ``"um"`` for wavelengths, ``"cm-1"`` for wavenumbers. Conversion
happens here and nowhere else.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from .._validation import FEWEST_CHANNELS, refuse_masked

UNITS = ("nm", "um", "cm-1")

# What spectrometers record, wide enough for ultraviolet to far infrared and for Raman shifts.
PLAUSIBLE = {"nm": (100.0, 1e5), "um": (0.1, 100.0), "cm-1": (-5000.0, 1e5)}

LONGEST_EVEN_NM = 3400.0
"""Gratings, stepped evenly in nm, end here; beyond, spectra are even in wavenumber."""

LOWEST_WAVENUMBER_END = 100.0
"""Vibrational spectra reach at least this wavenumber; a smaller axis is in um."""

NM_PER_CM = 1e7


def check_axis(
    axis: ArrayLike, *, unit: str, n_channels: int | None = None, name: str = "axis"
) -> NDArray[np.float64]:
    """Return the axis as float64, or say what is wrong with it.

    Parameters
    ----------
    axis : array-like of shape (n_channels,)
        Positions of the channels, ascending or descending.
    unit : {"nm", "um", "cm-1"}
        Unit of the positions.
    n_channels : int, optional
        Number of channels the spectra have.
    name : str
        What the caller calls the axis, for the message.

    Returns
    -------
    ndarray of shape (n_channels,)
        The axis in the order given.

    Raises
    ------
    ValueError
        If the axis is not finite, repeats a channel, is neither ascending nor descending, has
        another length than the spectra, or cannot be in the unit stated.

    Notes
    -----
    A unit is refused when no spectrometer records such an axis: 1.1 to 2.5 "nm" is in um, and an
    even spacing in "nm" beyond 3400 nm is a Fourier-transform spectrum in cm-1 (if yours truly is
    in nm, pass it in um). 1100 to 2498 is a possible axis in nm and in cm-1: nothing can tell.

    Examples
    --------
    >>> from spectralfm.axis import check_axis
    >>> check_axis([1100, 1102, 1104], unit="nm")
    array([1100., 1102., 1104.])
    """
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(map(repr, UNITS))}, not {unit!r}.")
    refuse_masked(axis, name=name)
    values = check_array(axis, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if values.ndim != 1:
        raise ValueError(f"{name} must have one dimension, one position a channel.")
    if n_channels is not None and len(values) != n_channels:
        raise ValueError(
            f"{name} has {len(values)} positions but the spectra have {n_channels} channels. "
            "Pass the axis of these spectra."
        )
    _check_unit(values, unit, name)
    steps = np.diff(values)
    repeated = np.flatnonzero(steps == 0)
    if repeated.size:
        raise ValueError(
            f"{name} repeats {values[repeated[0]]:g} {unit} at channels {repeated[0]} and "
            f"{repeated[0] + 1}. Average or drop repeated channels."
        )
    if not ((steps > 0).all() or (steps < 0).all()):
        turn = int(np.flatnonzero(np.sign(steps) != np.sign(steps[0]))[0])
        raise ValueError(
            f"{name} is not sorted: it turns at channel {turn} ({values[turn]:g} {unit}). Sort "
            "axis and spectra together, or split a stitched spectrum into its detectors."
        )
    return values


def _check_unit(values: NDArray[np.float64], unit: str, name: str) -> None:
    """Raise if no spectrometer records such an axis in this unit."""
    low, high = values.min(), values.max()
    steps = np.abs(np.diff(values))
    even = len(values) >= FEWEST_CHANNELS and np.ptp(steps) <= 1e-2 * steps.mean()

    def possible(in_unit: str) -> bool:
        smallest, largest = PLAUSIBLE[in_unit]
        if in_unit == "nm" and even and high > LONGEST_EVEN_NM:
            return False
        if in_unit == "cm-1" and high < LOWEST_WAVENUMBER_END:
            return False
        return smallest <= low and high <= largest

    if possible(unit):
        return
    likely = [other for other in UNITS if possible(other)]
    guess = f"It looks like {' or '.join(likely)}: state that unit." if likely else "Check it."
    raise ValueError(
        f"{name} runs from {low:g} to {high:g}, which no spectrometer records in {unit}. {guess}"
    )


def convert_axis(axis: ArrayLike, from_unit: str, to_unit: str) -> NDArray[np.float64]:
    r"""Write an axis in another unit; the channels keep their order.

    .. math:: \tilde\nu\,[\mathrm{cm}^{-1}] = 10^7 / \lambda\,[\mathrm{nm}]

    Parameters
    ----------
    axis : array-like of shape (n_channels,)
        Positions of the channels. Raman shifts are wavenumbers relative to the laser line and have
        no wavelength: convert only absolute wavenumbers, which are positive.
    from_unit, to_unit : {"nm", "um", "cm-1"}
        Unit of the axis and unit wanted.

    Returns
    -------
    ndarray of shape (n_channels,)
        The axis in the unit wanted. Between wavelengths and wavenumbers an ascending axis becomes
        a descending one.

    Raises
    ------
    ValueError
        As `check_axis`; or if a wavenumber to convert is not positive.

    Examples
    --------
    >>> from spectralfm.axis import convert_axis
    >>> convert_axis([1000.0, 2500.0], "nm", "cm-1")
    array([10000.,  4000.])
    """
    values = check_axis(axis, unit=from_unit)
    if to_unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(map(repr, UNITS))}, not {to_unit!r}.")
    if from_unit == to_unit:
        return values
    if from_unit == "cm-1" and values.min() <= 0:
        raise ValueError(
            f"The axis holds {values.min():g} cm-1, a Raman shift: it has no wavelength unless the "
            "laser line is added. Pass absolute wavenumbers."
        )
    nanometres = {"nm": values, "um": 1000 * values, "cm-1": NM_PER_CM / values}[from_unit]
    return {"nm": nanometres, "um": nanometres / 1000, "cm-1": NM_PER_CM / nanometres}[to_unit]


def common_axis(*axes: ArrayLike, unit: str = "nm") -> NDArray[np.float64]:
    """Return the channels of the coarsest axis inside the range that every instrument recorded.

    Parameters
    ----------
    *axes : array-like of shape (n_channels,)
        Axes of two or more instruments, all in ``unit``.
    unit : {"nm", "um", "cm-1"}, default="nm"
        Unit of all of them.

    Returns
    -------
    ndarray of shape (n_common_channels,)
        An ascending axis onto which all spectra can be resampled without extrapolation. It takes
        the coarsest axis because a finer one would claim detail that an instrument never recorded.

    Raises
    ------
    ValueError
        If the ranges share fewer than two channels of the coarsest axis.

    Examples
    --------
    >>> from spectralfm.axis import common_axis
    >>> common_axis([908, 1000, 1100, 1200], [1050, 1075, 1100, 1125, 1150, 1175, 1200, 1225])
    array([1100., 1200.])
    """
    checked = [
        np.sort(check_axis(axis, unit=unit, name=f"axis {i}")) for i, axis in enumerate(axes)
    ]
    if len(checked) < 2:
        raise ValueError("common_axis needs the axes of at least two instruments.")
    low, high = max(a[0] for a in checked), min(a[-1] for a in checked)
    inside = [a[(a >= low) & (a <= high)] for a in checked]
    coarsest = min(inside, key=len)
    if len(coarsest) < 2:
        ranges = "; ".join(f"{a[0]:g} to {a[-1]:g}" for a in checked)
        raise ValueError(
            f"The axes share fewer than two channels ({ranges} {unit}): these instruments do not "
            "record the same region. Check that all axes are in the unit stated."
        )
    return coarsest
