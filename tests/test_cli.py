"""The command: what it prints first, what it writes, and how it fails."""

import csv
import os
import subprocess
import sys

import pytest

from spectralfm import cli
from spectralfm.cli import _demo
from spectralfm.comparison import METHODS, RECALIBRATION, simulated_set
from spectralfm.datasets import _corn

REAL = os.environ.get("SPECTRALFM_DATA", "")


@pytest.fixture(autouse=True)
def small_and_offline(monkeypatch, tmp_path):
    """Without data, cache and network, on a set that takes no time, in an empty folder."""
    monkeypatch.delenv("SPECTRALFM_DATA", raising=False)
    monkeypatch.delenv("SPECTRALFM_OFFLINE", raising=False)
    monkeypatch.setenv("SPECTRALFM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_corn, "URL", "file:///there/is/no/corn.mat_.zip")
    monkeypatch.setattr(_demo, "simulated_set", lambda: simulated_set(40, 40))
    monkeypatch.setitem(_demo.SETS, "simulated", lambda: simulated_set(40, 40))
    monkeypatch.setattr(_demo, "N_SPLITS", 2)
    monkeypatch.setattr(_demo, "COUNTS", (3, 5))
    monkeypatch.setattr(_demo, "CURVES", ("SST", RECALIBRATION))
    monkeypatch.chdir(tmp_path)


def table(path="transfer.csv"):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_without_data_and_network_the_first_line_says_simulated(capsys):
    assert cli.main(["demo", "--source", "mp5", "--property", "Oil", "--standards", "5"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("SIMULATED spectra: the corn set is not on this machine")
    assert any("file:///there/is/no/corn.mat_.zip (failed" in line for line in rest)
    assert any(line.startswith("component 1 (%), simulated, source to target") for line in rest)
    printed = [line.split("  ")[0] for line in rest]
    assert [name for name in printed if name in METHODS] == list(METHODS)
    assert RECALIBRATION in printed
    with open("transfer.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    assert [row["method"] for row in table()] == [*METHODS, RECALIBRATION]


def test_all_properties_and_other_names_of_files(capsys):
    arguments = "--dataset simulated --property all --seed 4 --standards 3"
    paths = ["--output", "a.svg", "--table", "b.csv"]
    assert cli.main(["demo", *arguments.split(), *paths]) == 0
    rows = table("b.csv")
    names = [f"component {k}" for k in (1, 2, 3, 4)]
    assert list(dict.fromkeys(row["property"] for row in rows)) == names
    assert {(row["seed"], row["n_standards"]) for row in rows} == {("4", "3")}
    with open("a.svg") as file:
        assert "<svg" in file.read()
    assert capsys.readouterr().out.startswith("SIMULATED spectra, as asked for.")


@pytest.fixture
def own(tmp_path):
    """Three files of a simulated pair, as arguments."""
    task = simulated_set(40, 40).task()
    files = {
        "source": ("c", task.X, task.y),
        "target": ("t", task.X_test, task.y_test),
        "standards": ("c", task.pairs.target[:8], None),
    }
    for name, (prefix, X, y) in files.items():
        header = [
            "sample",
            *([] if y is None else ["fat"]),
            *(f"{1100 + 10 * k} nm" for k in range(40)),
        ]
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for i, spectrum in enumerate(X):
                writer.writerow([f"{prefix}{i}", *([] if y is None else [y[i]]), *spectrum])
    return [word for name in files for word in (f"--{name}-csv", f"{name}.csv")]


def test_own_files(own, capsys):
    assert cli.main(["demo", *own]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "fat, own files, source.csv to target.csv\n25 calibration samples, 8 stan"
    )
    assert {row["score"] for row in table()} == {""}
    assert {row["n_standards"] for row in table()} == {"8"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--dataset simulated --property fat", "There is no property 'fat'. Choose one of comp"),
        ("--dataset simulated --target m5", "There is no instrument 'm5'. Choose one of source"),
        ("--dataset simulated --target source", "Source and target are both source"),
        ("--dataset simulated --standards 2", "2 standards are too few"),
        ("--dataset simulated --standards 26", "n_samples = 25 is too few"),
        ("--dataset simulated --seed -1", "non-negative"),
        ("--output there/is/none.png", "There is no folder"),
        ("--output figure.doc", "the name of a figure ends in one of"),
        ("--table transfer.png", "cannot be both figure and table"),
        ("--source-csv source.csv", "give all three"),
        ("OWN --table source.csv", "source.csv holds your spectra"),
        ("OWN --dataset corn", "do not go with files of your own"),
        ("OWN --target-csv none.csv", "There is no file none.csv"),
        ("OWN --target-csv standards.csv", "standards.csv holds no values of fat"),
        ("OWN --standards-csv target.csv", "15 of 15 sample ids are not in source.csv"),
        ("OWN --unit cm-1", "state one unit"),
        ("--references-csv source.csv", "give all three"),
        ("OWN --references-csv none.csv", "There is no file none.csv"),
        ("OWN --references-csv source.csv", "column 'fat' is in source.csv, too"),
        ("OWN --references-csv standards.csv --table standards.csv", "holds your spectra"),
    ],
)
def test_errors_are_one_line(own, arguments, message, capsys):
    words = [own if word == "OWN" else [word] for word in arguments.split()]
    assert cli.main(["demo", *(word for group in words for word in group)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("spectralfm: error: ")
    assert captured.err.count("\n") == 1
    assert not os.path.exists("transfer.png")


def test_damaged_data_are_an_error_and_not_simulated(monkeypatch, tmp_path, capsys):
    (tmp_path / "transfer").mkdir()
    (tmp_path / "transfer" / "corn.npz").write_bytes(b"no archive")
    monkeypatch.setenv("SPECTRALFM_DATA", str(tmp_path))
    assert cli.main(["demo"]) == 2
    captured = capsys.readouterr()
    assert "corn.npz" in captured.err
    assert captured.out == ""


def test_without_matplotlib_it_says_so_before_any_work(monkeypatch, capsys):
    monkeypatch.setattr("spectralfm.plotting._style.find_spec", lambda name: None)
    assert cli.main(["demo"]) == 2
    assert "pip install 'spectralfm[plot]'" in capsys.readouterr().err


@pytest.mark.filterwarnings("always:.*descend")
def test_warnings_are_one_line(own, tmp_path, capsys):
    path = tmp_path / "source.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    reverse = [",".join([sample, fat, *reversed(channels)]) for sample, fat, *channels in rows]
    path.write_text("\n".join(reverse))
    assert cli.main(["demo", *own, "--standards", "3"]) == 0
    assert capsys.readouterr().err == (
        "spectralfm: warning: source.csv: the channels descend; they are sorted.\n"
    )


def test_python_m_spectralfm():
    run = subprocess.run(
        [sys.executable, "-m", "spectralfm", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.startswith("spectralfm 0.")


@pytest.mark.skipif(not REAL, reason="SPECTRALFM_DATA is not set: no real spectra")
def test_corn_moves_from_m5_to_mp6(monkeypatch, capsys):
    monkeypatch.setenv("SPECTRALFM_DATA", REAL)
    monkeypatch.setattr(_demo, "COUNTS", ())
    assert cli.main(["demo", "--property", "protein"]) == 0
    assert capsys.readouterr().out.startswith("Protein (%), corn, m5 to mp6, seed 0\n50 calib")
    scores = {row["method"]: float(row["score"]) for row in table()}
    assert scores["no transfer"] > 4
    assert scores["TransferEnsemble"] < 1.1
