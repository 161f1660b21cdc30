"""What a short pretraining on real spectra learns: masked error, expert loads, probes.

Masked error is that of hidden blocks of held-out spectra, beside a line between the neighbours of
each. Probes are linear, on samples that they were not fitted to: which of six simulated instruments
recorded a spectrum (accuracy), and the chemistry (R2 of four principal components of the spectra
before the instrument), each from both latents. One thread; SPECTRALFM_DATA names the data.

    python benchmarks/pretraining.py --steps 600 --sets earthlib_nir ecostress_mir
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _pretraining_sets import SETS, load, take
from _provenance import write_csv
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm._net import isolated
from spectralfm.foundation import SpectraGroup, pretrain
from spectralfm.foundation._pretraining_losses import BLOCK
from spectralfm.foundation._simulated_views import MODALITIES as KINDS
from spectralfm.losses import block_mask
from spectralfm.losses.masked import hidden_channels
from spectralfm.nn.embedding import MODALITIES
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.simulation import InstrumentSimulator

N_INSTRUMENTS = 6


@torch.no_grad()
def masked_error(encoder: SpectralEncoder, group: SpectraGroup) -> dict[str, float]:
    """Return mean squared errors of hidden patches, in units of each spectrum's deviation."""
    x, axis = torch.tensor(group.X, dtype=torch.float32), torch.tensor(group.wavenumbers)
    embed, kind = encoder.embed, torch.tensor(MODALITIES.index(group.modality))
    with isolated(1):
        mask = block_mask(embed.n_tokens, 0.4, n_spectra=len(x), block=BLOCK)
    encoding = encoder(x, axis, kind, mask)
    hidden = hidden_channels(mask, embed.patch, embed.stride) & embed.grid(x, axis).measured
    counted = embed.patches(hidden) & mask.unsqueeze(2)
    values, seen = embed.patches(encoding.spectra.values), embed.patches(encoding.spectra.seen)

    def error(patches: torch.Tensor) -> torch.Tensor:
        return ((patches - values).square() * counted).sum((1, 2)) / counted.sum((1, 2))

    network, line = error(encoder.reconstruct(encoding)), error(seen)
    return {
        "masked_over_line": float(network.mean() / line.mean()),
        "median_over_line": float((network / line.clamp(min=1e-9)).median()),
        "least_load": float(encoder.moe.last_load.min()),
    }


@torch.no_grad()
def probes(encoder: SpectralEncoder, group: SpectraGroup) -> dict[str, float]:
    """Read instrument and chemistry from both latents; the mean over three sets of instruments."""
    x, axis = torch.tensor(group.X, dtype=torch.float32), torch.tensor(group.wavenumbers)
    kind, scores = torch.tensor(MODALITIES.index(group.modality)), []
    own = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
    left, sizes, _ = torch.linalg.svd(own - own.mean(0), full_matrices=False)
    for draw in range(3):
        generator = torch.Generator().manual_seed(draw)
        simulator = InstrumentSimulator(modality=KINDS[group.modality])
        instruments = simulator.sample_instruments(N_INSTRUMENTS, generator)
        label = torch.randint(N_INSTRUMENTS, (3, len(x)), generator=generator)
        latents = [
            encoder(simulator.apply(x, axis, instruments[one], generator), axis, kind).latents
            for one in label
        ]
        y, chemistry = label.flatten().numpy(), (left[:, :4] * sizes[:4]).repeat(3, 1).numpy()
        fit = np.tile(np.arange(len(x)) < len(x) // 2, 3)
        for name in ("inst_mean", "chem_mean"):
            z = torch.cat([getattr(latent, name) for latent in latents]).numpy()
            classify = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=300))
            scores.append(classify.fit(z[fit], y[fit]).score(z[~fit], y[~fit]))
            regress = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 5, 12)))
            missed = regress.fit(z[fit], chemistry[fit]).predict(z[~fit]) - chemistry[~fit]
            scores.append(1 - (missed**2).sum() / (chemistry[~fit] ** 2).sum())
    names = ("instrument_from_inst", "chemistry_from_inst", "instrument_from_chem",
             "chemistry_from_chem")  # fmt: skip
    return dict(zip(names, np.reshape(scores, (3, 4)).mean(0), strict=True))


def main() -> None:
    """Pretrain, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--d-model", type=int, default=64)
    parser.add_argument("--n-grid", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    groups = [load(name) for name in args.sets]
    orders = [np.random.default_rng(0).permutation(len(group.X)) for group in groups]
    held = [min(len(order) // 5, 300) for order in orders]
    with isolated(0):
        encoder = SpectralEncoder(
            args.d_model, 2, n_transformer_layers=1, n_heads=4, n_chem=32, n_inst=16,
            fno_modes=16, fno_width=16, fno_layers=2, n_grid=args.n_grid,
        )  # fmt: skip
    start = time.process_time()
    training = [take(g, order[n:]) for g, order, n in zip(groups, orders, held, strict=True)]
    fit = pretrain(
        training, encoder, max_steps=args.steps, batch_size=32,
        learning_rate=args.learning_rate, ema_decay=0.99, validation=0.02, random_state=0,
    )  # fmt: skip
    seconds = time.process_time() - start
    for record in fit.history[:: max(len(fit.history) // 5, 1)]:
        print({name: round(value, 3) for name, value in record.items() if "valid" not in name})
    table = []
    for name, group, order, n in zip(args.sets, groups, orders, held, strict=True):
        rest = take(group, order[:n])
        measures = masked_error(encoder, rest) | probes(encoder, rest)
        row = {key: f"{value:.3f}" for key, value in measures.items()}
        table.append({"set": name, "steps": args.steps, "cpu_seconds": f"{seconds:.0f}", **row})
        print(table[-1], flush=True)
    write_csv("pretraining", table, "torch")


if __name__ == "__main__":
    main()
