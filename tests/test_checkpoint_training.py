"""Training resumes exactly, and no kill, full disk or damaged file loses more than one state."""

import collections
import copy
import math
import os
import random
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spectralfm.checkpoint import CorruptWeightsError, load_training_state, save_training_state

torch.set_num_threads(1)


def same(first, second):
    """Equal, of equal types, in equal order; NaN equals NaN."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return same(list(first.items()), list(second.items()))
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, np.ndarray | np.generic):
        return first.dtype == second.dtype and np.array_equal(first, second)
    return first == second or (first != first and second != second)


def test_everything_comes_back(tmp_path):
    state = {
        "tensors": [torch.randn(2, 3).T, torch.tensor(2), torch.empty(0), torch.ones(2).bfloat16()],
        0: {1: (2.5, -0.0, math.inf, math.nan, 1e-320), (1, "a"): []},
        "arrays": (np.arange(6, dtype=">u2").reshape(2, 3), np.zeros((0, 2)), np.array(["NIR"])),
        "scalars": [np.float64(0.1), np.int8(-1), np.bool_(True), np.datetime64("2024-01-31")],
        "plain": [None, True, 1, 2**127, "µm\ud800 \"'", b"", b"\x00\xff", (), {}],
        "generators": [
            torch.get_rng_state(),
            random.getstate(),
            np.random.default_rng(0).bit_generator.state,
            np.random.MT19937(0).state,
        ],
    }
    save_training_state(tmp_path / "new" / "run", 12, state)
    step, loaded = load_training_state(tmp_path / "new" / "run")
    assert step == 12
    assert same(loaded, state)
    loaded["arrays"][0][:] = 0  # writable


def test_what_comes_back_plainer(tmp_path):
    net = nn.Linear(2, 1)
    save_training_state(tmp_path, 0, {"net": net.state_dict(), "parameter": net.weight})
    state = load_training_state(tmp_path)[1]
    assert type(state["net"]) is dict
    assert type(state["parameter"]) is torch.Tensor
    net.load_state_dict(state["net"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, r"state\['a'\]\[1\] is a set"),
        (collections.namedtuple("Pair", "x y")(1, 2), r"state\['a'\]\[1\] is a Pair"),
        (nn.Linear(1, 1), r"is a Linear: .*Save its state_dict\(\)"),
        (np.array([None]), "is an array of object"),
        ({torch.float32: 1}, r"a key of state\['a'\]\[1\] is a dtype"),
    ],
)
def test_what_cannot_be_saved(tmp_path, value, message):
    with pytest.raises(TypeError, match=message):
        save_training_state(tmp_path, 1, {"a": [0, value]})
    assert not list(tmp_path.iterdir())


class Run:
    """A training as the network's: AdamW, schedule, dropout, moving average, shuffled rows."""

    def __init__(self):
        torch.manual_seed(0)
        self.rng = np.random.default_rng(0)
        self.X = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 4))).float()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.average = copy.deepcopy(self.net)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=0.01)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda n: 0.9**n)
        self.parts = (self.net, self.average, self.optimizer, self.schedule)
        self.order, self.step = self.rng.permutation(20), 0

    def train(self, until):
        while self.step < until:
            start = 4 * (self.step % 5)
            if start == 0:
                self.order = self.rng.permutation(20)
            x = self.X[self.order[start : start + 4]]
            loss = (self.net(x)[:, 0] - x.sum(1) - 0.1 * torch.randn(4)).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            with torch.no_grad():
                for slow, fast in zip(
                    self.average.parameters(), self.net.parameters(), strict=True
                ):
                    slow.lerp_(fast, 0.1)
            self.step += 1

    def save(self, folder):
        state = {
            "parts": [part.state_dict() for part in self.parts],
            "rng": (torch.get_rng_state(), self.rng.bit_generator.state),
            "order": self.order,
        }
        save_training_state(folder, self.step, state)

    def resume(self, folder):
        self.step, state = load_training_state(folder)
        for part, content in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(content)
        torch.set_rng_state(state["rng"][0])
        self.rng.bit_generator.state = state["rng"][1]
        self.order = state["order"]


def test_resumed_training_is_bit_equal(tmp_path):
    with torch.random.fork_rng():
        straight = Run()
        straight.train(13)
        broken = Run()
        broken.train(7)
        broken.save(tmp_path)
        resumed = Run()
        resumed.resume(tmp_path)
        resumed.train(13)
        for one, other in zip(straight.parts, resumed.parts, strict=True):
            assert same(one.state_dict(), other.state_dict())
        assert straight.step == resumed.step


def save(folder, step, **options):
    return save_training_state(folder, step, {"x": torch.full((100,), float(step))}, **options)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_keeps_the_last(tmp_path):
    for step in (5, 10, 15):
        path = save(tmp_path, step)
    assert path == tmp_path / "step-000000015.safetensors"
    assert names(tmp_path) == ["step-000000010.safetensors", "step-000000015.safetensors"]
    save(tmp_path, 12)  # gone back to 10: what came later is of the past
    assert names(tmp_path) == ["step-000000010.safetensors", "step-000000012.safetensors"]
    save(tmp_path, 14, keep=1)
    assert load_training_state(tmp_path)[0] == 14
    assert names(tmp_path) == ["step-000000014.safetensors"]
    save(tmp_path, 10**10, keep=3)  # more digits than the name foresees
    assert load_training_state(tmp_path)[0] == 10**10
    for arguments in ({"step": -1}, {"step": 1, "keep": 0}):
        with pytest.raises(ValueError, match="step must be >= 0 and keep >= 1"):
            save(tmp_path, **arguments)


def test_nothing_to_load(tmp_path):
    assert load_training_state(tmp_path / "nowhere") is None
    (tmp_path / "notes.txt").write_text("not a state")
    assert load_training_state(tmp_path) is None


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, empty, flip])
def test_a_damaged_newest_falls_back(tmp_path, damage):
    older, newest = save(tmp_path, 5), save(tmp_path, 10)
    damage(newest)
    with pytest.warns(UserWarning, match=rf"{newest.name}: expected .*back to {older.name}"):
        step, state = load_training_state(tmp_path)
    assert step == 5
    assert state["x"][0] == 5
    damage(older)
    with (
        pytest.warns(UserWarning, match="Going back"),
        pytest.raises(CorruptWeightsError, match=older.name),
    ):
        load_training_state(tmp_path)


def test_stale_temporary_files_are_swept(tmp_path):
    (tmp_path / ".step-000000003.safetensors.0123abcd.part").write_bytes(b"left by a killed run")
    save(tmp_path, 5)
    assert names(tmp_path) == ["step-000000005.safetensors"]


def test_a_full_disk_leaves_the_older_state(tmp_path):
    save(tmp_path, 5)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))  # no file beyond 300 bytes
    try:
        with pytest.raises(OSError, match=r"File too large while writing .* intact: make room"):
            save(tmp_path, 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["step-000000005.safetensors"]
    assert load_training_state(tmp_path)[0] == 5


def test_ctrl_c_leaves_the_older_state(tmp_path, monkeypatch):
    save(tmp_path, 5)

    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 10)
    assert names(tmp_path) == ["step-000000005.safetensors"]


KILLED = """
    import os, random, signal, sys, time, warnings
    import torch
    from spectralfm.checkpoint import load_training_state, save_training_state

    torch.set_num_threads(1)
    warnings.simplefilter("error", UserWarning)
    folder, at_step, left = sys.argv[1], 0, 0
    for kill in range(20):
        child = os.fork()
        if not child:
            step = at_step
            while True:
                step += 1
                save_training_state(folder, step, {"x": torch.full((300_000,), float(step))})
        time.sleep(random.Random(kill).uniform(0.03, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left += any(name.endswith(".part") for name in os.listdir(folder))
        found = load_training_state(folder)
        if found is not None:
            step, state = found
            assert step >= at_step and (state["x"] == step).all(), (step, at_step)
            at_step = step
    save_training_state(folder, at_step + 1, {})
    print(at_step, left, *sorted(os.listdir(folder)))
"""


def test_kill_at_any_moment(tmp_path):
    """Twenty times: what loads is whole, never older than before, and nothing piles up."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert run.returncode == 0, run.stderr
    steps, in_the_middle, *files = run.stdout.split()
    assert int(steps) > 20
    assert int(in_the_middle) > 0  # or no kill fell into a write, and nothing was tested
    assert len(files) == 2
    assert all(name.endswith(".safetensors") for name in files)
