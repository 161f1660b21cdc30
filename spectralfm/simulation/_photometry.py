r"""What detector and electronics do to the light: its level is read wrong.

Absorbance is :math:`x = -\log_{10} T` of a transmittance or reflectance T; intensities (Raman) are
in peak heights.

Glossary: B batch, L channels, R rows of axes: B, or 1 where all spectra share one, J junctions,
K coefficients of a field.

References
----------
.. [1] Fleming, P. (1990). Stray radiant energy in optical-null spectrometry. Applied Spectroscopy,
   44(3), 522-523. Equation 1: stray light is weakened by the sample, too.
.. [2] Massie, C., Chen, K., & Berger, A. J. (2022). Calibration technique for suppressing residual
   etalon artifacts in slit-averaged Raman spectroscopy. Applied Spectroscopy.
   https://doi.org/10.1177/00037028211046643
"""

import math

import torch
from torch import Tensor

LN10 = math.log(10.0)


def stray_light(x: Tensor, fraction: Tensor) -> Tensor:
    r"""Add light of all wavelengths to every channel of sample and reference.

    .. math:: x' = -\log_{10} \frac{T + s \bar T}{1 + s}

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance.
    fraction : Tensor of shape (B, 1)
        Stray light s over the light of a channel, with the reference in the beam; >= 0.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded absorbance; it cannot exceed that of the stray light alone.

    Notes
    -----
    Stray light passes the sample, which weakens it as it weakens the mean :math:`\bar T` over the
    channels [1]_. The textbook's :math:`(T + s) / (1 + s)` is the case :math:`\bar T = 1` of a
    sample with few narrow bands; for samples that absorb everywhere it would leave nothing else.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import stray_light
    >>> stray_light(torch.tensor([[1.0, 1.0, 1.0, 4.0]]), torch.tensor([[0.01]]))
    tensor([[1.0011, 1.0011, 1.0011, 3.0748]])
    """
    light = -LN10 * x
    mean = light.logsumexp(1, keepdim=True) - math.log(x.shape[1])
    stray = fraction.clamp_min(torch.finfo(x.dtype).tiny).log() + mean
    return (fraction.log1p() - torch.logaddexp(light, stray)) / LN10


def detector_nonlinearity(x: Tensor, saturation: Tensor, *, absorbance: bool = True) -> Tensor:
    r"""Record with a detector that reads strong light too low.

    .. math:: T' = T\, \frac{1 + q}{1 + q T}

    A signal T = 1, the reference or the highest peak, is read right: full scale is set with it.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance, or intensity in peak heights.
    saturation : Tensor of shape (B, 1)
        Share q by which full scale falls short of the extrapolated weak signal, >= 0.
    absorbance : bool
        Whether ``x`` is absorbance or intensity T.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import detector_nonlinearity
    >>> detector_nonlinearity(torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([[0.05]]))
    tensor([[0.0000, 0.4856, 0.9810]])
    """
    if absorbance:
        excess = torch.log1p(saturation * torch.pow(10.0, -x)) - saturation.log1p()
        return x + excess / LN10
    return x * (1 + saturation) / (1 + saturation * x.clamp_min(0.0))


def smooth_field(position: Tensor, coefficients: Tensor) -> Tensor:
    r"""Return a field that varies smoothly over the axis: the first terms of a cosine series.

    .. math:: f(u) = \sum_k a_k \cos\frac{k \pi (u + 1)}{2}

    Parameters
    ----------
    position : Tensor of shape (R, L)
        Places u of the channels, -1 and 1 at the ends of the modality's range.
    coefficients : Tensor of shape (B, K)
        Coefficients a, in the unit of the field.

    Returns
    -------
    Tensor of shape (B, L)
        The field.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import smooth_field
    >>> smooth_field(torch.tensor([[-1.0, 0.0, 1.0]]), torch.tensor([[0.01, 0.02]]))
    tensor([[ 0.0300,  0.0100, -0.0100]])
    """
    order = torch.arange(coefficients.shape[1], device=position.device, dtype=position.dtype)
    waves = torch.cos(order[:, None] * (math.pi / 2) * (position[:, None] + 1))  # (R, K, L)
    return torch.einsum("bk,bkl->bl", coefficients, waves.expand(len(coefficients), -1, -1))


def gain(x: Tensor, field: Tensor) -> Tensor:
    r"""Scale spectra by a wrong photometric scale or spectral response, :math:`x' = x e^{f}`.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance or intensity.
    field : Tensor of shape (B, L)
        Logarithm f of the gain: 0.01 is one percent.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import gain
    >>> gain(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.1, 0.1]]))
    tensor([[0.5526, 1.1052]])
    """
    return x * field.exp()


def stitching(x: Tensor, axis: Tensor, junctions: Tensor, steps: Tensor) -> Tensor:
    r"""Let the spectrum jump where one detector ends and the next begins.

    .. math:: x'(\lambda) = x(\lambda) + \sum_j h_j [\lambda > \lambda_j]

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance.
    axis : Tensor of shape (R, L)
        Channels, nm or cm-1.
    junctions : Tensor of shape (B, J)
        Where detectors meet, in the unit of the axis.
    steps : Tensor of shape (B, J)
        Height of the steps, absorbance units.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded absorbance.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import stitching
    >>> axis = torch.tensor([[990.0, 1000.0, 1010.0]])
    >>> stitching(torch.zeros(1, 3), axis, torch.tensor([[1000.0]]), torch.tensor([[0.02]]))
    tensor([[0.0000, 0.0000, 0.0200]])
    """
    beyond = axis[:, None] > junctions[:, :, None]  # (B, J, L)
    return x + torch.einsum("bj,bjl->bl", steps, beyond.to(x.dtype))


def fringes(
    x: Tensor,
    wavenumbers: Tensor,
    cosine: Tensor,
    sine: Tensor,
    period: Tensor,
    *,
    absorbance: bool = True,
) -> Tensor:
    r"""Add the interference pattern of parallel surfaces, an etalon.

    .. math:: x'(\nu) = x(\nu) + a \cos\frac{2\pi\nu}{P} + b \sin\frac{2\pi\nu}{P},
              \qquad P = \frac{1}{2 n d}

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Absorbance, or intensity.
    wavenumbers : Tensor of shape (R, L)
        Channels, cm-1.
    cosine, sine : Tensor of shape (B, 1)
        Amplitudes a and b: absorbance units, or relative to the intensity.
    period : Tensor of shape (B, 1)
        Period P, cm-1, > 0: 67 for 50 um of a polymer of refractive index n = 1.5.
    absorbance : bool
        If False the pattern multiplies the intensity, as etaloning of a CCD does [2]_.

    Returns
    -------
    Tensor of shape (B, L)
        Recorded spectra.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import fringes
    >>> axis = torch.tensor([[5000.0, 5025.0, 5050.0]])  # cm-1
    >>> size, none, period = torch.tensor([[[0.01]], [[0.0]], [[100.0]]])
    >>> fringes(torch.ones(1, 3), axis, size, none, period)
    tensor([[1.0100, 1.0000, 0.9900]])
    """
    phase = (2 * math.pi * wavenumbers / period).to(x.dtype)
    pattern = cosine * phase.cos() + sine * phase.sin()
    return x + pattern if absorbance else x * (1 + pattern)
