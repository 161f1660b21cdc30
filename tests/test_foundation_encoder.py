"""SpectralFMEncoder: what it returns, what it knows of the axis, and how it survives a pickle."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from spectralfm.axis import guess_modality
from spectralfm.checkpoint import CorruptWeightsError, build_module, load_weights
from spectralfm.foundation import SpectralFMEncoder
from spectralfm.nn.embedding import MODALITIES
from spectralfm.nn.encoder import SpectralEncoder

WAVELENGTHS = np.linspace(1100, 2500, 60)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).random((20, 60)).cumsum(axis=1)


@pytest.fixture
def encoder(tiny_weights):
    return SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS)


def test_latents_are_those_of_the_network(encoder, tiny_weights, X):
    network = build_module(SpectralEncoder, load_weights(tiny_weights)).eval().double()
    with torch.no_grad():
        encoding = network(
            torch.tensor(X), torch.tensor(1e7 / WAVELENGTHS), torch.tensor(MODALITIES.index("NIR"))
        )
    expected = {
        "chem": encoding.latents.chem_mean,
        "inst": encoding.latents.inst_mean,
        "tokens": encoding.tokens[:, 2:].flatten(1),
    }
    for output, latents in expected.items():
        found = encoder.set_params(output=output).fit_transform(X)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, latents.numpy(), atol=1e-10)


def test_a_row_does_not_depend_on_its_batch(encoder, X):
    alone = np.vstack([encoder.fit(X).transform(row[None]) for row in X])
    np.testing.assert_allclose(encoder.transform(X), alone, rtol=0, atol=1e-12)


def test_reconstruction_is_in_the_units_of_the_spectra(encoder, X):
    encoder.set_params(output="reconstruction").fit(X)
    first, second = encoder.transform(X), encoder.transform(10 * X + 5)
    assert first.shape == X.shape
    np.testing.assert_allclose(second, 10 * first + 5, rtol=1e-8)


def test_all_ways_to_give_the_axis_agree(encoder, tiny_weights, X):
    expected = encoder.fit_transform(X)
    by_wavenumber = SpectralFMEncoder(tiny_weights, wavenumbers=1e7 / WAVELENGTHS)
    unnamed = SpectralFMEncoder(tiny_weights)
    np.testing.assert_allclose(by_wavenumber.fit_transform(X), expected, atol=1e-10)
    for names in (WAVELENGTHS, [repr(float(position)) for position in WAVELENGTHS]):
        frame = pd.DataFrame(X, columns=names)
        np.testing.assert_allclose(unnamed.fit_transform(frame), expected, atol=1e-10)
    turned = SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS[::-1])
    np.testing.assert_allclose(turned.fit_transform(X[:, ::-1]), expected, atol=1e-10)


@pytest.mark.parametrize("columns", [range(60), [f"channel{i}" for i in range(60)]])
def test_an_unknown_axis_is_said_to_be_unknown(tiny_weights, X, columns):
    with pytest.warns(UserWarning, match="axis of the spectra is not known"):
        encoder = SpectralFMEncoder(tiny_weights).fit(pd.DataFrame(X, columns=columns))
    assert encoder.modality_ == "unknown"
    np.testing.assert_allclose(encoder.axis_[[0, -1]], [10000, 4000])


def test_bad_axes_are_refused(tiny_weights, X):
    both = SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS, wavenumbers=WAVELENGTHS)
    with pytest.raises(ValueError, match="either wavelengths or wavenumbers"):
        both.fit(X)
    with pytest.raises(ValueError, match="59 positions but the spectra have 60"):
        SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS[1:]).fit(X)
    with pytest.warns(UserWarning, match="trained from 400 to 15000"):
        SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS / 2.5).fit(X)


def test_column_names_against_the_axis(tiny_weights, X):
    model = SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (WAVELENGTHS, WAVELENGTHS / 1000, 1e7 / WAVELENGTHS, range(1, 61)):
            model.fit(pd.DataFrame(X, columns=names))
    with pytest.warns(UserWarning, match="1150 to 2550, but wavelengths says otherwise"):
        model.fit(pd.DataFrame(X, columns=WAVELENGTHS + 50))


def test_a_device_that_is_not_there(tiny_weights, X):
    encoder = SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS, device="cuda")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no CUDA"):
            encoder.fit(X)


@pytest.mark.parametrize(
    ("low", "high", "modality"),
    [(4000, 10000, "NIR"), (650, 4000, "MIR"), (100, 3400, "Raman"), (600, 1800, "unknown")],
)
def test_modality_follows_from_the_range(low, high, modality):
    assert guess_modality(np.linspace(high, low, 50)) == modality


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("output", ["chem", "reconstruction"])
def test_few_channels_are_enough(tiny_weights, X, n_channels, output):
    axis = WAVELENGTHS[:n_channels]
    encoder = SpectralFMEncoder(tiny_weights, wavelengths=axis, output=output)
    latents = encoder.fit_transform(X[:, :n_channels])
    assert np.isfinite(latents).all()
    assert latents.shape == (20, n_channels if output == "reconstruction" else 8)


def test_names_and_data_frames(encoder, X):
    encoder.set_output(transform="pandas")
    frame = encoder.fit_transform(X)
    assert list(frame.columns) == [f"chem{i}" for i in range(8)]
    tokens = encoder.set_params(output="tokens").fit(X).get_feature_names_out()
    assert len(tokens) == encoder.n_outputs_ == 15 * 16
    assert list(tokens[[0, 16]]) == ["token0_0", "token1_0"]


def test_an_untrained_encoder_follows_from_its_seed(X):
    def latents(seed):
        encoder = SpectralFMEncoder(None, wavelengths=WAVELENGTHS, random_state=seed)
        return encoder.fit_transform(X[:3])

    found = Parallel(n_jobs=4, backend="threading")(delayed(latents)(0) for _ in range(6))
    assert all((other == found[0]).all() for other in found)
    assert (latents(1) != found[0]).any()


def test_a_pickle_holds_the_weights_and_little_else(encoder, tiny_weights, X):
    expected = encoder.fit_transform(X)
    data = pickle.dumps(encoder)
    assert len(data) < 1.1 * tiny_weights.stat().st_size
    before = torch.get_rng_state()
    found = pickle.loads(data).transform(X)
    assert (found == expected).all()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pickle_of_other_versions_warns(encoder, X):
    state = encoder.fit(X).__getstate__()
    state["_versions"] = {**state["_versions"], "torch": "1.0.0"}
    with pytest.warns(UserWarning, match=r"pickled with torch 1\.0\.0"):
        SpectralFMEncoder().__setstate__(state)


def test_weights_come_from_a_fitted_estimator(encoder, X):
    expected = encoder.fit_transform(X)
    other = SpectralFMEncoder(FrozenEstimator(encoder), wavelengths=WAVELENGTHS)
    assert (clone(other).fit_transform(X) == expected).all()
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        SpectralFMEncoder(clone(encoder), wavelengths=WAVELENGTHS).fit(X)


def test_missing_and_corrupt_weights(tmp_path, tiny_weights, X):
    with pytest.raises(FileNotFoundError, match="No weights called 'nonesuch'"):
        SpectralFMEncoder("nonesuch", wavelengths=WAVELENGTHS).fit(X)
    damaged = bytearray(tiny_weights.read_bytes())
    damaged[-100] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(bytes(damaged))
    with pytest.raises(CorruptWeightsError, match="it was altered"):
        SpectralFMEncoder(path, wavelengths=WAVELENGTHS).fit(X)
    with pytest.raises(ValueError, match="device must be"):
        SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS, device="abacus").fit(X)


def test_threads_are_left_as_they_were(encoder, X):
    before = torch.get_num_threads()
    encoder.set_params(n_threads=2).fit_transform(X)
    assert torch.get_num_threads() == before


def test_an_axis_in_nm_given_as_wavenumbers_is_noticed(tiny_weights):
    encoder = SpectralFMEncoder(tiny_weights, wavenumbers=np.linspace(1100, 2498, 60))
    X = np.random.default_rng(0).random((3, 60)).cumsum(axis=1)
    with pytest.raises(ValueError, match="'NIR', but the axis runs from 1100 to 2498 cm-1"):
        encoder.set_params(modality="NIR").fit(X)
    with pytest.warns(UserWarning, match="typical of near infrared spectra in nm"):
        encoder.set_params(modality="auto").fit(X)
