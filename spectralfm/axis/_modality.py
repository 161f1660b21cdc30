"""Tell near infrared, mid infrared and Raman spectra apart by their axis."""

import numpy as np
from numpy.typing import NDArray

LOWEST_NIR = 4000.0
"""cm-1; spectra whose middle lies above are near infrared."""

HIGHEST_RAMAN = 3700.0
"""cm-1; no Raman band lies above, and spectrometers stop there."""

LOWEST_MIR = 350.0
"""cm-1; optics of KBr end here, Raman spectra go on."""


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
