"""Coverage of 90 % intervals on the target instrument, before and after transfer, n = 10.

Each split draws, at random, calibration samples (measured on the source), ten standards, ten
conformal samples and test samples, none in two roles. Width is that of finite intervals, over the
RMSEP of the same model (nan: all are infinite); ``below80`` is the share of deployments (split,
pair, property) that cover less than 80 % of their 20 (corn) or 440 test samples, ``risk`` Beta's.

    SPECTRALFM_DATA=folder python benchmarks/conformal.py [number of splits]
"""

import sys
import warnings
from collections import defaultdict

import numpy as np
from _provenance import write_csv
from sklearn.frozen import FrozenEstimator

from spectralfm.conformal import ConformalRegressor, conformal_quantile, undercoverage_risk
from spectralfm.datasets import fetch_corn, fetch_tablets
from spectralfm.transfer import CalibrationTransfer, PLSRegressionCV, RidgeDirectStandardization
from spectralfm.transfer import SlopeBiasCorrection as SlopeBias

N, PAIRS = 10, {"corn": [("m5", "mp6"), ("mp6", "m5")], "tablets": [("1", "2"), ("2", "1")]}


def samples(name, seed):
    """Return spectra by instrument, y, and rows: calibration, standards, conformal, test."""
    random, data = np.random.default_rng(seed), (fetch_corn if name == "corn" else fetch_tablets)()
    if name == "corn":
        return data.spectra, data.y, np.split(random.permutation(80), [40, 50, 60])
    rows = np.split(random.permutation(data.splits["test"]), [N, 2 * N])
    rows = [np.setdiff1d(data.splits["calibrate"], data.outliers), *rows]
    return {one: X[:, :520] for one, X in data.spectra.items()}, data.y, rows  # then it saturates


def deployments(S, T, y, rows):
    """Yield the name, and predictions with intervals of the test samples."""
    calibration, s, c, t = rows
    frozen = FrozenEstimator(PLSRegressionCV().fit(S[calibration], y[calibration]))
    one, both = ConformalRegressor(frozen), (np.vstack([S[c], T[c]]), np.vstack([y[c], y[c]]))
    yield "before: split, source samples", one.conformalize(S[c], y[c]).predict_interval(T[t])
    yield "before: split, target samples", one.conformalize(T[c], y[c]).predict_interval(T[t])
    yield "before: split, both pooled", one.conformalize(*both).predict_interval(T[t])
    one = ConformalRegressor(frozen, "mondrian").conformalize(*both, np.repeat(["S", "T"], N))
    yield "before: mondrian, both", one.predict_interval(T[t], np.repeat("T", len(t)))
    one = ConformalRegressor(frozen, "weighted").conformalize(S[c], y[c], X_target=T[s])
    yield "before: weighted, source samples", one.predict_interval(T[t])
    line = SlopeBias(frozen).fit(T[s], y[s])
    q, p = conformal_quantile(np.abs(y[s] - line.predict(T[s]))), line.predict(T[t])
    yield "after: slope/bias, split, same 10 (refused)", (p, np.stack([p - q, p + q], axis=-1))
    for method in ("full", "jackknife+", "cv+"):
        one = ConformalRegressor(SlopeBias(frozen), method).fit(T[s], y[s]).conformalize(T[s], y[s])
        yield f"after: slope/bias, {method}, same 10", one.predict_interval(T[t])
    ridge = CalibrationTransfer(frozen, RidgeDirectStandardization(), insert_at=0)
    for name, step in (("slope/bias", SlopeBias(frozen)), ("ridge DS", ridge)):
        one = ConformalRegressor(step).fit(T[s], y[s], X_source=S[s]).conformalize(T[c], y[c])
        yield f"after: {name}, split, 10 others", one.predict_interval(T[t])


n_splits, runs, table = int(sys.argv[1]) if sys.argv[1:] else 200, defaultdict(list), []
warnings.filterwarnings("ignore", message=".*infinite|Mean of empty slice")
for dataset, pairs in PAIRS.items():
    for seed in range(n_splits):
        spectra, y, rows = samples(dataset, seed)
        for source, target in pairs:
            for method, (p, ends) in deployments(spectra[source], spectra[target], y, rows):
                truth, wide = y[rows[-1]], np.ptp(ends, axis=-1)
                inside = ((ends[..., 0] <= truth) & (truth <= ends[..., 1])).mean(0)
                width = np.where(np.isinf(wide), np.nan, wide) / np.sqrt(((p - truth) ** 2).mean(0))
                runs[dataset, method].append((inside, np.isinf(wide).mean(0), np.nanmean(width, 0)))
for (dataset, method), values in runs.items():
    cover, infinite, width = np.moveaxis(np.array(values), 1, 0)
    row = {"dataset": dataset, "method": method, "n": N, "nominal": 0.9, "splits": n_splits}
    row |= {"coverage": f"{cover.mean():.3f}", "width": f"{np.nanmean(width):.2f}"}
    row |= {"infinite": f"{infinite.mean():.4f}", "below80": f"{(cover < 0.8 - 1e-9).mean():.3f}"}
    table.append(row | {"risk": f"{undercoverage_risk(N):.3f}"})
    print(*table[-1].values(), sep="\t")
print(write_csv("conformal", table, "numpy", "scikit-learn", "mapie"))
