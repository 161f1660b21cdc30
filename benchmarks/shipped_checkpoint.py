"""Pretrain the checkpoint that ships: the corpus that licences permit, then hours of one core.

Spectra come from SPECTRALFM_DATA. An interrupted run goes on where it was, bit for bit.

    SPECTRALFM_DATA=folder python benchmarks/shipped_checkpoint.py --run-dir run --steps 4000
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from spectralfm.datasets.corpora import NpzSource, build_corpus
from spectralfm.workflow import pretrain_on_corpus

GOVERNMENT, MIT = "US government work", "MIT"
SETS = {
    "ecostress_nir": ("pretrain/pretrain_ecostress_nir", "ECOSTRESS library, NASA/JPL"),
    "ecostress_mir": ("pretrain/pretrain_ecostress_mir", "ECOSTRESS library, NASA/JPL"),
    "usgs06_nir": ("pretrain/pretrain_usgs06_nir", GOVERNMENT),
    "usgs06_mir": ("pretrain/pretrain_usgs06_mir", GOVERNMENT),
    "usgs07_aviris": ("pretrain/pretrain_usgs07_aviris95_nir", GOVERNMENT),
    "earthlib": ("pretrain/pretrain_earthlib_nir", MIT),
    "spectrapepper": ("pretrain/pretrain_spectrapepper_raman", MIT),
    "charisma": ("transfer/raman_charisma_multi", MIT),
    "arcadia": ("transfer/raman_arcadia_algae", MIT),
    "nirsoil": ("labelled/nirsoil", MIT),
    "barley": ("labelled/barley_auroranir", "CC-BY-4.0"),
}
"""File and licence of every set. Corn, tablets, soil and the forensic pairs are for testing."""

EXCLUDED = {
    "earthlib": {"source": ["prosail", "nan"]},  # simulated, and of unknown origin
    "charisma": {"sample": ["Neon"]},  # a lamp
}


def main() -> None:
    """Build the corpus, pretrain, print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--size", default="small")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(os.environ["SPECTRALFM_DATA"])
    corpus = args.run_dir.with_suffix(".h5")
    if not corpus.exists():
        sources = [
            NpzSource(
                folder / f"{file}.npz", name=name, licence=licence, exclude=EXCLUDED.get(name)
            )
            for name, (file, licence) in SETS.items()
        ]
        print(build_corpus(corpus, sources))
    metrics = pretrain_on_corpus(
        corpus, args.run_dir, size=args.size, n_steps=args.steps, batch_size=args.batch_size,
        learning_rate=args.learning_rate, device="cpu", verbose=True,
    )  # fmt: skip
    print(metrics)


if __name__ == "__main__":
    main()
