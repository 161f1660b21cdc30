"""What the shipped checkpoint knows, of sets that it was not trained on: four tables.

checkpoint_masked: error of hidden patches over that of a line between neighbours, and the same of
the principal components of the other half of each set, as many as the chemistry latent has
dimensions: they know the set, the checkpoint does not. checkpoint_chemistry: R2 of ridges on
latents, features, principal components and spectra of labelled sets. checkpoint_instruments: how
often a linear classifier names the instrument, simulated (of six) or real, from either latent.
checkpoint_operator: error of spectra written as another instrument records them, over the
difference between both instruments.

    SPECTRALFM_DATA=folder python benchmarks/checkpoint.py
"""

import argparse
import os
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _labelled import LABELLED, labelled
from _pretraining_sets import load, take
from _probes import chemistry_r2, instrument_accuracy, masked_error, simulated_instruments
from _provenance import write_csv
from _real_pairs import real_pairs
from sklearn.decomposition import PCA

from spectralfm.checkpoint import build_module, load_weights
from spectralfm.foundation import SpectraGroup, SpectralFMEncoder, SpectralFMStandardizer
from spectralfm.model_selection import kennard_stone
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.transfer import MeanShift

UNLABELLED = "rruff_ir", "ramanbiolib", "chemicals_raman_portable"
MASKED = (
    "cassava_ikeogu", "wheat_ohpl", "tablets_dyrby_nir", "fruit_purees_mir", "fresh_meats_mir",
    "tablets_dyrby_raman", *UNLABELLED,
)  # fmt: skip
INSTRUMENTS = "cassava_ikeogu", "tablets_dyrby_nir", "fruit_purees_mir", "chemicals_raman_portable"
MOST = 200


def halves(name: str) -> tuple[SpectraGroup, SpectraGroup]:
    """Return up to 200 spectra of a set, and others of it, on wavenumbers."""
    if name in UNLABELLED:
        group = load(name)
    else:
        X, _, where = labelled(name)
        axis = where["wavenumbers"] if "wavenumbers" in where else 1e7 / where["wavelengths"]
        group = SpectraGroup(X, axis, where["modality"])
    order = np.random.default_rng(0).permutation(len(group.X))[: 2 * MOST]
    half = len(order) // 2
    return take(group, order[:half]), take(group, order[half:])


def chemistry(checkpoint: str) -> Iterator[dict]:
    for name in LABELLED:
        X, Y, where = labelled(name)
        read = {
            output: SpectralFMEncoder(checkpoint, output=output, **where).fit_transform(X)
            for output in ("chem", "features")
        }
        n_components = min(read["chem"].shape[1], len(X) * 4 // 5 - 1)
        read |= {f"PCA {n_components}": PCA(n_components).fit_transform(X), "spectra": X}
        scores = {what.split()[0]: f"{chemistry_r2(Z, Y):.3f}" for what, Z in read.items()}
        yield {"set": name, "n": len(X), "n_components": n_components, **scores}


def masked(encoder: SpectralEncoder) -> Iterator[dict]:
    for name in MASKED:
        held, known = halves(name)
        errors = masked_error(encoder, held, known)
        row = {"set": name, "modality": held.modality, "n": len(held.X)}
        yield row | {key: f"{value:.3f}" for key, value in errors.items()}


def instruments(checkpoint: str, encoder: SpectralEncoder) -> Iterator[dict]:
    for name in INSTRUMENTS:
        read = simulated_instruments(encoder, halves(name)[0])
        for latent in ("inst", "chem"):
            yield {"set": f"simulated, {name}", "latent": latent, "chance": "0.167",
                   "accuracy": f"{read[f'instrument_from_{latent}']:.3f}"}  # fmt: skip
    for name, wavelengths, spectra in real_pairs("corn", "tablets", "soil", "forensic_K"):
        for latent in ("inst", "chem"):
            model = SpectralFMEncoder(checkpoint, wavelengths=wavelengths, output=latent)
            Z = [model.fit_transform(X) for X in spectra.values()]
            half = len(Z[0]) // 2
            fit, new = (np.concatenate([z[rows] for z in Z])
                        for rows in (slice(half), slice(half, None)))  # fmt: skip
            labels = (np.repeat([0, 1], half), np.repeat([0, 1], len(Z[0]) - half))
            accuracy = instrument_accuracy(fit, labels[0], new, labels[1])
            yield {"set": f"{name}, {' and '.join(spectra)}", "latent": latent, "chance": "0.5",
                   "accuracy": f"{accuracy:.3f}"}  # fmt: skip


def operator(checkpoint: str) -> Iterator[dict]:
    for name, wavelengths, spectra in real_pairs("corn", "tablets", "forensic_K", "forensic_T"):
        for source, target in (tuple(spectra), tuple(spectra)[::-1]):
            X_source, X = spectra[source], spectra[target]
            order = kennard_stone(X, 10)
            left = np.setdiff1d(np.arange(len(X)), order)
            for n in (3, 5, 10):
                rows, row = order[:n], {"set": name, "from": target, "to": source, "standards": n}
                models = {
                    "mean_shift": MeanShift(),
                    "operator": SpectralFMStandardizer(checkpoint, wavelengths=wavelengths),
                    "untrained": SpectralFMStandardizer(
                        None, wavelengths=wavelengths, random_state=0
                    ),
                }
                size = np.square(X[left] - X_source[left]).sum()
                for method, model in models.items():
                    moved = model.fit(X[rows], X_source=X_source[rows]).transform(X[left])
                    row[method] = f"{(np.square(moved - X_source[left]).sum() / size) ** 0.5:.3f}"
                yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", default="small")
    args = parser.parse_args()
    torch.set_num_threads(1)
    encoder = build_module(SpectralEncoder, load_weights(args.checkpoint)).eval()
    tables = {
        "masked": list(masked(encoder)),
        "chemistry": list(chemistry(args.checkpoint)),
        "instruments": list(instruments(args.checkpoint, encoder)),
        "operator": list(operator(args.checkpoint)),
    }
    for name, table in tables.items():
        for row in table:
            print(row)
        print(write_csv(f"checkpoint_{name}", table, "torch", "scikit-learn"))


if __name__ == "__main__":
    main()
