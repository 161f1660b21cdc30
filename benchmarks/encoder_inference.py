"""Spectra a second of the encoder, over its GEMM floor and over mambapy's parallel scan.

Batch 64 in micro-batches of 16, d_model 128, 3 Mamba layers, 1024 grid points, float32, one thread,
shortest of interleaved rounds. The floor is the matrix products of the same passes alone.

    python benchmarks/encoder_inference.py
"""

import numpy as np
import torch
from _gemm import gemm_floor
from _provenance import interleaved, write_csv
from mambapy.pscan import pscan
from torch import Tensor

from spectralfm.nn import mamba
from spectralfm.nn.encoder import SpectralEncoder

N, MICRO = 64, 16
torch.set_num_threads(1)
torch.manual_seed(0)
sizes = {"d_model": 128, "n_mamba_layers": 3, "n_chem": 64, "n_inst": 32, "n_grid": 1024}
encoder = SpectralEncoder(**sizes).eval()
axis = torch.tensor(1e7 / np.linspace(1100, 2500, 700))
x = torch.rand(N, 700).cumsum(1) / 350
ours = mamba.selective_scan


def mambapy_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool = False
) -> Tensor:
    if reverse:
        u, delta, B, C = (part.flip(1) for part in (u, delta, B, C))
    driven = (delta * u).unsqueeze(3) * B.unsqueeze(2)
    y = (pscan(torch.exp(delta.unsqueeze(3) * A), driven) @ C.unsqueeze(3)).squeeze(3) + D * u
    return y.flip(1) if reverse else y


@torch.no_grad()
def encode(size: int = MICRO) -> Tensor:
    return torch.cat([encoder(rows, axis).chem for rows in x.split(size)])


def with_pscan() -> Tensor:
    mamba.selective_scan = mambapy_scan
    try:
        return encode()
    finally:
        mamba.selective_scan = ours


torch.testing.assert_close(with_pscan(), encode(), rtol=1e-3, atol=1e-4)
calls = {
    "GEMM floor": gemm_floor(encode),
    "encoder": encode,
    "encoder, one batch of 64": lambda: encode(N),
    "encoder, pscan": with_pscan,
}
times = interleaved(calls, rounds=7)
table = [
    {
        "what": what,
        "spectra_per_s": f"{N / t:.1f}",
        "share_of_floor": f"{times['GEMM floor'] / t:.2f}",
        "over_pscan": f"{times['encoder, pscan'] / t:.2f}",
    }
    for what, t in times.items()
]
for row in table:
    print(", ".join(f"{name} {value}" for name, value in row.items()))
write_csv("encoder_inference", table, "torch", "mambapy")
