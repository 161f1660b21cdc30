"""The operator is the identity where it must be, and the same operator at every resolution."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import make_interp_spline
from torch import nn

from spectralfm.nn.fno import FourierOperator, SpectralFilter, fourier_matrices

torch.set_num_threads(1)


def trained(dtype=torch.float64):
    """An operator whose amplitudes are not zero any more, and latents for it."""
    torch.manual_seed(0)
    operator = FourierOperator(n_inst=5, n_chem=4, modes=12, width=8, n_layers=3).to(dtype)
    nn.init.normal_(operator.amplitude.weight, std=0.3)
    return operator, *(torch.randn(3, size, dtype=dtype) for size in (5, 5, 4))


def spectra(n_channels, dtype=torch.float64):
    """Bands on a ramp, so that the ends do not meet."""
    t = torch.linspace(0, 1, n_channels, dtype=dtype)
    bands = [torch.exp(-(((t - c) / w) ** 2)) for c, w in ((0.2, 0.03), (0.55, 0.05), (0.97, 0.04))]
    return torch.stack([sum(bands) + t, bands[0] - 2 * t, bands[2] + 0.3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identity_at_initialisation(dtype):
    torch.manual_seed(0)
    operator = FourierOperator(n_inst=5, n_chem=4, modes=12, width=8).to(dtype)
    _, source, target, chem = trained(dtype)
    assert torch.equal(operator(spectra(300, dtype), source, target, chem), spectra(300, dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identity_between_equal_instruments(dtype):
    operator, source, target, chem = trained(dtype)
    x = spectra(300, dtype)
    assert torch.equal(operator(x, source, source, chem), x)
    assert (operator(x, source, target, chem) - x).abs().max() > 0.1


def test_same_operator_at_350_700_and_1400_points():
    operator, *latents = trained()
    grids = {n: (spectra(n), operator(spectra(n), *latents)) for n in (350, 700, 1400)}
    t = np.linspace(0, 1, 2000)
    change = {
        n: make_interp_spline(np.linspace(0, 1, n), (y - x).detach().numpy(), k=5, axis=1)(t)
        for n, (x, y) in grids.items()
    }
    size = np.abs(change[1400]).max()
    assert size > 1
    assert np.abs(change[350] - change[1400]).max() < 1e-4 * size
    assert np.abs(change[700] - change[1400]).max() < 1e-5 * size


def test_filter_shifts_a_reflected_spectrum():
    """With weights exp(-i pi m s) the filter is a translation by s: a known answer."""
    shift, modes = 0.05, 60
    spectral = SpectralFilter(1, modes).double()
    phase = -math.pi * shift * torch.arange(modes, dtype=torch.float64)
    spectral.weight.data = torch.stack([phase.cos(), phase.sin()], dim=1)[:, None]  # (M, 1, 2)
    t = torch.linspace(0, 1, 201, dtype=torch.float64)

    def band(t):
        return torch.exp(-(((t - 0.4) / 0.06) ** 2))

    matrices = fourier_matrices(201, modes, t)
    shifted = spectral(band(t)[None, :, None], *matrices)[0, :, 0]
    torch.testing.assert_close(shifted, band(t - shift), rtol=0, atol=1e-6)


def test_commutes_with_a_gain():
    operator, *latents = trained()
    x = spectra(200)
    torch.testing.assert_close(operator(1000 * x, *latents), 1000 * operator(x, *latents))


def test_constant_spectrum_and_few_channels():
    operator, *latents = trained()
    flat = torch.full((3, 50), 0.1, dtype=torch.float64)
    torch.testing.assert_close(operator(flat, *latents), flat)
    assert torch.isfinite(operator(spectra(2), *latents)).all()
    flat = torch.zeros_like(flat).requires_grad_()
    (grad,) = torch.autograd.grad(operator(flat, *latents).sum(), flat)
    assert torch.isfinite(grad).all()


def test_learns_a_shift_and_a_gain():
    torch.manual_seed(0)
    t = torch.linspace(0, 1, 128)
    operator = FourierOperator(n_inst=2, n_chem=1, modes=16, width=16, n_layers=2)
    optimizer = torch.optim.Adam(operator.parameters(), lr=3e-3)
    source, target = torch.tensor([[1.0, 0.0]]).expand(32, 2), torch.tensor([[0.0, 1.0]])
    target, chem = target.expand(32, 2), torch.zeros(32, 1)
    for _ in range(200):
        centre, width = 0.2 + 0.6 * torch.rand(32, 1), 0.05 + 0.05 * torch.rand(32, 1)
        x = torch.exp(-(((t - centre) / width) ** 2))
        y = 1.1 * torch.exp(-(((t - centre - 0.01) / width) ** 2))
        loss = nn.functional.mse_loss(operator(x, source, target, chem), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * nn.functional.mse_loss(x, y)
    assert torch.equal(operator(x, target, target, chem), x)


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        FourierOperator(modes=0)
