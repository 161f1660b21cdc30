"""How much of the differences between real instruments priors know, and what knowing it is worth.

Shares of target minus source in the first k directions of a prior's covariance, or in what k
standards differ by, the first in Kennard-Stone order, for all samples but the first 10: ``plain``,
and ``whitened`` by (S + c I)^-1/2, where calibrations look; S is the covariance of all source
spectra, c is 1e-4 of its mean diagonal. ``mean`` is the share of the mean difference, ``samples``
that of what differs from sample to sample. Priors saw the source spectra alone.

Scores: RMSEP without any target spectrum over that of a full recalibration, as in ``transfer.py``,
of PLS, the averaged ridge of `DifferencePenalizedRidge` without prior and with each and, with
``--checkpoint``, a ridge on every output of the encoder.

    SPECTRALFM_DATA=folder python benchmarks/prior_gate.py [--checkpoint weights.safetensors]
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from _protocol import Task, tasks
from _provenance import write_csv
from _real_pairs import real_pairs
from _scores import print_table, score_rows
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm.datasets import fetch_corn, fetch_tablets
from spectralfm.foundation import InstrumentPrior, SpectralFMEncoder
from spectralfm.metrics import rmsep
from spectralfm.model_selection import kennard_stone
from spectralfm.transfer import DifferencePenalizedRidge, PLSRegressionCV

SETS = "corn", "tablets", "soil", "forensic_K", "forensic_T"
COUNTS, RIDGE, OUTPUTS = (3, 5, 10), 1e-4, ("chem", "tokens", "reconstruction")
PENALTIES = np.logspace(-3, 5, 17)


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


def calibrations(task: Task, nm: np.ndarray, priors: dict, checkpoint: str | None) -> dict:
    """Return calibrations that saw the source alone, and the full recalibration."""
    found = {"PLS": task.source_model}
    for kind in ("no", *priors):
        prior = priors[kind](wavelengths=nm).covariance(task.X) if kind in priors else None
        ridge = DifferencePenalizedRidge(prior=prior)
        found[f"ridge, {kind} prior"] = ridge.fit(task.X, task.y)
    for output in OUTPUTS if checkpoint else ():
        encoder = SpectralFMEncoder(checkpoint, wavelengths=nm, output=output)
        ridge = make_pipeline(encoder, StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        found[f"ridge on {output}"] = ridge.fit(task.X, task.y)
    return found | {"full recalibration": PLSRegressionCV().fit(task.X_target, task.y)}


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

    axes = {"corn": fetch_corn().wavelengths, "tablets": fetch_tablets().wavelengths[:520]}
    axes["soil"] = next(real_pairs("soil"))[1]
    errors = []
    for dataset, wavelengths in axes.items():
        for task in tasks(dataset, arguments.splits):
            models = calibrations(task, wavelengths, priors, arguments.checkpoint)
            for name, model in models.items():
                predicted = model.predict(task.X_test).reshape(task.y_test.shape)
                row = {"group": task.group, "method": name, "n": 0, "seed": task.seed}
                row |= {"source": task.source, "target": task.target}
                for p, y_name in enumerate(task.properties):
                    error = rmsep(task.y_test[:, p], predicted[:, p])
                    errors.append(row | {"property": y_name, "rmsep": error})
    scores = score_rows(errors)
    print_table(scores, list(dict.fromkeys(row["method"] for row in errors)))
    print(write_csv("prior_gate_scores", scores, "numpy", "torch", "scikit-learn"))


if __name__ == "__main__":
    main()
