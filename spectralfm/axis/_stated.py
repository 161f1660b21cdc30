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
