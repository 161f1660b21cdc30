r"""How much instruments differ: the range of every parameter of an instrument, and why.

Kinds of parameters:

* *signed*: :math:`s z` with z standard normal and s log-uniform over two decades (by default) up to
  ``largest``; k-th coefficients of fields are divided by k + 1;
* *positive*: s itself;
* *place*: log-uniform between two bounds, whatever the amplitude: where an effect sits, not how
  large it is.

Instruments of one make and model differ near the lower ends, handhelds of different optics near the
upper ones. Hand-set amplitudes do not generalise, hence the two decades. Upper ends are set from:

* wavelengths: dispersive NIR instruments must be right to 1 nm up to 1600 nm and 1.5 nm at
  2000 nm, Fourier transform instruments to 4-8 cm-1 [1]_, mid infrared ones to 1 cm-1 [2]_; here
  two or three times as much, as instruments age and axes of files are rounded. Raman axes are off
  by some cm-1, the laser and the spectrograph together [3]_.
* resolution, from makers' data sheets: NIR 6-10 nm on the bench, 10-30 nm in handhelds (their
  designs are reviewed in [4]_); mid infrared 4-16 cm-1; Raman 3-20 cm-1.
* photometry: slope 1 +- 0.05 and intercept 0 +- 0.05 for a qualified NIR instrument [1]_. Between
  handhelds of different optics the scale differs by factors of 1.2 and 2.2 and the offset by 0.2
  and 0.3 absorbance units (the two pairs of [7]_). Spectral response of Raman instruments that are
  not corrected for it differs by tens of percent [5]_.
* path length and baseline from scan to scan: up to 0.2-0.4 and 0.1-0.6 absorbance units on the same
  two pairs, whose samples are powders, down to hundredths of that on bench instruments. The path
  length tilts along the axis about as much as it changes.
* noise: 0.3 to 1 thousandth of an absorbance unit for a qualified NIR instrument [1]_.
* detector junctions: from 900 to 1900 nm, as at 1000 and 1830 nm in field spectrometers [6]_.
* fringes: windows, films and CCDs of 10 to 100 um, :math:`P = 1 / (2 n d)`.
* stray light, saturation, fluorescence and spikes: orders of magnitude that users of such
  instruments know, without a source of their own.

References
----------
.. [1] United States Pharmacopeia, general chapter <1119> Near-infrared spectrophotometry, and
   European Pharmacopoeia, chapter 2.2.40.
.. [2] Hoult, R. A., Perston, B., & Spragg, R. A. (2013). Polystyrene film as a standard for testing
   FT-IR spectrometers. Spectroscopy, 28(2).
.. [3] Establishing a calibration procedure for the energy-shift axis in diverse Raman spectrometers
   (2017). Spectroscopy, 32(6), 38-44.
.. [4] Bec, K. B., Grabska, J., & Huck, C. W. (2022). Miniaturized NIR spectroscopy in food analysis
   and quality control. Foods, 11(10), 1465. https://doi.org/10.3390/foods11101465
.. [5] ASTM E2911, Standard guide for relative intensity correction of Raman spectrometers.
.. [6] ASD FieldSpec 3 user manual, section B.6: spectral discontinuities.
.. [7] Data of Kranenburg et al. (2022), drug mixtures on handheld NIR instruments.
   https://doi.org/10.21942/uva.21252300
"""

from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

EFFECTS = {
    "nir": (
        "path_length", "baseline", "shift", "broadening", "stray_light", "nonlinearity", "gain",
        "offset", "stitching", "fringes", "noise",
    ),
    "mir": (
        "path_length", "baseline", "shift", "broadening", "stray_light", "nonlinearity", "gain",
        "offset", "fringes", "noise",
    ),
    "raman": (
        "path_length", "fluorescence", "baseline", "shift", "laser", "broadening", "nonlinearity",
        "gain", "offset", "fringes", "noise", "spikes",
    ),
}  # fmt: skip
"""Effects a modality has, in the order in which they act on a spectrum."""

RANGE = {"nir": (700.0, 2500.0), "mir": (400.0, 4000.0), "raman": (100.0, 3500.0)}
"""Where polynomials and fields have their ends: nm for NIR, cm-1 otherwise."""

N_FIELD = 6
"""Coefficients of a smooth field."""

Range = float | tuple[float, float] | None


class Prior(NamedTuple):
    """Range of a parameter.

    Attributes
    ----------
    effect : str
        The effect it belongs to.
    kind : {"signed", "positive", "place"}
        How it is drawn.
    unit : str
        "axis" for nm (NIR) or cm-1 (others), "level" for absorbance units or peak heights (Raman).
    nir, mir, raman : float, pair of float or None
        Largest amplitude, or bounds of a place; None where the modality has no such effect.
    n : int, optional
        Number of components, if it has several.
    """

    effect: str
    kind: Literal["signed", "positive", "place"]
    unit: str
    nir: Range
    mir: Range
    raman: Range
    n: int | None = None

    def bounds(self, modality: str) -> tuple[float, float]:
        """Return smallest and largest value of a place, or 0 and the largest amplitude."""
        value = {"nir": self.nir, "mir": self.mir, "raman": self.raman}[modality] or 0.0
        return value if isinstance(value, tuple) else (0.0, value)

    def draw(
        self, n: int, modality: str, factor: float, decades: float, generator: Generator
    ) -> Tensor:
        """Draw the parameter of n instruments.

        Parameters
        ----------
        n : int
            Number of instruments.
        modality : {"nir", "mir", "raman"}
            Whose range.
        factor : float
            On amplitudes; places are drawn whatever it is.
        decades : float
            Between the smallest and the largest amplitude.
        generator : torch.Generator
            Source; as many numbers are taken from it whatever the other arguments.

        Returns
        -------
        Tensor of shape (n,) or (n, k), float64
            The parameter or its components.
        """
        device, shape = generator.device, (n, self.n or 1)
        uniform = torch.rand(shape, generator=generator, device=device, dtype=torch.float64)
        normal = torch.randn(shape, generator=generator, device=device, dtype=torch.float64)
        low, high = self.bounds(modality)
        if self.kind == "place":
            values = low * (high / low) ** uniform if high else torch.zeros_like(uniform)
        else:
            values = factor * high * 10 ** (decades * (uniform[:, :1] - 1))  # (n, 1)
        if self.kind == "signed":
            values = values * normal / torch.arange(1, shape[1] + 1, device=device)
        return values if self.n else values[:, 0]


PRIORS = {
    "path_length": Prior("path_length", "positive", "1", 0.3, 0.3, 0.5),
    "fluorescence": Prior("fluorescence", "positive", "level", None, None, 3.0),
    "baseline": Prior("baseline", "positive", "level", 0.2, 0.2, 0.3),
    "shift": Prior("shift", "signed", "axis", 3.0, 2.0, 3.0),
    "stretch": Prior("shift", "signed", "axis", 2.0, 2.0, 3.0),
    "bend": Prior("shift", "signed", "axis", 1.0, 1.0, 2.0),
    "laser": Prior("laser", "signed", "axis", None, None, 5.0),
    "fwhm": Prior("broadening", "positive", "axis", 30.0, 16.0, 20.0),
    "stray_light": Prior("stray_light", "positive", "1", 0.05, 0.02, None),
    "saturation": Prior("nonlinearity", "positive", "1", 0.1, 0.1, 0.1),
    "gain": Prior("gain", "signed", "1", 0.3, 0.3, 0.5, N_FIELD),
    "offset": Prior("offset", "signed", "level", 0.2, 0.2, 0.3, N_FIELD),
    "junction": Prior("stitching", "place", "axis", (900.0, 1900.0), None, None, 2),
    "step": Prior("stitching", "signed", "level", 0.02, None, None, 2),
    "fringe_period": Prior("fringes", "place", "cm-1", (30.0, 300.0), (30.0, 300.0), (30.0, 300.0)),
    "fringe_cosine": Prior("fringes", "signed", "level", 0.005, 0.01, 0.02),
    "fringe_sine": Prior("fringes", "signed", "level", 0.005, 0.01, 0.02),
    "noise": Prior("noise", "positive", "level", 2e-3, 2e-3, 0.05),
    "noise_growth": Prior("noise", "place", "1", (0.1, 1.0), (0.1, 1.0), (0.05, 0.5)),
    "drift": Prior("noise", "positive", "level", 2e-3, 2e-3, 0.02),
    "drift_length": Prior("noise", "place", "axis", (5.0, 100.0), (10.0, 200.0), (10.0, 200.0)),
    "spikes": Prior("spikes", "positive", "1", None, None, 1.0),
}
"""Prior of every parameter, in the order in which they are drawn."""
