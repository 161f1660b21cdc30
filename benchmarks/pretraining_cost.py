"""Steps a second, peak memory and share of reading of pretraining, by size and batch.

A corpus of simulated spectra of 1000 channels is read as `spectralfm pretrain` does; every setting
runs in a process of its own, without validation, on one thread. Peak memory is that of the process,
libraries included, and of the GPU where one is used (--device cuda). Steps are counted a second of
the clock and a second of the CPU: on an idle machine with one thread these are the same.

    python benchmarks/pretraining_cost.py [--steps 8] [--device cpu]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _provenance import write_csv

from spectralfm._net import isolated
from spectralfm.datasets.corpora import NpzSource, SpectralCorpus, build_corpus
from spectralfm.foundation import pretrain
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.workflow._corpus_groups import corpus_groups
from spectralfm.workflow._pretrain import SIZES

BATCHES = (32, 64)


def measure(corpus: str, size: str, batch_size: int, steps: int, device: str) -> dict[str, object]:
    with isolated(0):
        encoder = SpectralEncoder(**SIZES[size])
    options = {"batch_size": batch_size, "random_state": 0, "device": device, "validation": 0.0}
    with SpectralCorpus(corpus, verify=False) as opened:
        groups, _ = corpus_groups(opened)
        pretrain(groups, encoder, max_steps=1, **options)  # what is set up once
        read, cpu, began = groups[0].reader.seconds, time.process_time(), time.perf_counter()
        pretrain(groups, encoder, max_steps=steps, evaluate_every=steps, **options)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
        reading = (groups[0].reader.seconds - read) / wall
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {
        "size": size, "batch": batch_size, "device": device,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "steps_per_cpu_second": f"{steps / cpu:.3g}", "steps_per_second": f"{steps / wall:.3g}",
        "memory_GB": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f}",
        "gpu_memory_GB": f"{gpu / 1e9:.2f}", "share_reading": f"{reading:.4f}",
    }  # fmt: skip


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--device", default="cpu")
parser.add_argument("--child", nargs=3, metavar=("CORPUS", "SIZE", "BATCH"))
args = parser.parse_args()
if args.child:
    path, size, batch = args.child
    print(json.dumps(measure(path, size, int(batch), args.steps, args.device)))
    raise SystemExit
with tempfile.TemporaryDirectory() as folder:
    values = np.random.default_rng(0).random((8192, 1000), dtype=np.float32).cumsum(1) / 500
    path, corpus = Path(folder) / "a.npz", Path(folder) / "corpus.h5"
    np.savez(path, values=values, axis=np.linspace(4000, 10000, 1000), axis_unit="cm-1")
    build_corpus(corpus, [NpzSource(path, modality="NIR")])
    rows = []
    for size, batch in [(size, str(batch)) for size in SIZES for batch in BATCHES]:
        command = [sys.executable, __file__, "--child", str(corpus), size, batch]
        command += ["--steps", str(args.steps), "--device", args.device]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
write_csv("pretraining_cost", rows, "torch", "h5py")
