"""Tokens know their wavenumbers, hide what is masked, and see every scale of the spectrum."""

import math

import numpy as np
import pytest
import pywt
import torch

from spectralfm.nn.embedding import MODALITIES, SpectralEmbedding

torch.set_num_threads(1)

NIR = 1e7 / torch.arange(1100.0, 2500.0, 2.0, dtype=torch.float64)


def embedding(d_model=16, **keywords):
    torch.manual_seed(0)
    return SpectralEmbedding(d_model, **keywords).double()


def spectra(n=3, axis=NIR):
    """Smooth bands on a slope, in absorbance."""
    g = torch.Generator().manual_seed(0)
    centers = torch.rand(n, 6, 1, generator=g, dtype=torch.float64) * 5000 + 4000
    widths = torch.rand(n, 6, 1, generator=g, dtype=torch.float64) * 150 + 60
    return torch.exp(-(((axis - centers) / widths) ** 2)).sum(1) * 0.3 + axis * 5e-5 + 0.2


@pytest.mark.parametrize(
    ("keywords", "n_tokens"),
    [
        ({}, 127),
        ({"patch": 16}, 128),
        ({"n_grid": 1024, "patch": 64, "stride": 32}, 31),
        ({"wavelet": "haar", "level": 2, "n_grid": 512}, 31),
        ({"wavelet": "db20", "level": 3}, 127),
    ],
)
def test_number_of_tokens_is_what_comes_out(keywords, n_tokens):
    embed = embedding(**keywords)
    tokens = embed(spectra(), NIR)
    assert tokens.shape == (3, n_tokens + 2, 16)
    assert embed.n_tokens == n_tokens
    assert embed.patches(embed.prepare(spectra(), NIR).values).shape[1] == n_tokens


def test_patches_are_a_convolution_over_all_scales():
    embed = embedding(4)
    with torch.no_grad():
        embed.position_proj.weight.zero_()
        embed.position_proj.bias.zero_()
    prepared = embed.prepare(spectra(), NIR)
    tokens = embed.tokens(prepared, embed.pieces(prepared))[:, 2:]
    bands = pywt.wavedec(prepared.seen.numpy(), "db4", level=4)
    weight, position = embed.patch_proj.weight, 0
    expected = embed.patch_proj.bias.expand(3, 127, 4)
    for band, gain, exponent in zip(bands, embed.log_gain.exp(), (4, 4, 3, 2, 1), strict=True):
        step = 2**exponent
        width = 32 // step
        start = round((1 - 1 / step) * 3)
        c = torch.asinh(gain * torch.from_numpy(band))[:, None, start : start + 2048 // step]
        kernel = weight[:, None, position : position + width]
        expected = expected + torch.nn.functional.conv1d(c, kernel, stride=16 // step).mT
        magnitude = torch.nn.functional.avg_pool1d(c.abs(), width, stride=16 // step).mT
        expected = expected + magnitude * weight[:, position + width]
        position += width + 1
    torch.testing.assert_close(tokens, expected)


def test_coefficients_lie_over_their_patch():
    # A line at one grid point moves the tokens around it most, in every scale.
    embed = embedding(64)
    x = torch.zeros(1, 2048, dtype=torch.float64)
    _, axis, _ = embed.grid(x, NIR.min() + (NIR.max() - NIR.min()) * torch.linspace(0, 1, 2048))
    base = embed.prepare(x, axis)
    for point in (400, 1000, 1640):
        line = base._replace(seen=x.index_fill(1, torch.tensor([point]), 1.0))
        change = (embed.tokens(line, embed.pieces(line)) - embed.tokens(base, embed.pieces(base)))[
            0, 2:
        ].norm(dim=1)
        largest = int(change.argmax())
        assert largest * 16 - 8 <= point < largest * 16 + 40
        assert change[abs(torch.arange(127) - largest) > 4].max() < 0.2 * change.max()


def test_the_axis_reaches_the_tokens():
    embed, x = embedding(), spectra()
    tokens = embed(x, NIR)
    permuted = embed(x, NIR[torch.randperm(700)])
    shifted = embed(x, NIR + 100)
    assert (tokens - permuted).abs().max() > 0.1
    assert (tokens - shifted)[:, 2:].abs().max() > 0.1
    order = torch.randperm(700)  # but the order in which channels come does not matter
    assert torch.equal(embed(x[:, order], NIR[order]), tokens)


def test_positions_follow_the_wavenumbers_smoothly():
    embed = embedding()
    x = torch.ones(1, 700, dtype=torch.float64)
    near, far = (embed(x, NIR + shift)[:, 2:] for shift in (1.0, 200.0))
    same = embed(x, NIR)[:, 2:]
    assert (near - same).norm() < 0.1 * (far - same).norm()


def test_masked_values_do_not_leak():
    embed, x = embedding(), spectra()
    mask = torch.zeros(3, 127, dtype=torch.bool)
    mask[0, 40:90] = mask[1, :30] = mask[1, 100:] = mask[2, 60] = True
    _, points, _ = embed.grid(x, NIR)
    changed = x.clone()
    for row, first, last in ((0, 40, 89), (1, 0, 29), (1, 100, 126), (2, 60, 60)):
        low, high = points[row, first * 16], points[row, last * 16 + 31]
        under = (low <= NIR) & (high >= NIR)
        assert under.any()
        changed[row, under] = 1e3 * torch.rand(int(under.sum())).double()
    assert torch.equal(embed(x, NIR, mask=mask), embed(changed, NIR, mask=mask))
    assert not torch.equal(embed(x, NIR), embed(changed, NIR))
    before, after = embed.prepare(x, NIR, mask), embed.prepare(changed, NIR, mask)
    assert torch.equal(before.scale, after.scale)
    assert not torch.equal(before.values, after.values)  # the target does hold them
    assert torch.equal(before.hidden, mask)


def test_masked_tokens_are_the_mask_token_at_their_position():
    embed, x = embedding(), spectra()
    mask = torch.zeros(3, 127, dtype=torch.bool)
    mask[:, 50:60] = True
    tokens = embed(x, NIR, mask=mask)[:, 52:62]
    position = embed.position_proj(embed._position(embed.prepare(x, NIR).axis))[:, 50:60]
    torch.testing.assert_close(tokens, embed.mask_token + position)


def test_what_was_not_measured_is_marked_and_carries_nothing():
    embed = embedding(axis_min=3000.0, axis_max=12000.0)
    x = spectra()
    prepared = embed.prepare(x, NIR)
    covered = (prepared.axis >= NIR.min()) & (prepared.axis <= NIR.max())
    share = embed.patches(covered).double().mean(2)
    assert torch.equal(prepared.padding_mask[:, 2:], share < 0.5)
    assert not prepared.padding_mask[:, :2].any()
    assert (prepared.values[~covered] == 0).all()
    absent = prepared.padding_mask[0, 2:]
    tokens = embed.tokens(prepared, embed.pieces(prepared))[:, 2:]
    position = embed.position_proj(embed._position(prepared.axis))
    torch.testing.assert_close(tokens[:, absent], (embed.mask_token + position)[:, absent])


def test_normalisation_is_robust_and_undone():
    embed, x = embedding(), spectra()
    prepared = embed.prepare(x, NIR)
    own = prepared.values * prepared.scale + prepared.center
    torch.testing.assert_close(own, embed.grid(x, NIR).values)
    torch.testing.assert_close(embed.prepare(3 * x + 7, NIR).seen, prepared.seen)
    spiked = x.clone()
    spiked[:, 350] += 10  # a cosmic ray, thirty bands high
    assert (embed.prepare(spiked, NIR).scale / prepared.scale).max() < 1.5
    assert x.std(1).min() * 2 < spiked.std(1).min()


def test_flat_spectra_stay_finite():
    embed = embedding()
    x = torch.full((2, 700), 0.1, dtype=torch.float64)
    assert embed(x, NIR).isfinite().all()
    assert embed.prepare(x, NIR).seen.abs().max() < 1e-9
    everything = torch.ones(2, 127, dtype=torch.bool)
    assert embed(spectra(2), NIR, mask=everything).isfinite().all()


def test_modality_is_the_second_token():
    embed, x = embedding(), spectra()
    modality = torch.tensor([MODALITIES.index(name) for name in ("NIR", "Raman", "unknown")])
    tokens = embed(x, NIR, modality)
    torch.testing.assert_close(tokens[:, 1], embed.domain_tokens.weight[modality])
    torch.testing.assert_close(tokens[:, 0], embed.cls_token.expand(3, -1))
    assert torch.equal(embed(x, NIR)[:, 1], embed.domain_tokens.weight[:1].expand(3, -1))


def test_scales_start_in_balance():
    embed = embedding()
    with torch.no_grad():
        bands = embed.wavelet(embed.prepare(spectra(), NIR).seen)
    gains = embed.log_gain.detach().exp()
    levels = [float((g * c).abs().mean()) for g, c in zip(gains, bands, strict=True)]
    raw = [float(c.abs().mean()) for c in bands]
    assert max(levels) / min(levels) < 0.05 * max(raw) / min(raw)


def test_gradients_reach_every_parameter():
    embed = embedding()
    mask = torch.zeros(3, 127, dtype=torch.bool)
    mask[:, 10:20] = True
    embed(spectra(), NIR, torch.tensor([1, 2, 3]), mask).square().sum().backward()
    for name, parameter in embed.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_batch_does_not_matter():
    embed, x = embedding(), spectra()
    axes = NIR + torch.tensor([[0.0], [30.0], [-200.0]])
    together = embed(x, axes)
    for row in range(3):
        torch.testing.assert_close(embed(x[row : row + 1], axes[row])[0], together[row])


def test_state_dict_restores_it():
    a, b = embedding(), SpectralEmbedding(16).double()
    b.load_state_dict(a.state_dict(), strict=True)
    assert torch.equal(a(spectra(), NIR), b(spectra(), NIR))
    with torch.device("meta"):
        empty = SpectralEmbedding(16)
    empty.load_state_dict(a.state_dict(), strict=True, assign=True)
    assert torch.equal(a(spectra(), NIR), empty(spectra(), NIR))


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"patch": 24}, "multiples"),
        ({"stride": 64}, "stride at most patch"),
        ({"n_grid": 2050}, "leave 2 of"),
        ({"axis_min": 9e3, "axis_max": 4e3}, "axis_min below"),
    ],
)
def test_refuses(keywords, word):
    with pytest.raises(ValueError, match=word):
        SpectralEmbedding(16, **keywords)


def test_scale_of_a_known_spectrum():
    # Of a straight line on the grid, the mean distance from the median is a quarter of its range.
    embed = embedding()
    axis = embed.grid(torch.ones(1, 4).double(), torch.linspace(4000, 9000, 4)).axis[0]
    ramp = torch.linspace(0, 1, 2048, dtype=torch.float64)[None]
    prepared = embed.prepare(ramp, axis)
    assert math.isclose(prepared.scale.item(), 0.25, rel_tol=1e-3)
    assert math.isclose(prepared.center.item(), 0.5, rel_tol=1e-3)
    np.testing.assert_allclose(prepared.values[0, [0, -1]], [-2, 2], rtol=2e-3)
