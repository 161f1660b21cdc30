"""What the encoder must know about spectra besides their values: positions and kind.

The encoder reads wavenumbers in cm-1. Users give wavelengths, wavenumbers, a DataFrame whose
columns are the axis, or nothing.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..axis import axis_in_names, check_axis, convert_axis, names_agree
from ..axis._stated import CHANNEL, stated_axis

Array = NDArray[np.float64]

NEUTRAL_NM = (1000.0, 2500.0)
"""Range assumed for spectra of unknown axis."""

FEWEST = 4
"""Channels that the network's interpolation needs."""


def resolve_axis(
    columns: Any,
    n_channels: int,
    *,
    wavelengths: ArrayLike | None,
    wavenumbers: ArrayLike | None,
    prefix: str = "",
) -> tuple[Array, bool]:
    """Return the wavenumbers of the channels.

    Parameters
    ----------
    columns : sequence or None
        Column names of the DataFrame that the spectra came in.
    n_channels : int
        Number of channels of the spectra.
    wavelengths, wavenumbers : array-like of shape (n_channels,), optional
        The axis in nm or in cm-1.
    prefix : str
        What stands before the names of these arguments, for messages.

    Returns
    -------
    axis : ndarray of shape (n_channels,)
        Wavenumbers in cm-1, in the order of the channels.
    known : bool
        False if nothing was said about the axis and 1000 to 2500 nm is assumed.

    Raises
    ------
    ValueError
        If both arguments are given, or the axis is not valid or does not fit the spectra.

    Warns
    -----
    UserWarning
        If nothing was said about the axis, or column names say otherwise than the arguments.
    """
    nm, cm = f"{prefix}wavelengths", f"{prefix}wavenumbers"
    given, unit = stated_axis(
        n_channels, wavelengths=wavelengths, wavenumbers=wavenumbers, prefix=prefix
    )
    named = axis_in_names(columns)
    if unit != CHANNEL:
        axis = convert_axis(given, unit, "cm-1")
        _compare_names(named, axis, stated=cm if unit == "cm-1" else nm)
        return axis, True
    if named is not None:
        axis = check_axis(named, unit="nm", n_channels=n_channels, name="the axis in column names")
        return convert_axis(axis, "nm", "cm-1"), True
    warnings.warn(
        f"The axis of the spectra is not known: {NEUTRAL_NM[0]:g} to {NEUTRAL_NM[1]:g} nm, evenly "
        f"spaced, is assumed. Pass {nm}= (nm) or {cm}= (cm-1), or a DataFrame whose column names "
        "are wavelengths in nm."
    )
    return convert_axis(np.linspace(*NEUTRAL_NM, n_channels), "nm", "cm-1"), False


def _compare_names(named: Array | None, axis: Array, *, stated: str) -> None:
    """Warn where columns are named by positions that are not those stated, in nm, um or cm-1."""
    if named is None:
        return
    if not names_agree(named, axis, "cm-1"):
        warnings.warn(
            f"The columns are named {named[0]:g} to {named[-1]:g}, but {stated} says otherwise and "
            "is taken: leave it out if the names are right."
        )


def enough_channels(X: Array, axis: Array) -> tuple[Array, Array]:
    """Interpolate spectra of fewer than four channels linearly to four, as the network needs.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    axis : ndarray of shape (n_channels,)
        Wavenumbers in cm-1.

    Returns
    -------
    X : ndarray of shape (n_samples, max(n_channels, 4))
        Spectra; a single channel is repeated, 1 cm-1 apart.
    axis : ndarray of shape (max(n_channels, 4),)
        Their wavenumbers.
    """
    n_channels = len(axis)
    if n_channels >= FEWEST:
        return X, axis
    if n_channels == 1:
        return np.repeat(X, FEWEST, axis=1), axis[0] + np.arange(FEWEST)
    order = np.argsort(axis)
    points = np.linspace(axis.min(), axis.max(), FEWEST)
    weights = np.array([np.interp(points, axis[order], row) for row in np.eye(n_channels)])
    return X[:, order] @ weights, points
