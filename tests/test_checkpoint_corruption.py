"""Whatever is wrong with a weights file, one error names it, and no code of the file runs."""

import json
import os
import pickle
import re

import pytest
import safetensors.torch
import torch
from torch import nn

from spectralfm.checkpoint import (
    CorruptWeightsError,
    _container,
    build_module,
    dump_weights,
    load_weights,
    parse_weights,
)

torch.set_num_threads(1)

CONFIG = {"in_features": 3, "out_features": 2}


def dump(config=CONFIG):
    state = nn.Linear(**CONFIG).state_dict()
    return dump_weights(state, config=config, architecture="Linear", axis_range=(4000, 12500))


def test_every_flipped_bit_is_found():
    data = dump()
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises(CorruptWeightsError):
                parse_weights(bytes(flipped))


def test_every_truncation_is_found(tmp_path):
    data, path = dump(), tmp_path / "net.safetensors"
    for size in range(len(data)):
        with pytest.raises(CorruptWeightsError, match="not all of one"):
            parse_weights(data[:size])
    with pytest.raises(CorruptWeightsError, match="not one"):
        parse_weights(data + b" ")
    path.write_bytes(b"")
    with pytest.raises(CorruptWeightsError, match=re.escape(f"{path}: expected a safetensors")):
        load_weights(path)


def repacked(edit):
    """A valid safetensors file whose header was edited by hand."""
    data = dump()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["spectralfm"])
    edit(header)
    return safetensors.torch.save(safetensors.torch.load(data), {"spectralfm": json.dumps(header)})


@pytest.mark.parametrize(
    "edit",
    [
        lambda header: header["config"].update(in_features=4),
        lambda header: header.update(architecture="Other"),
        lambda header: header.update(axis_range=[1, 2]),
        lambda header: header["provenance"].update(licence="MIT"),
        lambda header: header.update(kind="training state"),
        lambda header: header.update(extra=1),
    ],
)
def test_an_edited_header_is_found(edit):
    parse_weights(repacked(lambda header: None))
    with pytest.raises(CorruptWeightsError, match="SHA-256 .* altered"):
        parse_weights(repacked(edit))


def test_files_of_others():
    with pytest.raises(CorruptWeightsError, match="header of a spectralfm file"):
        parse_weights(safetensors.torch.save({"a": torch.ones(2)}))
    for header in ("[]", "{}", "nonsense"):
        foreign = safetensors.torch.save({"a": torch.ones(2)}, {"spectralfm": header})
        with pytest.raises(CorruptWeightsError, match="header of a spectralfm file"):
            parse_weights(foreign)
    with pytest.raises(CorruptWeightsError, match="expected weights, found training state"):
        parse_weights(_container.pack("training state", {}, {}))
    with pytest.raises(CorruptWeightsError, match="axis_range, config, provenance in the header"):
        parse_weights(_container.pack("weights", {"architecture": "A"}, {}))


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["SPECTRALFM_TEST_BOMB"],)


def run_torch(file):
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    ("write", "run"), [(pickle.dump, pickle.load), (torch.save, run_torch)], ids=["pickle", "torch"]
)
def test_a_pickle_in_disguise_is_never_run(tmp_path, monkeypatch, write, run):
    crater, path = tmp_path / "crater", tmp_path / "net.safetensors"
    monkeypatch.setenv("SPECTRALFM_TEST_BOMB", str(crater))
    with open(path, "wb") as file:
        write(Bomb(), file)
    with pytest.raises(CorruptWeightsError, match="a pickle, which was not opened"):
        load_weights(path)
    assert not crater.exists()
    with open(path, "rb") as file:
        run(file)
    assert crater.exists()  # the bomb was a real one


def test_weights_that_are_not_finite():
    state = {"good": torch.ones(2), "bad": torch.tensor([1.0, float("nan")])}
    fields = {"architecture": "A", "config": {}, "axis_range": [0, 1], "provenance": {}}
    with pytest.raises(CorruptWeightsError, match="found NaN or infinity in bad"):
        parse_weights(_container.pack("weights", fields, state))
    with pytest.raises(ValueError, match="NaN or infinity in bad: the training diverged"):
        dump_weights(state, config={}, architecture="A", axis_range=(0, 1))


def test_wrong_architecture():
    with pytest.raises(CorruptWeightsError, match="weights of Other, found weights of Linear"):
        parse_weights(dump(), architecture="Other")
    with pytest.raises(CorruptWeightsError, match="weights of Bilinear, found weights of Linear"):
        build_module(nn.Bilinear, parse_weights(dump()))
    with pytest.raises(CorruptWeightsError, match="unexpected keyword argument 'depth'"):
        build_module(nn.Linear, parse_weights(dump({**CONFIG, "depth": 2})))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": torch.ones(1, 2)}, "missing: bias. "),
        ({"weight": torch.ones(1, 2), "bias": torch.ones(1), "x": torch.ones(1)}, "expected: x. "),
        ({"weight": torch.ones(2, 1), "bias": torch.ones(1)}, r"weight \(2, 1\) for \(1, 2\)"),
        ({str(i): torch.ones(1) for i in range(9)}, "not expected: 0, 1, 2 and 6 more"),
    ],
)
def test_tensors_that_do_not_fit(state, message):
    config = {"in_features": 2, "out_features": 1}
    data = dump_weights(state, config=config, architecture="Linear", axis_range=(0, 1))
    with pytest.raises(CorruptWeightsError, match=message):
        build_module(nn.Linear, parse_weights(data, file="a.safetensors"))


def test_the_error_survives_a_pickle():
    error = CorruptWeightsError("a", "b", "c", "Do d.")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "a: expected b, found c. Do d."
    assert isinstance(error, ValueError)
