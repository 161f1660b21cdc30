"""SpectralFMStandardizer: identity when there is nothing to learn, else nearer to the source."""

import pickle

import numpy as np
import pandas as pd
import pytest

from spectralfm.foundation import SpectralFMStandardizer
from spectralfm.foundation._amplitude import fit_amplitude

WAVELENGTHS = np.linspace(1100, 2500, 60)


def smooth(n, wavelengths=WAVELENGTHS):
    """Return spectra of three bands in random amounts."""
    bands = np.exp(-(((wavelengths - np.array([[1300], [1500], [1930]])) / 120) ** 2))
    return np.random.default_rng(0).random((n, 3)) @ bands + 0.3


@pytest.fixture
def model(tiny_weights):
    return SpectralFMStandardizer(tiny_weights, wavelengths=WAVELENGTHS, random_state=0)


def test_equal_instruments_give_the_identity(model):
    X = smooth(8)
    assert (model.fit(X, X_source=X).transform(X) == X).all()
    assert not model.amplitude_.any()


def test_without_a_source_it_is_the_identity(model):
    X = smooth(4)
    with pytest.warns(UserWarning, match="nothing to learn"):
        model.fit(X)
    assert (model.transform(X) == X).all()


def test_noise_alone_teaches_nothing(model):
    X = smooth(12)
    noise = np.random.default_rng(1).standard_normal((12, 60))
    model.set_params(center=False).fit(X + 1e-3 * noise, X_source=X)
    assert np.abs(model.transform(X) - X).max() < 3e-3


@pytest.mark.parametrize("max_steps", [0, 5])
def test_a_curve_is_learned_better_than_a_shift(model, max_steps):
    X = smooth(30)
    target = 0.8 * X**1.1 + 0.1
    model.set_params(max_steps=max_steps).fit(target[:10], X_source=X[:10])
    moved = model.transform(target[10:])
    shifted = target[10:] + (X[:10] - target[:10]).mean(axis=0)

    def error(found):
        return np.sqrt(np.square(found - X[10:]).mean())

    assert error(moved) < 0.5 * error(shifted)
    assert (pickle.loads(pickle.dumps(model)).transform(target[10:]) == moved).all()
    assert len(model.history_) == max_steps


def test_a_pure_gain_is_learned_although_the_latents_do_not_see_it(model):
    X = smooth(30)
    target = 0.8 * X
    model.set_params(max_steps=3).fit(target[:10], X_source=X[:10])
    shifted = target + (X - target)[:10].mean(axis=0)
    error, error_of_shift = (
        np.abs(found - X)[10:].mean() for found in (model.transform(target), shifted)
    )
    assert error < 0.5 * error_of_shift
    assert model.history_ == []


def test_one_standard_gives_an_offset(model):
    X = smooth(5)
    model.fit(X[:1] + 0.3, X_source=X[:1])
    np.testing.assert_allclose(model.transform(X + 0.3), X, atol=1e-12)


def test_the_source_has_an_axis_of_its_own(model, tiny_weights):
    source_axis = np.linspace(1150, 2450, 41)
    target, source = smooth(20), 1.1 * smooth(20, source_axis)
    model.set_params(source_wavelengths=source_axis).fit(target[:8], X_source=source[:8])
    moved = model.transform(target)
    assert moved.shape == source.shape
    assert np.abs(moved[8:] - source[8:]).max() < 0.05
    named = SpectralFMStandardizer(tiny_weights, random_state=0)
    named.fit(
        pd.DataFrame(target[:8], columns=WAVELENGTHS),
        X_source=pd.DataFrame(source[:8], columns=source_axis),
    )
    np.testing.assert_allclose(named.transform(pd.DataFrame(target, columns=WAVELENGTHS)), moved)


def test_source_channels_beyond_the_target_are_filled_and_said(model):
    source_axis = np.linspace(900, 2450, 63)  # 25 nm: 900 to 1075 nm are not recorded
    target, source = smooth(20), 1.1 * smooth(20, source_axis)
    model.set_params(source_wavelengths=source_axis)
    with pytest.warns(UserWarning, match="8 of 63 source channels lie outside the target's range"):
        model.fit(target[:8], X_source=source[:8])
    moved = model.transform(target)
    assert moved.shape == source.shape and len(model.offset_) == 55
    filled = np.broadcast_to(source[:8, :8].mean(axis=0), (20, 8))
    np.testing.assert_allclose(moved[:, :8], filled, rtol=1e-12)
    common = SpectralFMStandardizer(
        model.checkpoint, wavelengths=WAVELENGTHS, source_wavelengths=source_axis[8:]
    ).fit(target[:8], X_source=source[:8, 8:])
    np.testing.assert_allclose(moved[:, 8:], common.transform(target), atol=1e-12)
    assert np.abs(moved[8:, 8:] - source[8:, 8:]).max() < 0.05


def test_axes_that_share_nothing_are_refused(model):
    source_axis, X = np.linspace(2600, 3300, 60), smooth(8)
    with pytest.raises(ValueError, match="share 0 source channels.*Check the unit"):
        model.set_params(source_wavelengths=source_axis).fit(X, X_source=X)


def test_amplitude_is_recovered_and_pulled_to_the_prior():
    rng = np.random.default_rng(2)
    features = rng.standard_normal((6, 50, 4))
    amplitude = np.array([1.0, -2.0, 0.5, 0.0])
    residuals = features @ amplitude
    for center in (True, False):
        found = fit_amplitude(features, residuals, np.zeros(4), center=center)
        np.testing.assert_allclose(found, amplitude, atol=1e-5)
    noise = rng.standard_normal((6, 50))
    assert not fit_amplitude(features, 0 * noise, amplitude, center=True).any()
    # What so little supports is left.
    assert not fit_amplitude(features, residuals + 40 * noise, np.zeros(4), center=True).any()
    noisy = fit_amplitude(features, residuals + 8 * noise, amplitude, center=True)
    free = fit_amplitude(features, residuals + 8 * noise, np.zeros(4), center=True)
    assert np.abs(noisy - amplitude).max() < np.abs(free - amplitude).max()
