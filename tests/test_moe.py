"""Mixture of experts against a dense reference; no expert is left out on a clustered toy."""

import pytest
import torch
from torch.nn import functional as F

from spectralfm.losses.balance import balance_loss
from spectralfm.nn.moe import MixtureOfExperts

torch.set_num_threads(1)


def mixture(expert="kan", n_experts=4, top_k=2, **kwargs):
    torch.manual_seed(0)
    moe = MixtureOfExperts(6, 10, n_experts, top_k, expert, **kwargs).double().eval()
    torch.nn.init.normal_(moe.gate.weight)
    return moe


def dense(moe, x):
    """Every expert on every token, then a gate that is zero but for the top k."""
    logits = x @ moe.gate.weight.T
    kth = logits.topk(moe.top_k, dim=-1).values[..., -1:]
    gates = logits.masked_fill(logits < kth, -torch.inf).softmax(-1)
    return sum(gates[..., e : e + 1] * expert(x) for e, expert in enumerate(moe.experts))


@pytest.mark.parametrize("expert", ["kan", "mlp"])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_equals_dense_reference(expert, top_k):
    moe = mixture(expert, top_k=top_k)
    x = torch.randn(3, 7, 6, dtype=torch.float64, requires_grad=True)
    expected = dense(moe, x)
    mixed, balance = moe(x)
    torch.testing.assert_close(mixed, expected)
    assert balance.shape == ()
    grad = torch.randn_like(mixed)
    inputs = (x, *moe.experts.parameters(), moe.gate.weight)
    for got, want in zip(
        torch.autograd.grad(mixed, inputs, grad),
        torch.autograd.grad(expected, inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(got, want)


def test_noise_only_in_training():
    moe, x = mixture(), torch.randn(2, 9, 6, dtype=torch.float64)
    assert torch.equal(moe(x)[0], moe(x)[0])
    moe.train()
    assert not torch.equal(moe(x)[0], moe(x)[0])


def test_balance_is_the_squared_variation_of_importance_and_load():
    moe, x = mixture(), torch.randn(5, 9, 6, dtype=torch.float64)
    logits = (x @ moe.gate.weight.T).flatten(0, 1)
    top = logits.topk(2)
    gates = torch.zeros_like(logits).scatter(1, top.indices, top.values.softmax(1))
    importance, load = gates.sum(0), (gates > 0).double().sum(0)
    expected = sum(a.std(correction=0).square() / a.mean().square() for a in (importance, load))
    torch.testing.assert_close(moe(x)[1], expected)
    torch.testing.assert_close(moe.last_load, load / load.sum())


def test_expected_load_is_the_chance_to_be_chosen_over_the_noise():
    moe = mixture(top_k=1, n_experts=2).train()
    x = torch.randn(1, 6, dtype=torch.float64).expand(20000, 6)
    logits = x[0] @ moe.gate.weight.T
    spread = torch.log(torch.tensor(2.0)) + 1e-2  # softplus(0), the noise before it is learned
    chance = torch.special.ndtr((logits[0] - logits[1]) / (spread * 2**0.5))
    moe(x)
    torch.testing.assert_close(moe.last_load[0], chance, rtol=0, atol=0.02)


def test_uniform_load_costs_nothing():
    moe = mixture("mlp", n_experts=3, top_k=1)
    moe.gate.weight.data = torch.eye(3, 6, dtype=torch.float64)
    x = torch.eye(3, 6, dtype=torch.float64).repeat(5, 1)
    assert moe(x)[1].item() == 0.0
    assert balance_loss(moe(x)[1]).item() == 0.0
    assert moe(x[:1])[1].item() == pytest.approx(4.0)  # E - 1 = 2, for importance and for load


def test_padding_is_left_out():
    moe, x = mixture(), torch.randn(2, 6, 6, dtype=torch.float64)
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[1, 2:] = True
    mixed, balance = moe(x, padding)
    expected, expected_balance = moe(torch.cat([x[0], x[1, :2]]))
    torch.testing.assert_close(mixed[~padding], expected)
    torch.testing.assert_close(balance, expected_balance)
    assert not mixed[padding].any()
    mixed, balance = moe(x, torch.ones_like(padding))
    assert not mixed.any() and balance.item() == 0.0


@pytest.mark.parametrize("expert", ["kan", "mlp"])
def test_every_expert_works_on_a_clustered_toy(expert):
    torch.manual_seed(0)
    moe = MixtureOfExperts(8, 8, 4, 2, expert)
    centres = 3 * F.normalize(torch.randn(6, 8), dim=1)
    maps = torch.randn(6, 8, 8) / 8**0.5
    optimizer = torch.optim.Adam(moe.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        cluster = torch.randint(6, (64,))
        x = centres[cluster] + 0.3 * torch.randn(64, 8)
        y = torch.einsum("nd,ndk->nk", x, maps[cluster])
        mixed, balance = moe(x)
        losses.append(F.mse_loss(mixed, y))
        optimizer.zero_grad()
        (losses[-1] + balance_loss(balance, weight=0.05)).backward()
        optimizer.step()
    assert losses[-1] < 0.2 * losses[0]
    cluster = torch.arange(6).repeat(100)
    moe.eval()(centres[cluster] + 0.3 * torch.randn(600, 8))
    assert moe.last_load.min() > 0.05


def test_gate_is_float32_under_autocast():
    torch.manual_seed(0)
    moe, x = MixtureOfExperts(6, 10).eval(), torch.randn(4, 50, 6)
    _, balance = moe(x)
    load = moe.last_load
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, low = moe(x)
    assert low.dtype == torch.float32
    assert torch.equal(low, balance) and torch.equal(moe.last_load, load)


@pytest.mark.parametrize("top_k", [0, 5])
def test_bad_top_k(top_k):
    with pytest.raises(ValueError, match="top_k must be in 1"):
        MixtureOfExperts(4, 4, 4, top_k)


def test_unknown_expert():
    with pytest.raises(ValueError, match="expert must be one of"):
        MixtureOfExperts(4, 4, expert="kann")
