"""What the guard says of spectra of the same instrument, of others, and of other samples.

Every split calibrates on some samples of one instrument and asks about others: as that instrument
records them, as the others do, with a band added to each (height 3, 10 and 30 % of the mean
spectrum's range, times 0.5 to 1.5), and about other products from sets of single instruments,
resampled. ``error`` is the RMS over properties of the source model's errors, each over its RMSEP
on the same instrument, median of the spectra that are flagged and of those that are not;
``rank_correlation`` is that of score and error. Standards are eight of the test samples, left out
of the test. The forensic sets have no reference values.

    SPECTRALFM_DATA=folder python benchmarks/applicability.py [number of splits] [encoder]

With "encoder" a guard with the latents of the encoder is tried as well.
"""

import sys
import warnings
from collections.abc import Iterator

import numpy as np
from _labelled import labelled
from _provenance import write_csv
from _real_pairs import _npz, real_pairs
from scipy.stats import spearmanr

from spectralfm.applicability import FLAGS, InstrumentGuard
from spectralfm.axis import resample
from spectralfm.datasets import fetch_corn, fetch_tablets
from spectralfm.transfer import PLSRegressionCV, Standards

ALPHA, N_STANDARDS, N_PRODUCT = 0.05, 8, 25
PRODUCTS = ("wheat_ohpl", "dough_cookies", "cassava_tbc", "cassava_ikeogu", "nirsoil", "mayonnaise")
SOURCES = {"corn": ("m5", "mp6"), "tablets": ("1", "2"), "soil": ("dry",)}
SIZES = {
    "corn": (50, 30),
    "tablets": (150, 60),
    "soil": (50, 50),
    "forensic_K": (50, 38),
    "forensic_T": (40, 30),
}
ENCODER = sys.argv[2:] == ["encoder"]
N_SPLITS = int(sys.argv[1]) if sys.argv[1:] else 5
warnings.filterwarnings("ignore", message=".*cannot flag anything")

Cases = dict[str, tuple[np.ndarray, np.ndarray | None]]


def sets() -> Iterator[tuple[str, np.ndarray, dict[str, np.ndarray], np.ndarray | None]]:
    """Yield name, wavelengths, spectra by instrument and values."""
    corn, tablets, soil = fetch_corn(), fetch_tablets(), _npz("soil_moisture")
    yield "corn", corn.wavelengths, {k: corn.spectra[k] for k in SOURCES["corn"]}, corn.y
    rows = np.setdiff1d(np.arange(len(tablets.y)), tablets.outliers)
    spectra = {name: X[rows, :520] for name, X in tablets.spectra.items()}  # then it saturates
    yield "tablets", tablets.wavelengths[:520], spectra, tablets.y[rows]
    spectra = {name: X[:, 100:2100:4] for name, X in soil.spectra.items()}
    yield "soil", soil.wavelengths[100:2100:4], spectra, soil.y
    for name, axis, spectra in real_pairs("forensic_K", "forensic_T"):
        yield name, axis, spectra, None


def products(axis: np.ndarray, random: np.random.Generator) -> Cases:
    """Return some spectra of each other product whose axis covers this one."""
    found = {}
    for name in PRODUCTS:
        X, _, place = labelled(name)
        given = place["wavelengths"]
        if given.min() <= axis.min() and given.max() >= axis.max():
            some = X[random.permutation(len(X))[:N_PRODUCT]]
            found[f"product {name}"] = (resample(some, given, axis), None)
    return found


def banded(X: np.ndarray, axis: np.ndarray, height: float, random: np.random.Generator):
    """Return spectra with the same band of uneven height added to each."""
    centre, width = random.uniform(axis.min(), axis.max()), random.uniform(20, 80)
    band = np.exp(-4 * np.log(2) * ((axis - centre) / width) ** 2)
    level = height * np.ptp(X.mean(axis=0)) * random.uniform(0.5, 1.5, (len(X), 1))
    return X + level * band


def errors_of(model: PLSRegressionCV | None, X, y, unit) -> np.ndarray:
    """Return errors of the spectra (n,) over the RMSEP on the same instrument."""
    if model is None or y is None:
        return np.full(len(X), np.nan)
    return np.sqrt((((model.predict(X) - y) / unit) ** 2).mean(axis=1))


def questions(axis, spectra, y, source, test, random) -> Cases:
    """Return spectra to ask about, by name of the case, with their values."""
    known = None if y is None else y[test]
    cases = {"same": (spectra[source][test], known)}
    cases |= {f"instrument {k}": (X[test], known) for k, X in spectra.items() if k != source}
    for height in (0.03, 0.1, 0.3):
        cases[f"band {height:g}"] = (banded(spectra[source][test], axis, height, random), known)
    return cases | products(axis, random)


def guards(axis, spectra, y, source, calibration, standards, seed):
    """Yield name and fitted guard."""
    make, X = {"alpha": ALPHA, "wavelengths": axis, "random_state": seed}, spectra[source]
    yield "spectra", InstrumentGuard(**make).fit(X[calibration])
    if y is not None:
        guard = InstrumentGuard(PLSRegressionCV(), **make)
        yield "PLS", guard.fit(X[calibration], y[calibration])
    if ENCODER:
        yield "encoder", InstrumentGuard(checkpoint="small", **make).fit(X[calibration])
    for target in spectra:
        if target != source:
            pairs = Standards(X[standards], spectra[target][standards])
            guard = InstrumentGuard(**make).fit(X[calibration], standards=pairs)
            yield f"standards {target}", guard


def ask(name, axis, spectra, y) -> list[dict]:
    """Return a row a source, guard, case and split of a set."""
    rows = []
    n_calibration, n_test = SIZES[name]
    for seed in range(N_SPLITS):
        random = np.random.default_rng(seed)
        order = random.permutation(len(next(iter(spectra.values()))))
        calibration, test = np.split(order[: n_calibration + n_test], [n_calibration])
        standards, test = np.split(test, [N_STANDARDS])
        for source in SOURCES.get(name, spectra):
            model, unit = None, None
            if y is not None:
                X = spectra[source]
                model = PLSRegressionCV().fit(X[calibration], y[calibration])
                unit = np.sqrt(((model.predict(X[test]) - y[test]) ** 2).mean(axis=0))
            cases = questions(axis, spectra, y, source, test, random)
            for word, guard in guards(axis, spectra, y, source, calibration, standards, seed):
                for case, (S, known) in cases.items():
                    report, error = guard.report(S), errors_of(model, S, known, unit)
                    row = {"dataset": name, "source": source, "guard": word, "case": case}
                    rows.append(row | {"report": report, "error": error})
    return rows


def table(rows: list[dict]) -> list[dict]:
    """Return shares of flags, of spectra and of groups, over the splits."""
    names = ("dataset", "source", "guard", "case")
    together: dict[tuple, list[dict]] = {}
    for row in rows:
        together.setdefault(tuple(row[name] for name in names), []).append(row)
    found = []
    for key, some in together.items():
        flags = np.concatenate([r["report"].spectra["flag"] for r in some])
        scores = np.concatenate([r["report"].spectra["score"] for r in some])
        error = np.concatenate([r["error"] for r in some])
        line = dict(zip(names, key, strict=True))
        line |= {"alpha": ALPHA, "splits": len(some), "spectra": len(flags)}
        for flag, word in FLAGS.items():
            line[word] = f"{np.mean(flags == flag):.3f}"
        for flag, word in FLAGS.items():
            line[f"group {word}"] = f"{np.mean([r['report'].group_flag == flag for r in some]):.2f}"
        for word, chosen in (("not flagged", flags > 0), ("flagged", flags < 0)):
            median = np.median(error[chosen]) if chosen.any() else np.nan
            line[f"error {word}"] = "" if np.isnan(median) else f"{median:.2f}"
        known = np.isfinite(error).all()
        line["rank_correlation"] = f"{spearmanr(scores, error)[0]:.2f}" if known else ""
        found.append(line)
        print(*line.values(), sep="\t")
    return found


found: list[dict] = []
for one in sets():
    found += table(ask(*one))
    path = write_csv("applicability", found, "numpy", "scikit-learn", "chemotools", "torch")
print(path)
