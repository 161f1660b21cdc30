"""The axis that column names of a DataFrame may be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._axis import UNITS, convert_axis


def axis_in_names(columns: Any) -> NDArray[np.float64] | None:
    """Return column names as numbers; None if they are not, or count the columns from 0 or 1.

    Parameters
    ----------
    columns : sequence or None
        Column names of a DataFrame.

    Returns
    -------
    ndarray of shape (n_channels,) or None
        Positions, in whatever unit.

    Examples
    --------
    >>> from spectralfm.axis import axis_in_names
    >>> axis_in_names(["1100", "1102.5"]), axis_in_names([0, 1, 2]), axis_in_names(["x0", "x1"])
    (array([1100. , 1102.5]), None, None)
    """
    if columns is None:
        return None
    try:
        values = np.array([float(name) for name in columns])
    except (TypeError, ValueError):
        return None
    counted = np.arange(len(values))
    return None if any(np.array_equal(values, counted + k) for k in (0, 1)) else values


def names_agree(named: NDArray[np.float64], axis: NDArray[np.float64], unit: str) -> bool:
    """Say whether column names are an axis, in nm, um or cm-1, to a thousandth.

    Parameters
    ----------
    named : ndarray of shape (n_names,)
        What `axis_in_names` returned.
    axis : ndarray of shape (n_channels,)
        The axis.
    unit : {"nm", "um", "cm-1"}
        Its unit.

    Returns
    -------
    bool
        Whether they agree in one of the units.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.axis import names_agree
    >>> names_agree(np.array([10000.0, 4000.0]), np.array([1000.0, 2500.0]), "nm")
    True
    """
    if named.shape != axis.shape:
        return False
    units = [axis]  # Raman shifts, which may be 0 or negative, have no wavelength
    if (axis > 0).all():
        units += [convert_axis(axis, unit, other) for other in UNITS if other != unit]
    return any(np.allclose(named, one, rtol=1e-3, atol=0) for one in units)
