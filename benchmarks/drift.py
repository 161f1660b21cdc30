"""False alarms and delays of the drift monitor on simulated streams.

Mixtures of four simulated substances, recorded by one simulated near-infrared instrument with its
scatter and noise: 80 spectra in control, then a stream of 300 in random order, of new samples. Of
every tenth of the streams the guard is fitted to a new set of substances and a new instrument. In
control the share of streams with an alarm is compared with what is stated; otherwise the stream
changes after 100 spectra, at once or, for ageing, in ten steps of ten spectra, and the median delay
in spectra, the share of streams with an alarm before the end and the commonest cause are told.

    python benchmarks/drift.py [number of streams]
"""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from _provenance import write_csv
from sklearn.frozen import FrozenEstimator

from spectralfm.applicability import DriftMonitor, InstrumentGuard
from spectralfm.simulation import InstrumentSimulator, aged, simulate_mixtures

N_STREAMS = int(sys.argv[1]) if sys.argv[1:] else 100
KNOWN, LENGTH, CHANGE, AMPLITUDE = 80, 300, 100, 0.2
AXIS = torch.linspace(1100.0, 2490.0, 70, dtype=torch.float64)  # nm
SIMULATOR = InstrumentSimulator(amplitude=AMPLITUDE)
FIRST, SECOND = (torch.arange(6) == k for k in (0, 1))
METHODS = {"martingale": {"alpha": 0.05}, "cusum": {"method": "cusum", "arl0": 2000}}

DRIFTS = {
    "none": None,
    "axis 0.1 nm": lambda i, g: replace(i, shift=i.shift + 0.1),
    "axis 0.3 nm": lambda i, g: replace(i, shift=i.shift + 0.3),
    "axis 1 nm": lambda i, g: replace(i, shift=i.shift + 1.0),
    "baseline 0.005": lambda i, g: replace(i, offset=i.offset + 0.005 * FIRST),
    "baseline 0.02": lambda i, g: replace(i, offset=i.offset + 0.02 * FIRST),
    "lamp 1 %": lambda i, g: replace(i, gain=i.gain + 0.01 * SECOND),
    "lamp 5 %": lambda i, g: replace(i, gain=i.gain + 0.05 * SECOND),
    "ageing 0.03 a step": 0.03,
    "ageing 0.1 a step": 0.1,
}


def record(samples, instruments, generator):
    """Return spectra of samples, each on the instrument of its row."""
    return SIMULATOR.apply(samples, 1e7 / AXIS, instruments, generator).numpy()


def many(instrument, n):
    return instrument[torch.zeros(n, dtype=torch.long)]


def stream(samples, instrument, drift, generator):
    """Return the spectra of a stream in the order of their recording."""
    before, after = samples[:CHANGE], samples[CHANGE:]
    parts = [record(before, many(instrument, len(before)), generator)]
    if not isinstance(drift, float):
        changed = instrument if drift is None else drift(instrument, generator)
        return np.vstack([*parts, record(after, many(changed, len(after)), generator)])
    for batch in after.split(10):
        if len(parts) <= 10:
            instrument = aged(instrument, SIMULATOR, drift, generator)
        parts.append(record(batch, many(instrument, len(batch)), generator))
    return np.vstack(parts)


found = {(drift, method): [] for drift in DRIFTS for method in METHODS}
for k in range(N_STREAMS):
    generator = torch.Generator().manual_seed(k)
    if k % 10 == 0:
        made = simulate_mixtures(KNOWN + 10 * LENGTH, 1e7 / AXIS, generator, n_substances=4)
        instrument = SIMULATOR.sample_instruments(1, generator)
    rows = torch.randperm(len(made.spectra), generator=generator)
    samples = made.spectra.double()[rows[: KNOWN + LENGTH]]
    known = record(samples[:KNOWN], many(instrument, KNOWN), generator)
    guard = InstrumentGuard(wavelengths=AXIS.numpy(), random_state=k).fit(known)
    for name, drift in DRIFTS.items():
        spectra = stream(samples[KNOWN:], instrument, drift, generator)
        for method, arguments in METHODS.items():
            monitor = DriftMonitor(FrozenEstimator(guard), random_state=k, **arguments).fit(known)
            found[name, method].append(monitor.update(spectra))

table = []
for (drift, method), states in found.items():
    early = sum(state.alarm and state.alarm_at < CHANGE for state in states)
    late = [s for s in states if s.alarm and (drift == "none" or s.alarm_at >= CHANGE)]
    row = {"drift": drift, "method": method, "streams": len(states)}
    row |= {"false": f"{(len(late) if drift == 'none' else early) / len(states):.3f}"}
    stated = METHODS[method].get("alpha", 1 - np.exp(-LENGTH / 2000))
    row["stated"] = f"{stated:.3f}" if drift == "none" else ""
    caught = len(states) - early
    row["found"] = "" if drift == "none" else f"{len(late) / max(caught, 1):.2f}"
    # Streams without an alarm count as later than all: the median is over all streams.
    delays = [s.alarm_at - CHANGE for s in late] + [np.inf] * (caught - len(late))
    row["delay"] = "" if drift == "none" else f"{np.median(delays):.0f}"
    causes = Counter(s.cause for s in late)
    row["cause"] = causes.most_common(1)[0][0] if causes and drift != "none" else ""
    table.append(row)
    print(*row.values(), sep="\t")
print(write_csv("drift", table, "numpy", "torch"))
