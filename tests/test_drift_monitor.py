"""DriftMonitor: false alarms within the stated rate, drift found, state kept and reset."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator

from spectralfm.applicability import DriftMonitor, InstrumentGuard
from spectralfm.applicability._betting import BettingMartingale
from spectralfm.applicability._cusum import Cusum, run_length, threshold_of
from spectralfm.simulation import InstrumentSimulator, aged, simulate_mixtures

AXIS = torch.linspace(1100.0, 2490.0, 70, dtype=torch.float64)  # nm
PLACE = 1e7 / AXIS
SIMULATOR = InstrumentSimulator(amplitude=0.2)
GENERATOR = torch.Generator().manual_seed(0)
NEW = SIMULATOR.sample_instruments(1, GENERATOR)
MADE = simulate_mixtures(900, PLACE, GENERATOR, n_substances=4)
SAMPLES, AMOUNTS = MADE.spectra.double(), MADE.amounts.double().numpy()


def recorded(rows, instrument=NEW, seed=1):
    """Return what an instrument records of some samples."""
    generator = torch.Generator().manual_seed(seed)
    many = instrument[torch.zeros(len(SAMPLES[rows]), dtype=torch.long)]
    return SIMULATOR.apply(SAMPLES[rows], PLACE, many, generator).numpy()


KNOWN, STREAM = recorded(slice(0, 80)), recorded(slice(80, 900), seed=2)
GUARD = InstrumentGuard(wavelengths=AXIS.numpy(), random_state=0).fit(KNOWN)


def monitor(**parameters):
    return DriftMonitor(FrozenEstimator(GUARD), random_state=0, **parameters).fit(KNOWN)


def test_every_bet_is_fair():
    """The capital's expectation stays 1: the integral over p of what it is multiplied by."""
    martingale = BettingMartingale()
    for p in (0.02, 0.5, 0.01):
        martingale.bet(p)

    def after(p):
        copy = pickle.loads(pickle.dumps(martingale))
        copy.bet(p)
        return np.exp(copy.log_value - martingale.log_value)

    parts = [quad(after, a, b, limit=200)[0] for a, b in ((0, 1e-6), (1e-6, 0.5), (0.5, 1))]
    assert sum(parts) == pytest.approx(1, abs=1e-3)
    assert martingale.log_value > 0


@pytest.mark.parametrize("method", ["martingale", "cusum"])
def test_false_alarms_stay_within_the_stated_rate(method):
    """Statistics of a frozen guard replaced by heavy-tailed values, 12 held out: 100 streams."""
    rng, alarms, n_streams, length = np.random.default_rng(0), 0, 100, 80
    one = monitor(method=method, alpha=0.2, arl0=1000)
    n_statistics = len(one.statistics_)
    for _ in range(n_streams):
        mixing = rng.standard_normal((n_statistics, n_statistics))
        values = rng.standard_t(2, (12 + length, n_statistics)) @ mixing  # dependent statistics
        one._references = list(values[:12].T)
        one.reset()
        for row in values[12:]:
            one._take(row)
        alarms += one.state_.alarm
    share = alarms / n_streams
    # CUSUM: at most 80 of the 1000 spectra that one takes on average are watched.
    stated = 0.2 if method == "martingale" else 1 - np.exp(-length / 1000)
    assert share <= stated + 3 * np.sqrt(stated * (1 - stated) / n_streams)
    if method == "cusum":
        assert share > 0


def test_run_length_is_that_of_simulated_charts():
    assert run_length(4.0) == pytest.approx(336, rel=0.01)  # Montgomery's tables: k 0.5, h 4
    assert run_length(5.0) == pytest.approx(930, rel=0.01)
    assert run_length(threshold_of(500)) == pytest.approx(500, rel=1e-3)
    rng, lengths = np.random.default_rng(1), []
    threshold = threshold_of(60)
    for _ in range(400):
        chart, n = Cusum(), 0
        while chart.sums[0] <= threshold:
            chart.add(rng.random())
            n += 1
        lengths.append(n)
    assert np.mean(lengths) == pytest.approx(60, abs=4 * np.std(lengths) / 20)


DRIFTS = {
    "axis": lambda: replace(NEW, shift=NEW.shift + 2.0),
    "baseline": lambda: replace(NEW, offset=NEW.offset + 0.1 * (torch.arange(6) == 0)),
    "lamp": lambda: replace(NEW, gain=NEW.gain + 0.15 * (torch.arange(6) == 1)),
    "ageing": lambda: aged(NEW, SIMULATOR, 4.0, torch.Generator().manual_seed(3)),
}


@pytest.mark.parametrize("method", ["martingale", "cusum"])
@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_found(drift, method):
    one = monitor(method=method)
    assert not one.update(STREAM[:60]).alarm
    state = one.update(recorded(slice(140, 200), DRIFTS[drift](), seed=4))
    assert state.alarm and 60 <= state.alarm_at < 100
    assert state.n_spectra == 120 and len(one.trace_) == 120
    assert one.trace_[state.alarm_at] >= 1 > max(one.trace_[: state.alarm_at])


def test_the_cause_is_named():
    one = monitor()
    moved = KNOWN.mean(axis=0) + 1.05 * (STREAM[:60] - KNOWN.mean(axis=0))
    shifted = recorded(slice(80, 140), DRIFTS["axis"](), seed=2)
    assert one.update(shifted).cause == "shift"
    assert one.reset().update(STREAM[:60] + 0.1).cause.startswith("offset")
    assert not one.reset().update(moved[:5]).alarm


def test_slow_drift_is_found_the_later_the_slower():
    delays = []
    for days in (60, 240):
        share = np.minimum(np.arange(300) / days, 1.0)[:, None]
        drifting = STREAM[:300] + 0.2 * share
        delays.append(monitor().update(drifting).alarm_at)
    assert delays[0] < delays[1] < 240


def test_residuals_of_reference_values():
    y = AMOUNTS[:, 0]
    guard = InstrumentGuard(PLSRegression(4), wavelengths=AXIS.numpy(), random_state=0)
    one = DriftMonitor(guard, random_state=0).fit(KNOWN, y[:80])
    assert one.statistics_[-1] == "residual 0"
    assert not one.update(STREAM[:40], y[80:120]).alarm
    assert not one.update(STREAM[40:60]).alarm  # references are late
    assert np.isnan(one.pvalues_[-1][-1]) and np.isfinite(one.pvalues_[0]).all()
    state = one.update(STREAM[60:100], y[140:180] + 0.5)
    assert state.alarm and state.cause == "residual 0"
    with pytest.raises(ValueError, match="Reference values cannot be used"):
        monitor().update(STREAM[:3], y[:3])


def test_batches_do_not_matter_and_state_survives():
    one, parts = monitor(), monitor()
    one.update(STREAM[:50])
    for rows in (slice(0, 7), slice(7, 31), slice(31, 50)):
        parts = pickle.loads(pickle.dumps(parts))
        parts.update(STREAM[rows])
    np.testing.assert_allclose(parts.trace_, one.trace_)
    np.testing.assert_allclose(parts.pvalues_, one.pvalues_)
    state = one.update(STREAM[:40] + 0.5)
    assert state.alarm and one.update(STREAM[50:60]).alarm_at == state.alarm_at
    assert not one.reset().state_.alarm and not one.trace_ and not one.update(STREAM[:20]).alarm
    with pytest.raises(ValueError, match="70 features"):
        one.update(STREAM[:5, :60])
