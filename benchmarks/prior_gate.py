"""How much of the differences between real instruments priors know, and what knowing it is worth.

Shares of target minus source in the first k directions of a prior's covariance, or in what k
standards differ by, the first in Kennard-Stone order, for all samples but the first 10: ``plain``,
and ``whitened`` by (S + c I)^-1/2, where calibrations look; S is the covariance of all source
spectra, c is 1e-4 of its mean diagonal. ``mean`` is the share of the mean difference, ``samples``
that of what differs from sample to sample. Priors saw the source spectra alone.

Scores: RMSEP without any target spectrum over that of a full recalibration, as in ``transfer.py``:
see ``_no_target.py``.

    SPECTRALFM_DATA=folder python benchmarks/prior_gate.py [--checkpoint weights.safetensors]
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from _no_target import no_target_errors
from _provenance import write_csv
from _real_pairs import real_pairs
from _scores import print_table, score_rows

from spectralfm.foundation import InstrumentPrior
from spectralfm.model_selection import kennard_stone

SETS = "corn", "tablets", "soil", "forensic_K", "forensic_T"
COUNTS, RIDGE = (3, 5, 10), 1e-4


def whitening(X: np.ndarray) -> np.ndarray:
    """Return (S + c I)^-1/2, (n_channels, n_channels)."""
    S = np.cov(X.T)
    values, vectors = np.linalg.eigh(S)
    return vectors / np.sqrt(values.clip(0) + RIDGE * np.trace(S) / len(S)) @ vectors.T


def share(D: np.ndarray, rows: np.ndarray, k: int) -> float:
    """Return how much of D (n, n_channels) lies in the first k directions of rows."""
    V = np.linalg.svd(rows, full_matrices=False)[2][:k]
    return np.square(D @ V.T).sum() / np.square(D).sum()


def shares(priors: dict[str, Callable[..., InstrumentPrior]]) -> Iterator[dict]:
    for name, wavelengths, spectra in real_pairs(*SETS):
        for source, target in (tuple(spectra), tuple(spectra)[::-1]):
            X, D = spectra[source], spectra[target] - spectra[source]
            standards = kennard_stone(X, max(COUNTS))
            left = np.setdiff1d(np.arange(len(X)), standards)
            factors = {
                kind: make(wavelengths=wavelengths).covariance(X) for kind, make in priors.items()
            }
            spaces = {"plain": np.eye(X.shape[1]), "whitened": whitening(X)}
            for kind in ("standards", *factors):
                for k in COUNTS:
                    rows = D[standards[:k]] if kind == "standards" else factors[kind]
                    row = {"set": name, "source": source, "target": target, "of": kind, "k": k}
                    for space, W in spaces.items():
                        rest = D[left] @ W
                        mean = rest.mean(0, keepdims=True)
                        for part, A in (("mean", mean), ("samples", rest - mean), ("all", rest)):
                            row[f"{space}_{part}"] = f"{share(A, rows @ W, k):.3f}"
                    yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", help="weights of an encoder, for the learned prior")
    parser.add_argument("--splits", type=int, default=5)
    arguments = parser.parse_args()
    kinds = ["simulator", "physics"] + ["learned"] * (arguments.checkpoint is not None)
    common = {"checkpoint": arguments.checkpoint, "random_state": 0}
    priors = {kind: partial(InstrumentPrior, kind, **common) for kind in kinds}
    found = list(shares(priors))
    for row in [found[0].keys(), *(row.values() for row in found)]:
        print(*(f"{cell!s:<14}" for cell in row))
    print(write_csv("prior_gate_shares", found, "numpy", "torch"))

    errors = list(no_target_errors(priors, arguments.checkpoint, arguments.splits))
    scores = score_rows(errors)
    print_table(scores, list(dict.fromkeys(row["method"] for row in errors)))
    print(write_csv("prior_gate_scores", scores, "numpy", "torch", "scikit-learn"))


if __name__ == "__main__":
    main()
