"""The training loop: reproducible, resumable, and loud when something goes wrong."""

import json
import math
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
import torch
from torch import nn

from spectralfm._net import DivergenceError, fit_module, isolated
from spectralfm._net._batches import Batches, split_rows
from spectralfm._net._schedule import rate_factor
from spectralfm.nn.encoder import parameter_groups

X = torch.linspace(-1, 1, 64)[:, None]
DATA = {"x": X, "y": X**2}  # of variance 0.09


def network(seed=0, dropout=0.2):
    with isolated(seed):
        return nn.Sequential(
            nn.Linear(1, 16), nn.Tanh(), nn.Dropout(dropout), nn.LayerNorm(16), nn.Linear(16, 1)
        )


def squared(module, batch, training):
    return {"squared": (module(batch["x"]) - batch["y"]).square().mean()}


def weights(module):
    return torch.cat([tensor.flatten() for tensor in module.state_dict().values()])


def trained(seed=0, loss=squared, **arguments):
    module = network()
    arguments = {"max_steps": 30, "batch_size": 16, "evaluate_every": 7, **arguments}
    fit = fit_module(module, DATA, loss, random_state=seed, **arguments)
    return module, fit


def test_converges_and_reports_the_best_weights():
    module = network(dropout=0.0)
    fit = fit_module(module, DATA, squared, max_steps=400, learning_rate=0.02, random_state=0)
    assert fit.n_steps == 400 and len(fit.history) == 20
    assert fit.validation_loss == min(record["valid_loss"] for record in fit.history) < 5e-3
    assert not module.training
    _, held = split_rows(np.zeros(64, int), 0.1, 0)
    rows = {name: tensor[held[0]] for name, tensor in DATA.items()}
    assert squared(module, rows, False)["squared"].item() == pytest.approx(fit.validation_loss)


def test_best_weights_come_back_when_later_steps_spoil_them():
    signs = iter([1.0] * 200 + [-1.0] * 15)
    frozen = {name: tensor[:32] for name, tensor in DATA.items()}

    def spoiled(module, batch, training):
        return {"squared": squared(module, batch, training)["squared"] * (next(signs, 1.0) or 1.0)}

    def loss(module, batch, training):
        return spoiled(module, batch, training) if training else squared(module, batch, training)

    module = network(dropout=0.0)
    fit = fit_module(
        module, DATA, loss, max_steps=215, validation=frozen, learning_rate=0.02, evaluate_every=5,
        random_state=0,
    )  # fmt: skip
    assert fit.history[-1]["valid_loss"] > fit.validation_loss
    assert squared(module, frozen, False)["squared"].item() == pytest.approx(fit.validation_loss)


def test_equal_seeds_give_equal_weights_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = weights(trained()[0]), weights(trained()[0]), weights(trained(1)[0])
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, second) and not torch.equal(first, other)
    torch.manual_seed(99)
    assert torch.equal(weights(trained()[0]), first)
    parallel = joblib.Parallel(n_jobs=2, backend="threading")
    for module, _ in parallel(joblib.delayed(trained)() for _ in range(4)):
        assert torch.equal(weights(module), first)


def test_threads_of_torch_are_restored():
    before, seen = torch.get_num_threads(), []

    def loss(module, batch, training):
        seen.append(torch.get_num_threads())
        return squared(module, batch, training)

    trained(loss=loss, n_threads=1)
    assert set(seen) == {1} and torch.get_num_threads() == before


@pytest.mark.parametrize("saved", [False, True])
def test_ctrl_c_is_not_swallowed(tmp_path, saved):
    def interrupted(module, batch, training):
        signal.raise_signal(signal.SIGINT)
        return squared(module, batch, training)

    with pytest.raises(KeyboardInterrupt):
        trained(loss=interrupted, checkpoint_dir=tmp_path if saved else None)


def test_not_a_number_is_named():
    calls = []

    def broken(module, batch, training):
        calls.append(training)
        factor = math.nan if len(calls) > 3 else 1.0
        return {"fine": module(batch["x"]).mean(), "odd": factor * module(batch["x"]).mean()}

    with pytest.raises(DivergenceError, match=r"step 3: odd = nan\. Lower learning_rate"):
        trained(loss=broken)


def test_an_unfinite_gradient_is_noticed():
    def steep(module, batch, training):
        return {"root": (module(batch["x"]) * 0).sqrt().mean()}

    with pytest.raises(DivergenceError, match="gradient is not finite at step 0"):
        trained(loss=steep)


@pytest.mark.parametrize("learning_rate", [1e3, 1e8, 1e30])
def test_a_diverging_learning_rate_raises(learning_rate):
    with pytest.raises(DivergenceError, match="Lower learning_rate"):
        trained(learning_rate=learning_rate)


def test_loss_without_trainable_parts():
    with pytest.raises(ValueError, match="depends on a trainable"):
        trained(loss=lambda module, batch, training: {"none": batch["x"].mean()})
    frozen = network().requires_grad_(False)
    with pytest.raises(ValueError, match="no trainable parameter"):
        fit_module(frozen, DATA, squared, max_steps=1)


def test_frozen_parameters_stay_bit_for_bit():
    module = network()
    module[0].requires_grad_(False)
    before = module[0].weight.clone()
    fit_module(module, DATA, squared, max_steps=5, random_state=0)
    assert torch.equal(module[0].weight, before)


def test_average_of_the_weights():
    """Without validation the module ends as the average of its steps."""
    path = []

    def recorded(module, batch, training):
        path.append(weights(module))
        return squared(module, batch, training)

    module, _ = trained(loss=recorded, max_steps=8, ema_decay=0.5, validation=0.0)
    last, _ = trained(max_steps=8, validation=0.0)
    path.append(weights(last))
    expected = path[0]
    for step, value in enumerate(path[1:]):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(weights(module), expected)


def test_schedule():
    rates = [rate_factor(step, 100, 0.1, 0.2) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[10] == 1 and rates[55] == pytest.approx(0.6) and rates[100] == pytest.approx(0.2)
    assert np.all(np.diff(rates[10:]) < 0)
    _, fit = trained(max_steps=20, evaluate_every=1, learning_rate=0.01)
    expected = [0.01 * rate_factor(step, 20, 0.05, 0.1) for step in range(20)]
    assert [record["learning_rate"] for record in fit.history] == pytest.approx(expected)


def test_only_matrices_decay():
    """With a gradient of zero, AdamW shrinks what decays and leaves the rest."""
    module = network()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    def flat(module, batch, training):
        return {"zero": 0 * sum(p.sum() for p in module.parameters())}

    fit_module(
        module, DATA, flat, max_steps=1, warmup=0.0, learning_rate=0.1, weight_decay=0.5,
        validation=0.0,
    )  # fmt: skip
    for name, tensor in module.state_dict().items():
        factor = 0.95 if tensor.ndim > 1 else 1.0
        torch.testing.assert_close(tensor, factor * before[name])
    decayed, free = parameter_groups(module, 0.5)
    assert len(decayed["params"]) == 2 and len(free["params"]) == 4


def test_patience():
    module = network(dropout=0.0)

    def rising(module, batch, training):
        value = squared(module, batch, training)["squared"]
        return {"squared": value if training else value * 0 + next(counter)}

    counter = iter(range(1, 1000))
    fit = fit_module(
        module, DATA, rising, max_steps=100, evaluate_every=5, patience=3, validation=0.1
    )
    assert fit.n_steps == 20 and fit.best_step == 5


def stopped_at(step):
    calls = []

    def loss(module, batch, training):
        calls.append(training)
        if sum(calls) > step:
            raise KeyboardInterrupt
        return squared(module, batch, training)

    return loss


@pytest.mark.parametrize("stops", [[1], [6, 3], [7, 7], [13, 14], [29]])
@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_resume_is_exact(tmp_path, stops, ema_decay):
    arguments = {"ema_decay": ema_decay, "weight_decay": 0.1}
    expected, uninterrupted = trained(**arguments)
    arguments |= {"checkpoint_dir": tmp_path, "checkpoint_every": 1}
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            trained(loss=stopped_at(stop), log_path=tmp_path / "log.jsonl", **arguments)
    module, fit = trained(log_path=tmp_path / "log.jsonl", **arguments)
    assert torch.equal(weights(module), weights(expected))
    again, _ = trained(**arguments)  # a finished run has nothing left to do
    assert torch.equal(weights(again), weights(expected))
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged == fit.history
    for record in (*logged, *uninterrupted.history):
        del record["seconds"]
    assert logged == uninterrupted.history


def test_a_truncated_newest_state_resumes_from_the_one_before(tmp_path):
    arguments = {"checkpoint_dir": tmp_path, "checkpoint_every": 2}
    with pytest.raises(KeyboardInterrupt):
        trained(loss=stopped_at(11), **arguments)
    older, newest = sorted(tmp_path.glob("step-*"))
    newest.write_bytes(newest.read_bytes()[:-20])
    with pytest.warns(UserWarning, match=f"Going back to {older.name}"):
        module, _ = trained(**arguments)
    assert torch.equal(weights(module), weights(trained()[0]))


def test_resume_refuses_another_run(tmp_path):
    trained(checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="differs in max_steps, seed"):
        trained(1, checkpoint_dir=tmp_path, max_steps=31)
    with pytest.raises(ValueError, match="differs in data"):
        trained(checkpoint_dir=tmp_path, validation=0.2)


TERMINATED = """
import os, signal, sys, torch
sys.path.insert(0, {tests!r})
from test_net import squared, trained
def loss(module, batch, training):
    if not os.path.exists({mark!r}):
        open({mark!r}, "w").close()
        os.kill(os.getpid(), signal.SIGTERM)
    return squared(module, batch, training)
trained(loss=loss, checkpoint_dir={folder!r})
"""


def test_sigterm_saves(tmp_path):
    from pathlib import Path

    code = TERMINATED.format(
        tests=str(Path(__file__).parent), mark=str(tmp_path / "m"), folder=str(tmp_path / "run")
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert run.returncode == 143, run.stderr
    assert [file.name for file in (tmp_path / "run").glob("step*")] == [
        "step-000000001.safetensors"
    ]
    module, _ = trained(checkpoint_dir=tmp_path / "run")
    assert torch.equal(weights(module), weights(trained()[0]))


def test_batches_hold_one_group_and_every_row_of_it():
    groups = [np.arange(10), np.arange(10, 13), np.arange(13, 100)]
    batches = Batches(groups, 5, 400, seed=3)
    seen = [batches.rows(step) for step in range(400)]
    again = Batches(groups, 5, 400, seed=3)
    for step in (399, 7, 200):  # in any order
        assert np.array_equal(again.rows(step), seen[step])
    for rows in seen:
        assert len(set(np.searchsorted([10, 13], rows, side="right"))) == 1
        assert len(set(rows)) == len(rows) == (3 if 10 <= rows[0] < 13 else 5)
    assert set(np.concatenate(seen)) == set(range(100))
    drawn = np.bincount(batches.group, minlength=3) / 400
    share = np.sqrt([10, 3, 87])
    assert drawn == pytest.approx(share / share.sum(), abs=0.08)


def test_groups_reach_the_loss_one_at_a_time():
    groups = torch.arange(64) % 3

    def checked(module, batch, training):
        assert len(set(batch["group"].tolist())) == 1
        return squared(module, batch, training)

    fit_module(
        network(), {**DATA, "group": groups}, checked, groups=groups, max_steps=9, batch_size=4
    )


def test_with_metadata_routing_enabled():
    with sklearn.config_context(enable_metadata_routing=True):
        module, _ = trained(max_steps=3)
    assert torch.equal(weights(module), weights(trained(max_steps=3)[0]))


def test_bfloat16_reaches_the_loss():
    def checked(module, batch, training):
        assert module(batch["x"]).dtype == torch.bfloat16
        return squared(module, batch, training)

    trained(loss=checked, max_steps=2, amp=True, validation=0.0)


@pytest.mark.parametrize(
    "bad",
    [{"max_steps": 0}, {"learning_rate": 0.0}, {"learning_rate": 1e38}, {"warmup": 1.0},
     {"ema_decay": 1.0}, {"validation": 1.0}],
)  # fmt: skip
def test_settings_out_of_range(bad):
    with pytest.raises(ValueError, match="out of range"):
        trained(**bad)


def test_rows_must_match():
    with pytest.raises(ValueError, match="same number of rows"):
        fit_module(network(), {"x": X, "y": X[:3]}, squared, max_steps=1)
