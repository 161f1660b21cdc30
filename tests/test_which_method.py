"""The page on methods says what the tables say, and these are computed rightly."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_page_has_the_numbers_of_the_tables():
    from which_method import PAGE, filled

    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page, "run make tables"
    assert filled(page.replace("| SpectralFM | ", "| SpectralFM | 0")) == page


def test_every_method_of_the_page_is_one_of_the_benchmark():
    from _methods import METHODS
    from _results import scores

    assert {method for _, method, _ in scores()} <= set(METHODS)


def row(method, n, seed, rmsep, prop="fat"):
    return {
        "group": "g", "method": method, "n": n, "seed": seed, "rmsep": rmsep,
        "source": "a", "target": "b", "property": prop,
    }  # fmt: skip


def test_scores_are_ratios_to_the_recalibration_of_the_same_splits():
    from _scores import score_rows

    rows = [row("full recalibration", "all", seed, 2.0 + seed) for seed in range(3)]
    rows += [row("full recalibration", "all", seed, 1.0, "salt") for seed in range(3)]
    rows += [row("slow", 3, 0, 4.0), row("slow", 3, 0, 8.0, "salt")]
    rows += [row("fast", n, seed, 3.0 * 2**seed) for seed in range(3) for n in ("none", 10)]
    found = {(one["method"], one["n"]): one for one in score_rows(rows)}
    assert found["slow", "3"]["score"] == f"{np.sqrt(4 / 2 * 8 / 1):.3f}"
    assert found["slow", "3"]["splits"] == 1
    assert found["fast", "10"]["score"] == "2.000"  # medians 6 and 3
    assert (found["fast", "10"]["q1"], found["fast", "10"]["q3"]) == ("1.414", "2.828")
    assert list(found) == [
        ("fast", "none"), ("fast", "10"), ("full recalibration", "all"), ("slow", "3")
    ]  # fmt: skip


def test_holm_is_that_of_the_textbook():
    from spectralfm.benchmark._paired_test import holm

    # Holm (1979): p(k) times the number of hypotheses not yet rejected, never falling, at most 1.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])


def test_the_default_is_compared_on_tasks_that_both_ran():
    from significance import compare

    default = {("0", "a", "b", str(k)): np.log(1.0) for k in range(8)}
    other = {task: np.log(2.0 + k) for k, task in enumerate(default)}
    del other["0", "a", "b", "0"]
    errors = {("g", "SpectralFM", "3"): default, ("g", "PDS", "3"): other}
    errors["g", "no transfer", "none"] = other
    first, second = compare(errors)
    assert (first["method"], first["n"], first["pairs"], first["lower"]) == ("PDS", "3", 7, 1.0)
    assert first["ratio"] == pytest.approx(np.exp(-np.mean(np.log(np.arange(3, 10)))))
    assert first["p"] == pytest.approx(2 / 2**7)  # all seven signs alike
    assert (second["method"], second["n"]) == ("no transfer", "3")


def test_few_shot_ratios_are_to_pls():
    from few_shot import ratios

    results = [(("beer", 10, m), np.array([e])) for m, e in (("PLS", 2.0), ("ridge", 1.0))]
    results += [(("corn", 10, m), np.array([e])) for m, e in (("PLS", 1.0), ("ridge", 4.0))]
    found = {(r["set"], r["method"]): r["ratio"] for r in ratios(results, 1)}
    assert found["beer", "ridge"] == "0.500"
    assert found["geometric mean", "ridge"] == f"{np.sqrt(0.5 * 4):.3f}"
    assert found["geometric mean", "PLS"] == "1.000"


def small_task():
    from _protocol import Task

    X = np.random.default_rng(0).random((30, 40)).cumsum(axis=1)
    y = X[:, [20]] - X[:, [10]]
    return Task(
        "corn", 1, "a", "b", "g", X[:20], y[:20], 1.1 * X[:20], 1.1 * X[20:], y[20:], ["fat"],
        np.linspace(1100, 2500, 40), checkpoint=None,
    )  # fmt: skip


def test_what_each_budget_gives_to_fit():
    task = small_task()
    assert task.given("none") == {}
    assert task.given(0)["X_target"] is task.X_test
    standards = task.given(3)["standards"]
    assert np.array_equal(standards.target, 1.1 * standards.source)
    assert standards.y.shape == (3, 1)


def test_remembered_encodings_change_nothing():
    from _foundation import _default

    from spectralfm.foundation import SpectralFMRegressor

    task = small_task()
    options = {"stack": False, "random_state": 0}
    given = task.given(5)
    plain = SpectralFMRegressor(None, wavelengths=task.wavelengths, **options)
    expected = plain.fit(task.X, task.y, **given).predict(task.X_test)
    for _ in range(2):
        model = _default(task, **options).fit(task.X, task.y, **given)
        assert np.allclose(model.predict(task.X_test), expected, rtol=1e-9)
        # The calibration and test spectra and five standards on the target; those on the source
        # are calibration spectra. The second round adds none.
        assert len(task.encodings) == 20 + 10 + 5


def test_only_what_is_missing_is_run(monkeypatch):
    import argparse

    import transfer

    monkeypatch.setattr(transfer, "tasks", lambda dataset, n_splits: iter([small_task()]))
    args = argparse.Namespace(dataset="corn", quick=False, checkpoint="small")
    done = row("TransferEnsemble", "none", 1, 1.0) | {"seed": "1"}
    methods = ["TransferEnsemble", "PDS, chemotools", "no transfer"]
    ((_, asked),) = transfer.missing_work(args, methods, [done])
    assert ("TransferEnsemble", "none") not in asked and ("TransferEnsemble", 0) in asked
    assert ("PDS, chemotools", 3) in asked and ("no transfer", "none") in asked
    args.quick = True  # of slow methods the first split only
    ((_, asked),) = transfer.missing_work(args, methods, [done])
    assert "PDS, chemotools" not in {name for name, _ in asked}
