"""What makes one instrument differ from another: physical effects, their sizes, and a simulator.

The effects are functions of spectra, their axis and parameters with units; `InstrumentSimulator`
draws instruments and composes the effects in the order of light. `simulate_mixtures` draws samples
of known composition for them.
"""

from ._ageing import aged
from ._chemistry import Mixtures, pseudo_voigt, simulate_mixtures, simulate_substances
from ._instruments import Instruments
from ._optics import broadening, wavelength_shift
from ._photometry import (
    detector_nonlinearity,
    fringes,
    gain,
    smooth_field,
    stitching,
    stray_light,
)
from ._scan import baseline, fluorescence, noise, path_length, spikes
from ._simulator import InstrumentSimulator, Views

__all__ = [
    "InstrumentSimulator",
    "Instruments",
    "Mixtures",
    "Views",
    "aged",
    "baseline",
    "broadening",
    "detector_nonlinearity",
    "fluorescence",
    "fringes",
    "gain",
    "noise",
    "path_length",
    "pseudo_voigt",
    "simulate_mixtures",
    "simulate_substances",
    "smooth_field",
    "spikes",
    "stitching",
    "stray_light",
    "wavelength_shift",
]
