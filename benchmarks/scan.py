"""Time and memory of the selective scan over mambapy's parallel scan and a transformer layer.

32 spectra x 128 tokens x 256 channels with 16 states, float32, one thread, shortest of interleaved
rounds. Growth is the time per token of 2048 tokens over that of 512 tokens, four spectra each.
Memory is what a fresh process grows by during one forward + backward (Linux).

    python benchmarks/scan.py
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _provenance import interleaved, write_csv
from mambapy.pscan import pscan
from torch import Tensor, nn
from torch.nn.functional import softplus

from spectralfm.nn.scan import selective_scan

torch.set_num_threads(1)
torch.manual_seed(0)


def inputs(n_batch: int, n_steps: int, n_channels: int = 256, n_states: int = 16) -> list[Tensor]:
    normal = [torch.randn(n_batch, n_steps, n) for n in [n_channels] * 2 + [n_states] * 2]
    A = -torch.arange(1.0, n_states + 1).repeat(n_channels, 1)
    return [x.requires_grad_() for x in (normal[0], softplus(normal[1] - 2), A, *normal[2:])]


def mambapy(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    driven = (delta * u).unsqueeze(3) * B.unsqueeze(2)
    return (pscan(torch.exp(delta.unsqueeze(3) * A), driven) @ C.unsqueeze(3)).squeeze(3)


def training(function: Callable[..., Tensor], tensors: list[Tensor]) -> Callable[[], Any]:
    seed = torch.randn_like(tensors[0])
    return lambda: torch.autograd.grad(function(*tensors), tensors, seed)


SCANS = {"ours": selective_scan, "pscan": mambapy}


def peak() -> int:
    """Return the most memory this process has held, in kB."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def growth(name: str) -> int:
    """Return the kB by which a fresh process grows."""
    return int(subprocess.check_output([sys.executable, __file__, name]))


if len(sys.argv) > 1:
    step, before = training(SCANS[sys.argv[1]], inputs(32, 128)), peak()
    step()
    sys.exit(print(peak() - before))
tensors = inputs(32, 128)
with torch.no_grad():
    forward = interleaved({name: lambda f=f: f(*tensors) for name, f in SCANS.items()}, 9)
layer = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True, norm_first=True)
calls = {name: training(f, tensors) for name, f in SCANS.items()}
calls["layer"] = training(layer, tensors[:1])
calls |= {str(n): training(selective_scan, inputs(4, n)) for n in (512, 2048)}
times = interleaved(calls, 9)
values = {
    "forward: pscan / ours (>= 15)": forward["pscan"] / forward["ours"],
    "forward + backward: pscan / ours (>= 15)": times["pscan"] / times["ours"],
    "forward + backward: transformer layer / ours (>= 1)": times["layer"] / times["ours"],
    "time per token: 2048 / 512 (<= 2.5)": times["2048"] / times["512"] / 4,
    "memory: pscan / ours (>= 5)": growth("pscan") / growth("ours"),
}
rows = [{"measure": name, "value": f"{value:.3g}"} for name, value in values.items()]
for row in rows:
    print(*row.values(), sep=": ")
write_csv("scan", rows, "torch", "mambapy")
