"""ConformalRegressor as an estimator: what it wraps, what it takes and what it refuses."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpydoc.docscrape import get_doc_object
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from spectralfm.conformal import ConformalRegressor, fewest_samples, undercoverage_risk
from spectralfm.datasets import make_instrument_pair
from spectralfm.metrics import coverage
from spectralfm.transfer import (
    CalibrationTransfer,
    DifferencePenalizedRidge,
    MeanShift,
    SlopeBiasCorrection,
    Standards,
    TransferEnsemble,
    Unpaired,
)

PAIR = make_instrument_pair(n_samples=120, n_channels=60, random_state=0)
X, T, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y[:, :2]
FIT, ADAPT, APART, NEW = slice(0, 40), slice(40, 50), slice(50, 70), slice(70, 120)
SOURCE = FrozenEstimator(PLSRegression(4).fit(X[FIT], Y[FIT]))
STANDARDS = Standards(X[ADAPT], T[ADAPT], Y[ADAPT])
RIDGE = DifferencePenalizedRidge(preprocessing=[FunctionTransformer()])
# Estimator, X and y of fit, other arguments of fit.
WRAPPED = {
    "frozen": (SOURCE, X[FIT], Y[FIT], {}),
    "slope/bias": (SlopeBiasCorrection(SOURCE), T[ADAPT], Y[ADAPT], {}),
    "slope/bias without y": (SlopeBiasCorrection(SOURCE), T[ADAPT], None, {"X_source": X[ADAPT]}),
    "spectra": (CalibrationTransfer(SOURCE, MeanShift()), T[ADAPT], None, {"X_source": X[ADAPT]}),
    "refit": (RIDGE, X[FIT], Y[FIT], {"standards": STANDARDS, "X_target": Unpaired(T[NEW])}),
    "ensemble": (
        TransferEnsemble([("a", RIDGE), ("b", clone(RIDGE).set_params(prior_dof=0))]),
        X[FIT], Y[FIT], {"standards": STANDARDS},
    ),
}  # fmt: skip


def split(estimator=SOURCE, method="split", **parameters):
    return ConformalRegressor(estimator, method, **parameters)


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("routing", [False, True])
def test_wraps(name, routing):
    estimator, X_fit, y_fit, others = WRAPPED[name]
    with sklearn.config_context(enable_metadata_routing=routing):
        model = split(estimator).fit(X_fit, y_fit, **others).conformalize(T[APART], Y[APART])
    plain = clone(estimator).fit(X_fit, y_fit, **others)
    predicted, interval = model.predict_interval(T[NEW])
    np.testing.assert_array_equal(predicted, plain.predict(T[NEW]))
    np.testing.assert_array_equal(model.predict(T[NEW]), predicted)
    assert interval.shape == (50, 2, 2) and model.n_calibration_ == 20
    errors = np.sort(np.abs(Y[APART] - plain.predict(T[APART])), axis=0)
    np.testing.assert_allclose(interval[:, :, 1] - predicted, np.tile(errors[18], (50, 1)))
    assert coverage(Y[NEW], interval) > 0.7


def test_a_frozen_model_needs_no_fit_and_forgets_no_samples():
    again = split().fit(T[APART], Y[APART]).conformalize(T[APART], Y[APART])
    once = split().conformalize(T[APART], Y[APART])
    np.testing.assert_array_equal(again.predict_interval(T)[1], once.predict_interval(T)[1])


@pytest.mark.parametrize("method", ["split", "full", "jackknife+", "cv+"])
def test_one_property_has_intervals_of_one(method):
    X_c, y_c = (T[APART], Y[APART, 0]) if method == "split" else (X[FIT], Y[FIT, 0])
    model = split(Ridge(1e-3), method).fit(X[FIT], Y[FIT, 0]).conformalize(X_c, y_c)
    predicted, interval = model.predict_interval(T[NEW])
    assert predicted.shape == (50,) and interval.shape == (50, 2)
    both = split(Ridge(1e-3), method).fit(X[FIT], Y[FIT])
    both.conformalize(X_c, Y[APART] if method == "split" else Y[FIT])
    np.testing.assert_allclose(both.predict_interval(T[NEW])[1][:, 0], interval, rtol=1e-6)


@pytest.mark.parametrize("method", ["split", "mondrian", "weighted", "full", "jackknife+", "cv+"])
def test_pickle_and_clone(method):
    model = split(SlopeBiasCorrection(SOURCE), method).fit(T[ADAPT], Y[ADAPT])
    apart = method in ("split", "mondrian", "weighted")
    groups = ["a"] * 20 if method == "mondrian" else None
    population = {"X_target": T[NEW]} if method == "weighted" else {}
    rows = APART if apart else ADAPT
    model.conformalize(T[rows], Y[rows], groups, **population)
    back = pickle.loads(pickle.dumps(model))
    new = ["a"] * 50 if method == "mondrian" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # infinite
        expected, found = (one.predict_interval(T[NEW], new) for one in (model, back))
    np.testing.assert_array_equal(found[1], expected[1])
    with pytest.raises(NotFittedError):
        clone(model).predict(T)


def test_grid_search_over_the_inner_parameters():
    grid = {"estimator__difference_penalties": [(0.1,), (10.0,)]}
    search = GridSearchCV(split(RIDGE), grid, cv=2).fit(X[FIT], Y[FIT], standards=STANDARDS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_.conformalize(T[APART], Y[APART])
    assert best.predict_interval(T[NEW])[1].shape == (50, 2, 2)


@pytest.mark.parametrize("method", ["split", "full", "jackknife+"])
def test_data_frames(method):
    def frame(rows):
        return pd.DataFrame(rows, columns=[f"{1100 + 2 * i} nm" for i in range(60)])

    source = FrozenEstimator(PLSRegression(4).fit(frame(X[FIT]), Y[FIT]))
    rows = APART if method == "split" else ADAPT
    named, plain = (split(SlopeBiasCorrection(one), method) for one in (source, SOURCE))
    named.fit(frame(T[ADAPT]), Y[ADAPT]).conformalize(frame(T[rows]), Y[rows])
    plain.fit(T[ADAPT], Y[ADAPT]).conformalize(T[rows], Y[rows])
    found, expected = named.predict_interval(frame(T[:30])), plain.predict_interval(T[:30])
    np.testing.assert_allclose(found[1], expected[1])
    with pytest.raises(ValueError, match="no column names"):
        named.predict_interval(T)


def test_standards_are_left_out_with_their_rows_of_the_source():
    """Jackknife+ on the standards equals refits without standard, its y and its source row."""
    standards = Standards(X[:10], T[:10], Y[:10])
    model = split(RIDGE, "jackknife+").fit(X[FIT], Y[FIT], standards=standards)
    model.conformalize(T[:10], Y[:10])
    for i, fitted in enumerate(model.intervals_.models[:3]):
        rest = np.delete(np.arange(40), i)
        expected = clone(RIDGE).fit(
            X[rest], Y[rest], standards=standards.take(np.delete(np.arange(10), i))
        )
        np.testing.assert_allclose(fitted.predict(T[NEW]), expected.predict(T[NEW]), rtol=1e-9)


def test_arguments_of_fit_are_cut_with_the_folds():
    weights, unlabelled = np.linspace(1, 2, 20), Unpaired(X[20:40])
    model = split(Ridge(0.1), "cv+", cv=KFold(4, shuffle=True, random_state=0))
    model.fit(X[:20], Y[:20], sample_weight=weights).conformalize(X[:20], Y[:20])
    train, _ = next(KFold(4, shuffle=True, random_state=0).split(X[:20]))
    expected = Ridge(0.1).fit(X[train], Y[train], sample_weight=weights[train])
    np.testing.assert_allclose(model.intervals_.models[0].predict(T), expected.predict(T))
    model = split(RIDGE, "cv+", cv=2).fit(X[:20], Y[:20], X_target=unlabelled)
    assert len(model.conformalize(X[:20], Y[:20]).intervals_.models) == 2


@pytest.mark.parametrize("method", ["split", "mondrian", "weighted"])
@pytest.mark.parametrize("role", ["calibration", "standards", "source", "unlabelled", "float32"])
def test_refuses_samples_that_served_in_fit(method, role):
    spoiled = T[APART].copy()
    model = split(SlopeBiasCorrection(SOURCE), method).fit(T[ADAPT], Y[ADAPT])
    if role in ("standards", "source", "unlabelled"):
        unlabelled = Unpaired(T[NEW])
        model = split(RIDGE, method).fit(X[FIT], Y[FIT], standards=STANDARDS, X_target=unlabelled)
    used = {"source": X[45], "unlabelled": T[80]}.get(role, T[45])
    spoiled[3] = used.astype(np.float32) if role == "float32" else used
    with pytest.raises(
        ValueError, match=r"1 of 20 conformal samples \(first: row 3\) served.*full"
    ):
        model.conformalize(spoiled, Y[APART], ["a"] * 20, X_target=T[NEW])
    with pytest.raises(NotFittedError, match="call conformalize"):
        model.predict_interval(T)


def test_refuses_other_samples_where_it_needs_those_of_fit():
    model = split(SlopeBiasCorrection(SOURCE), "jackknife+").fit(T[ADAPT], Y[ADAPT])
    with pytest.raises(ValueError, match="20 of 20 .* did not serve in fit.*split"):
        model.conformalize(T[APART], Y[APART])
    model.set_params(method="full")
    for X_c, y_c in ((T[APART], Y[APART]), (T[ADAPT], Y[ADAPT] + 1), (T[41:50], Y[41:50])):
        with pytest.raises(ValueError, match="pass conformalize the X and y of fit"):
            model.conformalize(X_c, y_c)


@pytest.mark.parametrize(("level", "needed"), [(0.9, 9), (0.95, 19), (0.8, 4)])
@pytest.mark.parametrize("method", ["split", "weighted", "full", "jackknife+", "cv+"])
def test_refuses_fewer_samples_than_the_level_needs(level, needed, method):
    assert fewest_samples(level) == needed
    adapt, apart = slice(40, 40 + max(needed - 1, 2)), slice(80, 80 + needed)
    rows = apart if method in ("split", "weighted") else adapt
    few = slice(rows.start, rows.start + needed - 1)
    model = split(SlopeBiasCorrection(SOURCE), method, confidence_level=level, cv=2)
    model.fit(T[adapt], Y[adapt])
    message = rf"n_samples = {needed - 1} is too few conformal samples.* at least {needed}"
    with pytest.raises(ValueError, match=message):
        model.conformalize(T[few], Y[few], X_target=T[:20])
    if method == "split":
        model.conformalize(T[apart], Y[apart])
        assert np.isfinite(model.predict_interval(T[:5])[1]).all()


def test_nine_samples_do_at_90_percent_by_every_method():
    for method in ("full", "jackknife+", "cv+"):
        model = split(SlopeBiasCorrection(SOURCE), method).fit(T[40:49], Y[40:49])
        interval = model.conformalize(T[40:49], Y[40:49]).predict_interval(T[50:60])[1]
        assert np.isfinite(interval).all(), method


def test_the_smallest_group_is_what_counts():
    groups = np.repeat(["a", "b"], [12, 8])
    with pytest.raises(ValueError, match="n_samples = 8 .*group 'b'.* at least 9"):
        split(SOURCE, "mondrian").conformalize(T[APART], Y[APART], groups)
    model = split(SOURCE, "mondrian").conformalize(T[50:71], Y[50:71], np.repeat([7, 8], [12, 9]))
    assert model.n_calibration_ == 21
    assert model.undercoverage_risk_ == undercoverage_risk(9) > undercoverage_risk(12)
    with pytest.raises(ValueError, match="group 9 was conformalized, only of \\[7, 8\\]"):
        model.predict_interval(T[:2], [7, 9])
    with pytest.raises(ValueError, match="pass groups=.*one of \\[7, 8\\]"):
        model.predict_interval(T[:2])
    with pytest.raises(ValueError, match="groups has shape \\(3,\\), but there are 2"):
        model.predict_interval(T[:2], [7, 8, 8])


LACKS = {
    "groups": (split(SOURCE, "mondrian"), "needs groups: pass groups="),
    "population": (split(SOURCE, "weighted"), "needs X_target: pass unlabelled"),
    "frozen": (split(SOURCE, "jackknife+"), "this one is frozen. Use method=.split"),
    "closed form": (split(PLSRegression(2), "full"), "not for this PLSRegression.*jackknife"),
    "scaler": (
        split(make_pipeline(FunctionTransformer(), Ridge()), "full"),
        "not for this Pipeline",
    ),
    "unfrozen": (split(SlopeBiasCorrection(Ridge()), "full"), "closed form for SlopeBias"),
    "penalty": (split(Ridge(0, solver="svd"), "full"), "alpha > 0"),
    "folds": (split(Ridge(), "cv+", cv=ShuffleSplit(3, random_state=0)), "exactly once"),
    "groups of folds": (split(Ridge(), "cv+", cv=GroupKFold(2)), "groups"),
}


@pytest.mark.filterwarnings("ignore:The estimator of SlopeBiasCorrection is not fitted")
@pytest.mark.parametrize(("model", "message"), list(LACKS.values()), ids=list(LACKS))
def test_says_what_is_missing(model, message):
    model = clone(model).fit(X[FIT], Y[FIT])
    with pytest.raises(ValueError, match=message):
        model.conformalize(X[FIT], Y[FIT])


def test_other_bad_input():
    with pytest.raises(ValueError, match="sample_weight. Use"):
        split(Ridge(), "full").fit(X[FIT], Y[FIT], sample_weight=np.ones(40)).conformalize(
            X[FIT], Y[FIT]
        )
    twice = np.vstack([X[:20], X[:1]]), np.vstack([Y[:20], Y[:1]])
    with pytest.raises(ValueError, match="1 conformal spectra are repeated"):
        split(Ridge(), "jackknife+").fit(*twice).conformalize(*twice)
    with pytest.raises(ValueError, match="y has 1 properties, but the source model predicts 2"):
        split().conformalize(T[APART], Y[APART, 0])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        split().conformalize(T[APART], Y[NEW])
    with pytest.raises(ValueError, match="confidence_level"):
        split(confidence_level=1.0).conformalize(T[APART], Y[APART])
    with pytest.raises(NotFittedError):
        split(Ridge()).conformalize(T[APART], Y[APART])
    for level in (0, 1, 1.5):
        with pytest.raises(ValueError, match="must lie between 0 and 1: 0.9 is 90 %"):
            fewest_samples(level)


def test_a_failed_conformalize_leaves_no_old_intervals():
    model = split().conformalize(T[APART], Y[APART])
    with pytest.raises(ValueError, match="too few"):
        model.conformalize(T[50:55], Y[50:55])
    with pytest.raises(NotFittedError):
        model.predict_interval(T)
    assert not hasattr(model, "n_calibration_")


def test_attributes_are_documented_and_exist():
    documented = {one.name for one in get_doc_object(ConformalRegressor)["Attributes"]}
    learned = {name for name in vars(split().conformalize(T[APART], Y[APART])) if name[-1] == "_"}
    assert documented == learned - {"_positions_in_"}


def test_arrays_may_be_used_again_after_fit():
    X_fit, y_fit = T[ADAPT].copy(), Y[ADAPT].copy()
    models = [split(SlopeBiasCorrection(SOURCE), "jackknife+").fit(X_fit, y_fit) for _ in "ab"]
    expected = models[0].conformalize(T[ADAPT], Y[ADAPT]).predict_interval(T[NEW])[1]
    X_fit[:], y_fit[:] = 0.5, 0.0
    found = models[1].conformalize(T[ADAPT], Y[ADAPT]).predict_interval(T[NEW])[1]
    np.testing.assert_array_equal(found, expected)


def test_groups_of_folds_stay_together():
    groups = np.repeat(np.arange(5), 4)
    model = split(Ridge(1e-3), "cv+", cv=GroupKFold(5)).fit(X[:20], Y[:20])
    model.conformalize(X[:20], Y[:20], groups)
    assert len(model.intervals_.models) == 5
    assert np.isfinite(model.predict_interval(T[NEW])[1]).all()


def test_a_frozen_model_of_other_channels_is_refused_by_fit():
    X = np.random.default_rng(0).random((20, 12))
    frozen = FrozenEstimator(Ridge().fit(X[:, 1:], X[:, 0]))
    with pytest.raises(ValueError, match="X has 12 channels, but the source model has 11"):
        ConformalRegressor(frozen).fit(X, X[:, 0])


def test_columns_named_by_numbers():
    frames = [pd.DataFrame(rows, columns=1100.0 + 2 * np.arange(60)) for rows in (X, T)]
    model = ConformalRegressor(RIDGE).fit(frames[0][FIT], Y[FIT], standards=STANDARDS)
    model.conformalize(frames[1][APART], Y[APART])
    arrays = ConformalRegressor(RIDGE).fit(X[FIT], Y[FIT], standards=STANDARDS)
    np.testing.assert_allclose(model.predict(frames[1]), arrays.predict(T), rtol=1e-9)
