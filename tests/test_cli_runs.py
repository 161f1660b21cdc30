"""The commands around the foundation model, and the folders they leave."""

import csv
import hashlib
import json

import numpy as np
import pytest

from spectralfm import cli
from spectralfm.axis import resample
from spectralfm.checkpoint import load_weights
from spectralfm.comparison import TransferTask, npz_set
from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.metrics import rmsep
from spectralfm.transfer import Standards
from spectralfm.workflow import _smoke, finetune, read_run

PAIR = make_instrument_pair(40, 50, random_state=1)
RECORDS = {"arguments.json", "seed.json", "versions.json", "metrics.json", "SHA256SUMS"}
MODEL = {"model.joblib", "weights.safetensors"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Spectra as .npz and as CSV files."""
    folder = tmp_path_factory.mktemp("spectra")
    np.savez(
        folder / "pair.npz",
        X_a=PAIR.spectra["source"],
        X_b=PAIR.spectra["target"],
        axis=PAIR.wavelengths,
        axis_unit="nm",
        Y=PAIR.y,
        y_names=PAIR.target_names,
    )
    groups = {"source": range(25), "target": range(25, 40), "standards": range(0, 25, 4)}
    for name, rows in groups.items():
        X = PAIR.spectra["source" if name == "source" else "target"]
        with open(folder / f"{name}.csv", "w") as file:
            header = ",".join(f"{nm:.4f} nm" for nm in PAIR.wavelengths)
            file.write(f"sample,fat,{header}\n")
            for i in rows:
                file.write(",".join(map(str, [f"s{i}", PAIR.y[i, 0], *X[i]])) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(files, tiny_weights):
    """A fine-tuned run on the .npz file."""
    folder = files / "runs" / "first"
    options = ["--npz", files / "pair.npz", "--checkpoint", tiny_weights, "--run-dir", folder]
    options += ["--property", "component 2", "--standards", 5, "--seed", 3]
    assert cli.main(["finetune", *map(str, options)]) == 0
    return folder


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_smoke(capsys):
    assert cli.main(["smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [
        "build",
        "forward",
        "backward",
        "save",
        "load",
        "calibrate",
        "adapt",
        "roll",
        "transfer",
    ]
    assert [line.split()[:2] for line in lines] == [["ok", step] for step in steps]


def test_smoke_fails_when_a_check_fails(monkeypatch, capsys):
    broken = [_smoke.Check("load", "encodings equal", False), _smoke.Check("adapt", "all", True)]
    monkeypatch.setattr("spectralfm.workflow.smoke", lambda seed: iter(broken))
    assert cli.main(["smoke"]) == 1
    assert capsys.readouterr().out.startswith("FAILED  load")


def test_finetune_leaves_all_in_one_folder(run, files):
    assert names(run) == RECORDS | MODEL
    assert names(run.parent) >= {"first"} and not list(run.parent.glob(".*"))
    arguments = read(run, "arguments")
    assert arguments["npz"] == str(files / "pair.npz")
    assert (arguments["property"], arguments["n_standards"]) == ("component 2", 5)
    assert read(run, "seed") == 3
    assert {"python", "spectralfm", "torch", "scikit-learn"} <= set(read(run, "versions"))
    metrics = read(run, "metrics")
    assert (metrics["source"], metrics["target"], metrics["n_test"]) == ("a", "b", 15)
    assert metrics["rmsep"] < 0.5 * PAIR.y[:, 1].std()
    for line in (run / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == digest
    assert load_weights(run / "weights.safetensors").config["d_model"] == 16


def test_evaluate_predicts_the_same_test_samples(run, tmp_path, capsys):
    folder = tmp_path / "evaluated"
    assert cli.main(["evaluate", str(run), "--run-dir", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("component 2, a to b, 15 test samples\nRMSEP ")
    assert names(folder) == RECORDS | {"predictions.csv"}
    with open(folder / "predictions.csv", newline="") as file:
        rows = [(float(r["reference"]), float(r["predicted"])) for r in csv.DictReader(file)]
    reference, predicted = np.array(rows).T
    assert set(reference) <= set(PAIR.y[:, 1])
    assert rmsep(reference, predicted) == read(folder, "metrics")["rmsep"]
    assert read(folder, "metrics")["rmsep"] == read(run, "metrics")["rmsep"]


def test_adapt_leaves_the_first_run_as_it_was(run, tmp_path):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    folder = tmp_path / "adapted"
    options = ["--run-dir", str(folder), "--steps", "2", "--seed", "1"]
    assert cli.main(["adapt", str(run), *options]) == 0
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert names(folder) == RECORDS | MODEL
    metrics = read(folder, "metrics")
    assert metrics["before"]["rmsep"] == read(run, "metrics")["rmsep"]
    assert metrics["accepted"] == (metrics["loss_after"] < metrics["loss_before"])
    changed = read_run(folder).model.weights_ != read_run(run).model.weights_
    assert changed == metrics["accepted"] == bool(metrics["changed"])
    again = tmp_path / "again"
    assert cli.main(["evaluate", str(folder), "--run-dir", str(again)]) == 0
    assert read(again, "metrics")["rmsep"] == metrics["rmsep"]


def test_csv_files(files, tiny_weights, tmp_path):
    own = [f"--{name}-csv={files / f'{name}.csv'}" for name in ("source", "target", "standards")]
    folder = tmp_path / "csv"
    assert cli.main(["finetune", *own, f"--checkpoint={tiny_weights}", f"--run-dir={folder}"]) == 0
    assert read(folder, "arguments")["n_standards"] == 7
    assert read(folder, "metrics")["rmsep"] < 0.5 * PAIR.y[:, 0].std()
    model = read_run(folder).model
    np.testing.assert_allclose(np.sort(1e7 / model.axis_), PAIR.wavelengths, atol=1e-4)


def test_csv_files_of_other_wavelengths(files, tiny_weights, tmp_path):
    """The target in cm-1, without the ends, on two of three channels."""
    kept = np.delete(np.arange(3, 45), slice(None, None, 3))[::-1]
    own = [f"--source-csv={files / 'source.csv'}"]
    for name in ("target", "standards"):
        lines = [line.split(",") for line in (files / f"{name}.csv").read_text().splitlines()]
        positions = [f"{1e7 / PAIR.wavelengths[k]:.4f} cm-1" for k in kept]
        rows = [[*line[:2], *(line[2 + k] for k in kept)] for line in lines[1:]]
        table = [[*lines[0][:2], *positions], *rows]
        (tmp_path / f"{name}.csv").write_text("".join(",".join(row) + "\n" for row in table))
        own.append(f"--{name}-csv={tmp_path / f'{name}.csv'}")
    folder = tmp_path / "run"
    assert cli.main(["finetune", *own, f"--checkpoint={tiny_weights}", f"--run-dir={folder}"]) == 0
    axis = np.sort(1e7 / read_run(folder).model.axis_)
    np.testing.assert_allclose(axis, PAIR.wavelengths[4:45], rtol=1e-6)
    assert read(folder, "metrics")["rmsep"] < 0.7 * PAIR.y[:, 0].std()
    again = tmp_path / "again"
    assert cli.main(["evaluate", str(folder), *own, f"--run-dir={again}"]) == 0
    assert read(again, "metrics")["rmsep"] == pytest.approx(read(folder, "metrics")["rmsep"])


@pytest.mark.parametrize("known", [0, 5])
def test_target_spectra_without_values_are_adapted_to(files, tiny_weights, tmp_path, capsys, known):
    lines = (files / "target.csv").read_text().splitlines()
    if not known:  # not even a column of the property
        lines = [line.split(",", 2)[0] + "," + line.split(",", 2)[2] for line in lines]
    for i in range(1 + known, len(lines)) if known else ():
        sample, _, spectrum = lines[i].split(",", 2)
        lines[i] = f"{sample},,{spectrum}"
    (tmp_path / "target.csv").write_text("\n".join(lines) + "\n")
    own = [f"--source-csv={files / 'source.csv'}", f"--target-csv={tmp_path / 'target.csv'}"]
    own += [f"--standards-csv={files / 'standards.csv'}"]
    folder = tmp_path / "run"
    assert cli.main(["finetune", *own, f"--checkpoint={tiny_weights}", f"--run-dir={folder}"]) == 0
    said = capsys.readouterr().out
    assert f"{known} test samples, {15 - known} unlabelled" in said
    assert ("RMSEP" in said) == ("rmsep" in read(folder, "metrics")) == bool(known)
    adapted, evaluated = tmp_path / "adapted", tmp_path / "evaluated"
    assert cli.main(["adapt", str(folder), f"--run-dir={adapted}", "--steps=2"]) == 0
    assert bool(read(adapted, "metrics")["before"]) == bool(known)
    assert cli.main(["evaluate", str(folder), f"--run-dir={evaluated}"]) == 0
    with open(evaluated / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["reference"]) for row in rows] == [True] * known + [False] * (15 - known)
    predicted = np.array([float(row["predicted"]) for row in rows])
    assert rmsep(PAIR.y[25:, 0], predicted) < 0.5 * PAIR.y[:, 0].std()


def test_unlabelled_spectra_reach_the_fit(monkeypatch, tmp_path):
    given = {}
    fit = SpectralFMRegressor.fit

    def spy(self, X, y, **data):
        given.update(data)
        return fit(self, X, y, **data)

    monkeypatch.setattr(SpectralFMRegressor, "fit", spy)
    X, target, y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y[:, 0]
    task = TransferTask(
        "own", "a", "b", "fat", None, X[:25], y[:25], Standards(X[:5], target[:5], y[:5]),
        target[25:25], y[25:25], wavenumbers=1e7 / PAIR.wavelengths, X_unlabelled=target[25:],
    )  # fmt: skip
    metrics = finetune(task, tmp_path / "run", n_standards=3)
    np.testing.assert_array_equal(given["X_target"].target, target[25:])
    assert metrics["n_unlabelled"] == 15 and "rmsep" not in metrics


def test_spectra_on_another_axis_are_resampled(run, tmp_path):
    fine = make_instrument_pair(40, 99, random_state=1, noise=0, target_noise=0)
    np.savez(
        tmp_path / "fine.npz",
        X_a=fine.spectra["source"],
        X_b=fine.spectra["target"],
        axis=fine.wavelengths,
        axis_unit="nm",
        Y=fine.y,
        y_names=fine.target_names,
    )
    options = ["--npz", str(tmp_path / "fine.npz"), "--run-dir", str(tmp_path / "new")]
    assert cli.main(["evaluate", str(run), *options]) == 0
    assert read(tmp_path / "new", "metrics")["rmsep"] < 0.5 * fine.y[:, 1].std()


def test_npz_set_takes_the_test_split_and_one_axis(tmp_path):
    y = PAIR.y[:, 0].copy()
    y[[0, 39]] = np.nan
    np.savez(
        tmp_path / "two.npz",
        X_a=PAIR.spectra["source"],
        axis_a=PAIR.wavelengths,
        X_b=PAIR.spectra["target"][:, 5:45:2],
        axis_b=PAIR.wavelengths[5:45:2],
        axis_unit="nm",
        Y=y,
        split=np.array(["calibrate"] * 30 + ["test"] * 10),
    )
    task = npz_set(tmp_path / "two.npz").task()
    assert (len(task.X), len(task.X_test)) == (29, 9)
    np.testing.assert_allclose(task.X_test, PAIR.spectra["target"][30:39, 5:45:2], atol=1e-12)
    # Every other channel of the source is averaged with its neighbours, as wide as one of b.
    every = np.full(20, 2 * (PAIR.wavelengths[1] - PAIR.wavelengths[0]))
    averaged = resample(
        PAIR.spectra["source"][1:30], PAIR.wavelengths, PAIR.wavelengths[5:45:2], spacing=every
    )
    np.testing.assert_allclose(task.X, averaged, atol=1e-12)
    np.testing.assert_allclose(1e7 / task.wavenumbers, PAIR.wavelengths[5:45:2])


def test_nothing_is_overwritten_and_nothing_half_written(run, files, tiny_weights, tmp_path):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    task = npz_set(files / "pair.npz").task()
    with pytest.raises(ValueError, match="is not an empty folder, and runs are never overwritten"):
        finetune(task, run, checkpoint=tiny_weights)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    with pytest.raises(ValueError, match="too few samples measured on both"):
        finetune(task, tmp_path / "failed", n_standards=99)
    assert not list(tmp_path.iterdir())
    (tmp_path / "empty").mkdir()
    finetune(task, tmp_path / "empty", n_standards=0, checkpoint=tiny_weights)
    assert names(tmp_path / "empty") == RECORDS | MODEL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Give --npz, or --source-csv"),
        (["--npz", "pair.npz", "--source-csv", "a.csv"], "Give --npz, or --source-csv"),
        (["--npz", "pair.npz", "--unit", "nm"], "--unit does not go with --npz"),
        (["--npz", "pair.npz", "--target", "c"], "There is no instrument 'c'"),
        (["--npz", "pair.npz", "--standards", "-1"], "at least 0, not -1"),
        (["--npz", "no.npz"], "There is no file"),
    ],
)
def test_errors_are_one_line(files, options, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(files)
    assert cli.main(["finetune", *options, "--run-dir", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_damaged_runs_are_named(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        read_run(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in run.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = bytearray((copy / "model.joblib").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.joblib").write_bytes(data)
    with pytest.raises(ValueError, match="model.joblib is not as the run wrote it"):
        read_run(copy)
