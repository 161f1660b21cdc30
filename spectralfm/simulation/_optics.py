r"""What the monochromator or interferometer does: where light of a wavelength lands, how blurred.

Glossary: B batch, L channels, R rows of axes: B, or 1 where all spectra share one.

References
----------
.. [1] Lindeberg, T. (1990). Scale-space for discrete signals. IEEE Transactions on Pattern Analysis
   and Machine Intelligence, 12(3), 234-254. https://doi.org/10.1109/34.49051
"""

import math

import torch
from torch import Tensor

from ._interpolation import extended, interpolate

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian over its standard deviation."""

EVEN = 0.01
"""An axis whose channels are off an even grid by less than this share of a step counts as even."""


def wavelength_shift(x: Tensor, axis: Tensor, shift: Tensor) -> Tensor:
    r"""Record spectra with a wrong wavelength axis.

    .. math:: x'(\lambda) = x(\lambda - \delta(\lambda))

    A band moves by :math:`\delta`, upwards if it is positive.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra, absorbance or intensity.
    axis : Tensor of shape (R, L)
        Channels, strictly ascending, nm or cm-1.
    shift : Tensor of shape (B, 1) or (B, L)
        Error of the axis, in its unit.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.

    Notes
    -----
    What moves in from beyond the ends was not measured: spectra are continued point-symmetrically
    there, within their own range. Simulate on a wider axis and cut it where that matters.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import wavelength_shift
    >>> axis = torch.arange(1100.0, 1110.0)[None]  # nm
    >>> wavelength_shift(axis / 1000, axis, torch.tensor([[2.5]]))[0, 4:6]
    tensor([1.1015, 1.1025])
    """
    n = x.shape[1] // 2
    return interpolate(extended(x, n), extended(axis, n, bounded=False), axis - shift)


def broadening(x: Tensor, axis: Tensor, fwhm: Tensor, *, absorbance: bool = True) -> Tensor:
    r"""Record spectra through a slit, or with less resolution.

    .. math:: T'(\lambda) = \int G(\lambda - \lambda'; w)\, T(\lambda')\, d\lambda'
              \qquad x = -\log_{10} T

    with a Gaussian line shape of full width at half maximum w. Widths of bands add in quadrature.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra.
    axis : Tensor of shape (R, L)
        Channels, strictly ascending, nm or cm-1.
    fwhm : Tensor of shape (B, 1)
        Full width at half maximum of the line shape, in the unit of the axis, >= 0.
    absorbance : bool
        Whether spectra are absorbances, averaged as transmittance, or intensities.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.

    Notes
    -----
    The kernel is the discrete Gaussian [1]_, whose variance is exact and whose values are positive
    also where it is narrower than a channel. On an uneven axis the change is computed on an even
    grid of as many points and interpolated. Ends are continued as in `wavelength_shift`. In
    transmittance, 15 absorbance units below the brightest channel is the end of the scale.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import broadening
    >>> axis = torch.arange(1100.0, 1200.0)[None]  # nm
    >>> band = torch.exp(-(((axis - 1150) / 6) ** 2))  # 10 nm wide
    >>> broadening(band, axis, torch.tensor([[10.0]]), absorbance=False).max()
    tensor(0.7...)
    """
    n_channels = x.shape[1]
    step = (axis[:, -1:] - axis[:, :1]) / (n_channels - 1)
    grid = axis[:, :1] + step * torch.arange(n_channels, device=axis.device)
    sigma = fwhm / (FWHM * step)
    if ((axis - grid).abs() <= EVEN * step).all():
        return x + _blurred(x, sigma, absorbance=absorbance).sub(x)
    even = interpolate(x, axis, grid)
    change = _blurred(even, sigma, absorbance=absorbance) - even
    return x + interpolate(change, grid, axis)


def line_shape(n: int, sigma: Tensor) -> Tensor:
    """Return the Fourier transform (B, n // 2 + 1) of the discrete Gaussian on n channels.

    Parameters
    ----------
    n : int
        Number of channels, which are taken as a circle.
    sigma : Tensor of shape (B, 1)
        Standard deviation in channels, >= 0.
    """
    frequency = torch.fft.rfftfreq(n, device=sigma.device, dtype=sigma.dtype)  # (n // 2 + 1,)
    return torch.exp(-sigma.square() * (1 - torch.cos(2 * math.pi * frequency)))


def _blurred(x: Tensor, sigma: Tensor, *, absorbance: bool) -> Tensor:
    """Return the spectra (B, L) blurred by sigma (B, 1) channels."""
    n = x.shape[1] // 2
    light = extended(x, n).to(torch.float64)  # float32 would lose channels 7 AU below others
    brightest = light.amin(1, keepdim=True)
    if absorbance:
        light = torch.pow(10.0, brightest - light)
    spectrum = torch.fft.rfft(light) * line_shape(light.shape[1], sigma.to(light))
    light = torch.fft.irfft(spectrum, n=light.shape[1])
    if absorbance:
        light = brightest - light.clamp_min(1e-15).log10()
    return light[:, n : n + x.shape[1]].to(x.dtype)
