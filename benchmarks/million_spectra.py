"""Predict a million spectra on disk: speed and peak memory of `spectralfm.predict_batches`.

    python benchmarks/million_spectra.py

writes a memmap of 1,000,000 x 256 float32 (1 GB) to a temporary folder, predicts it with a linear
model and with the default of the foundation model, each for half a minute of the processor at most,
and writes ``benchmarks/results/million_spectra.csv``. One thread. Each row is of a process of its
own, so that its peak memory is its own; ``before_mb`` is the peak before the first batch, with
model and packages loaded.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from _provenance import write_csv

from spectralfm import predict_batches
from spectralfm.datasets import make_instrument_pair

N_CHANNELS = 256
MODELS = ("PLSRegressionCV", "SpectralFMRegressor")


def write_spectra(path: Path, n: int) -> None:
    """Write n spectra: those of the calibration in random mixtures, with noise."""
    pair = make_instrument_pair(80, N_CHANNELS, random_state=1)
    X, rng = pair.spectra["target"], np.random.default_rng(0)
    header = {"descr": "<f4", "fortran_order": False, "shape": (n, N_CHANNELS)}
    with path.open("wb") as file:  # not by a memmap: its pages would count as this process's memory
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, n, 10_000):
            rows = min(10_000, n - start)
            first, second = X[rng.integers(80, size=rows)], X[rng.integers(80, size=rows)]
            share = rng.random((rows, 1))
            noise = 1e-4 * rng.standard_normal((rows, N_CHANNELS), dtype=np.float32)
            file.write((share * first + (1 - share) * second + noise).astype("<f4").tobytes())


def calibrated(name: str):
    """Return a model of the first component, for 1100 to 2500 nm."""
    pair = make_instrument_pair(80, N_CHANNELS, random_state=1)
    if name == "PLSRegressionCV":
        from spectralfm.transfer import PLSRegressionCV

        model = PLSRegressionCV()
    else:
        from spectralfm.foundation import SpectralFMRegressor

        model = SpectralFMRegressor(wavelengths=pair.wavelengths)
    return model.fit(pair.spectra["source"], pair.y[:, 0])


def measure(name: str, path: Path, batch_size: int, seconds: float) -> dict:
    """Predict from the file for so many seconds at most, and return what it took."""
    model, spectra = calibrated(name), np.load(path, mmap_mode="r")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, processor, done = time.monotonic(), time.process_time(), 0
    for predicted in predict_batches(model, spectra, batch_size=batch_size):
        done += len(predicted)
        if time.process_time() - processor > seconds:
            break
    processor = time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "model": name, "batch_size": batch_size, "spectra": done,
        "seconds": f"{time.monotonic() - start:.1f}", "cpu_seconds": f"{processor:.1f}",
        "spectra_per_cpu_second": f"{done / processor:.0f}",
        "million_in_cpu_minutes": f"{1e6 / done * processor / 60:.1f}",
        "extrapolated": "no" if done == len(spectra) else "yes",
        "file_mb": f"{spectra.nbytes / 1e6:.0f}", "before_mb": f"{before * 1024 / 1e6:.0f}",
        "peak_mb": f"{peak * 1024 / 1e6:.0f}",
        "command": "python benchmarks/million_spectra.py",
    }  # fmt: skip


def main() -> None:
    """Write the spectra, measure each model in a process of its own, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spectra", type=int, default=1_000_000)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1024, 16384])
    parser.add_argument(
        "--seconds", type=float, default=30, help="of the processor, at most, a model"
    )
    parser.add_argument("--of-one", nargs=3, metavar=("MODEL", "PATH", "BATCH"), help="internal")
    args = parser.parse_args()
    if args.of_one:
        name, path, batch_size = args.of_one
        print(json.dumps(measure(name, Path(path), int(batch_size), args.seconds)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spectra.npy")
        write_spectra(path, args.spectra)
        for name, batch_size in itertools.product(MODELS, args.batch_sizes):
            if name == "SpectralFMRegressor" and batch_size > min(args.batch_sizes):
                continue  # a larger batch takes more memory and no less time
            told = subprocess.run(
                [
                    sys.executable, __file__, "--seconds", str(args.seconds),
                    "--of-one", name, str(path), str(batch_size),
                ],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            rows.append(json.loads(told.stdout))
            print(rows[-1], flush=True)
    print(f"written to {write_csv('million_spectra', rows, 'numpy', 'scikit-learn', 'torch')}")


if __name__ == "__main__":
    main()
