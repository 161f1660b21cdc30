"""The axis of a spectrum: units, checks, the axis that instruments share, resampling.

Three units exist: ``"nm"`` and ``"um"`` for wavelengths, ``"cm-1"`` for wavenumbers.
"""

from ._axis import UNITS, check_axis, common_axis, convert_axis
from ._modality import check_modality, guess_modality
from ._resample import covered_channels, resample
from ._resampler import Resampler

__all__ = [
    "UNITS",
    "Resampler",
    "check_axis",
    "common_axis",
    "convert_axis",
    "covered_channels",
    "check_modality",
    "guess_modality",
    "resample",
]
