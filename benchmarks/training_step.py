"""Time of a pretraining step over the GEMM floor, and where it goes.

Batch 64, d_model 128, 3 Mamba layers, 1024 grid points, float32 and bfloat16, one thread, shortest
of interleaved rounds. The floor is the matrix products of the same step alone.

    python benchmarks/training_step.py
"""

import numpy as np
import torch
from _gemm import gemm_floor
from _provenance import interleaved, write_csv

from spectralfm.foundation._pretraining_losses import pretraining_losses
from spectralfm.foundation._simulated_views import ViewSimulator, parameter_names
from spectralfm.nn.encoder import SpectralEncoder, parameter_groups
from spectralfm.nn.pretraining import PretrainingModel

N = 64
torch.set_num_threads(1)
torch.manual_seed(0)
sizes = {"d_model": 128, "n_mamba_layers": 3, "n_chem": 64, "n_inst": 32, "n_grid": 1024}
encoder = SpectralEncoder(**sizes)
model = PretrainingModel(encoder, len(parameter_names()))
optimizer = torch.optim.AdamW(parameter_groups(model, 0.01), lr=1e-4)
axis = torch.tensor(1e7 / np.linspace(1100, 2500, 700))
x = torch.rand(N, 700).cumsum(1) / 350
simulator, nir = ViewSimulator("NIR"), torch.tensor(1)
views = simulator(x, axis, torch.Generator().manual_seed(0))


def step() -> None:
    views = simulator(x, axis, torch.Generator().manual_seed(0))
    model.update(0.99)
    optimizer.zero_grad()
    sum(pretraining_losses(model, x, axis, nir, views).values()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        step()


def encode() -> None:
    encoding = encoder(views.first, axis, nir)
    encoder.reconstruct(encoding).square().mean().backward()


times = interleaved(
    {
        "GEMM floor": gemm_floor(step),
        "step": step,
        "step, bfloat16": bfloat16,
        "simulating the views": lambda: simulator(x, axis, torch.Generator().manual_seed(0)),
        "encoding, forward + backward": encode,
        "encoding, target copy": lambda: model.target(views.second, axis, nir),
    },
    rounds=3,
)
table = [
    {"what": what, "seconds": f"{t:.3f}", "ratio": f"{t / times['GEMM floor']:.2f}"}
    for what, t in times.items()
]
for row in table:
    print(f"{row['what']:30s} {row['seconds']:>7s} s {row['ratio']:>6s}x the GEMM floor")
write_csv("training_step", table, "torch")
