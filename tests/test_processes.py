"""Two processes learn what one learns from the same batches."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spectralfm._net import isolated
from spectralfm.checkpoint import load_weights, save_training_state
from spectralfm.datasets.corpora import NpzSource, build_corpus
from spectralfm.foundation._pretraining_losses import pretraining_losses
from spectralfm.foundation._simulated_views import ViewSimulator, parameter_names
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.nn.pretraining import PretrainingModel
from spectralfm.workflow import pretrain_on_corpus

TINY = {
    "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
    "n_inst": 6, "fno_modes": 4, "fno_width": 8, "fno_layers": 1, "n_grid": 256,
}  # fmt: skip
CHILD = "import sys; sys.path.insert(0, {tests!r}); import test_processes; test_processes.{call}"


def gradients(n_rows, gap):
    """Return every term of a batch and the gradient of their sum, in float64."""
    rng = np.random.default_rng(0)
    axis = torch.linspace(4000.0, 9000.0, 120, dtype=torch.float64)
    if gap:  # other tokens count as padding in every spectrum
        axis = axis.repeat(n_rows, 1)
        axis += torch.arange(120) // torch.arange(40, 40 + n_rows)[:, None] * 1500.0
    x = torch.tensor(rng.random((n_rows, 120)).cumsum(1) / 60)
    with isolated(0):
        model = PretrainingModel(SpectralEncoder(**TINY), len(parameter_names()), 2).double()
        torch.nn.init.normal_(model.encoder.operator.amplitude.weight)
        torch.nn.init.normal_(model.encoder.moe.noise.weight)
    views = ViewSimulator("NIR")(x, axis, torch.Generator().manual_seed(0))
    known = torch.arange(n_rows) % 3 - 1
    with isolated(1):
        terms = pretraining_losses(model, x, axis, torch.tensor(1), views, known)
    sum(terms.values()).backward()
    return terms, model


def save_gradients(folder):
    from spectralfm._net import process_group
    from spectralfm._net._processes import any_of_all, average_gradients, is_first

    with process_group("cpu"):
        for n_rows, gap in CASES:
            terms, model = gradients(n_rows, gap)
            trained = [p for p in model.parameters() if p.requires_grad]
            average_gradients(trained)
            kept = [{name: term.item() for name, term in terms.items()},
                    [p.grad for p in trained], model.spread]  # fmt: skip
            if is_first():
                torch.save(kept, Path(folder) / f"{n_rows}.pt")
        if not is_first():
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            any_of_all(False, torch.device("cpu"))


CASES = ((19, False), (11, True), (1, False))


def start(call, log, rank, port):
    """Start one of two processes as torchrun does, without its agent, which takes seconds."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": port}
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1"}
    environment |= {name: str(value) for name, value in place.items()}
    code = CHILD.format(tests=str(Path(__file__).parent), call=call)
    with open(log, "w") as file:
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=file)


def test_terms_and_gradients_are_those_of_one_process_and_all_end_with_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logs = [tmp_path / "0.txt", tmp_path / "1.txt"]
    call = f"save_gradients({str(tmp_path)!r})"
    first, second = (start(call, log, rank, port) for rank, log in enumerate(logs))
    try:  # on a loaded machine the two take minutes
        assert second.wait(300) == -signal.SIGKILL, logs[1].read_text()
        assert first.wait(100) == 1
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    assert "Process 0 lost another process of the training" in logs[0].read_text()
    for n_rows, gap in CASES:
        terms, grads, spread = torch.load(tmp_path / f"{n_rows}.pt")
        expected, model = gradients(n_rows, gap)
        assert terms.keys() == expected.keys()
        for name, term in expected.items():
            assert terms[name] == pytest.approx(term.item(), rel=1e-9, abs=1e-9), (n_rows, name)
        for (name, p), grad in zip(
            [(n, p) for n, p in model.named_parameters() if p.requires_grad], grads, strict=True
        ):
            if p.grad is None:
                assert grad is None, name
            else:
                torch.testing.assert_close(grad, p.grad, rtol=1e-6, atol=1e-8, msg=name)
        torch.testing.assert_close(spread, model.spread)


def test_torchrun_goes_on_where_one_process_stopped_and_learns_the_same(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    values = rng.random((40, 100), dtype=np.float32).cumsum(1) / 50
    np.savez(tmp_path / "a.npz", values=values, axis=np.linspace(1e3, 2e3, 100), axis_unit="nm")
    corpus = tmp_path / "corpus.h5"
    build_corpus(corpus, [NpzSource(tmp_path / "a.npz", modality="NIR")])
    options = {"size": "tiny", "n_steps": 5, "batch_size": 9, "device": "cpu"}
    pretrain_on_corpus(corpus, tmp_path / "one", **options)

    def full_disk(folder, step, state):
        if step == 3:
            raise OSError("disk full")
        save_training_state(folder, step, state)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
        patched.setattr("spectralfm._net._fit.save_training_state", full_disk)
        pretrain_on_corpus(corpus, tmp_path / "two", **options)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "spectralfm", "pretrain", "--corpus", corpus, "--run-dir", tmp_path / "two",
        "--size", "tiny", "--steps", "5", "--batch-size", "9", "--device", "cpu",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout.count("steps/s") == 1, done.stderr
    alone, together = (
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(together) == len(alone) == 5
    for mine, expected in zip(together, alone, strict=True):
        for name in expected.keys() - {"seconds"}:
            assert mine[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-5), name
    one, two = (
        torch.cat([tensor.float().flatten() for tensor in weights.values()])
        for weights in (
            load_weights(tmp_path / name / "weights.safetensors").state_dict
            for name in ("one", "two")
        )
    )
    # Adam makes steps of what is rounding in gradients that are zero, as of the bias of keys.
    assert (two - one).norm() < 1e-5 * one.norm()
    assert ((two - one).abs() > 1e-5).float().mean() < 0.01
