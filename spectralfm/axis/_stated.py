"""The axis a caller states, in nm, in cm-1 or not at all."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._axis import check_axis

CHANNEL = "channel"
"""Unit of an axis that nobody stated: channels are counted from 0."""


def stated_axis(
    n_channels: int,
    *,
    wavelengths: ArrayLike | None = None,
    wavenumbers: ArrayLike | None = None,
    prefix: str = "",
) -> tuple[NDArray[np.float64], str]:
    """Return positions of the channels and their unit.

    Parameters
    ----------
    n_channels : int
        Number of channels of the spectra.
    wavelengths, wavenumbers : array-like of shape (n_channels,), optional
        The axis in nm or in cm-1.
    prefix : str
        What stands before the names of these arguments, for messages.

    Returns
    -------
    axis : ndarray of shape (n_channels,)
        Positions in the order of the channels.
    unit : {"nm", "cm-1", "channel"}
        Their unit; "channel" if nothing was stated.

    Raises
    ------
    ValueError
        If both are given, or the axis is not valid or does not fit the spectra.
    """
    if wavelengths is not None and wavenumbers is not None:
        raise ValueError(f"Give either {prefix}wavelengths or {prefix}wavenumbers, not both.")
    for name, values, unit in (
        ("wavelengths", wavelengths, "nm"),
        ("wavenumbers", wavenumbers, "cm-1"),
    ):
        if values is not None:
            name = f"{prefix}{name}"
            return check_axis(values, unit=unit, n_channels=n_channels, name=name), unit
    return np.arange(n_channels, dtype=np.float64), CHANNEL


def stated_axes(
    n_target: int,
    n_source: int,
    *,
    wavelengths: ArrayLike | None = None,
    wavenumbers: ArrayLike | None = None,
    source_wavelengths: ArrayLike | None = None,
    source_wavenumbers: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Return the axes of target and source and the unit of both.

    Parameters
    ----------
    n_target, n_source : int
        Numbers of channels.
    wavelengths, wavenumbers : array-like of shape (n_target,), optional
        Axis of the target in nm or in cm-1.
    source_wavelengths, source_wavenumbers : array-like of shape (n_source,), optional
        Axis of the source, by default that of the target.

    Returns
    -------
    target : ndarray of shape (n_target,)
        Positions of the target's channels.
    source : ndarray of shape (n_source,)
        Positions of the source's channels.
    unit : {"nm", "cm-1", "channel"}
        Unit of both.

    Raises
    ------
    ValueError
        If an axis is not valid or missing, or the units differ.
    """
    axis, unit = stated_axis(n_target, wavelengths=wavelengths, wavenumbers=wavenumbers)
    if source_wavelengths is None and source_wavenumbers is None:
        if n_source != n_target:
            raise ValueError(
                f"The source has {n_source} channels and the target {n_target}: pass "
                "source_wavelengths= (nm) or source_wavenumbers= (cm-1) as well."
            )
        return axis, axis, unit
    source_axis, source_unit = stated_axis(
        n_source,
        wavelengths=source_wavelengths,
        wavenumbers=source_wavenumbers,
        prefix="source_",
    )
    if source_unit != unit:
        raise ValueError(
            f"The axis of the source is in {source_unit}, that of the target in {unit}: state "
            "both in one unit (spectralfm.axis.convert_axis)."
        )
    return axis, source_axis, unit
