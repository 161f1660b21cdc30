r"""What a short pretraining on real spectra learns: masked error, expert loads, probes.

Masked error is that of hidden blocks of held-out spectra, beside a line between the neighbours of
each. Probes are linear, on samples that they were not fitted to: which of six simulated instruments
recorded a spectrum (accuracy), and the chemistry (R2 of four principal components of the spectra
before the instrument), each from both latents. One thread; SPECTRALFM_DATA names the data.

    python benchmarks/pretraining.py --steps 450 --learning-rate 0.005 --seeds 0 1 \
        --sets earthlib_nir ecostress_mir
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _pretraining_sets import SETS, load, take
from _probes import masked_error, simulated_instruments
from _provenance import write_csv

from spectralfm._net import isolated
from spectralfm.foundation import SpectraGroup, pretrain
from spectralfm.nn.encoder import SpectralEncoder


def pretrained(
    training: list[SpectraGroup], args: argparse.Namespace, seed: int
) -> tuple[SpectralEncoder, float]:
    """Pretrain a small encoder; return it and the seconds of the CPU."""
    with isolated(seed):
        encoder = SpectralEncoder(
            args.d_model, 2, n_transformer_layers=1, n_heads=4, n_chem=32, n_inst=16,
            fno_modes=16, fno_width=16, fno_layers=2, n_grid=args.n_grid, n_components=32,
        )  # fmt: skip
    start = time.process_time()
    fit = pretrain(
        training, encoder, max_steps=args.steps, batch_size=32,
        learning_rate=args.learning_rate, ema_decay=0.99, validation=0.02, random_state=seed,
    )  # fmt: skip
    for record in fit.history[:: max(len(fit.history) // 5, 1)]:
        print({name: round(value, 3) for name, value in record.items() if "valid" not in name})
    return encoder, time.process_time() - start


def main() -> None:
    """Pretrain, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--d-model", type=int, default=64)
    parser.add_argument("--n-grid", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    torch.set_num_threads(1)
    groups = [load(name) for name in args.sets]
    orders = [np.random.default_rng(0).permutation(len(group.X)) for group in groups]
    held = [min(len(order) // 5, 300) for order in orders]
    training = [take(g, order[n:]) for g, order, n in zip(groups, orders, held, strict=True)]
    table = []
    for seed in args.seeds:
        encoder, seconds = pretrained(training, args, seed)
        for name, group, order, n in zip(args.sets, groups, orders, held, strict=True):
            rest = take(group, order[:n])
            measures = masked_error(encoder, rest) | simulated_instruments(encoder, rest)
            row = {key: f"{value:.3f}" for key, value in measures.items()}
            run = {"steps": args.steps, "seed": seed, "cpu_seconds": f"{seconds:.0f}"}
            table.append({"set": name, **run, **row})
            print(table[-1], flush=True)
    write_csv("pretraining", table, "torch")


if __name__ == "__main__":
    main()
