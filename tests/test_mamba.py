"""A Mamba block equals its formulas, and neither direction leaks from tokens not measured."""

import pytest
import torch
from torch.nn.functional import layer_norm, silu, softplus

from spectralfm.nn.mamba import STEP_MAX, STEP_MIN, MambaBackbone, MambaBlock

torch.set_num_threads(1)


def block(d_model=6, **keywords):
    torch.manual_seed(0)
    return MambaBlock(d_model, **({"d_state": 3, "d_conv": 4, "expand": 2} | keywords)).double()


def naive_direction(w, x):
    """One direction over the tokens of one spectrum (N, E), token by token."""
    n_tokens, n_inner = x.shape
    d_conv, rank, d_state = len(w["conv_weight"]), w["dt_proj.weight"].shape[1], w["A_log"].shape[1]
    h = torch.zeros(n_inner, d_state, dtype=x.dtype)
    y = []
    for t in range(n_tokens):
        u = w["conv_bias"].clone()
        for k in range(d_conv):
            source = t - (d_conv - 1) + k
            if source >= 0:
                u = u + w["conv_weight"][k] * x[source]
        u = silu(u)
        step, b, c = (w["x_proj.weight"] @ u).split([rank, d_state, d_state])
        delta = softplus(w["dt_proj.weight"] @ step + w["dt_proj.bias"])
        h = torch.exp(-delta[:, None] * w["A_log"].exp()) * h + (delta * u)[:, None] * b
        y.append(h @ c + w["D"] * u)
    return torch.stack(y)


def naive(module, h):
    w = dict(module.named_parameters())
    outputs = []
    for tokens in h:
        normed = layer_norm(tokens, tokens.shape[1:], w["norm.weight"], w["norm.bias"])
        x, gate = (normed @ w["in_proj.weight"].T).chunk(2, dim=1)
        up, down = (
            {k.removeprefix(name): v for k, v in w.items() if k.startswith(name)}
            for name in ("up.", "down.")
        )
        y = naive_direction(up, x) + naive_direction(down, x.flip(0)).flip(0)
        outputs.append(tokens + (y * silu(gate)) @ w["out_proj.weight"].T)
    return torch.stack(outputs)


def test_equals_the_formulas_forward_and_gradient():
    module = block()
    h = torch.randn(2, 9, 6, dtype=torch.float64, requires_grad=True)
    ours, theirs = module(h), naive(module, h)
    torch.testing.assert_close(ours, theirs)
    inputs = [h, *module.parameters()]
    seed = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, seed),
        torch.autograd.grad(theirs, inputs, seed),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_every_token_sees_every_other():
    module = block()
    h = torch.randn(1, 12, 6, dtype=torch.float64, requires_grad=True)
    for t in (0, 5, 11):
        (gradient,) = torch.autograd.grad(module(h)[0, t].sum(), h)
        assert (gradient[0].abs().sum(1) > 0).all()


@pytest.mark.parametrize("n_layers", [1, 3])
def test_tokens_not_measured_do_not_influence_the_others(n_layers):
    torch.manual_seed(0)
    module = MambaBackbone(6, n_layers, d_state=3).double()
    h = torch.randn(2, 20, 6, dtype=torch.float64)
    padding_mask = torch.zeros(2, 20, dtype=torch.bool)
    padding_mask[0, :4] = padding_mask[0, 9] = padding_mask[1, 15:] = True
    changed = h.masked_fill(padding_mask.unsqueeze(2), 1e3)
    a, b = module(h, padding_mask), module(changed, padding_mask)
    assert torch.equal(a[~padding_mask], b[~padding_mask])
    assert not torch.equal(a, module(h))


def test_padding_at_the_ends_equals_a_shorter_sequence():
    module = block()
    h = torch.randn(1, 20, 6, dtype=torch.float64)
    padding_mask = torch.ones(1, 20, dtype=torch.bool)
    padding_mask[:, 6:15] = False
    torch.testing.assert_close(module(h, padding_mask)[:, 6:15], module(h[:, 6:15]))


def test_initial_steps_and_rates():
    module = MambaBlock(64)
    for direction in (module.up, module.down):
        steps = softplus(direction.dt_proj.bias)
        assert STEP_MIN * 0.99 <= steps.min() < 3 * STEP_MIN
        assert STEP_MAX / 3 < steps.max() <= STEP_MAX * 1.01
        torch.testing.assert_close(direction.A_log.exp()[7], torch.arange(1.0, 17.0))
    assert not torch.equal(module.up.conv_weight, module.down.conv_weight)


def test_learns_to_remember_the_first_token():
    # What attention does by position, a scan must do by keeping its state over all the others.
    torch.manual_seed(0)
    module = MambaBackbone(8, 1, d_state=4)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    h = torch.randn(64, 24, 8)
    for _ in range(100):
        optimizer.zero_grad()
        loss = (module(h)[:, -1, 0] - h[:, 0, 1]).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.2


def test_bfloat16_autocast_stays_close():
    torch.manual_seed(0)
    module = MambaBackbone(16, 2)
    h = torch.randn(2, 33, 16)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        half = module(h)
    assert half.isfinite().all()
    assert (half - module(h)).abs().max() < 0.05 * h.abs().max()
