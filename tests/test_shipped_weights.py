"""The weights that come with the package: what they may hold, and that they work out of the box."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

import spectralfm
from spectralfm.checkpoint import CorruptWeightsError, load_weights
from spectralfm.foundation import SpectralFMEncoder

FOLDER = Path(spectralfm.__file__).parent / "weights"
WAVELENGTHS = np.arange(1100.0, 2500.0, 4.0)
GOLDEN = [-0.4629298, -0.7441214, -0.7005495, -0.0030620]
X = np.random.default_rng(0).random((5, len(WAVELENGTHS))).cumsum(axis=1) / 100


def test_they_are_small_and_their_card_names_them():
    files = sorted(FOLDER.glob("*.safetensors"))
    assert [file.stem for file in files] == ["small"]
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 16e6
    card = (FOLDER / "small.md").read_text()
    assert hashlib.sha256(files[0].read_bytes()).hexdigest() in card


def test_they_hold_permitted_spectra_only_and_say_which():
    provenance = load_weights("small").provenance
    card = (FOLDER / "small.md").read_text()
    assert {"seed", "n_steps", "hardware", "seconds", "corpus"} <= provenance.keys()
    for name, source in provenance["sources"].items():
        assert source["licence"] in {
            "MIT", "CC-BY-4.0", "US government work", "ECOSTRESS library, NASA/JPL"
        }  # fmt: skip
        assert f"| {name} | {source['spectra']:,} | {source['licence']} |" in card
        assert not any(part in name for part in ("corn", "tablet", "moisture", "geeves", "prosail"))


def test_the_encoder_works_without_arguments_of_its_own():
    with pytest.warns(UserWarning, match="1000 to 2500 nm"):
        latents = SpectralFMEncoder().fit_transform(X)
    assert latents.shape == (5, 64) and np.isfinite(latents).all()


def test_embeddings_are_those_of_this_release():
    """They may only change with the weights: users keep calibrations on them."""
    encoder = SpectralFMEncoder(wavelengths=WAVELENGTHS).fit(X)
    found = encoder.transform(X)
    np.testing.assert_array_equal(encoder.transform(X), found)
    np.testing.assert_allclose(encoder.transform(X[2:3]), found[2:3], atol=1e-10)
    np.testing.assert_allclose(found[0, :4], GOLDEN, atol=1e-6)


@pytest.mark.parametrize("output", ["chem", "inst", "features", "tokens"])
def test_the_direction_of_an_axis_changes_nothing(output):
    def encode(axis, spectra):
        return SpectralFMEncoder(output=output, **axis).fit_transform(spectra)

    expected = encode({"wavelengths": WAVELENGTHS}, X)
    reversed_ = encode({"wavelengths": WAVELENGTHS[::-1]}, X[:, ::-1])
    wavenumbers = encode({"wavenumbers": 1e7 / WAVELENGTHS}, X)
    np.testing.assert_allclose(reversed_, expected, atol=1e-9)
    np.testing.assert_allclose(wavenumbers, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("axis", "modality"),
    [
        ({"wavelengths": np.linspace(908, 1676, 125)}, "NIR"),  # a handheld
        ({"wavelengths": np.linspace(350, 2500, 2151)}, "NIR"),
        ({"wavenumbers": np.linspace(4000, 650, 1700)}, "MIR"),
        ({"wavenumbers": np.linspace(1800, 900, 200)}, "MIR"),  # a part of the range
        ({"wavenumbers": np.linspace(200, 3200, 1500)}, "Raman"),
    ],
)
def test_other_grids_and_modalities(axis, modality):
    n_channels = len(next(iter(axis.values())))
    spectra = np.random.default_rng(1).random((4, n_channels)).cumsum(axis=1) / n_channels
    latents = SpectralFMEncoder(modality=modality, **axis).fit_transform(spectra)
    assert latents.shape == (4, 64) and np.isfinite(latents).all()
    assert np.ptp(latents, axis=0).min() > 0


def test_a_tampered_file_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    shutil.copy(FOLDER / path.name, path)
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptWeightsError, match="SHA-256"):
        SpectralFMEncoder(path, wavelengths=WAVELENGTHS).fit(X)


REAL = {
    "corn": ("transfer/corn", "X_m5", "NIR", 0.5),
    "tablets": ("transfer/tablet", "X_1", "NIR", 0.5),
    # 21 samples: a ridge on the spectra themselves fails too.
    "mid-infrared": ("labelled/fermentation_mir", "X", "MIR", -1.0),
    "Raman": ("labelled/tablets_dyrby_raman", "X", "Raman", 0.3),
}


@pytest.mark.parametrize("name", REAL)
def test_real_spectra_of_every_kind(name):
    """Embeddings are deterministic, and the features hold what calibrations need."""
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        pytest.skip("SPECTRALFM_DATA names no folder with real spectra")
    file, key, modality, least = REAL[name]
    with np.load(Path(folder, f"{file}.npz")) as data:
        spectra, axis, unit = data[key][:120].astype(float), data["axis"], str(data["axis_unit"])
        y = data["Y"][:120].reshape(len(spectra), -1)[:, -1]
    place = {"wavenumbers" if unit == "cm-1" else "wavelengths": axis.astype(float)}
    latents = SpectralFMEncoder(modality=modality, **place).fit_transform(spectra)
    again = SpectralFMEncoder(modality=modality, **place).fit(spectra[:5]).transform(spectra)
    np.testing.assert_array_equal(again, latents)
    assert latents.std(axis=0).min() > 0
    features = SpectralFMEncoder(modality=modality, output="features", **place)
    Z = features.fit_transform(spectra)
    ridge = RidgeCV(np.square(Z - Z.mean(axis=0)).sum() * np.logspace(-8, 0, 17))
    predicted = cross_val_predict(ridge, Z, y, cv=KFold(5, shuffle=True, random_state=0))
    assert r2_score(y, predicted) > least
