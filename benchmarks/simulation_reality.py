"""How much of what real pairs of instruments differ by, the effects of the simulator explain.

What each effect changes in the source spectra is fitted by slightly penalised least squares to
target minus source on half of the samples, one set of coefficients for all, and evaluated on the
other half; 5 random halves. ``mean`` is the share of the mean difference, ``samples`` that of what
differs from sample to sample: mostly how a sample lay there, its path length and baseline. These
(``scans``) are fitted to every spectrum itself: theirs is the share they could explain. ``rest_``
are shares of what they leave, where calibrations look. ``chemistry``, 6 principal components of the
source fitted likewise, is no instrument's effect: another aliquot, or lost moisture. ``rms_`` are
root mean squares in thousandths of an absorbance unit, ``n`` counts parameters.

    SPECTRALFM_DATA=folder python benchmarks/simulation_reality.py
"""

import dataclasses
from itertools import product

import numpy as np
import torch
from _provenance import write_csv
from _real_pairs import real_pairs

from spectralfm.simulation import InstrumentSimulator
from spectralfm.simulation._priors import PRIORS

STEP, PENALTY, N_HALVES, SCANS = 0.3, 1e-4, 5, ("path_length", "baseline")
NUMBERS = "rms_mean", "rms_samples", "rms_rest", "mean", "samples", "rest_mean", "rest_samples"
PLACES = {"junction": range(700, 2500, 100), "fringe_period": (30, 55, 100, 170, 300)}


def changes(wavelengths: np.ndarray, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return what every parameter changes: effect to (n_samples, n_channels, n_parameters)."""
    simulator, generator = InstrumentSimulator(amplitude=0), torch.Generator()
    ideal = simulator.sample_instruments(1, generator)
    x, axis = torch.tensor(X), torch.tensor(1e7 / wavelengths)
    found: dict[str, list[np.ndarray]] = {}
    for name, prior in PRIORS.items():
        if prior.kind == "place" or prior.effect in (*SCANS, "noise") or not prior.nir:
            continue
        place = {"stitching": "junction", "fringes": "fringe_period"}.get(prior.effect, "shift")
        n = 1 if place in PLACES else prior.n or 1
        for k, where in product(range(n), PLACES.get(place, (0,))):
            change = {place: torch.full_like(getattr(ideal, place), where)}
            change[name] = torch.zeros_like(getattr(ideal, name))
            change[name].view(1, -1)[0, k] = STEP * prior.bounds("nir")[1]
            recorded = simulator.apply(x, axis, dataclasses.replace(ideal, **change), generator)
            found.setdefault(prior.effect, []).append((recorded - x).numpy())
    return {effect: np.stack(columns, -1) for effect, columns in found.items()}


def without(A: np.ndarray, J: np.ndarray) -> np.ndarray:
    """Remove from each sample's (n_channels, ...) what its own J (n_channels, k) explains."""
    Q = np.linalg.qr(J)[0]
    return A - (Q @ (Q.mT @ A.reshape(*J.shape[:2], -1))).reshape(A.shape)


def shares(J: np.ndarray, D: np.ndarray) -> list[float]:
    """Return the explained shares of the mean and of the samples' difference in other halves."""
    left, total = np.zeros((2, 2))
    for seed in range(N_HALVES):
        halves = np.array_split(np.random.default_rng(seed).permutation(len(D)), 2)
        means = [a[half].mean(0, keepdims=True) for half in halves for a in (J, D)]
        samples = [a[half] - a[half].mean(0) for half in halves for a in (J, D)]
        for part, (j, d, j_new, d_new) in enumerate((means, samples)):
            j = j.reshape(-1, j.shape[-1])
            shrunk = j.T @ j + PENALTY * (d**2).sum() * np.eye(j.shape[1])
            left[part] += ((d_new - j_new @ np.linalg.solve(shrunk, j.T @ d.ravel())) ** 2).sum()
            total[part] += (d_new**2).sum()
    return list(1 - left / total)


def own_shares(J: np.ndarray, D: np.ndarray) -> list[float]:
    """Return the shares that are explained if every spectrum has its own coefficients."""
    parts = (J.mean(0, keepdims=True), D.mean(0, keepdims=True)), (J, D - D.mean(0))
    return [1 - (without(d, j) ** 2).sum() / (d**2).sum() for j, d in parts]


def main() -> None:
    rows = []
    for name, wavelengths, spectra in real_pairs("corn", "tablets", "forensic_K", "forensic_T"):
        (source, X), (other, target) = spectra.items()
        name = f"corn {source}-{other}" if name == "corn" else name
        D, place = target - X, (wavelengths - 1600) / 900
        terms = np.polynomial.legendre.legvander(place, 2), np.linalg.svd(X - X.mean(0))[2][:6].T
        line, chemistry = (np.broadcast_to(t, (*X.shape, t.shape[1])) for t in terms)
        own = {"path_length": np.stack([X, X * place[None]], -1), "baseline": line}
        own |= {"scans": np.concatenate([*own.values()], -1), "chemistry": chemistry}
        J, rest = changes(wavelengths, X), without(D, own["scans"])
        J["all"] = np.concatenate([*J.values()], -1)
        rms = [1e3 * np.sqrt((d**2).mean()) for d in (D.mean(0), D - D.mean(0), rest)]
        for effect, j in (own | J).items():
            explained = own_shares if effect in own else shares
            found = rms + explained(j, D)
            if effect not in (*SCANS, "scans"):
                found += explained(without(j, own["scans"]), rest)
            row = {"pair": name, "effect": effect, "n": j.shape[-1]} | dict.fromkeys(NUMBERS, "")
            rows.append(row | dict(zip(NUMBERS, (f"{v:.3f}" for v in found), strict=False)))
            print(*rows[-1].values())
    print(write_csv("simulation_reality", rows, "numpy", "torch"))


if __name__ == "__main__":
    main()
