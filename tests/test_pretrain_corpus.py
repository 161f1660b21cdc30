"""From a corpus to weights: groups, absorbance, the folder of the run, going on after a stop."""

import json

import numpy as np
import pytest
import torch

from spectralfm._net._batches import Batches, split_rows
from spectralfm.checkpoint import load_weights
from spectralfm.cli import main
from spectralfm.datasets.corpora import BlockReader, NpzSource, SpectralCorpus, build_corpus
from spectralfm.foundation import SpectralFMEncoder
from spectralfm.workflow import pretrain_on_corpus
from spectralfm.workflow._absorbance import as_absorbance
from spectralfm.workflow._corpus_groups import corpus_groups

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
        taken = {len(group.rows): group.take(torch.arange(len(group.rows))) for group in groups}
        order = torch.tensor([5, 2, 23])
        some = next(group for group in groups if len(group.rows) == 24).take(order)[0]
    assert used == {"percent": 20, "raman": 12, "soil": 24}
    np.testing.assert_allclose(taken[24][0], -np.log10(reflectance(24)), rtol=1e-4)
    np.testing.assert_allclose(taken[20][0], -np.log10(reflectance(20, 1)), rtol=1e-4)
    np.testing.assert_allclose(taken[24][1], 1e7 / NM, rtol=1e-6)
    assert torch.equal(some, taken[24][0][order])
    assert [group.modality for group in groups] == ["NIR", "Raman", "NIR"]
    assert groups[1].reach == (200.0, 3000.0)


def test_large_groups_are_read_in_few_blocks_within_the_memory_allowed(tmp_path):
    """Of 40 blocks, batches, held-out rows and episodes need few at a time; memory is bounded."""
    values = np.random.default_rng(0).random((2560, 40)).astype(np.float32)
    np.savez(tmp_path / "a.npz", values=values, axis=np.arange(1e3, 1040), axis_unit="nm")
    build_corpus(tmp_path / "large.h5", [NpzSource(tmp_path / "a.npz", modality="NIR")])
    with SpectralCorpus(tmp_path / "large.h5", verify=False) as opened:
        ((group,), _) = corpus_groups(opened)
        np.testing.assert_allclose(group.totals, values.sum(1, dtype=float), rtol=1e-6)
        blocks = group.blocks.numpy()
        assert len(np.unique(blocks)) == 40
        (training,), (held,) = split_rows(np.zeros(2560, int), 0.5, 0, blocks)
        assert len(held) == 512 and len(np.unique(blocks[held])) <= 16
        assert sorted([*training, *held]) == list(range(2560))
        n_steps = len(training) // 64
        batches = Batches([training], 64, n_steps, 0, blocks)
        rows = [batches.rows(step) for step in range(n_steps)]
        assert len(np.unique(np.concatenate(rows))) == 64 * n_steps
        reader = group.reader = BlockReader(opened, memory=16 * 64 * 40 * 4)
        for step, batch in enumerate(rows):
            np.testing.assert_array_equal(group.take(torch.from_numpy(batch))[0], values[batch])
            assert len(np.unique(blocks[batch])) > 4  # shuffled
            assert len(reader._kept) <= 16
            if step == 0:
                first = reader.n_read
        assert first <= 16 and reader.n_read < 80  # each block about once, not 64 a batch
        candidates = group.candidates(512, torch.Generator().manual_seed(0))
        assert len(np.unique(candidates)) == 512 and len(np.unique(blocks[candidates])) == 8


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
    assert 0 < metrics["share_of_time_reading"] < 1
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
