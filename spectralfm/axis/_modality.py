"""Tell near infrared, mid infrared and Raman spectra apart by their axis."""

import warnings

import numpy as np
from numpy.typing import NDArray

from .._validation import FEWEST_CHANNELS

LOWEST_NIR = 4000.0
"""cm-1; spectra whose middle lies above are near infrared."""

HIGHEST_RAMAN = 3700.0
"""cm-1; no Raman band lies above, and spectrometers stop there."""

LOWEST_MIR = 350.0
"""cm-1; optics of KBr end here, Raman spectra go on."""


TYPICAL_NM = (700.0, 2000.0, 2600.0)
"""nm; grating spectra begin above the first and end between the others. In cm-1 nobody ends there,
where mid infrared is empty, and leaves out what lies below."""


def guess_modality(axis: NDArray[np.float64]) -> str:
    """Tell the kind of spectra from their wavenumbers.

    Parameters
    ----------
    axis : ndarray of shape (n_channels,)
        Wavenumbers in cm-1.

    Returns
    -------
    {"NIR", "MIR", "Raman", "unknown"}
        NIR if the middle of the axis lies above 4000 cm-1; else MIR if it reaches beyond 3700 cm-1,
        Raman if it begins below 350 cm-1, and unknown where both record.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.axis import guess_modality
    >>> guess_modality(np.linspace(4000.0, 10000.0, 100))
    'NIR'
    """
    low, high = axis.min(), axis.max()
    if (low + high) / 2 > LOWEST_NIR:
        return "NIR"
    if high > HIGHEST_RAMAN:
        return "MIR"
    return "Raman" if low < LOWEST_MIR else "unknown"


def check_modality(axis: NDArray[np.float64], modality: str = "auto") -> str:
    """Return the kind of spectra on an axis, and refuse one that the axis contradicts.

    Parameters
    ----------
    axis : ndarray of shape (n_channels,)
        Wavenumbers in cm-1.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind stated; "auto" takes that of `guess_modality`.

    Returns
    -------
    {"NIR", "MIR", "Raman", "unknown"}
        Kind of the spectra.

    Raises
    ------
    ValueError
        If NIR spectra lie wholly below 4000 cm-1, or mid infrared or Raman spectra wholly above.

    Warns
    -----
    UserWarning
        If the kind is to be guessed and the numbers look like a near infrared axis in nm: evenly
        spaced, beginning above 700 and ending between 2000 and 2600.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.axis import check_modality
    >>> check_modality(np.linspace(600.0, 4000.0, 100), "MIR")
    'MIR'
    """
    low, high = axis.min(), axis.max()
    told = f"the axis runs from {low:.6g} to {high:.6g} cm-1"
    if modality == "NIR" and high <= LOWEST_NIR:
        raise ValueError(
            f"modality is 'NIR', but {told} and near infrared lies above {LOWEST_NIR:g} cm-1. If "
            "these numbers are nm, pass them as wavelengths; else state another modality."
        )
    if modality in ("MIR", "Raman") and low >= LOWEST_NIR:
        raise ValueError(
            f"modality is {modality!r}, but {told}, all above {LOWEST_NIR:g} cm-1. If you passed "
            "wavenumbers as wavelengths, pass them as wavenumbers; else state another modality."
        )
    if modality != "auto":
        return modality
    first, shortest, longest = TYPICAL_NM
    steps = np.abs(np.diff(axis))
    even = len(axis) >= FEWEST_CHANNELS and np.ptp(steps) <= 1e-2 * steps.mean()
    if even and low >= first and shortest <= high <= longest:
        warnings.warn(
            f"The axis runs evenly from {low:.6g} to {high:.6g}, said to be cm-1, but typical of "
            "near infrared spectra in nm. If it is in nm, pass it as wavelengths; if not, state "
            "the modality, 'MIR' or 'Raman'."
        )
    return guess_modality(axis)
