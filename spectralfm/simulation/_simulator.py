"""The simulator: draws instruments, and records spectra with them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ._instruments import Instruments
from ._priors import EFFECTS, PRIORS
from ._recording import recorded

FEWEST = 4
"""Channels of a spectrum at least."""


class Views(NamedTuple):
    """The same samples as two instruments record them.

    Parameters
    ----------
    first, second : Tensor of shape (B, L)
        Recorded spectra.
    first_instruments, second_instruments : Instruments
        The instrument of each spectrum.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import InstrumentSimulator
    >>> x, axis = torch.rand(4, 50), torch.linspace(4000, 9000, 50)
    >>> views = InstrumentSimulator().views(x, axis, torch.Generator().manual_seed(0))
    >>> views.first.shape, len(views.second_instruments)
    (torch.Size([4, 50]), 4)
    """

    first: Tensor
    second: Tensor
    first_instruments: Instruments
    second_instruments: Instruments


class InstrumentSimulator:
    r"""Record spectra as another instrument would have recorded them.

    .. math:: x' = N \circ S \circ F \circ O \circ G \circ D \circ L \circ B \circ W \circ P (x)

    in the order of light: sample presentation P (path length, fluorescence, baseline), wavelength
    axis W (and laser), line shape B, stray light L, detector saturation D, photometric gain G and
    offset O, detector junctions, fringes F, noise N and spikes. Line shape, stray light and
    saturation act on the transmittance :math:`10^{-x}`.

    Parameters
    ----------
    effects : sequence of str, optional
        Effects switched on, of those of the modality; all by default. They are, in order:
        "path_length", "fluorescence" (Raman), "baseline", "shift", "laser" (Raman), "broadening",
        "stray_light" (absorption), "nonlinearity", "gain", "offset", "stitching" (NIR), "fringes",
        "noise", "spikes" (Raman).
    amplitude : float or mapping of effect to float, default=1
        Factor on all amplitudes of the prior, or on those of some effects, >= 0. With 0, every
        instrument is ideal.
    decades : float, default=2
        How many decades the amplitudes of instruments span, >= 0, below their largest.
    modality : {"nir", "mir", "raman"}
        Kind of spectra, in upper or lower case: sets the prior, and whether errors of the axis are
        in nm ("nir") or cm-1.

    Raises
    ------
    ValueError
        If the modality or an effect does not exist, or a factor is negative.

    See Also
    --------
    Instruments : What is drawn, with units.

    Notes
    -----
    Axes are wavenumbers in cm-1, in any order, as in `spectralfm.nn.resample`; Raman axes are Raman
    shifts. Spectra are absorbance-like, :math:`-\log_{10}` of transmittance or reflectance, or
    Raman intensities of any scale: their amplitudes are in units of a spectrum's range.

    Real spectra carry an instrument already. What is simulated comes on top: two views of a
    spectrum differ as two instruments do, but neither can be sharper than the spectrum. The ends of
    spectra are guessed, see `wavelength_shift`.

    Everything but the draws is differentiable, in the spectra and in the parameters.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import InstrumentSimulator
    >>> axis = 1e7 / torch.arange(1100.0, 2500.0, 2.0)
    >>> x = torch.exp(-(((axis - 5200.0) / 150.0) ** 2)).repeat(4, 1)
    >>> simulator = InstrumentSimulator(effects=("shift", "broadening"))
    >>> generator = torch.Generator().manual_seed(0)
    >>> instruments = simulator.sample_instruments(4, generator)
    >>> instruments.names, instruments.parameters().shape
    (('shift', 'stretch', 'bend', 'fwhm'), torch.Size([4, 4]))
    >>> simulator.apply(x, axis, instruments, generator).shape
    torch.Size([4, 700])
    """

    def __init__(
        self,
        *,
        effects: Sequence[str] | None = None,
        amplitude: float | Mapping[str, float] = 1.0,
        decades: float = 2.0,
        modality: str = "nir",
    ) -> None:
        self.modality = modality.lower()
        if self.modality not in EFFECTS:
            raise ValueError(f"modality must be one of {', '.join(EFFECTS)}, got {modality!r}.")
        known = EFFECTS[self.modality]
        if isinstance(amplitude, Mapping):
            factors = dict(amplitude)
        else:
            factors = dict.fromkeys(known, amplitude)
        unknown = [name for name in (*(effects or ()), *factors) if name not in known]
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: no effect of {self.modality} instruments. "
                f"Their effects are {', '.join(known)}."
            )
        if decades < 0 or any(factor < 0 for factor in factors.values()):
            raise ValueError(f"amplitude and decades must be >= 0, got {amplitude} and {decades}.")
        self.effects = tuple(e for e in known if effects is None or e in effects)
        self.amplitude, self.decades = amplitude, decades
        self._factors = dict.fromkeys(known, 1.0) | factors

    def sample_instruments(self, n: int, generator: Generator) -> Instruments:
        """Draw instruments from the prior.

        Parameters
        ----------
        n : int
            Number of instruments.
        generator : torch.Generator
            Source of the draws; the instruments live on its device.

        Returns
        -------
        Instruments
            Parameters in float64. Equal seeds draw equal parameters, whatever is switched on.
        """
        factors = {effect: self._factors[effect] for effect in self.effects}
        values = {
            name: prior.draw(
                n, self.modality, factors.get(prior.effect, 0.0), self.decades, generator
            )
            for name, prior in PRIORS.items()
        }
        return Instruments(**values, modality=self.modality, effects=self.effects)

    def apply(
        self, x: Tensor, axis: Tensor, instruments: Instruments, generator: Generator
    ) -> Tensor:
        """Record spectra.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra, absorbance-like or Raman intensities, float32 or float64.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers (Raman shifts) of their channels in cm-1, in any order.
        instruments : Instruments
            One for each spectrum, or one for all.
        generator : torch.Generator
            Source of what differs from scan to scan: path length, baseline, noise ...

        Returns
        -------
        Tensor of shape (B, L)
            Recorded spectra, in the order of the axis given.

        Raises
        ------
        ValueError
            If spectra, axis and instruments do not fit each other.
        """
        self._check(x, axis, instruments)
        rows = axis.to(x.device, torch.float64).reshape(-1, x.shape[1])  # (R, L)
        if self.modality == "nir":
            rows = 1e7 / rows  # nm
        rows, order = rows.sort(dim=1)
        if (rows.diff(dim=1) <= 0).any():
            raise ValueError("The axis repeats a wavenumber. Average repeated channels.")
        order = order.expand_as(x)
        ordered = recorded(x.gather(1, order), rows, instruments.to(x), self.effects, generator)
        return torch.empty_like(ordered).scatter(1, order, ordered)

    def views(self, x: Tensor, axis: Tensor, generator: Generator) -> Views:
        """Record every sample on two instruments of its own.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra, as in `apply`.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers of their channels in cm-1.
        generator : torch.Generator
            Source of instruments and scans.

        Returns
        -------
        Views
            Two recordings (B, L) and their instruments.
        """
        first, second = (self.sample_instruments(len(x), generator) for _ in range(2))
        return Views(
            self.apply(x, axis, first, generator),
            self.apply(x, axis, second, generator),
            first,
            second,
        )

    def _check(self, x: Tensor, axis: Tensor, instruments: Instruments) -> None:
        """Raise if the arguments of `apply` do not fit each other."""
        if x.ndim != 2 or axis.shape not in (x.shape, x.shape[1:]) or x.shape[1] < FEWEST:
            raise ValueError(
                f"Spectra must be (B, L) with L of at least {FEWEST}, their axis (L,) or (B, L), "
                f"got {tuple(x.shape)} and {tuple(axis.shape)}."
            )
        if len(instruments) not in (1, len(x)) or instruments.modality != self.modality:
            raise ValueError(
                f"{len(x)} spectra need as many {self.modality} instruments, or one, "
                f"got {len(instruments)} {instruments.modality} instruments."
            )
        if not (x.isfinite().all() and axis.isfinite().all()):
            raise ValueError("Spectra and axis must be finite: cut what was not measured.")
        if self.modality == "nir" and (axis <= 0).any():
            raise ValueError("Wavenumbers of near infrared spectra must be positive.")
