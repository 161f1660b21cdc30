"""The axis of a spectrum: units, checks, the axis that instruments share, resampling.

Three units exist: ``"nm"`` and ``"um"`` for wavelengths, ``"cm-1"`` for wavenumbers.
"""

from ._axis import UNITS, check_axis, common_axis, convert_axis
from ._matched import coarsest_spacing, matched_channels, same_channels
from ._modality import check_modality, guess_modality
from ._names import axis_in_names, names_agree
from ._resample import covered_channels, resample
from ._resampler import Resampler

__all__ = [
    "UNITS",
    "Resampler",
    "axis_in_names",
    "check_axis",
    "coarsest_spacing",
    "common_axis",
    "convert_axis",
    "covered_channels",
    "check_modality",
    "guess_modality",
    "matched_channels",
    "names_agree",
    "resample",
    "same_channels",
]
