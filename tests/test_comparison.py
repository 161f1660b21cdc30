"""All methods on one task: what each gets, how they are judged, and files of one's own."""

import csv

import numpy as np
import pytest
from chemotools.scatter import StandardNormalVariate
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.preprocessing import FunctionTransformer

from spectralfm.comparison import (
    METHODS,
    RECALIBRATION,
    Comparison,
    CSVFiles,
    SourceCalibration,
    compare_methods,
    figures_of_merit,
    format_table,
    simulated_set,
    standards_curves,
    write_table,
)
from spectralfm.datasets import make_instrument_pair
from spectralfm.model_selection import kennard_stone
from spectralfm.transfer import (
    ExternalParameterOrthogonalization,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    Standards,
    TransferEnsemble,
)


@pytest.fixture(scope="module")
def small_set():
    return simulated_set(n_samples=40, n_channels=40)


@pytest.fixture(scope="module")
def task(small_set):
    return small_set.task("component 2", seed=3)


@pytest.fixture(scope="module")
def predictions(task):
    return compare_methods(task, 6)


def test_the_split_is_that_of_the_protocol(task):
    pair = make_instrument_pair(40, 40, random_state=1)
    order = np.random.default_rng(3).permutation(40)
    np.testing.assert_array_equal(task.X, pair.spectra["source"][order[15:]])
    np.testing.assert_array_equal(task.pairs.target, pair.spectra["target"][order[15:]])
    np.testing.assert_array_equal(task.X_test, pair.spectra["target"][order[:15]])
    np.testing.assert_array_equal(task.y_test, pair.y[order[:15], 1])


def corrected(source, standardizer, some, X):
    """Predict with the source model of one property after correcting its preprocessed spectra."""
    read = source.preprocessing_[0].transform
    standardizer.fit(read(some.target), X_source=read(some.source))
    return standardizer.transform(read(X)) @ source.coef_[0] + source.intercept_[0]


def test_all_methods_predict_what_their_estimators_predict(task, predictions):
    assert list(predictions) == [*METHODS, RECALIBRATION]
    standards = task.pairs.take(kennard_stone(task.X, 6))
    source = PLSRegressionCV().fit(task.X, task.y)
    ensemble = TransferEnsemble().fit(task.X, task.y, standards=standards)
    transport = OptimalTransportStandardization("linear")
    recalibrated = PLSRegressionCV().fit(task.pairs.target, task.y)
    expected = {
        "no transfer": source.predict(task.X_test),
        "OT, linear": corrected(source, transport, standards, task.X_test),
        "TransferEnsemble": ensemble.predict(task.X_test),
        RECALIBRATION: recalibrated.predict(task.X_test),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(predictions[name], values, rtol=1e-9, err_msg=name)


def test_spectra_are_corrected_after_the_preprocessing_of_the_source(task):
    """Every spectrum has a gain of its own, which the source model's SNV removes."""
    gain = np.linspace(0.5, 2, len(task.X_test))[:, None]
    source = PLSRegressionCV(preprocessing=[StandardNormalVariate()]).fit(task.X, task.y)
    calibration = SourceCalibration(task.X, task.y, source)
    for name in ("mean shift", "PDS", "EPO"):
        model = METHODS[name](calibration, task.pairs.take(range(5)))
        np.testing.assert_allclose(
            model.predict(gain * task.X_test), model.predict(task.X_test), err_msg=name
        )


def left_out_errors(settings, predict, standards, folds):
    errors = {}
    for setting in settings:
        left = np.empty(standards.n_standards)
        for out in folds:
            some = standards.take(np.setdiff1d(np.arange(len(left)), out))
            left[out] = predict(*setting, some, standards.target[out])
        errors[setting] = np.sum((left - standards.y) ** 2)
    return errors


def test_settings_of_corrections_are_those_of_least_error_on_left_out_standards(task):
    """PDS once more, a fifth of the standards left out at a time."""
    standards = task.pairs.take(kennard_stone(task.X, 6))
    source = PLSRegressionCV().fit(task.X, task.y)

    def predict(width, k, some, X):
        return corrected(source, PiecewiseDirectStandardization(width, k, scale=False), some, X)

    settings = [(width, k) for width in (1, 2, 5, 10, 20) for k in (1, 2, 3)]
    errors = left_out_errors(settings, predict, standards, [[0, 5], [1], [2], [3], [4]])
    best = min(errors, key=errors.get)
    np.testing.assert_allclose(
        compare_methods(task, 6, methods=["PDS"])["PDS"],
        predict(*best, standards, task.X_test),
        rtol=1e-9,
    )


@pytest.mark.filterwarnings("ignore:.*clipped:UserWarning")
def test_settings_of_filters_are_those_of_least_error_on_left_out_standards(task):
    """EPO once more, a fifth of the standards left out at a time."""
    standards = task.pairs.take(kennard_stone(task.X, 6))
    (read,) = PLSRegressionCV().fit(task.X, task.y).preprocessing_

    def predict(k, some, X):
        epo = ExternalParameterOrthogonalization(k)
        epo.fit(read.transform(some.target), X_source=read.transform(some.source))
        model = PLSRegressionCV(preprocessing=[FunctionTransformer()])
        model.fit(epo.transform(read.transform(task.X)), task.y)
        return model.predict(epo.transform(read.transform(X)))

    folds = [[0, 5], [1], [2], [3], [4]]
    errors = left_out_errors([(k,) for k in (1, 2, 3, 4)], predict, standards, folds)
    best = min(errors, key=errors.get)
    np.testing.assert_allclose(
        compare_methods(task, 6, methods=["EPO"])["EPO"],
        predict(*best, standards, task.X_test),
        rtol=1e-9,
    )


@pytest.mark.parametrize("name", METHODS)
def test_properties_are_moved_one_by_one(small_set, name):
    tasks = [small_set.task(f"component {k}", seed=3) for k in (1, 2)]

    def predict(y):
        calibration = SourceCalibration(tasks[0].X, y, PLSRegressionCV().fit(tasks[0].X, y))
        standards = Standards(tasks[0].X[:5], tasks[0].pairs.target[:5], y[:5])
        return METHODS[name](calibration, standards).predict(tasks[0].X_test)

    one_by_one = np.column_stack([predict(task.y) for task in tasks])
    together = predict(np.column_stack([task.y for task in tasks]))
    np.testing.assert_allclose(together, one_by_one, rtol=1e-7)


def test_figures_of_merit(task, predictions):
    rows = {row["method"]: row for row in figures_of_merit(task, predictions)}
    y = predictions["SST"]
    reference = root_mean_squared_error(task.y_test, predictions[RECALIBRATION])
    expected = {
        "rmsep": root_mean_squared_error(task.y_test, y),
        "sep": np.std(y - task.y_test, ddof=1),
        "bias": np.mean(y - task.y_test),
        "slope": np.polyfit(y, task.y_test, 1)[0],
        "r2": r2_score(task.y_test, y),
        "rpd": np.std(task.y_test, ddof=1) / root_mean_squared_error(task.y_test, y),
        "score": root_mean_squared_error(task.y_test, y) / reference,
    }
    for key, value in expected.items():
        assert rows["SST"][key] == pytest.approx(value), key
    assert rows[RECALIBRATION]["score"] == 1


def test_curves_are_quantiles_over_splits(small_set):
    tasks = [small_set.task(seed=seed) for seed in range(3)]
    curve = standards_curves(tasks, [3, 5], methods=["mean shift"])["mean shift"]
    errors = [
        [
            root_mean_squared_error(
                t.y_test, compare_methods(t, n, methods=["mean shift"])["mean shift"]
            )
            for n in (3, 5)
        ]
        for t in tasks
    ]
    np.testing.assert_allclose(curve.median, np.median(errors, axis=0))
    np.testing.assert_allclose(curve.q1, np.quantile(errors, 0.25, axis=0))
    np.testing.assert_allclose(curve.q3, np.quantile(errors, 0.75, axis=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_standards": 2}, "2 standards are too few"),
        ({"n_standards": 26}, "n_samples = 25 is too few"),
        ({"methods": ["SST", "magic"]}, "no method 'magic'"),
    ],
)
def test_what_cannot_be_compared(task, arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_methods(task, **arguments)


def test_instruments_and_properties_are_named(small_set):
    assert small_set.task("COMPONENT 3").property_name == "component 3"
    with pytest.raises(ValueError, match="no property 'fat'. Choose one of component 1"):
        small_set.task("fat")
    with pytest.raises(ValueError, match="no instrument 'm5'"):
        small_set.task(source="m5")
    with pytest.raises(ValueError, match="both target"):
        small_set.task(source="target")


def test_table_as_text_and_as_csv(task, predictions, tmp_path):
    comparison = Comparison(task, 6, predictions)
    lines = format_table(comparison).splitlines()
    assert max(map(len, lines)) < 80
    assert lines[1].startswith("25 calibration samples, 6 standards")
    rows = figures_of_merit(task, predictions)
    start = next(i for i, line in enumerate(lines) if line.startswith("method"))
    for row, line in zip(rows, lines[start + 1 :], strict=False):
        assert line.startswith(row["method"])
        printed = float(line[19:27])
        assert printed == pytest.approx(row["rmsep"], abs=10 ** -len(line[19:27].split(".")[1]))
    write_table([comparison], tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["method"] for row in written] == [row["method"] for row in rows]
    assert float(written[3]["sep"]) == pytest.approx(rows[3]["sep"], rel=1e-5)
    assert (written[0]["property"], written[0]["n_standards"]) == ("component 2", "6")


def write_csv(path, ids, X, axis, **properties):
    names = ["sample", *properties, *(f"{position:.17g} nm" for position in axis)]
    with open(path, "w") as file:
        file.write(",".join(names) + "\n")
        for i, sample in enumerate(ids):
            values = ["" if np.isnan(p[i]) else f"{p[i]:.17g}" for p in properties.values()]
            file.write(",".join([sample, *values, *(f"{x:.17g}" for x in X[i])]) + "\n")


@pytest.fixture
def own(tmp_path):
    """Return a function that writes three files and returns their paths, and the simulated pair."""
    pair = make_instrument_pair(30, 40, n_target_channels=40, random_state=1)
    ids = [f"s{i}" for i in range(30)]

    def write(test=range(20, 30), standards=range(0, 16, 2), every=1, **edits):
        source, target = pair.spectra["source"], pair.spectra["target"][:, ::every]
        y = {"fat": pair.y[:, 0].copy(), "salt": pair.y[:, 1].copy()}
        for name, rows in edits.items():
            y[name][rows] = np.nan
        paths = [tmp_path / f"{name}.csv" for name in ("source", "target", "standards")]
        axis = pair.wavelengths
        fit, test, standards = list(range(20)), list(test), list(standards)
        for path, rows, X, positions in zip(
            paths,
            (fit, test, standards),
            (source, target, target),
            (axis, axis[::every], axis[::every]),
            strict=True,
        ):
            known = {} if path == paths[2] else {name: y[name][rows] for name in y}
            write_csv(path, [ids[row] for row in rows], X[rows], positions, **known)
        return paths

    return write, pair


def test_own_files_give_the_task_they_hold(own):
    write, pair = own
    task = CSVFiles.load(*write()).task("salt")
    np.testing.assert_allclose(task.X, pair.spectra["source"][:20])
    np.testing.assert_allclose(task.y, pair.y[:20, 1])
    np.testing.assert_allclose(task.pairs.target, pair.spectra["target"][0:16:2])
    np.testing.assert_allclose(task.X_test, pair.spectra["target"][20:])
    np.testing.assert_allclose(task.y_test, pair.y[20:, 1])
    assert task.remarks == ()
    predictions = compare_methods(task, 8, methods=["mean shift", RECALIBRATION])
    assert list(predictions) == ["mean shift"]
    assert np.isnan(figures_of_merit(task, predictions)[0]["score"])
    assert "No score" in format_table(Comparison(task, 8, predictions))


def test_own_files_that_allow_a_full_recalibration(own):
    write, _ = own
    task = CSVFiles.load(*write(standards=range(20))).task()
    assert RECALIBRATION in compare_methods(task, 5, methods=["mean shift", RECALIBRATION])


def test_unknown_values_and_calibration_samples_are_left_out(own):
    write, pair = own
    task = CSVFiles.load(*write(test=range(15, 30), fat=[0, 1, 25])).task("fat")
    np.testing.assert_allclose(task.y, pair.y[2:20, 0])
    np.testing.assert_allclose(task.pairs.y, pair.y[2:16:2, 0])
    np.testing.assert_allclose(task.y_test, pair.y[[20, 21, 22, 23, 24, 26, 27, 28, 29], 0])
    assert task.remarks == (
        "2 calibration samples of unknown fat are left out.",
        "1 standards of unknown fat are left out.",
        "5 target samples are calibration samples, and are not tested.",
    )


def test_different_axes_are_resampled_with_a_remark(own):
    write, pair = own
    task = CSVFiles.load(*write(every=3)).task()
    assert task.X.shape[1] == task.X_test.shape[1] == task.pairs.target.shape[1] == 40
    np.testing.assert_allclose(task.X_test[:, ::3], pair.spectra["target"][20:, ::3], atol=1e-12)
    assert "resampled to 40\nchannels of the source" in task.remarks[0]


def test_own_files_with_nothing_to_test(own):
    write, _ = own
    with pytest.raises(ValueError, match="have ids of calibration samples"):
        CSVFiles.load(*write(test=range(5))).task()
    with pytest.raises(ValueError, match="target.csv holds no values of fat"):
        CSVFiles.load(*write(fat=range(20, 30))).task("fat")


def test_wavenumbers_and_wavelengths_meet(own, tmp_path):
    write, pair = own
    source_csv, target_csv, standards_csv = write()
    wavenumbers = 1e7 / pair.wavelengths
    for path in (target_csv, standards_csv):
        header, *lines = path.read_text().splitlines()
        kept = [name for name in header.split(",") if not name.endswith("nm")]
        named = [*kept, *(f"{position:.17g} cm-1" for position in wavenumbers)]
        path.write_text("\n".join([",".join(named), *lines]) + "\n")
    with pytest.warns(UserWarning, match="descend"):
        files = CSVFiles.load(source_csv, target_csv, standards_csv)
    task = files.task()
    np.testing.assert_array_equal(task.X, pair.spectra["source"][:20])
    np.testing.assert_allclose(task.X_test, pair.spectra["target"][20:], atol=1e-9)
    assert task.remarks == ()
