"""The axes of two instruments, from what users say about them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..axis import axis_in_names, check_axis, convert_axis, names_agree

Array = NDArray[np.float64]


def resolve_axes(
    estimator: Any, columns: Any, n_channels: int
) -> tuple[Array | None, Array | None, str | None]:
    """Return the axes of source and target in the unit of the source.

    Parameters
    ----------
    estimator : estimator
        Has the parameters ``wavelengths``, ``wavenumbers``, ``target_wavelengths`` and
        ``target_wavenumbers``.
    columns : sequence or None
        Column names of the DataFrame that the spectra of the source came in.
    n_channels : int
        Number of channels of the source.

    Returns
    -------
    source : ndarray of shape (n_channels,) or None
        Axis of the source; None if nothing was said.
    target : ndarray of shape (n_target_channels,) or None
        Axis of the target: that of the source if nothing was said.
    unit : {"nm", "cm-1"} or None
        Unit of both.

    Raises
    ------
    ValueError
        If an axis is given twice or is not valid, only that of the target is known, or the columns
        are named by other positions.
    """
    source, unit = _given(estimator, "wavelengths", "wavenumbers")
    target, target_unit = _given(estimator, "target_wavelengths", "target_wavenumbers")
    named = axis_in_names(columns)
    if source is None:
        source, unit = named, "nm"
    if source is None:
        if target is not None:
            raise ValueError(
                "The axis of the target is given, that of the source is not known. Pass "
                "wavelengths= (nm) or wavenumbers= (cm-1), or a DataFrame whose column names are "
                "wavelengths in nm."
            )
        return None, None, None
    name = "the axis of the source"
    source = check_axis(source, unit=unit, n_channels=n_channels, name=name)
    if named is not None:
        check_names(named, source, unit, instrument="source")
    if target is None:
        return source, source, unit
    target = check_axis(target, unit=target_unit, name="the axis of the target")
    return source, convert_axis(target, target_unit, unit), unit


def check_names(named: Array, axis: Array, unit: str, *, instrument: str) -> None:
    """Raise if columns are named by other positions than the axis stated."""
    if not names_agree(named, axis, unit):
        raise ValueError(
            f"The columns are named {named[0]:g} to {named[-1]:g}, but the {instrument} was said "
            f"to record {axis[0]:g} to {axis[-1]:g} {unit}. Pass its spectra, in the order of its "
            "axis, or another axis."
        )


def _given(estimator: Any, wavelengths: str, wavenumbers: str) -> tuple[ArrayLike | None, str]:
    """Return the axis that a parameter holds, with its unit."""
    nm, cm = getattr(estimator, wavelengths), getattr(estimator, wavenumbers)
    if nm is not None and cm is not None:
        raise ValueError(f"Give either {wavelengths} or {wavenumbers}, not both.")
    return (nm, "nm") if cm is None else (cm, "cm-1")


def axis_parameters(estimator: Any, axis: Array | None, unit: str | None) -> dict[str, Any]:
    """Return the parameters that tell an estimator, and those within, on what axis spectra lie.

    Parameters
    ----------
    estimator : estimator
        The estimator.
    axis : ndarray of shape (n_channels,) or None
        The axis; None if it is not known.
    unit : {"nm", "cm-1"} or None
        Its unit.

    Returns
    -------
    dict
        For ``set_params``: ``wavelengths`` and ``wavenumbers`` of all that predict or transform.
    """
    if axis is None:
        return {}
    params = estimator.get_params()
    stated = {}
    for name in params:
        within = name.removesuffix("wavelengths")
        owner = params.get(within.removesuffix("__")) if within else estimator
        takes_both = name != within and f"{within}wavenumbers" in params
        if takes_both and (hasattr(owner, "predict") or hasattr(owner, "transform")):
            stated[name] = axis if unit == "nm" else None
            stated[f"{within}wavenumbers"] = axis if unit == "cm-1" else None
    return stated
