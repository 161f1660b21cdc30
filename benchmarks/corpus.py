"""Spectra per second into a corpus and out of it, in blocks and one by one.

20,000 simulated spectra of 1024 channels; one thread, shortest of interleaved rounds.

    python benchmarks/corpus.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from _provenance import interleaved, write_csv

from spectralfm.datasets.corpora import NpzSource, SpectralCorpus, build_corpus

N, CHANNELS, SOME = 20_000, 1024, 500


def one_by_one(corpus: SpectralCorpus) -> None:
    """Read random spectra as a data set with an index would, each from the file."""
    for row in np.random.default_rng(0).integers(0, N, SOME):
        stored = corpus._stored
        _ = stored._values[stored.offsets[row] : stored.offsets[row + 1]]


def through(corpus: SpectralCorpus, **options: object) -> None:
    """Read the whole corpus in batches of 64."""
    for batch in corpus.blocks(64, random_state=0, **options):
        batch.X[0, 0] + batch.axis[0, 0]


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "simulated.npz"
    values = np.random.default_rng(0).random((N, CHANNELS), dtype=np.float32)
    np.savez(path, values=values, axis=np.linspace(400, 4000, CHANNELS), axis_unit="cm-1")
    summary = build_corpus(Path(folder) / "corpus.h5", [NpzSource(path)])
    megabytes = summary.path.stat().st_size / 1e6
    started = time.perf_counter()
    corpus = SpectralCorpus(summary.path)
    verified = time.perf_counter() - started
    times = interleaved(
        {
            "blocks": lambda: through(corpus),
            "blocks, shuffled": lambda: through(corpus, shuffle=True),
            "blocks, shuffled, 700 points": lambda: through(corpus, shuffle=True, n_channels=700),
            "random rows": lambda: one_by_one(corpus),
        },
        rounds=7,
        clock=time.perf_counter,
    )
    corpus.close()

rates = {"build": N / summary.seconds, "verify": N / verified}
rates |= {name: (SOME if name == "random rows" else N) / t for name, t in times.items()}
for name, rate in rates.items():
    print(f"{name:<30}{rate:>12,.0f} spectra/s")
print(
    f"{megabytes:.0f} MB; shuffled blocks over random rows: "
    f"{rates['blocks, shuffled'] / rates['random rows']:.1f}"
)
rows = [{"what": name, "spectra_per_second": f"{rate:.0f}"} for name, rate in rates.items()]
write_csv("corpus", rows, "h5py", "numpy")
