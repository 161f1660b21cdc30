"""Find the unit of an axis in what a file says; ask when it does not say enough."""

import os
import re

import numpy as np
from numpy.typing import NDArray

from ..axis import UNITS, check_axis

_NAMES = {
    "cm-1": r"cm\s*\^?[({]?\s*[-\u2212\u207b]\s*[1\u00b9]|1\s*/\s*cm|wave\s*numbers?|raman\s*shift",
    "um": r"(?<![a-z])([u\u00b5\u03bc]m|microns?|micro\s*met(er|re)s?)(?![a-z])",
    "nm": r"(?<![a-z])(nm|nano\s*met(er|re)s?)(?![a-z])",
}


def units_in(text: str) -> tuple[str, ...]:
    """Return the units that a text such as "Wavelength (nm)" allows, none if it says nothing.

    "Wavelength" without a unit allows nm and um.
    """
    named = tuple(unit for unit, names in _NAMES.items() if re.search(names, text, re.IGNORECASE))
    if not named and re.search("wave\\s*length", text, re.IGNORECASE):
        return ("nm", "um")
    return named


def possible_units(axis: NDArray[np.float64]) -> list[str]:
    """Return the units in which a spectrometer may have recorded such an axis."""
    possible = []
    for unit in UNITS:
        try:
            check_axis(axis, unit=unit)
        except ValueError:
            continue
        possible.append(unit)
    return possible


def resolve_unit(
    path: str | os.PathLike[str],
    axis: NDArray[np.float64],
    *,
    unit: str | None,
    allowed: tuple[str, ...] = (),
) -> str:
    """Return the unit of an axis.

    Parameters
    ----------
    path : str or path-like
        The file, for the message.
    axis : ndarray of shape (n_channels,)
        The positions.
    unit : {"nm", "um", "cm-1"}, optional
        What the caller says.
    allowed : tuple of str
        What the file says; none if it says nothing.

    Returns
    -------
    {"nm", "um", "cm-1"}
        The unit.

    Raises
    ------
    ValueError
        If caller and file disagree, or more than one unit is possible.
    """
    if unit is not None and unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(map(repr, UNITS))}, not {unit!r}.")
    if unit is not None and allowed and unit not in allowed:
        raise ValueError(
            f"{path} states its axis in {' or '.join(allowed)}, not in unit={unit!r}. Leave unit "
            "out, or correct the header of the file."
        )
    if unit is not None:
        return unit
    if len(allowed) == 1:
        return allowed[0]
    possible = [u for u in possible_units(axis) if u in (allowed or UNITS)]
    if len(possible) == 1:
        return possible[0]
    could = f"could be in {' or '.join(possible)}" if possible else "is in no known unit"
    raise ValueError(
        f"{path} does not state the unit of its axis, {axis[0]:g} to {axis[-1]:g}, which {could}: "
        "pass unit=."
    )
