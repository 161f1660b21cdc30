"""Adapters change nothing at first, merge exactly, unmerge bit for bit, and alone are trained."""

import copy
import pickle

import pytest
import torch
from torch import nn

from spectralfm.nn.lora import LoRALinear, inject_lora, lora_parameters, merge_lora, unmerge_lora
from spectralfm.nn.transformer import TransformerBackbone

torch.set_num_threads(1)


def model():
    torch.manual_seed(0)
    return TransformerBackbone(16, n_layers=2, n_heads=2)


def trained():
    """A model whose adapters are not zero any more."""
    adapted = inject_lora(model(), rank=3, alpha=6)
    for parameter in lora_parameters(adapted):
        nn.init.normal_(parameter, std=0.3)
    return adapted


def test_no_effect_at_the_start():
    plain, x = model(), torch.randn(2, 5, 16)
    expected = plain(x)
    adapted = inject_lora(plain, rank=3, alpha=6)
    assert adapted is plain
    assert torch.equal(adapted(x), expected)
    assert sum(isinstance(layer, LoRALinear) for layer in adapted.modules()) == 6


def test_formula():
    layer = LoRALinear(nn.Linear(5, 4).double(), rank=2, alpha=3.0)
    nn.init.normal_(layer.lora_up)
    x = torch.randn(7, 5, dtype=torch.float64)
    expected = x @ (layer.weight + 1.5 * layer.lora_up @ layer.lora_down).T + layer.bias
    torch.testing.assert_close(layer(x), expected)


def test_merge_keeps_outputs_and_unmerge_restores_bits():
    adapted, x = trained(), torch.randn(2, 5, 16)
    before = copy.deepcopy(adapted.state_dict())
    expected = adapted(x)
    assert (expected - model()(x)).abs().max() > 0.1
    merge_lora(merge_lora(adapted))
    torch.testing.assert_close(adapted(x), expected, rtol=0, atol=1e-6)
    unmerge_lora(unmerge_lora(adapted))
    assert torch.equal(adapted(x), expected)
    after = adapted.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_only_adapters_get_gradients():
    adapted = trained()
    adapted(torch.randn(2, 5, 16)).square().sum().backward()
    adapters = {id(parameter) for parameter in lora_parameters(adapted)}
    for parameter in adapted.parameters():
        trained_too = id(parameter) in adapters
        assert parameter.requires_grad is trained_too
        assert (parameter.grad is not None and parameter.grad.any().item()) is trained_too


def test_training_adapters_lowers_the_loss_and_leaves_the_base():
    adapted, x = inject_lora(model(), rank=4, alpha=8), torch.randn(4, 5, 16)
    target = torch.randn(4, 5, 16)
    optimizer = torch.optim.Adam(lora_parameters(adapted), lr=1e-2)
    losses = []
    for _ in range(50):
        losses.append(nn.functional.mse_loss(adapted(x), target))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    for name, value in model().state_dict().items():
        assert torch.equal(adapted.state_dict()[name], value)


def test_state_dicts_load_both_ways():
    plain, adapted, x = model(), trained(), torch.randn(2, 5, 16)
    extra = set(adapted.state_dict()) - set(plain.state_dict())
    assert extra and all(name.rsplit(".", 1)[1] in {"lora_down", "lora_up"} for name in extra)
    result = adapted.load_state_dict(plain.state_dict(), strict=False)
    assert set(result.missing_keys) == extra and not result.unexpected_keys
    plain.load_state_dict(merge_lora(adapted).state_dict())
    assert torch.equal(plain(x), adapted(x))


def test_copies_of_a_merged_model_unmerge():
    adapted, x = trained(), torch.randn(2, 5, 16)
    expected = adapted(x)
    merge_lora(adapted)
    for copied in (copy.deepcopy(adapted), pickle.loads(pickle.dumps(adapted))):
        assert torch.equal(unmerge_lora(copied)(x), expected)


def test_other_names_can_be_adapted():
    adapted = inject_lora(model(), rank=2, alpha=2, targets=("out", "linear1"))
    assert isinstance(adapted.layers[0].attention.out, LoRALinear)
    assert not isinstance(adapted.layers[0].attention.q, LoRALinear)


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="no linear layer is called 'in_proj'"):
        inject_lora(model(), 2, 2, targets=("q", "in_proj"))
    with pytest.raises(ValueError, match="rank must be at least 1"):
        inject_lora(model(), 0, 2)
    with pytest.raises(ValueError, match="adapters already"):
        inject_lora(trained(), 2, 2)
