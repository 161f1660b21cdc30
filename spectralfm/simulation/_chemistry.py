r"""Simulated chemistry: substances of many bands, and samples that mix them in known amounts.

Bands are pseudo-Voigt profiles in wavenumbers. Near infrared bands are overtones and combinations
of a few vibrations of each substance [1]_: a stretching vibration of wavenumber :math:`\nu` and
anharmonicity :math:`\chi` has its (v - 1)-th overtone at

.. math:: \nu_v = v \nu (1 - (v + 1) \chi) / (1 - 2 \chi)

and combinations with a bending vibration above each; every order is about ten times weaker than
the one before. Mid infrared and Raman spectra have bands anywhere.

Dimensions: n samples, K substances, L channels, b bands of a substance.

References
----------
.. [1] Workman, J., & Weyer, L. (2012). Practical guide and spectral atlas for interpretive
   near-infrared spectroscopy (2nd ed.). CRC Press. https://doi.org/10.1201/b11894
.. [2] Ida, T., Ando, M., & Toraya, H. (2000). Extended pseudo-Voigt function for approximating the
   Voigt profile. Journal of Applied Crystallography, 33(6), 1311-1316.
   https://doi.org/10.1107/S0021889800010219
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

STRETCHING = (2800.0, 3700.0)
"""Stretching vibrations of C-H, N-H and O-H, cm-1."""

BENDING = (900.0, 1700.0)
"""Bending vibrations, cm-1."""

ANHARMONICITY = (0.010, 0.030)
"""What makes overtones lie below multiples of the fundamental."""

ORDERS = (2, 3, 4)
"""Quanta of the overtones in the near infrared."""

DECAY = 0.3
"""Height of an order over that of the one before. Nature's is 0.1, but no spectrum is measured in
one path length over all orders: a window shows one or two of them, and each must count."""

WIDTH = {"nir": (0.005, 0.05), "mir": (0.003, 0.08), "raman": (0.002, 0.02)}
"""Full widths at half maximum over the wavenumbers from 400 to 4000 cm-1, or over the band's own
wavenumber in the near infrared."""

BROADEST = 1000.0
"""Wavenumber whose share a width of mid infrared and Raman bands is, cm-1."""


class Mixtures(NamedTuple):
    """Samples of known composition.

    Attributes
    ----------
    spectra : Tensor of shape (n, L)
        Absorbance, or Raman intensities, without instrument and noise.
    amounts : Tensor of shape (n, K)
        How much of each substance a sample holds.
    substances : Tensor of shape (K, L)
        Spectra of the substances at unit amount.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import simulate_mixtures
    >>> axis = 1e7 / torch.arange(1100.0, 2500.0, 10.0)
    >>> made = simulate_mixtures(20, axis, torch.Generator().manual_seed(0))
    >>> torch.allclose(made.spectra, made.amounts @ made.substances)
    True
    """

    spectra: Tensor
    amounts: Tensor
    substances: Tensor


def simulate_mixtures(
    n_samples: int,
    axis: Tensor,
    generator: Generator,
    *,
    modality: str = "nir",
    n_substances: int | None = None,
) -> Mixtures:
    """Draw substances and samples that mix them.

    Parameters
    ----------
    n_samples : int
        Number of samples, at least 1.
    axis : Tensor of shape (L,)
        Wavenumbers of the channels, cm-1, in any order.
    generator : torch.Generator
        Source of all draws.
    modality : {"nir", "mir", "raman"}
        Kind of spectra, in upper or lower case.
    n_substances : int, optional
        Number of substances, at least 2; by default drawn from 3 to 8.

    Returns
    -------
    Mixtures
        Amounts sum to 1 in every sample, so they are correlated; major and minor constituents
        differ by up to two orders of magnitude.

    Raises
    ------
    ValueError
        If the modality does not exist or there are fewer than two substances.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import simulate_mixtures
    >>> axis = torch.linspace(400.0, 4000.0, 300)
    >>> generator = torch.Generator().manual_seed(0)
    >>> made = simulate_mixtures(5, axis, generator, modality="mir", n_substances=3)
    >>> made.spectra.shape, bool((made.amounts.sum(1) - 1).abs().max() < 1e-6)
    (torch.Size([5, 300]), True)
    """
    if n_substances is None:
        n_substances = int(torch.randint(3, 9, (), generator=generator))
    if n_substances < 2:
        raise ValueError(f"A mixture needs at least two substances, got {n_substances}.")
    substances = simulate_substances(n_substances, axis, generator, modality=modality)
    share = 10 ** (-2 * _uniform((n_substances,), generator))  # (K,)
    spread = 10 ** (2 * _uniform((n_substances,), generator) - 0.5)  # (K,): from rare to constant
    amounts = share * _gamma(spread.expand(n_samples, -1), generator) / spread  # (n, K)
    amounts = (amounts / amounts.sum(1, keepdim=True)).to(substances.dtype)
    return Mixtures(amounts @ substances, amounts, substances)


def simulate_substances(
    n_substances: int, axis: Tensor, generator: Generator, *, modality: str = "nir"
) -> Tensor:
    """Draw the spectra of substances.

    Parameters
    ----------
    n_substances : int
        Number of substances.
    axis : Tensor of shape (L,)
        Wavenumbers of the channels, cm-1, in any order.
    generator : torch.Generator
        Source of all draws.
    modality : {"nir", "mir", "raman"}
        Kind of spectra, in upper or lower case.

    Returns
    -------
    Tensor of shape (K, L), float32
        Spectra, at least 0, whose highest peak within the axis is between 0.1 and 2.

    Raises
    ------
    ValueError
        If the modality does not exist.
    """
    kind = modality.lower()
    if kind not in WIDTH:
        raise ValueError(f"modality must be one of {', '.join(WIDTH)}, got {modality!r}.")
    place = axis.to(torch.float64)
    spectra = [_substance(place, kind, generator) for _ in range(n_substances)]
    heights = 10 ** (1.3 * _uniform((n_substances, 1), generator) - 1)  # (K, 1), 0.1 to 2
    return (torch.stack(spectra) * heights).float()


def _substance(axis: Tensor, kind: str, generator: Generator) -> Tensor:
    """Return one spectrum (L,) whose highest peak is 1."""
    low, high = axis.min(), axis.max()
    n_free = int(torch.randint(2, 9, (), generator=generator))
    centres = low + (high - low) * _uniform((n_free,), generator)  # (b,)
    heights = _gamma(torch.ones(n_free, dtype=torch.float64), generator)  # (b,)
    if kind == "nir":
        overtones, weaker = _overtones(generator)
        inside = (overtones > low) & (overtones < high)
        # Where a window holds no overtone at all, bands anywhere stand for electronic transitions.
        if inside.any():
            heights = 0.1 * heights
        centres = torch.cat([centres, overtones[inside]])
        heights = torch.cat([heights, weaker[inside]])
    smallest, largest = WIDTH[kind]
    share = smallest * (largest / smallest) ** _uniform(centres.shape, generator)  # (b,)
    widths = share * (centres if kind == "nir" else BROADEST)  # (b,), cm-1
    mixing = 0.8 * _uniform(centres.shape, generator)  # (b,)
    spectrum = heights @ pseudo_voigt(axis - centres[:, None], widths[:, None], mixing[:, None])
    return spectrum / spectrum.max()


def _overtones(generator: Generator) -> tuple[Tensor, Tensor]:
    """Return wavenumbers (b,) and heights (b,) of overtones and combinations of a substance."""
    n_groups = int(torch.randint(1, 5, (), generator=generator))
    low, high = STRETCHING
    stretch = low + (high - low) * _uniform((n_groups, 1), generator)
    low, high = BENDING
    bend = low + (high - low) * _uniform((n_groups, 1), generator)
    low, high = ANHARMONICITY
    chi = low + (high - low) * _uniform((n_groups, 1), generator)
    quanta = torch.tensor([1, *ORDERS], dtype=torch.float64)  # (o,)
    pure = quanta * stretch * (1 - (quanta + 1) * chi) / (1 - 2 * chi)  # (g, o)
    strength = _gamma(torch.ones(n_groups, 1, dtype=torch.float64), generator)  # (g, 1)
    weaker = strength * DECAY ** (quanta - 1)  # (g, o)
    jitter = 2 * _uniform((2, n_groups, len(quanta)), generator)
    centres = torch.stack([pure, pure + bend])  # (2, g, o)
    heights = torch.stack([weaker, 0.5 * weaker]) * jitter
    return centres.flatten(), heights.flatten()


def pseudo_voigt(distance: Tensor, width: Tensor, mixing: Tensor) -> Tensor:
    r"""Return bands of height 1, Gaussian and Lorentzian of the same width mixed.

    .. math:: (1 - \eta) e^{-4 \ln 2\, d^2 / w^2} + \eta \frac{1}{1 + 4 d^2 / w^2}

    Parameters
    ----------
    distance : Tensor
        Distance d from the centre.
    width : Tensor
        Full width at half maximum w, > 0, in the unit of the distance.
    mixing : Tensor
        Share :math:`\eta` of the Lorentzian, in [0, 1] [2]_.

    Returns
    -------
    Tensor
        Profiles, broadcast.

    Examples
    --------
    >>> import torch
    >>> pseudo_voigt(torch.tensor([0.0, 5.0]), torch.tensor(10.0), torch.tensor(0.3))
    tensor([1.0000, 0.5000])
    """
    ratio = (2 * distance / width).square()
    return (1 - mixing) * torch.exp2(-ratio) + mixing / (1 + ratio)


def _uniform(shape: tuple[int, ...] | torch.Size, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _gamma(concentration: Tensor, generator: Generator) -> Tensor:
    """Draw gamma variates of unit scale; torch's own sampler of them takes a generator, too."""
    return torch._standard_gamma(concentration, generator=generator)
