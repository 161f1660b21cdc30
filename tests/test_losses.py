"""Losses against formulas written out, POT, and the faults they must not have."""

import numpy as np
import ot
import pytest
import torch
from torch import nn

import spectralfm.losses as losses
from spectralfm.losses import (
    balance_loss,
    block_mask,
    bottleneck_loss,
    contrastive_loss,
    denoising_loss,
    masked_loss,
    physics_loss,
    transport_loss,
)
from spectralfm.losses.contrastive import update_target
from spectralfm.losses.masked import hidden_channels
from spectralfm.nn.heads import Projector, ReconstructionHead

torch.set_num_threads(1)

TERMS = ("linearity", "smoothness", "non_negativity", "peak_shape", "derivative")


def spectra(n_spectra=3, n_channels=120):
    """Smooth positive spectra with a few bands."""
    t = torch.linspace(0, 1, n_channels)
    generator = torch.Generator().manual_seed(0)
    centre, height = (torch.rand(n_spectra, 4, 1, generator=generator) for _ in range(2))
    return 0.1 + (height * torch.exp(-(((t - centre) / 0.06) ** 2))).sum(1)


def test_exports():
    assert len(losses.__all__) == 8
    assert all(name == "block_mask" or name.endswith("_loss") for name in losses.__all__)


# --- every loss can be switched off -----------------------------------------------------------


def calls():
    """A call of each loss as a function of a tensor with a gradient and of a weight."""
    torch.manual_seed(0)
    x, target = spectra(), spectra() + 0.05
    mask, patches = torch.tensor([[True, False]] * 3), target.unflatten(1, (2, 60))
    fractions = torch.tensor([[0.5, 0.5, 0.0]])
    return {
        "masked": (x.unflatten(1, (2, 60)), lambda r, w: masked_loss(r, patches, mask, weight=w)),
        "contrastive": (x, lambda r, w: contrastive_loss(r, target.flip(0), weight=w)),
        "denoising": (x, lambda r, w: denoising_loss(r, target, weight=w)),
        "physics": (
            x - 0.3,
            lambda r, w: physics_loss(r, target, mixed=r[:1], fractions=fractions, weight=w),
        ),
        "transport": (x, lambda r, w: transport_loss(r, target.flip(0)[:2], weight=w)),
        "bottleneck": (torch.ones(()), lambda r, w: bottleneck_loss(r, weight=w)),
        "balance": (torch.tensor([1.0, 2.0]), lambda r, w: balance_loss(r, weight=w)),
    }


@pytest.mark.parametrize("name", calls())
def test_weight_scales_and_zero_switches_off(name):
    x, call = calls()[name]
    x = x.clone().requires_grad_()
    one, two, off = call(x, 1.0), call(x, 2.0), call(x, 0.0)
    assert one.shape == two.shape == off.shape == ()
    assert one.item() > 0
    torch.testing.assert_close(two, 2 * one)
    (grad,) = torch.autograd.grad(one, x)
    assert torch.isfinite(grad).all() and grad.any()
    assert off.item() == 0.0 and not off.requires_grad


# --- masked -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.0, 0.15, 0.4, 0.75, 1.0])
@pytest.mark.parametrize("n_tokens, block", [(127, 8), (127, 1), (10, 16), (64, 5)])
def test_block_mask_has_the_ratio_asked_for(n_tokens, block, ratio):
    generator = torch.Generator().manual_seed(0)
    mask = block_mask(n_tokens, ratio, n_spectra=50, block=block, generator=generator)
    assert mask.shape == (50, n_tokens) and mask.dtype == torch.bool
    assert (mask.sum(1) == round(ratio * n_tokens)).all()


def test_block_mask_is_made_of_blocks_anywhere():
    mask = block_mask(127, 0.4, n_spectra=500, generator=torch.Generator().manual_seed(0))
    starts = (mask[:, 1:] & ~mask[:, :-1]).sum(1) + mask[:, 0]
    assert (starts <= 7).all()  # 51 tokens in blocks of 8: 7 blocks, fewer where they touch
    share = mask.float().mean(0)
    assert share[10:-10].min() > 0.3 and share[10:-10].max() < 0.5
    assert share[[0, -1]].min() > 0.02
    assert len({tuple(row.tolist()) for row in mask}) > 490


def test_block_mask_repeats_with_its_generator():
    draws = [block_mask(50, 0.5, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*draws)


def test_bad_masks_are_refused():
    for ratio, block in ((1.5, 8), (-0.1, 8), (0.5, 0)):
        with pytest.raises(ValueError, match="ratio must lie in"):
            block_mask(10, ratio, block=block)


def test_masked_loss_is_the_error_of_masked_patches_alone():
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    mask = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 0, 1, 0]], dtype=torch.bool)
    expected = ((prediction - target)[mask] ** 2).mean()
    torch.testing.assert_close(masked_loss(prediction, target, mask), expected)
    target[0, 0, 0] = torch.nan
    counted = ~torch.isnan(target)
    value = masked_loss(prediction, target, mask, counted=counted)
    torch.testing.assert_close(value, ((prediction - target)[mask] ** 2).nanmean())
    assert masked_loss(prediction, target, torch.zeros_like(mask)).item() == 0.0


def test_a_model_that_copies_its_input_gains_nothing():
    head = ReconstructionHead(4, patch=12, stride=6, n_channels=120)
    x = spectra() - spectra().mean(1, keepdim=True)
    mask = block_mask(head.n_tokens, 0.4, n_spectra=3, generator=torch.Generator().manual_seed(0))
    hidden = hidden_channels(mask, 12, 6)
    seen = torch.where(hidden, 0.0, x)  # what is left for an identity to return
    loss = masked_loss(head.cut(seen), head.cut(x), mask, counted=head.cut(hidden))
    assert loss > 0.5 * x[hidden].square().mean()


def test_hidden_channels_are_those_no_visible_patch_covers():
    mask = block_mask(9, 0.5, n_spectra=20, block=3, generator=torch.Generator().manual_seed(0))
    hidden = hidden_channels(mask, patch=8, stride=3)
    expected = torch.ones(20, 8 * 3 + 8, dtype=torch.bool)
    for row, token in (~mask).nonzero():
        expected[row, token * 3 : token * 3 + 8] = False
    assert torch.equal(hidden, expected)


# --- contrastive ------------------------------------------------------------------------------


def test_contrastive_is_the_distance_of_unit_vectors_to_a_target_held_still():
    torch.manual_seed(0)
    q, z = (torch.randn(6, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    units = [part / part.norm(dim=1, keepdim=True) for part in (q, z)]
    loss = contrastive_loss(q, z)
    torch.testing.assert_close(loss, (units[0] - units[1]).square().sum(1).mean())
    loss.backward()
    assert z.grad is None and q.grad.any()


def test_update_target_is_a_moving_average():
    torch.manual_seed(0)
    online, target = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    nn.init.normal_(online.weight)
    online(torch.randn(8, 3))
    update_target(target, online, 0.9)
    torch.testing.assert_close(target.weight.data, 0.9 + 0.1 * online.weight.data)
    torch.testing.assert_close(target.running_mean, 0.1 * online.running_mean)
    assert target.num_batches_tracked == 1
    with pytest.raises(ValueError, match="differ"):
        update_target(target, nn.Linear(3, 3))
    with pytest.raises(ValueError, match="decay"):
        update_target(target, online, 1.5)


def test_two_views_agree_without_collapse():
    torch.manual_seed(0)

    def network():
        return nn.Sequential(nn.Linear(10, 16), nn.GELU(), Projector(16, 8, 16))

    online, target, predictor = network(), network(), Projector(8, 8, 16)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=1e-3)
    values = []
    for _ in range(300):
        sample = torch.randn(64, 10)
        views = torch.cat([sample * (0.9 + 0.2 * torch.rand(64, 1)) for _ in range(2)])
        with torch.no_grad():
            projection = target(views)
        loss = contrastive_loss(predictor(online(views)), projection.roll(64, 0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        update_target(target, online, 0.99)
        values.append(loss.item())
    assert values[-1] < 0.3 * values[0]
    z = nn.functional.normalize(online(torch.randn(200, 10)), dim=1)
    assert z.std(0).mean() > 0.1


# --- denoising --------------------------------------------------------------------------------


def test_denoising_is_the_share_not_explained():
    x, noise = spectra(), 0.1 * torch.randn(3, 120, generator=torch.Generator().manual_seed(1))
    expected = (noise.square().sum(1) / (x.var(1, correction=0) * 120)).mean()
    torch.testing.assert_close(denoising_loss(x + noise, x), expected)
    torch.testing.assert_close(denoising_loss(1e3 * (x + noise), 1e3 * x), expected)
    gap = x.clone()
    gap[:, 90:] = torch.nan
    value = denoising_loss(x + noise, gap, measured=~torch.isnan(gap))
    torch.testing.assert_close(value, denoising_loss((x + noise)[:, :90], x[:, :90]))


# --- physics ----------------------------------------------------------------------------------


def term(name, reconstruction, target, **kwargs):
    return physics_loss(reconstruction, target, **dict.fromkeys(TERMS, 0.0) | {name: 1.0}, **kwargs)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_each_term_is_of_order_one_at_the_start_and_has_a_gradient(name, scale):
    generator = torch.Generator().manual_seed(0)
    target = scale * spectra()
    r, mixed = (scale * torch.randn(n, 120, generator=generator).requires_grad_() for n in (3, 2))
    fractions = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    value = term(name, r, target, mixed=mixed, fractions=fractions)
    assert 0.2 < value.item() < 3
    (grad,) = torch.autograd.grad(value, r)
    assert torch.isfinite(grad).all() and (grad.abs().sum(1) > 1e-4 / scale).all()


@pytest.mark.parametrize("name", TERMS)
def test_a_perfect_reconstruction_costs_next_to_nothing(name):
    x, fractions = spectra(), torch.tensor([[0.5, 0.5, 0.0]])
    assert term(name, x, x, mixed=fractions @ x, fractions=fractions) < 1e-2


def test_terms_add_up():
    r, x, fractions = spectra() - 0.3, spectra(), torch.tensor([[0.5, 0.5, 0.0]])
    kwargs = {"mixed": r[2:], "fractions": fractions}
    parts = [term(name, r, x, **kwargs) for name in TERMS]
    assert all(part > 0 for part in parts)
    torch.testing.assert_close(physics_loss(r, x, **kwargs), sum(parts))


def test_terms_equal_their_formulas():
    torch.manual_seed(0)
    r, x = torch.randn(2, 50, dtype=torch.float64), torch.randn(2, 50, dtype=torch.float64)
    ratios = [], [], []
    for a, b in zip(r.numpy(), x.numpy(), strict=True):
        ratios[0].append((np.diff(a, 2) ** 2).sum() / (6 * ((a - a.mean()) ** 2).sum()))
        ratios[1].append((np.minimum(a, 0) ** 2).sum() / (a**2).sum())
        da, db = np.diff(a), np.diff(b)
        ratios[2].append(((da - db) ** 2).sum() / ((da**2).sum() + (db**2).sum()))
    for name, values in zip(("smoothness", "non_negativity", "derivative"), ratios, strict=True):
        assert term(name, r, x).item() == pytest.approx(np.mean(values))


def test_mixing_is_judged_by_beer_and_lambert():
    x, fractions = spectra(), torch.tensor([[0.7, 0.3, 0.0]])
    kwargs = {"fractions": fractions}
    assert term("linearity", x, x, mixed=fractions @ x, **kwargs) < 1e-10
    transmittance = -torch.log10(fractions @ 10**-x)  # mixing light instead of absorbance
    assert term("linearity", x, x, mixed=transmittance, **kwargs) > 1e-3


def test_peak_shape_sees_a_broadened_band_and_not_an_offset():
    t = torch.linspace(-1, 1, 200)[None]
    band, broad = torch.exp(-((t / 0.1) ** 2)), torch.exp(-((t / 0.15) ** 2))
    assert term("peak_shape", band + 0.5 + t, band) < 1e-6
    assert term("peak_shape", broad, band) > 0.1


@pytest.mark.parametrize("name", TERMS)
def test_channels_not_measured_do_not_count(name):
    x, fractions = spectra(), torch.tensor([[0.5, 0.5, 0.0]])
    r, mixed = spectra().flip(0) - 0.3, spectra()[1:2]
    measured = torch.ones_like(x, dtype=torch.bool)
    measured[:, 80:] = False
    other, other_mixed = r.clone(), mixed.clone()
    other[:, 80:], other_mixed[:, 80:] = 5.0, -5.0
    value = term(name, other, x, mixed=other_mixed, fractions=fractions, measured=measured)
    expected = term(name, r[:, :80], x[:, :80], mixed=mixed[:, :80], fractions=fractions)
    torch.testing.assert_close(value, expected)


def test_lag_must_fit():
    with pytest.raises(ValueError, match="lag = 60 does not fit"):
        physics_loss(spectra(), spectra(), lag=60)


# --- transport --------------------------------------------------------------------------------


def clouds(dtype=torch.float64, n=12, m=9):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, generator=generator, dtype=dtype)
    return x, torch.randn(m, 3, generator=generator, dtype=dtype) + 1


@pytest.mark.parametrize("debias", [False, True])
def test_transport_becomes_the_exact_distance(debias):
    x, y = clouds()
    exact = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()))
    errors = [
        abs(transport_loss(x, y, reg=reg, debias=debias).item() / exact - 1)
        for reg in (1e-1, 1e-2, 1e-3)
    ]
    assert errors[-1] < 5e-3 and errors[0] > errors[-1]


@pytest.mark.parametrize("reg", [0.02, 0.1, 1.0])
def test_regularised_transport_equals_pot(reg):
    x, y = clouds()
    distances = ot.dist(x.numpy(), y.numpy())
    epsilon = reg * torch.from_numpy(distances).flatten().median().item()
    expected = ot.solve(distances, reg=epsilon, reg_type="KL", tol=1e-10, max_iter=20000).value
    value = transport_loss(x, y, reg=reg, debias=False).item()
    assert value == pytest.approx(expected, rel=1e-4)


def test_transport_gradient_is_exact():
    x, y = clouds(n=5, m=4)
    step = 1e-5 * torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()
    x.requires_grad_()
    # The regularisation is in units of the median distance: hold that still.
    (grad,) = torch.autograd.grad(transport_loss(x, y, reg=0.5), x)
    with torch.no_grad():
        epsilon = torch.cdist(x, y).square().median()

        def at(points):
            reg = 0.5 * (epsilon / torch.cdist(points, y).square().median()).item()
            return transport_loss(points, y, reg=reg)

        change = at(x + step) - at(x - step)
    torch.testing.assert_close(2 * (grad * step).sum(), change, rtol=2e-2, atol=0)


@pytest.mark.parametrize("spread", [1e-2, 1.0, 100.0])
def test_transport_is_finite_at_small_regularisation_in_float32(spread):
    x, y = (spread * cloud for cloud in clouds(torch.float32, 64, 64))
    x.requires_grad_()
    loss = transport_loss(x, y, reg=1e-3)
    (grad,) = torch.autograd.grad(loss, x)
    assert torch.isfinite(loss) and torch.isfinite(grad).all() and grad.any()
    exact = ot.emd2([], [], ot.dist(x.detach().double().numpy(), y.double().numpy()))
    assert loss.item() == pytest.approx(exact, rel=1e-2)


def test_equal_clouds_cost_nothing_and_different_ones_are_pulled_together():
    x, y = clouds(torch.float32)
    assert abs(transport_loss(x, x[torch.randperm(12)]).item()) < 1e-5
    assert transport_loss(torch.ones(4, 2), torch.ones(3, 2)).item() < 1e-30
    x = x.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1)
    for _ in range(100):
        loss = transport_loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(x.mean(0), y.mean(0), rtol=0, atol=0.05)
    # 12 points cannot lie on 9: the spread agrees roughly.
    torch.testing.assert_close(x.std(0, correction=0), y.std(0, correction=0), rtol=0, atol=0.15)


def test_transport_refuses_what_is_not_finite():
    x, y = clouds()
    with pytest.raises(ValueError, match="reg must be above 0"):
        transport_loss(x, y, reg=0.0)
    x[0, 0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        transport_loss(x, y)


# --- balance ----------------------------------------------------------------------------------


def test_balance_is_the_squared_variation():
    load = torch.tensor([[1.0, 4.0, 2.0], [2.0, 1.0, 0.0]], dtype=torch.float64)
    expected = np.var([3, 5, 2]) / np.mean([3, 5, 2]) ** 2
    assert balance_loss(load).item() == pytest.approx(expected)
    assert balance_loss(torch.full((7, 4), 0.25)).item() == 0.0
    assert balance_loss(torch.tensor(0.3), weight=2.0).item() == pytest.approx(0.6)
