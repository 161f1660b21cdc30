"""Instruments as their parameters, one instrument a row."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from ._priors import PRIORS, Prior

STEEPNESS = 10.0
"""Standardised parameters are linear up to a tenth of the largest amplitude, logarithmic beyond."""

SIGNED_DEVIATION = 1.250
POSITIVE_MEAN, POSITIVE_DEVIATION = 1.131, 0.891
"""Moments of asinh(10 s z) and asinh(10 s): z standard normal, s log-uniform from 0.01 to 1."""


@dataclass(frozen=True, eq=False)
class Instruments:
    """Parameters of n instruments; 0 where an effect is switched off.

    "axis" stands for nm in the near infrared and cm-1 otherwise, "level" for absorbance units, or
    heights of the highest peak in Raman spectra. ``dataclasses.replace`` makes changed instruments.

    Parameters
    ----------
    path_length : Tensor of shape (n,)
        Standard deviation of the logarithm of the path length from scan to scan, and of its tilt
        from the middle to the ends of the range.
    fluorescence : Tensor of shape (n,), level
        Median height of the background.
    baseline : Tensor of shape (n,), level
        Standard deviation of the baseline from scan to scan.
    shift, stretch, bend : Tensor of shape (n,), axis
        Error of the axis in Legendre polynomials over the range of the modality: what it is on
        average, and what is added at the upper end by a linear and by a quadratic term.
    laser : Tensor of shape (n,), cm-1
        Error of the laser's wavenumber; with ``shift``, of which it cannot be told apart, it moves
        Raman spectra as a whole.
    fwhm : Tensor of shape (n,), axis
        Full width at half maximum of the line shape.
    stray_light : Tensor of shape (n,)
        Stray light over the light of a channel.
    saturation : Tensor of shape (n,)
        Share by which the detector falls short at full scale.
    gain : Tensor of shape (n, 6)
        Logarithm of the photometric gain, coefficients of a smooth field.
    offset : Tensor of shape (n, 6), level
        Photometric offset, coefficients of a smooth field.
    junction : Tensor of shape (n, 2), axis
        Where detectors meet.
    step : Tensor of shape (n, 2), level
        How much the spectrum jumps there.
    fringe_period : Tensor of shape (n,), cm-1
        Period of the interference pattern.
    fringe_cosine, fringe_sine : Tensor of shape (n,), level
        Its amplitudes; relative to the intensity in Raman spectra.
    noise : Tensor of shape (n,), level
        Standard deviation of the noise of a channel where light is brightest.
    noise_growth : Tensor of shape (n,)
        Exponent with which it follows the signal.
    drift : Tensor of shape (n,), level
        Standard deviation of the noise that neighbouring channels share.
    drift_length : Tensor of shape (n,), axis
        Width over which they share it.
    spikes : Tensor of shape (n,)
        Expected number of cosmic spikes in a scan.
    modality : {"nir", "mir", "raman"}
        Kind of instruments.
    effects : tuple of str
        Effects switched on.

    Examples
    --------
    >>> import dataclasses
    >>> import torch
    >>> from spectralfm.simulation import InstrumentSimulator
    >>> simulator = InstrumentSimulator(effects=("shift", "broadening"))
    >>> instruments = simulator.sample_instruments(3, torch.Generator().manual_seed(0))
    >>> drifted = dataclasses.replace(instruments, shift=instruments.shift + 0.1)  # nm
    >>> len(drifted[:2]), drifted.names
    (2, ('shift', 'stretch', 'bend', 'fwhm'))
    """

    path_length: Tensor
    fluorescence: Tensor
    baseline: Tensor
    shift: Tensor
    stretch: Tensor
    bend: Tensor
    laser: Tensor
    fwhm: Tensor
    stray_light: Tensor
    saturation: Tensor
    gain: Tensor
    offset: Tensor
    junction: Tensor
    step: Tensor
    fringe_period: Tensor
    fringe_cosine: Tensor
    fringe_sine: Tensor
    noise: Tensor
    noise_growth: Tensor
    drift: Tensor
    drift_length: Tensor
    spikes: Tensor
    modality: str
    effects: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.shift)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        """Return the instruments of some rows, in that order, repeated if asked for twice."""
        return self._mapped(lambda values: values[rows])

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert all tensors.

        Parameters
        ----------
        *args, **kwargs : Any
            Arguments of ``Tensor.to``.

        Returns
        -------
        Instruments
            The same instruments elsewhere.
        """
        return self._mapped(lambda values: values.to(*args, **kwargs))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `parameters`, of length P; components of fields are numbered."""
        return tuple(
            name if prior.n is None else f"{name}_{k}"
            for name, prior in self._switched_on().items()
            for k in range(prior.n or 1)
        )

    def parameters(self) -> Tensor:
        r"""Return all parameters of the effects switched on, standardised.

        Under the default prior each column has mean 0 and standard deviation 1. Amplitudes a, which
        span decades, become :math:`\operatorname{asinh}(10 a / a_{max})` first, places their
        logarithm.

        Returns
        -------
        Tensor of shape (n, P), float32
            One instrument a row, columns as in ``names``.
        """
        columns = [
            _standardised(getattr(self, name).reshape(len(self), -1), prior, self.modality)
            for name, prior in self._switched_on().items()
        ]
        return torch.cat(columns, 1).float()

    def values(self) -> dict[str, Tensor]:
        """Return the parameters of the effects switched on by their names, in their own units."""
        return {name: getattr(self, name) for name in self._switched_on()}

    def _switched_on(self) -> dict[str, Prior]:
        return {name: prior for name, prior in PRIORS.items() if prior.effect in self.effects}

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> Self:
        changed: dict[str, Any] = {name: function(getattr(self, name)) for name in PRIORS}
        return replace(self, **changed)


def _standardised(values: Tensor, prior: Prior, modality: str) -> Tensor:
    """Return the components (n, k) of a parameter with mean 0 and standard deviation 1."""
    low, high = prior.bounds(modality)
    if prior.kind == "place":
        middle, deviation = (math.log(low * high)) / 2, math.log(high / low) / math.sqrt(12)
        return (values.log() - middle) / deviation
    decay = torch.arange(1, values.shape[1] + 1, device=values.device)
    scaled = torch.asinh(STEEPNESS * decay * values / high)
    if prior.kind == "signed":
        return scaled / SIGNED_DEVIATION
    return (scaled - POSITIVE_MEAN) / POSITIVE_DEVIATION
