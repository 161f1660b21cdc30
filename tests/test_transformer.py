"""The transformer equals torch's own layer for copied weights, and padding changes nothing."""

import pytest
import torch
from torch import nn

from spectralfm.nn.transformer import Attention, TransformerBackbone, TransformerLayer

torch.set_num_threads(1)


def pair(d_model=12, n_heads=3, d_hidden=20):
    """Our layer and torch's, with equal weights."""
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(
        d_model, n_heads, d_hidden, 0.0, "gelu", batch_first=True, norm_first=True
    )
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = TransformerLayer(d_model, n_heads, d_hidden)
    state = theirs.state_dict()
    for kind in ("weight", "bias"):
        stacked = state.pop(f"self_attn.in_proj_{kind}").chunk(3)
        state |= {
            f"attention.{name}.{kind}": part for name, part in zip("qkv", stacked, strict=True)
        }
        state[f"attention.out.{kind}"] = state.pop(f"self_attn.out_proj.{kind}")
    ours.load_state_dict(state)
    return ours.double(), theirs.double()


@pytest.mark.parametrize("padded", [False, True])
def test_equals_torch_layer(padded):
    ours, theirs = pair()
    x = torch.randn(2, 9, 12, dtype=torch.float64, requires_grad=True)
    mask = None
    if padded:
        mask = torch.zeros(2, 9, dtype=torch.bool)
        mask[0, 6:] = True
    got, expected = ours(x, mask), theirs(x, src_key_padding_mask=mask)
    torch.testing.assert_close(got, expected)
    grad = torch.randn_like(got)
    torch.testing.assert_close(
        torch.autograd.grad(got, x, grad), torch.autograd.grad(expected, x, grad)
    )


def test_padding_changes_nothing_for_the_rest():
    torch.manual_seed(0)
    model = TransformerBackbone(12, n_layers=2, n_heads=3)
    x = torch.randn(2, 9, 12)
    mask = torch.zeros(2, 9, dtype=torch.bool)
    mask[:, 6:] = True
    other = torch.where(mask[..., None], 100 * torch.randn_like(x), x)
    torch.testing.assert_close(model(other, mask)[:, :6], model(x[:, :6]))


def test_all_padding_is_finite():
    model = TransformerBackbone(12, n_layers=1, n_heads=3)
    assert torch.isfinite(model(torch.randn(1, 4, 12), torch.ones(1, 4, dtype=torch.bool))).all()


def test_dropout_only_in_training():
    model = TransformerBackbone(12, n_layers=1, n_heads=3, dropout=0.5)
    x = torch.randn(1, 4, 12)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_width_must_divide():
    with pytest.raises(ValueError, match="multiple of n_heads"):
        Attention(10, 3)
