"""``spectralfm corpus``: what it builds, what it prints, and how it fails."""

import numpy as np
import pytest

from spectralfm import cli
from spectralfm.datasets.corpora import SpectralCorpus

pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def sources(tmp_path, monkeypatch):
    """A folder of text and a set of rows from two sources, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    for k in range(3):
        rows = "".join(f"{1100 + 2 * j} {k + j}\n" for j in range(12))
        (tmp_path / "lab" / f"{k}.txt").write_text(rows)
    (tmp_path / "lab" / "bad.txt").write_text("")
    np.savez(
        tmp_path / "soils.npz", values=np.random.default_rng(0).random((10, 20)), axis_unit="cm-1",
        axis=np.linspace(600, 4000, 20), source=np.repeat(["field", "prosail"], 5),
    )  # fmt: skip


BUILD = [
    "corpus",
    "build",
    "--output",
    "c.h5",
    "lab",
    "soils.npz",
    "--unit",
    "nm",
    "--exclude",
    "source=prosail",
]
LICENCES = ["--licence", "lab=CC-BY-4.0", "--licence", "MIT"]


def test_build_info_verify(capsys):
    assert cli.main([*BUILD, *LICENCES]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "         3  lab"
    assert out[1] == "         5  soils/field"
    assert out[2].startswith("         8  spectra in c.h5: ")
    assert out[3] == "         0  duplicates and 5 excluded rows left out"
    assert out[4] == "         1  bad items, listed in c.h5.bad.jsonl"
    with SpectralCorpus("c.h5") as corpus:
        assert corpus.labels("licence").tolist() == ["CC-BY-4.0"] * 3 + ["MIT"] * 5
    assert cli.main(["corpus", "info", "c.h5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("8 spectra of 12 to 20 channels, 136 values; SHA-256 of the tables ")
    assert "left out: 1 bad items, 0 duplicates, 5 excluded" in out
    assert "\nmodality\n         5  MIR\n         3  NIR\n" in out
    assert cli.main(["corpus", "verify", "c.h5"]) == 0
    assert "c.h5: all 1 blocks are as written" in capsys.readouterr().out


def test_a_source_of_another_name(capsys):
    assert (
        cli.main(["corpus", "build", "--output", "c.h5", "--unit", "nm", "a=lab", "b=lab/0.txt"])
        == 0
    )
    out = capsys.readouterr().out
    assert "         3  a\n" in out
    assert "         1  duplicates" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("corpus build --output c.h5 none", "There is no file or folder none"),
        ("corpus build --output c.h5 soils.npz --unit nm", "--unit fits none of the sources"),
        ("corpus build --output c.h5 lab --exclude a=b", "--exclude a=b fits none"),
        ("corpus build --output c.h5 lab --exclude a", "write COLUMN=VALUE"),
        ("corpus build --output c.h5 lab", "No spectrum could be read. c.h5.bad.jsonl says why"),
        ("corpus build --output c.h5 lab lab --unit nm", "Two sources are named lab"),
        ("corpus info none.h5", "There is no file none.h5"),
        ("corpus verify soils.npz", "soils.npz: it is cut off or no HDF5 file"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    assert cli.main(arguments.split()) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("spectralfm: error: ")
    assert err.count("\n") == 1


def test_a_damaged_corpus_is_told(capsys):
    h5py = pytest.importorskip("h5py")
    assert cli.main(BUILD) == 0
    assert cli.main(BUILD) == 2
    assert "c.h5 exists" in capsys.readouterr().err
    assert cli.main([*BUILD, "--overwrite"]) == 0
    with h5py.File("c.h5", "r+") as file:
        file["values"][5] += 1
    assert cli.main(["corpus", "verify", "c.h5"]) == 2
    assert "block 0 (spectra 0 to 7) has SHA-256" in capsys.readouterr().err
