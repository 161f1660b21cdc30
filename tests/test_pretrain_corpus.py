"""From a corpus to weights: groups, absorbance, the folder of the run, going on after a stop."""

import json

import numpy as np
import pytest

from spectralfm.checkpoint import load_weights
from spectralfm.cli import main
from spectralfm.datasets.corpora import NpzSource, SpectralCorpus, build_corpus
from spectralfm.foundation import SpectralFMEncoder
from spectralfm.workflow import pretrain_on_corpus
from spectralfm.workflow._corpus_groups import as_absorbance, corpus_groups

h5py = pytest.importorskip("h5py")

NM = np.linspace(1100.0, 2500.0, 60)


def reflectance(n, seed=0):
    rng = np.random.default_rng(seed)
    bands = np.exp(-(((NM - np.array([[1450.0], [1930.0], [2200.0]])) / 70) ** 2))
    return 10 ** -(0.2 + rng.random((n, 3)) @ bands)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    spectra = {"soil": reflectance(24), "percent": 100 * reflectance(20, 1)}
    for name, values in spectra.items():
        np.savez(
            folder / f"{name}.npz", values=values.astype(np.float32), axis=NM, axis_unit="nm",
            modality="NIR", quantity="reflectance",
        )  # fmt: skip
    raman = np.abs(np.random.default_rng(2).normal(size=(12, 50))).cumsum(1)
    np.savez(
        folder / "raman.npz", values=raman, axis=np.linspace(200.0, 3000.0, 50), axis_unit="cm-1",
        modality="Raman", quantity="counts",
    )  # fmt: skip
    sources = [
        NpzSource(folder / f"{name}.npz", name=name, licence="CC0") for name in (*spectra, "raman")
    ]
    path = folder / "corpus.h5"
    build_corpus(path, sources)
    return path


def test_groups_are_absorbance_on_wavenumbers(corpus):
    with SpectralCorpus(corpus) as opened:
        groups, used = corpus_groups(opened)
    assert used == {"percent": 20, "raman": 12, "soil": 24}
    by_size = {len(group.X): group for group in groups}
    np.testing.assert_allclose(by_size[24].X, -np.log10(reflectance(24)), rtol=1e-4)
    np.testing.assert_allclose(by_size[20].X, -np.log10(reflectance(20, 1)), rtol=1e-4)
    np.testing.assert_allclose(by_size[24].wavenumbers, 1e7 / NM, rtol=1e-6)
    assert {group.modality for group in groups} == {"NIR", "Raman"}


def test_absorbance_leaves_out_what_is_none():
    X = np.tile(np.linspace(0.2, 0.8, 300), (4, 1))
    X[1, 7] = np.nan
    X[2] = 0.5
    X[3, :30] = -0.1
    turned, sound = as_absorbance(X, "Reflectance (fraction)")
    np.testing.assert_array_equal(sound, [True, False, False, False])
    np.testing.assert_allclose(turned[0], -np.log10(X[0]))
    same, sound = as_absorbance(X, "absorbance")
    assert same is X and sound.tolist() == [True, False, False, True]


def test_a_run_leaves_weights_that_work_and_says_where_they_come_from(corpus, tmp_path, capsys):
    run = tmp_path / "runs" / "one"
    arguments = ["--size", "tiny", "--steps", "2", "--batch-size", "8", "--device", "cpu"]
    assert main(["pretrain", "--corpus", str(corpus), "--run-dir", str(run), *arguments]) == 0
    assert "steps/s" in capsys.readouterr().out
    names = {path.name for path in run.iterdir()}
    assert names == {
        "SHA256SUMS", "arguments.json", "history.jsonl", "metrics.json", "seed.json",
        "versions.json", "weights.safetensors",
    }  # fmt: skip
    assert not run.with_name("one.state").exists()
    weights = load_weights(run / "weights.safetensors")
    assert weights.provenance["sources"]["soil"] == {"spectra": 24, "licence": "CC0"}
    assert weights.provenance["n_steps"] == 2
    metrics = json.loads((run / "metrics.json").read_text())
    assert np.isfinite(metrics["valid_loss"]) and metrics["spectra"]["raman"] == 12
    X = -np.log10(reflectance(5, 3))
    encoder = SpectralFMEncoder(str(run / "weights.safetensors"), wavelengths=NM)
    assert np.isfinite(encoder.fit_transform(X)).all()
    with pytest.raises(ValueError, match="runs are never overwritten"):
        pretrain_on_corpus(corpus, run)


def test_an_interrupted_run_goes_on_bit_for_bit(corpus, tmp_path, monkeypatch):
    options = {"size": "tiny", "n_steps": 4, "batch_size": 8, "device": "cpu"}
    pretrain_on_corpus(corpus, tmp_path / "whole", **options)

    def refuse(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
        patched.setattr("spectralfm.workflow._pretrain.write_run", refuse)
        pretrain_on_corpus(corpus, tmp_path / "again", **options)
    state = tmp_path / "again.state"
    last = max(state.iterdir(), key=lambda path: path.name)
    last.unlink()  # as if it had stopped before the last step
    pretrain_on_corpus(corpus, tmp_path / "again", **options)
    first, second = (
        load_weights(tmp_path / name / "weights.safetensors").state_dict
        for name in ("whole", "again")
    )
    assert all((first[key] == second[key]).all() for key in first)
    with pytest.raises(ValueError, match="size must be one of"):
        pretrain_on_corpus(corpus, tmp_path / "other", size="huge")
