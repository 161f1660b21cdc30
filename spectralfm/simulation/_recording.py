"""All effects in the order of light, from the sample to the recorded spectrum."""

from collections.abc import Container

import torch
from torch import Generator, Tensor

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
from ._priors import PRIORS, RANGE
from ._scan import baseline, fluorescence, legendre, noise, path_length, spikes


def recorded(
    x: Tensor, axis: Tensor, instruments: Instruments, effects: Container[str], generator: Generator
) -> Tensor:
    """Return what instruments record.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra, absorbance or intensity.
    axis : Tensor of shape (R, L)
        Channels, ascending, nm in the near infrared and cm-1 otherwise; R is B or 1.
    instruments : Instruments
        B instruments or one.
    effects : container of str
        Effects to take part.
    generator : torch.Generator
        Source of what differs from scan to scan.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.
    """
    modality = instruments.modality
    absorbance = modality != "raman"
    low, high = RANGE[modality]
    place = ((2 * axis - low - high) / (high - low)).to(x.dtype)  # (R, L), -1 to 1
    one = {name: getattr(instruments, name).reshape(len(instruments), -1) for name in PRIORS}
    one = {name: value.expand(len(x), -1) for name, value in one.items()}  # (B, 1) or (B, K)
    height = torch.ones_like(x[:, :1]) if absorbance else _peak_height(x)
    x = x / height

    if "path_length" in effects:
        x = path_length(x, place, one["path_length"], generator)
    if "fluorescence" in effects:
        x = fluorescence(x, axis, one["fluorescence"], generator)
    if "baseline" in effects:
        x = baseline(x, place, one["baseline"], generator)
    error = torch.zeros_like(height)
    if "shift" in effects:
        terms = torch.cat([one["shift"], one["stretch"], one["bend"]], 1)
        error = error + legendre(place, terms)
    if "laser" in effects:
        error = error + one["laser"]
    if "shift" in effects or "laser" in effects:
        x = wavelength_shift(x, axis, error)
    if "broadening" in effects:
        x = broadening(x, axis, one["fwhm"], absorbance=absorbance)
    if "stray_light" in effects:
        x = stray_light(x, one["stray_light"])
    if "nonlinearity" in effects:
        x = detector_nonlinearity(x, one["saturation"], absorbance=absorbance)
    if "gain" in effects:
        x = gain(x, smooth_field(place, one["gain"]))
    if "offset" in effects:
        x = x + smooth_field(place, one["offset"])
    if "stitching" in effects:
        x = stitching(x, axis, one["junction"], one["step"])
    if "fringes" in effects:
        wavenumbers = 1e7 / axis if modality == "nir" else axis
        waves = one["fringe_cosine"], one["fringe_sine"], one["fringe_period"]
        x = fringes(x, wavenumbers, *waves, absorbance=absorbance)
    if "noise" in effects:
        levels = one["noise"], one["drift"], one["drift_length"], one["noise_growth"]
        x = noise(x, axis, *levels, generator, absorbance=absorbance)
    if "spikes" in effects:
        x = spikes(x, one["spikes"], generator)
    return x * height


def _peak_height(x: Tensor) -> Tensor:
    """Return the range (B, 1) of each spectrum, 1 where it is flat."""
    height = x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
    return torch.where(height > 0, height, 1.0)
