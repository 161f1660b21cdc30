"""Time of PDS, DS and SST over chemotools, 30 standards x 700 channels, and how far they agree.

One thread, shortest of interleaved rounds. PDS windows are given by their half width as in both
packages: 5 and 12 are windows of 11 and 25 channels, 11 and 25 those of 23 and 51. ``faster`` is
the time of chemotools over ours; ``difference`` is the largest between corrected spectra.
100 spectra are transformed.

    python benchmarks/standardization.py
"""

from typing import Any

import chemotools.adaptation as theirs
import numpy as np
from _provenance import interleaved, write_csv
from scipy.ndimage import gaussian_filter1d
from threadpoolctl import threadpool_limits

from spectralfm import transfer as ours

ROUNDS = {"PDS": 9, "DS": 201, "SST": 201}
REPEATS = {"PDS": 200, "DS": 1, "SST": 1}
"""Fits of ours against one of chemotools: on a busy machine both calls must last equally long."""
NEEDED = {"PDS fit": 100.0, "DS fit": 1 / 1.2, "SST fit": 1 / 1.2}


def spectra(n_samples: int, seed: int, n_channels: int = 700) -> tuple[np.ndarray, np.ndarray]:
    """Return smooth mixtures of six components on a target and a source instrument."""
    pure = np.random.default_rng(0).normal(size=(6, n_channels))
    rng = np.random.default_rng(seed)
    source = 1.0 + rng.random((n_samples, 6)) @ gaussian_filter1d(pure, 20, axis=1)
    target = 0.95 * gaussian_filter1d(np.roll(source, 2, axis=1), 2, axis=1) + 0.05
    return target + 1e-4 * rng.normal(size=target.shape), source


def estimators() -> dict[tuple[str, str], tuple[Any, Any]]:
    pairs: dict[tuple[str, str], tuple[Any, Any]] = {}
    for half_width in (5, 11, 12, 25):
        for n_components in (1, 2, 3):
            setting = f"half width {half_width}, LVs {n_components}"
            pairs["PDS", setting] = (
                ours.PiecewiseDirectStandardization(half_width, n_components),
                theirs.PiecewiseDirectStandardization(half_width, n_components),
            )
    pairs["DS", "default"] = ours.DirectStandardization(), theirs.DirectStandardization()
    for n_components in (2, 10):
        pairs["SST", f"components {n_components}"] = (
            ours.SpectralSpaceTransformation(n_components),
            theirs.SpectralSpaceTransform(n_components),
        )
    return pairs


def measure(method: str, setting: str, our: Any, their: Any) -> list[dict[str, Any]]:
    X, X_source = spectra(30, seed=1)
    new = spectra(100, seed=2)[0]

    def fit_ours() -> None:
        for _ in range(REPEATS[method]):
            our.fit(X, X_source=X_source)

    fits = {"ours": fit_ours, "theirs": lambda: their.fit(X, X_source=X_source)}
    times = {"fit": interleaved(fits, ROUNDS[method])}
    times["fit"]["ours"] /= REPEATS[method]
    times["transform"] = interleaved(
        {"ours": lambda: our.transform(new), "theirs": lambda: their.transform(new)}, 201
    )
    difference = np.abs(our.transform(new) - their.transform(new)).max()
    return [
        {
            "method": method,
            "setting": setting,
            "step": step,
            "milliseconds": f"{1e3 * time['ours']:.3f}",
            "chemotools": f"{1e3 * time['theirs']:.3f}",
            "faster": f"{time['theirs'] / time['ours']:.2f}",
            "needed": f"{NEEDED.get(f'{method} {step}', float('nan')):.2f}",
            "difference": f"{difference:.1e}",
        }
        for step, time in times.items()
    ]


def main() -> None:
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        for (method, setting), (our, their) in estimators().items():
            rows += measure(method, setting, our, their)
            for row in rows[-2:]:
                print(*(f"{key}={value}" for key, value in row.items()))
    print(write_csv("standardization", rows, "numpy", "scipy", "scikit-learn", "chemotools"))


if __name__ == "__main__":
    main()
