r"""What differs from scan to scan: how the sample lies there, and noise.

Every function draws anew from its generator. Drawn in float64 on the generator's device, so that
float32 and float64 spectra meet the same scans.

Glossary: B batch, L channels, R rows of axes: B, or 1 where all spectra share one.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ._optics import FWHM, line_shape

N_BASELINE = 3
"""Terms of the baseline: level, slope, curvature."""

FAINTEST = 0.01
"""Noise stops changing with the signal below this share of the brightest channel."""


def path_length(x: Tensor, position: Tensor, spread: Tensor, generator: Generator) -> Tensor:
    r"""Scale each spectrum by its path length or scatter, which changes along the axis.

    .. math:: x' = x e^{s (z_1 + z_2 u)}

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance, or intensity.
    position : Tensor of shape (R, L)
        Places u of the channels, -1 and 1 at the ends of the modality's range.
    spread : Tensor of shape (B, 1)
        Standard deviation s of the logarithm of the path length: 0.01 is one percent.
    generator : torch.Generator
        Source of z, standard normal.

    Returns
    -------
    Tensor of shape (B, L)
        Scaled spectra.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import path_length
    >>> x, spread = torch.ones(2, 3), torch.tensor([[0.05], [0.0]])
    >>> position = torch.tensor([[-1.0, 0.0, 1.0]])
    >>> path_length(x, position, spread, torch.Generator().manual_seed(0)) != 1
    tensor([[ True,  True,  True],
            [False, False, False]])
    """
    level, tilt = _normal((len(x), 2), x, generator).split(1, dim=1)
    return x * torch.exp(spread * (level + tilt * position))


def baseline(x: Tensor, position: Tensor, spread: Tensor, generator: Generator) -> Tensor:
    r"""Add a random level, slope and curvature to each spectrum.

    .. math:: x' = x + s \sum_{k=0}^{2} \frac{z_k}{k + 1} P_k(u)

    with Legendre polynomials P and standard normal z.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra.
    position : Tensor of shape (R, L)
        Places u of the channels, -1 and 1 at the ends of the modality's range.
    spread : Tensor of shape (B, 1)
        Standard deviation s of the level: absorbance units, or peak heights.
    generator : torch.Generator
        Source of z.

    Returns
    -------
    Tensor of shape (B, L)
        Spectra on their baselines.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import baseline
    >>> x, position = torch.zeros(1, 5), torch.linspace(-1, 1, 5)[None]
    >>> added = baseline(x, position, torch.tensor([[0.1]]), torch.Generator().manual_seed(0))
    >>> added.diff(n=3).abs().max() < 1e-6  # a parabola
    tensor(True)
    """
    order = torch.arange(1, N_BASELINE + 1, device=x.device)
    terms = spread * _normal((len(x), N_BASELINE), x, generator) / order
    return x + legendre(position, terms)


def legendre(position: Tensor, coefficients: Tensor) -> Tensor:
    """Return the polynomial of three Legendre coefficients (B, 3) at places (R, L), as (B, L)."""
    level, slope, curvature = coefficients.unsqueeze(-1).unbind(1)  # each (B, 1)
    return level + slope * position + curvature * (1.5 * position.square() - 0.5)


def noise(
    x: Tensor,
    axis: Tensor,
    white: Tensor,
    drift: Tensor,
    length: Tensor,
    growth: Tensor,
    generator: Generator,
    *,
    absorbance: bool = True,
) -> Tensor:
    r"""Add noise of every channel for itself, and noise that neighbours share.

    .. math:: x' = x + \sigma\, r^{-g} z_1 + \tau z_2, \qquad
              r = 10^{\min x - x} \;\text{or}\; r = 1 / x

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance, or intensity in peak heights.
    axis : Tensor of shape (R, L)
        Channels, ascending, nm or cm-1.
    white : Tensor of shape (B, 1)
        Standard deviation of the independent noise in the brightest channel: absorbance units, or
        peak heights.
    drift : Tensor of shape (B, 1)
        Standard deviation of the noise that neighbours share, in the same unit.
    length : Tensor of shape (B, 1)
        Full width at half maximum of the kernel that makes neighbours share it, in the unit of the
        axis; its channels are taken as even.
    growth : Tensor of shape (B, 1)
        Exponent g. Of absorbance: 0 for even noise, 0.5 limited by photons, 1 by the detector. Of
        intensity: 0 limited by the detector, 0.5 by photons.
    generator : torch.Generator
        Source of the noise.
    absorbance : bool
        Whether ``x`` is absorbance, noisier where light is faint, or intensity, noisier where it is
        bright.

    Returns
    -------
    Tensor of shape (B, L)
        Noisy spectra.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import noise
    >>> x, axis = torch.zeros(50, 200), torch.arange(200.0)[None]
    >>> white, none, length, growth = torch.tensor([0.001, 0.0, 10.0, 0.5]).reshape(4, 1, 1)
    >>> generator = torch.Generator().manual_seed(0)
    >>> round(noise(x, axis, white, none, length, growth, generator).std().item(), 4)
    0.001
    """
    if absorbance:
        light = torch.pow(10.0, x.amin(1, keepdim=True) - x).clamp_min(FAINTEST).reciprocal()
    else:
        light = x.clamp_min(FAINTEST)
    independent = white * light.pow(growth) * _normal(x.shape, x, generator)
    step = (axis[:, -1:] - axis[:, :1]) / (x.shape[1] - 1)
    n = 2 * x.shape[1]  # twice as long: the two ends of a circle share their noise
    kernel = line_shape(n, (length / (FWHM * step)).to(x.dtype))
    kernel = kernel / torch.fft.irfft(kernel, n=n).square().sum(1, keepdim=True).sqrt()
    shared = torch.fft.irfft(torch.fft.rfft(_normal((len(x), n), x, generator)) * kernel, n=n)
    return x + independent + drift * shared[:, : x.shape[1]]


def fluorescence(x: Tensor, axis: Tensor, level: Tensor, generator: Generator) -> Tensor:
    r"""Add the broad background of a fluorescing sample to Raman spectra.

    .. math:: x' = x + \ell e^{z/2} \exp\Big(-\frac{(\nu - c)^2}{2 w^2}\Big)

    with a centre c from -500 to 2500 cm-1 and a width w from 800 to 2500 cm-1, both uniform.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Intensity in peak heights.
    axis : Tensor of shape (R, L)
        Raman shifts, cm-1.
    level : Tensor of shape (B, 1)
        Median height of the background, peak heights.
    generator : torch.Generator
        Source of z, c and w.

    Returns
    -------
    Tensor of shape (B, L)
        Spectra on their backgrounds.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import fluorescence
    >>> x, axis = torch.zeros(1, 50), torch.linspace(200, 3000, 50)[None]  # cm-1
    >>> background = fluorescence(x, axis, torch.ones(1, 1), torch.Generator().manual_seed(0))
    >>> (background > 0).all()
    tensor(True)
    """
    height = level * torch.exp(_normal((len(x), 1), x, generator) / 2)
    centre, width = _uniform((len(x), 2), x, generator).split(1, dim=1)
    distance = (axis - (3000 * centre - 500)) / (1700 * width + 800)
    return x + height * torch.exp(-distance.square() / 2).to(x.dtype)


def spikes(x: Tensor, rate: Tensor, generator: Generator) -> Tensor:
    """Add cosmic rays: heights are exponential, of mean 1, in a channel and partly in the next.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Intensity in peak heights.
    rate : Tensor of shape (B, 1)
        Expected number of spikes in a spectrum.
    generator : torch.Generator
        Source of places, heights and shares.

    Returns
    -------
    Tensor of shape (B, L)
        Spectra with spikes.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import spikes
    >>> x, rate = torch.zeros(1, 1000), torch.tensor([[5.0]])
    >>> rays = spikes(x, rate, torch.Generator().manual_seed(0))
    >>> 1 <= (rays > 0).sum() <= 30
    tensor(True)
    """
    hit = _uniform(x.shape, x, generator) < rate / x.shape[1]
    heights = hit * _exponential(x.shape, x, generator)
    spilled = functional.pad(heights * _uniform(x.shape, x, generator), (1, -1))
    return x + heights + spilled


def _normal(shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Draw standard normal numbers with the type and device of ``like``."""
    device = generator.device
    return torch.randn(shape, generator=generator, device=device, dtype=torch.float64).to(like)


def _uniform(shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Draw numbers from 0 to 1 with the type and device of ``like``."""
    device = generator.device
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).to(like)


def _exponential(shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Draw exponential numbers of mean 1 with the type and device of ``like``."""
    numbers = torch.empty(shape, device=generator.device, dtype=torch.float64)
    return numbers.exponential_(generator=generator).to(like)
