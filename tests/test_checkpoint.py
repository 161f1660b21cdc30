"""Weights come back bit for bit, or one error says what is wrong; nothing random is drawn."""

import os
import random
import threading

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from spectralfm.checkpoint import (
    VersionSkewWarning,
    _build,
    _container,
    _weights,
    build_module,
    dump_weights,
    load_weights,
    parse_weights,
    save_weights,
)
from spectralfm.nn.bottleneck import VariationalBottleneck
from spectralfm.nn.fno import FourierOperator
from spectralfm.nn.heads import ReconstructionHead
from spectralfm.nn.kan import KANLinear
from spectralfm.nn.mamba import MambaBackbone
from spectralfm.nn.moe import MixtureOfExperts
from spectralfm.nn.transformer import TransformerBackbone

torch.set_num_threads(1)

CONFIG = {"n_in": 3, "n_out": 2}


class Net(nn.Module):
    """Tied weights, a buffer that is not saved, and one that PyTorch's meta device cannot make."""

    def __init__(self, n_in, n_out=1):
        super().__init__()
        self.first = nn.Linear(n_in, n_out)
        self.second = nn.Linear(n_in, n_out, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("window", torch.hann_window(n_in), persistent=False)
        self.largest = self.window.max().item()


def net():
    module = Net(**CONFIG)
    module.count += 7
    return module


def dump(module, config=CONFIG, **changes):
    arguments = {"architecture": type(module).__name__, "axis_range": (4000, 12500), **changes}
    return dump_weights(module.state_dict(), config=config, **arguments)


def random_states():
    return torch.get_rng_state().tolist(), random.getstate()


def test_round_trip(tmp_path):
    module, path = net(), tmp_path / "new" / "net.safetensors"
    provenance = {"data": "simulated", "licence": "MIT", "seed": 3, "steps": 10}
    save_weights(
        path,
        module.state_dict(),
        config=CONFIG,
        architecture="Net",
        axis_range=(4000, 12500),
        provenance=provenance,
    )
    for weights in (load_weights(path), load_weights(str(path), architecture="Net")):
        assert weights[1:] == (CONFIG, "Net", (4000.0, 12500.0), provenance, str(path))
        for name, tensor in module.state_dict().items():
            assert torch.equal(weights.state_dict[name], tensor)
            assert weights.state_dict[name].dtype == tensor.dtype
    assert [file.name for file in path.parent.iterdir()] == ["net.safetensors"]


def test_other_programs_read_it():
    state = net().state_dict()
    assert torch.equal(safetensors.torch.load(dump(net()))["count"], state["count"])


def test_any_layout_and_type():
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "transposed": base.T,
        "slice": base[1:3, ::2],
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(1.5),
        "parameter": nn.Parameter(base),
        **{
            str(dtype): torch.arange(3).to(dtype)
            for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.complex64)
        },
    }
    data = dump_weights(state, config={}, architecture="A", axis_range=(0, 1))
    loaded = parse_weights(data).state_dict
    for name, tensor in state.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    loaded["slice"] += 1  # in memory of its own
    assert torch.equal(parse_weights(data).state_dict["parameter"], base)


def test_build_is_exact_and_draws_no_random_number():
    module = net()
    weights = parse_weights(dump(module))
    before = random_states()
    built = build_module(Net, weights)
    assert random_states() == before
    for name, buffer in module.named_buffers():
        assert torch.equal(built.get_buffer(name), buffer)
    for name, parameter in module.named_parameters():
        assert torch.equal(built.get_parameter(name), parameter)
        assert built.get_parameter(name).requires_grad
    assert built.second.weight is built.first.weight
    assert built.largest == module.largest
    with torch.no_grad():
        built.first.weight.zero_()
    assert torch.equal(weights.state_dict["first.weight"], module.first.weight)


def test_build_of_a_function_keeps_the_type():
    weights = parse_weights(dump(net().double()))
    assert build_module(lambda **config: Net(**config), weights).first.weight.dtype == torch.float64


@pytest.mark.parametrize(
    ("factory", "config"),
    [
        (VariationalBottleneck, {"d_model": 16, "n_chem": 4, "n_inst": 2}),
        (FourierOperator, {"n_inst": 2, "n_chem": 3, "modes": 4, "width": 8, "n_layers": 1}),
        (ReconstructionHead, {"d_model": 8, "patch": 8, "stride": 4, "n_channels": 40}),
        (KANLinear, {"n_in": 3, "n_out": 2}),
        (MambaBackbone, {"d_model": 8, "n_layers": 1}),
        (MixtureOfExperts, {"d_model": 8, "d_hidden": 8}),
        (TransformerBackbone, {"d_model": 8, "n_layers": 1, "n_heads": 2}),
    ],
)
def test_every_part_of_the_network(factory, config):
    torch.manual_seed(0)
    module = factory(**config)
    weights = parse_weights(dump(module, config))
    before = random_states()
    built = build_module(factory, weights)
    assert random_states() == before
    mine, theirs = dict(module.named_buffers()), dict(built.named_buffers())
    assert mine.keys() == theirs.keys()
    for name, tensor in {**mine, **module.state_dict()}.items():
        assert torch.equal({**theirs, **built.state_dict()}[name], tensor)


def test_building_leaves_the_draws_of_other_threads():
    weights, drawn = parse_weights(dump(net())), []

    def factory(**config):
        other = threading.Thread(target=lambda: drawn.append(torch.rand(())))
        other.start()
        other.join()
        return Net(**config)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = [torch.rand(()), torch.rand(())]
        torch.manual_seed(0)
        build_module(factory, weights)
        assert [*drawn, torch.rand(())] == expected


def test_only_random_tensors_are_zero():
    def values():
        own = torch.Generator().manual_seed(0)
        return [
            torch.randn(3),
            torch.randperm(4),
            torch.rand_like(torch.ones(2)),
            torch.bernoulli(torch.full((9,), 0.5)),
            nn.init.orthogonal_(torch.ones(2, 2)) * 0,
            nn.init.kaiming_uniform_(torch.ones(2, 2)),
        ], [torch.randn(3, generator=own), torch.linspace(1, 2, 3), nn.init.ones_(torch.zeros(2))]

    before = random_states()
    with _build._NoRandomNumbers():
        zeros, same = values()
    assert random_states() == before
    assert not any(tensor.any() for tensor in zeros)
    for tensor, expected in zip(same, values()[1], strict=True):
        assert torch.equal(tensor, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config": {"sizes": (1, 2)}}, "would come back changed"),
        ({"config": {"sizes": {1: 2}}}, "would come back changed"),
        ({"config": {"size": np.int64(1)}}, "config must be plain JSON"),
        ({"provenance": {"loss": float("nan")}}, "provenance must be plain JSON"),
        ({"axis_range": (12500, 4000)}, "increasing wavenumbers"),
        ({"axis_range": (0, float("inf"))}, "increasing wavenumbers"),
        ({"state_dict": {"a": [1.0]}}, r"state_dict\['a'\] is a list"),
        ({"state_dict": {"a": torch.ones(1, dtype=torch.complex128)}}, "fit no safetensors"),
    ],
)
def test_what_cannot_be_saved(arguments, message):
    valid = {"state_dict": {}, "config": {}, "architecture": "A", "axis_range": (0, 1)}
    with pytest.raises(ValueError, match=message):
        dump_weights(**{**valid, **arguments})


def test_versions(monkeypatch):
    found = {"torch": "99.1", "numpy": np.__version__}
    monkeypatch.setattr(_container, "versions", lambda *packages: found)
    monkeypatch.setattr(_container, "FORMAT", 2)
    data = dump(net())
    monkeypatch.undo()
    with (
        pytest.warns(UserWarning, match="format 2, newer than 1"),
        pytest.warns(VersionSkewWarning, match=r"torch 99\.1 \(here ") as caught,
    ):
        parse_weights(data)
    assert "numpy" not in str(caught[0].message)


def test_names(tmp_path, monkeypatch):
    monkeypatch.setattr(_weights, "SHIPPED", tmp_path / "weights")
    with pytest.raises(FileNotFoundError, match="'base' come with spectralfm; there are: none"):
        load_weights("base")
    (tmp_path / "weights").mkdir()
    for name in ("small", "base-v1.1"):
        (tmp_path / "weights" / f"{name}.safetensors").write_bytes(dump(net()))
    assert load_weights("base-v1.1").config == CONFIG
    with pytest.raises(FileNotFoundError, match="there are: base-v1.1, small"):
        load_weights("base")
    with pytest.raises(FileNotFoundError, match=r"no file .*big.*: base-v1.1.safetensors, small"):
        load_weights(tmp_path / "weights" / "big.safetensors")
    monkeypatch.chdir(tmp_path / "weights")
    assert load_weights("small.safetensors").config == CONFIG
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        save_weights(tmp_path / "net.pt", {}, config={}, architecture="A", axis_range=(0, 1))


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net[1].safetensors"
    arguments = {"config": CONFIG, "architecture": "Net", "axis_range": (0, 1)}
    save_weights(path, net().state_dict(), **arguments)
    old = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left .* MB free\).*before is intact") as caught:
        save_weights(path, net().state_dict(), **arguments)
    assert caught.value.errno == 28
    assert path.read_bytes() == old
    monkeypatch.undo()
    stale = tmp_path / f".{path.name}.0123abcd.part"
    other = tmp_path / ".other.safetensors.0123abcd.part"
    for part in (stale, other):
        part.write_bytes(b"left by a killed process")
    save_weights(path, net().state_dict(), **arguments)
    assert set(tmp_path.iterdir()) == {path, other}
