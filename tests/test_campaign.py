"""Simulated campaigns: the same samples, many instruments, drift from day to day."""

import numpy as np
import pytest
import torch

from spectralfm.datasets import make_instrument_campaign, make_instrument_pair
from spectralfm.simulation import InstrumentSimulator, aged


def test_shapes_units_and_determinism():
    made = make_instrument_campaign(
        7, 50, n_instruments=2, n_days=3, n_components=5, random_state=3
    )
    again = make_instrument_campaign(
        7, 50, n_instruments=2, n_days=3, n_components=5, random_state=3
    )
    assert list(made.spectra) == ["instrument 1", "instrument 2"]
    for name, X in made.spectra.items():
        assert X.shape == (3, 7, 50) and X.dtype == np.float64 and np.isfinite(X).all()
        assert np.array_equal(X, again.spectra[name])
    np.testing.assert_allclose(made.y.sum(axis=1), 100, rtol=1e-5)
    assert made.y.shape == (7, 5) and len(made.target_names) == 5
    np.testing.assert_allclose(made.wavelengths * made.wavenumbers, 1e7)
    assert made.wavelengths[[0, -1]].tolist() == [1100, 2498]
    assert made.parameters["shift"].shape == (2, 3)
    assert made.parameters["gain"].shape == (2, 3, 6)
    assert made.days.tolist() == [0, 1, 2]
    other = make_instrument_campaign(7, 50, n_instruments=2, n_days=3, random_state=4)
    assert not np.array_equal(other.spectra["instrument 1"], made.spectra["instrument 1"])


def test_ideal_instruments_record_the_mixtures():
    made = make_instrument_campaign(6, 80, amplitude=0, drift=0.5, random_state=0)
    for X in made.spectra.values():
        np.testing.assert_allclose(X, np.broadcast_to(made.pure, X.shape), atol=1e-9)
    # Beer and Lambert: the spectra are linear in the amounts.
    pure = np.linalg.lstsq(made.y, made.pure, rcond=None)[0]
    np.testing.assert_allclose(made.y @ pure, made.pure, atol=1e-6)


def test_parameters_are_those_that_recorded():
    """An offset field alone: what is recorded less the sample is the field of the parameters."""
    made = make_instrument_campaign(5, 60, effects=["offset"], n_days=3, random_state=0)
    place = (2 * made.wavelengths - 700 - 2500) / 1800
    waves = np.cos(np.arange(6)[:, None] * np.pi / 2 * (place + 1))
    for i, X in enumerate(made.spectra.values()):
        field = made.parameters["offset"][i] @ waves  # (n_days, n_channels)
        np.testing.assert_allclose(X - made.pure, np.repeat(field[:, None], 5, axis=1), atol=1e-6)
    assert set(made.parameters) == {"offset"}


def test_drift_is_a_random_walk():
    still = make_instrument_campaign(4, 40, n_days=5, drift=0, random_state=0)
    for values in still.parameters.values():
        assert np.array_equal(values, np.broadcast_to(values[:, :1], values.shape))
    moved = make_instrument_campaign(4, 40, n_instruments=400, n_days=9, drift=0.1, random_state=0)
    shift = moved.parameters["shift"]
    steps = np.diff(shift, axis=1)
    spread = np.sqrt(np.square(shift[:, 0]).mean())
    assert np.sqrt(np.square(steps).mean()) == pytest.approx(0.1 * spread, rel=0.2)
    travelled = np.sqrt(np.square(shift - shift[:, :1]).mean(axis=0))
    assert travelled[8] == pytest.approx(np.sqrt(8) * 0.1 * spread, rel=0.25)
    growth = np.log(moved.parameters["fwhm"][:, 1:] / moved.parameters["fwhm"][:, :-1])
    assert growth.std() == pytest.approx(0.1, rel=0.1)
    assert (moved.parameters["fringe_period"] == moved.parameters["fringe_period"][:, :1]).all()


@pytest.mark.parametrize("modality", ["mir", "raman"])
def test_other_modalities(modality):
    made = make_instrument_campaign(5, 70, modality=modality, random_state=0)
    assert made.wavelengths is None and len(made.wavenumbers) == 70
    assert np.isfinite(np.concatenate(list(made.spectra.values()))).all()
    assert ("fluorescence" in made.parameters) == (modality == "raman")


def test_the_pair_is_as_it_was():
    """Numbers in the README and in users' tests stand on it."""
    pair = make_instrument_pair(n_samples=5, n_channels=6, random_state=0)
    assert pair.y[0, 0] == pytest.approx(22.80761768131489, abs=1e-12)
    assert pair.spectra["target"][2, 3] == pytest.approx(0.3559201164937742, abs=1e-12)


def test_bad_input():
    with pytest.raises(ValueError, match="'modality' parameter of make_instrument_campaign"):
        make_instrument_campaign(modality="uv")
    with pytest.raises(ValueError, match="'drift' parameter"):
        make_instrument_campaign(drift=-1)
    with pytest.raises(ValueError, match="laser: no effect of nir instruments"):
        make_instrument_campaign(effects=["laser"])
    simulator, generator = InstrumentSimulator(), torch.Generator()
    with pytest.raises(ValueError, match="step must be >= 0"):
        aged(simulator.sample_instruments(1, generator), simulator, -0.1, generator)
