"""Kill -9 a pretraining at random times, resume it, and compare the weights bit for bit.

A tiny network pretrains on spectra of earthlib (SPECTRALFM_DATA), or simulated, and saves every
third step. After all kills its weights must be those of a run that nothing stopped.

    python benchmarks/kill_resume.py [KILLS] [SEED]
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _provenance import write_csv

from spectralfm.foundation import SpectralFMPretrainer

N_STEPS = 150


def spectra() -> tuple[str, np.ndarray, np.ndarray]:
    path = Path(os.environ.get("SPECTRALFM_DATA", "")) / "pretrain/pretrain_earthlib_nir.npz"
    if path.exists():
        with np.load(path) as file:
            return "earthlib", file["values"][:256].astype(float), file["axis"].astype(float)
    X = np.random.default_rng(0).random((256, 180)).cumsum(axis=1) / 90
    return "simulated", X, np.linspace(400.0, 2400.0, 180)


def pretrain(folder: str | None) -> SpectralFMPretrainer:
    _, X, axis = spectra()
    return SpectralFMPretrainer(
        wavelengths=axis, d_model=16, n_mamba_layers=1, n_heads=2, n_transformer_layers=1, n_chem=8,
        n_inst=4, fno_modes=4, fno_width=8, fno_layers=1, n_grid=256, batch_size=16,
        max_steps=N_STEPS, evaluate_every=10, checkpoint_dir=folder, checkpoint_every=3,
        random_state=0,
    ).fit(X)  # fmt: skip


def killed(folder: str, n_kills: int, rng: random.Random) -> tuple[int, int]:
    """Kill and resume; return how often, and the last step that was saved before a kill."""
    done = kills = 0
    while kills < n_kills and done < N_STEPS:
        child = subprocess.Popen([sys.executable, __file__, "--child", folder])
        started = time.monotonic()
        while child.poll() is None and newest(folder) == done and time.monotonic() < started + 120:
            time.sleep(0.01)  # each run gets as far as a new state, or nothing would ever end
        time.sleep(rng.uniform(0, 1))
        child.kill()
        kills += child.wait() != 0
        done = newest(folder)
    return kills, done


def newest(folder: str) -> int:
    return max((int(path.stem.split("-")[1]) for path in Path(folder).glob("step-*")), default=0)


def main(n_kills: int = 20, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kills, done = killed(folder, n_kills, random.Random(seed))
        resumed = pretrain(folder)
    equal = resumed.weights_ == pretrain(None).weights_
    row = {"spectra": spectra()[0], "steps": N_STEPS, "kills": kills, "last_kill_at": done}
    print(row := row | {"weights_bit_equal": equal})
    write_csv("kill_resume", [row], "torch", "safetensors")
    assert equal and kills == n_kills


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        pretrain(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
