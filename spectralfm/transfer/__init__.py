"""Classical calibration transfer: NumPy and SciPy only, one method a file.

Words: the *source* instrument is where the calibration was made, the *target* is where it must
work, *standards* are samples measured on both.
"""

from ._mean_shift import MeanShift
from ._standards import Standards, Unpaired

__all__ = [
    "MeanShift",
    "Standards",
    "Unpaired",
]
