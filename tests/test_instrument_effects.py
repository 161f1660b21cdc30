"""Shift, gain, offset and broadening are found again in spectra to which they were done."""

import numpy as np
import pytest
import torch

from spectralfm.datasets import make_instrument_pair
from spectralfm.simulation import (
    InstrumentSimulator,
    broadening,
    simulate_mixtures,
    smooth_field,
    wavelength_shift,
)
from spectralfm.transfer import PiecewiseDirectStandardization, Standards, instrument_effects

WAVELENGTHS = np.arange(1100.0, 2500.0, 2.0)
PLACE = (2 * WAVELENGTHS - 3200) / 1800  # -1 and 1 at the ends of the simulator's range
NOISELESS = {"noise": 0.0, "target_noise": 0.0}


@pytest.fixture(scope="module")
def source():
    """Twelve mixtures of sharp bands everywhere, absorbance."""
    axis = torch.from_numpy(1e7 / WAVELENGTHS)
    mixtures = simulate_mixtures(12, axis, torch.Generator().manual_seed(3))
    return mixtures.spectra.double()


def changed(spectra, *, shift=0.0, fwhm=0.0, gain=1.0, offset=0.0):
    """Do all four with the simulator's own functions."""
    axis = torch.from_numpy(WAVELENGTHS)[None]
    moved = wavelength_shift(spectra, axis, torch.full((len(spectra), 1), shift).double())
    width = torch.full((len(spectra), 1), fwhm).double()
    return (gain * broadening(moved, axis, width, absorbance=False) + offset).numpy()


@pytest.mark.parametrize(
    "effects",
    [
        {"shift": 1.5},
        {"shift": -6.0, "gain": 0.8},
        {"fwhm": 15.0},
        {"gain": 1.1, "offset": -0.05},
        {"shift": -0.8, "fwhm": 20.0, "gain": 1.03, "offset": 0.02},
        {},
    ],
    ids=lambda effects: " ".join(effects) or "none",
)
def test_effects_of_the_simulator_are_found(source, effects):
    standards = Standards(source.numpy(), changed(source, **effects))
    found = instrument_effects(standards, wavelengths=WAVELENGTHS, regions=5)
    wanted = {"shift": 0.0, "fwhm": 0.0, "gain": 1.0, "offset": 0.0} | effects
    assert found.unit == "nm"
    np.testing.assert_allclose(found.shift, wanted["shift"], atol=0.02)
    np.testing.assert_allclose(found.gain, wanted["gain"], atol=2e-3)
    np.testing.assert_allclose(found.offset, wanted["offset"], atol=1e-3)
    # A width of 0 is a variance of 0, whose square root magnifies the smallest errors.
    np.testing.assert_allclose(
        np.sign(found.broadening) * found.broadening**2, wanted["fwhm"] ** 2, atol=4
    )
    assert (found.explained > 0.99).all() if effects else np.isnan(found.explained).all()


def test_a_sharper_target_has_a_negative_broadening(source):
    standards = Standards(changed(source, fwhm=15.0), source.numpy())
    found = instrument_effects(standards, wavelengths=WAVELENGTHS, regions=4, smoothing=4)
    np.testing.assert_allclose(found.broadening, -15.0, atol=0.6)


def test_fields_of_a_drawn_instrument_are_followed(source):
    simulator = InstrumentSimulator(effects=("shift", "gain", "offset"), decades=0.5)
    generator = torch.Generator().manual_seed(1)
    instrument = simulator.sample_instruments(1, generator)
    axis = torch.from_numpy(1e7 / WAVELENGTHS)
    target = simulator.apply(source, axis, instrument, generator).numpy()
    found = instrument_effects(
        Standards(source.numpy(), target), wavelengths=WAVELENGTHS, regions=14
    )
    place = torch.from_numpy(PLACE)[None]
    fields = {
        "gain": smooth_field(place, instrument.gain).exp(),
        "offset": smooth_field(place, instrument.offset),
        "shift": instrument.shift + instrument.stretch * place
        + instrument.bend * (1.5 * place.square() - 0.5),
    }  # fmt: skip
    middles = (found.edges[1:] + found.edges[:-1]) / 2
    for name, field in fields.items():
        truth = np.interp(middles, WAVELENGTHS, field[0].numpy())
        error = np.abs(getattr(found, name) - truth)
        assert np.median(error) < 0.1 * np.ptp(field.numpy()), name
        assert np.corrcoef(getattr(found, name), truth)[0, 1] > 0.9, name


def test_the_order_of_the_axis_and_its_unit_do_not_matter(source):
    wavenumbers = np.linspace(9000.0, 4000.0, 500)  # descending
    bands = np.linspace(4100, 8900, 25)

    def record(axis, shift):
        concentrations = np.random.default_rng(0).random((6, 25))
        return concentrations @ np.exp(-(((axis - shift - bands[:, None]) / 120.0) ** 2))

    standards = Standards(record(wavenumbers, 0.0), 1.05 * record(wavenumbers, 4.0))
    found = instrument_effects(standards, wavenumbers=wavenumbers, regions=3)
    np.testing.assert_allclose(found.shift, 4.0, rtol=1e-3)
    assert found.unit == "cm-1" and found.edges[0] == 4000
    turned = Standards(standards.source[:, ::-1], standards.target[:, ::-1])
    again = instrument_effects(turned, wavenumbers=wavenumbers[::-1], regions=3)
    np.testing.assert_allclose(again.gain, found.gain, rtol=1e-9)
    channels = instrument_effects(turned, regions=3)
    np.testing.assert_allclose(channels.shift * 5000 / 499, again.shift, rtol=1e-6)


def test_instruments_may_have_other_channels():
    pair = make_instrument_pair(
        400, 300, n_target_channels=180, shift=2.0, stretch=0.0, random_state=0, **NOISELESS
    )
    standards = Standards(pair.spectra["source"][:8], pair.spectra["target"][:8])
    axes = {
        "wavelengths": pair.wavelengths["target"],
        "source_wavelengths": pair.wavelengths["source"],
    }
    found = instrument_effects(standards, **axes, regions=[1150, 1500, 2000, 2450])
    np.testing.assert_allclose(found.shift, 2.0, atol=0.02)
    np.testing.assert_allclose(found.gain, 1.05, atol=2e-3)
    np.testing.assert_allclose(found.broadening, 8.0 * 2.3548, rtol=0.02)


def test_a_standard_of_another_sample_counts_little(source):
    target = changed(source, shift=1.5, gain=1.05)
    target[0] = 0.5 * target[3]
    found = instrument_effects(
        Standards(source.numpy(), target), wavelengths=WAVELENGTHS, regions=5
    )
    np.testing.assert_allclose(found.shift, 1.5, atol=0.02)
    np.testing.assert_allclose(found.gain, 1.05, atol=2e-3)


def test_limits_hold_the_truth_as_often_as_they_say():
    hits = []
    for seed in range(25):
        pair = make_instrument_pair(
            10, shift=2.0, stretch=0.0, noise=2e-4, target_noise=4e-4, random_state=seed
        )
        standards = Standards(pair.spectra["source"], pair.spectra["target"])
        found = instrument_effects(
            standards, wavelengths=pair.wavelengths, regions=3, confidence_level=0.9
        )
        for name, truth in (("shift", 2.0), ("gain", 1.05), ("offset", 0.03)):
            low, high = found.limits[name].T
            hits.append((low <= truth) & (truth <= high))
    assert 0.82 < np.mean(hits) < 0.97


def test_what_is_not_known_is_nan(source):
    target = changed(source, gain=1.05)
    single = instrument_effects(Standards(source[:1].numpy(), target[:1]), regions=4)
    np.testing.assert_allclose(single.gain, 1.05, atol=5e-3)
    assert np.isnan(single.limits["gain"]).all()
    flat = source.numpy().copy()
    flat[:, :200] = flat[:, :1]
    found = instrument_effects(Standards(flat, flat + 0.1), regions=[0, 150, 350, 699])
    assert np.isnan([found.gain[0], found.shift[0], found.explained[0]]).all()
    np.testing.assert_allclose(found.offset[1:], 0.1, atol=1e-6)


def test_a_correction_is_seen_to_undo_what_the_instrument_did():
    pair = make_instrument_pair(
        30, shift=1.0, stretch=0.0, broadening=4.0, random_state=0, **NOISELESS
    )
    X, X_target = pair.spectra["source"], pair.spectra["target"]
    pds = PiecewiseDirectStandardization(3, 4).fit(X_target, X_source=X)
    seen = instrument_effects(
        Standards(pds.transform(X_target), X_target), wavelengths=pair.wavelengths, regions=4
    )
    np.testing.assert_allclose(seen.shift, 1.0, atol=0.1)
    np.testing.assert_allclose(seen.gain, 1.05, atol=5e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wavelengths": WAVELENGTHS, "wavenumbers": 1e7 / WAVELENGTHS}, "not both"),
        ({"wavelengths": WAVELENGTHS[:-1]}, "699 positions"),
        ({"wavelengths": WAVELENGTHS, "source_wavenumbers": 1e7 / WAVELENGTHS}, "one unit"),
        ({"wavelengths": WAVELENGTHS, "source_wavelengths": WAVELENGTHS / 3}, "share no range"),
        ({"regions": 200}, "fewer regions"),
        ({"regions": [500, 100]}, "ascending"),
        ({"regions": 0}, "regions"),
        ({"smoothing": 0.5}, "smoothing"),
    ],
)
def test_arguments_that_cannot_be(source, arguments, message):
    with pytest.raises(ValueError, match=message):
        instrument_effects(Standards(source.numpy(), source.numpy()), **arguments)


def test_unequal_channels_need_both_axes():
    standards = Standards(np.random.default_rng(0).random((3, 50)), np.ones((3, 60)))
    with pytest.raises(ValueError, match="source_wavelengths="):
        instrument_effects(standards, wavelengths=np.linspace(1100, 2500, 60))
    with pytest.raises(ValueError, match="at least 8 channels"):
        instrument_effects(Standards(np.ones((3, 5)), np.ones((3, 5))))
