"""Selection against brute force, paired splits, and curves over the number of standards."""

import pickle

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import Bunch
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectralfm.metrics import rmsep
from spectralfm.model_selection import (
    DUPLEX,
    SPXY,
    KennardStone,
    PairedSplit,
    duplex,
    kennard_stone,
    spxy,
    standards_budget,
    standards_curve,
)
from spectralfm.transfer import MeanShift, Standards


def brute_force(D, n):
    """Max-min selection straight from its definition, on a matrix of distances."""
    pairs = [(D[i, j], -i, -j) for i in range(len(D)) for j in range(i + 1, len(D))]
    _, i, j = max(pairs)
    selected = [-i, -j]
    while len(selected) < n:
        rest = [k for k in range(len(D)) if k not in selected]
        selected.append(max(rest, key=lambda k: (min(D[k, s] for s in selected), -k)))
    return selected


def euclidean(X):
    return np.linalg.norm(X[:, None] - X[None], axis=2)


@pytest.fixture
def X():
    rng = np.random.default_rng(3)
    return rng.normal(size=(30, 4)) @ rng.normal(size=(4, 25)) + 0.1 * rng.normal(size=(30, 25))


@pytest.mark.parametrize("n", [2, 3, 10, 30])
def test_kennard_stone_is_the_definition(X, n):
    assert kennard_stone(X, n).tolist() == brute_force(euclidean(X), n)


@pytest.mark.parametrize("properties", [1, 3])
def test_spxy_is_kennard_stone_on_the_joint_distance(X, properties):
    y = np.random.default_rng(1).normal(size=(30, properties)) * [1, 50, 0.1][:properties]
    dx, dy = euclidean(X), euclidean(y / y.std(axis=0))
    expected = brute_force(dx / dx.max() + dy / dy.max(), 12)
    assert spxy(X, y if properties > 1 else y[:, 0], 12).tolist() == expected


def test_selection_is_nested_and_blind_to_blocks(X, monkeypatch):
    whole = kennard_stone(X, 30)
    assert (kennard_stone(X, 7) == whole[:7]).all()
    monkeypatch.setattr("spectralfm.model_selection._sequential.ROWS_AT_ONCE", 7)
    assert (kennard_stone(X, 30) == whole).all()


def test_duplicates_are_selected_last_and_once():
    X = np.r_[np.zeros((3, 5)), np.eye(5)]
    assert set(kennard_stone(X, 6)[:6]) >= set(range(3, 8))
    assert sorted(kennard_stone(X, 8)) == list(range(8))
    assert sorted(kennard_stone(np.ones((4, 5)), 4)) == [0, 1, 2, 3]


def test_duplex_deals_the_samples_in_turns(X):
    D = euclidean(X)
    first, second = duplex(X, 15)
    assert sorted([*first, *second]) == list(range(30))
    assert first[:2].tolist() == brute_force(D, 2)
    rest = np.setdiff1d(np.arange(30), first[:2])
    assert second[:2].tolist() == rest[brute_force(D[np.ix_(rest, rest)], 2)].tolist()
    for k in range(2, 15):
        free = np.setdiff1d(np.arange(30), [*first[:k], *second[:k]])
        assert first[k] == free[np.argmax(D[np.ix_(free, first[:k])].min(axis=1))]
        free = np.setdiff1d(free, first[k])
        assert second[k] == free[np.argmax(D[np.ix_(free, second[:k])].min(axis=1))]
    assert [len(rows) for rows in duplex(X, 20)] == [20, 10]
    assert [len(rows) for rows in duplex(X, 4, 9)] == [4, 9]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (lambda X: kennard_stone(X, 31), "n_samples = 30 is too few.*at least 31"),
        (lambda X: kennard_stone(X, 0), "at least 1, not 0"),
        (lambda X: kennard_stone(np.where(X > 2, np.nan, X), 3), "NaN"),
        (lambda X: spxy(X, np.ones(29), 3), "inconsistent numbers"),
        (lambda X: duplex(X, 29), "n_samples = 30 is too few spectra for two sets: at least 31"),
        (lambda X: duplex(X, 20, 20), "at least 40 needed"),
        (lambda X: duplex(X, 3, 1), "at least 2 in either set, not 3 and 1"),
    ],
)
def test_bad_requests(X, select, message):
    with pytest.raises(ValueError, match=message):
        select(X)


@parametrize_with_checks([KennardStone(), SPXY(), DUPLEX(n_samples=3)])
def test_sklearn_check(estimator, check):
    check(estimator)


def test_selectors_agree_with_the_functions(X):
    y = X[:, 0]
    assert (KennardStone(5).fit(X).indices_ == kennard_stone(X, 5)).all()
    assert (SPXY(5).fit(X, y).indices_ == spxy(X, y, 5)).all()
    selector = DUPLEX(5, n_test=7).fit(X)
    assert (selector.test_indices_ == duplex(X, 5, 7)[1]).all()
    assert selector.get_support().sum() == 5
    assert (selector.get_support(indices=True) == np.sort(selector.indices_)).all()


# Paired splits


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_sample_stays_on_one_side(shuffle):
    sample = np.r_[np.arange(20), np.arange(20), np.arange(5)]
    instrument = np.repeat(["A", "B", "C"], [20, 20, 5])
    split = PairedSplit(4, shuffle=shuffle, random_state=1, test_on=instrument == "B")
    tested = []
    for train, test in split.split(np.zeros((45, 3)), groups=sample):
        assert not set(sample[train]) & set(sample[test])
        assert set(instrument[test]) == {"B"}
        assert set(instrument[train]) == {"A", "B", "C"}
        tested.extend(sample[test])
    assert sorted(tested) == list(range(20))


def test_paired_split_in_cross_validation():
    rng = np.random.default_rng(0)
    X, sample = rng.normal(size=(20, 50)), np.tile(np.arange(20), 2)
    y = rng.normal(size=20)
    stacked, labels = np.r_[X, X + 1e-3], np.r_[y, y]
    honest = cross_val_score(Ridge(1e-3), stacked, labels, cv=PairedSplit(5), groups=sample)
    leaking = cross_val_score(Ridge(1e-3), stacked, labels, cv=5)
    assert honest.mean() < 0.5 < leaking.max()
    assert repr(pickle.loads(pickle.dumps(PairedSplit(3)))) == repr(PairedSplit(3))


@pytest.mark.parametrize(
    ("options", "groups", "message"),
    [
        ({}, None, "needs groups="),
        ({"test_on": [True, False]}, np.arange(6), "each of the 6 rows"),
        ({"train_on": np.zeros(6, dtype=bool)}, np.arange(6), "Fold 0 has 0 spectra to train on"),
        ({"train_on": np.arange(6)}, np.arange(6), "True or False"),
    ],
)
def test_bad_paired_splits(options, groups, message):
    with pytest.raises(ValueError, match=message):
        list(PairedSplit(3, **options).split(np.zeros((6, 2)), groups=groups))


# Standards curves


class Corrected(RegressorMixin, BaseEstimator):
    """A frozen model with a mean shift before it: ``fit(X, y, X_source=)``."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y=None, *, X_source):
        self.transfer_ = MeanShift().fit(X, X_source=X_source)
        return self

    def predict(self, X):
        return self.model.predict(self.transfer_.transform(X))


class Refitted(RegressorMixin, BaseEstimator):
    """Ridge on spectra moved to the target: ``fit(X, y, standards=)``."""

    def fit(self, X, y, *, standards=None):
        shift = 0 if standards is None else (standards.target - standards.source).mean(axis=0)
        self.ridge_ = Ridge(1e-4).fit(X + shift, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)


def refitted(X, y, standards):
    return Refitted().fit(X, y, standards=standards)


@pytest.fixture
def pairs():
    """Sixty samples; the target adds an offset spectrum and much noise."""
    rng = np.random.default_rng(0)
    y = rng.random((60, 2))
    source = y @ rng.random((2, 40)) + 0.002 * rng.normal(size=(60, 40))
    target = source + 0.3 * rng.random(40) + 0.05 * rng.normal(size=(60, 40))
    return Standards(source, target, y)


def test_all_kinds_of_method_agree(pairs):
    one = Standards(pairs.source, pairs.target, pairs.y[:, 0])
    options = {"n_standards": [0, 2, 10, 40], "random_state": 0}
    frozen = Corrected(FrozenEstimator(Ridge(1e-4).fit(one.source, one.y)))
    methods = (frozen, Corrected(Ridge(1e-4)), Refitted(), refitted)
    curves = [standards_curve(method, one, **options) for method in methods]
    for curve in curves:
        np.testing.assert_allclose(curve.scores, curves[0].scores, rtol=1e-6)
    curve = curves[0]
    assert curve.scores.shape == (20, 4)
    np.testing.assert_allclose(curve.median, np.median(curve.scores, axis=0))
    assert (curve.q1 <= curve.median).all()
    assert (curve.median <= curve.q3).all()
    assert curve.median[0] > 3 * curve.median[-1]
    assert curve.median[1] > curve.median[3]


def test_one_split_by_hand(pairs):
    train, test = np.arange(40), np.arange(40, 60)
    curve = standards_curve(refitted, pairs, n_standards=[5], cv=[(train, test)])
    chosen = train[kennard_stone(pairs.source[train], 5)]
    model = refitted(pairs.source[train], pairs.y[train], pairs.take(chosen))
    expected = rmsep(pairs.y[test], model.predict(pairs.target[test]), multioutput="raw_values")
    np.testing.assert_allclose(curve.scores[0, 0], expected)
    assert curve.median.shape == (1, 2)


def test_the_frozen_model_never_knows_a_test_sample(pairs):
    """A model that memorises its calibration would be perfect on samples it has seen."""
    y = np.random.default_rng(5).random(60)
    noise = Standards(pairs.source, pairs.source, y)
    memory = FrozenEstimator(KNeighborsRegressor(1).fit(noise.source, y))
    curve = standards_curve(
        Corrected(memory), noise, n_standards=[0, 10], metric=r2_score, random_state=0
    )
    assert (curve.median < 0).all()
    assert memory.estimator.n_samples_fit_ == 60


@pytest.mark.parametrize("selection", ["kennard_stone", "spxy", "duplex", "random"])
def test_selection_rules(pairs, selection):
    options = {"n_standards": [4, 20], "selection": selection, "random_state": 3}
    curve = standards_curve(Refitted(), pairs, cv=4, **options)
    with parallel_config("threading"):
        again = standards_curve(Refitted(), pairs, cv=4, n_jobs=2, **options)
    np.testing.assert_array_equal(curve.scores, again.scores)


def test_random_standards_differ_between_repeats_of_one_split(pairs):
    split = [(np.arange(40), np.arange(40, 60))] * 5
    fixed = standards_curve(Refitted(), pairs, n_standards=[4], cv=split)
    drawn = standards_curve(Refitted(), pairs, n_standards=[4], cv=split, selection="random")
    assert np.ptp(fixed.scores, axis=0).max() == 0
    assert np.ptp(drawn.scores, axis=0).min() > 0

    def last(X, y, n):
        return np.arange(len(X) - n, len(X))

    own = standards_curve(Refitted(), pairs, n_standards=[4], cv=split[:1], selection=last)
    model = refitted(pairs.source[:40], pairs.y[:40], pairs.take(np.arange(36, 40)))
    expected = rmsep(pairs.y[40:], model.predict(pairs.target[40:]), multioutput="raw_values")
    np.testing.assert_allclose(own.scores[0, 0], expected)


def test_extra_source_spectra_join_the_calibration(pairs):
    few, extra = pairs.take(np.arange(20)), pairs.take(np.arange(20, 60))
    seen = []

    def method(X, y, standards):
        seen.append((len(X), len(y), standards.n_standards))
        return refitted(X, y, standards)

    standards_curve(method, few, n_standards=[3], X=extra.source, y=extra.y, cv=4)
    assert seen == [(55, 55, 3)] * 4


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pairs": Standards([[1.0, 2], [2, 1]], [[1.0, 2], [2, 1]])}, ValueError, "has no y"),
        ({"n_standards": [50]}, ValueError, "50 standards are asked for.*42"),
        ({"n_standards": []}, ValueError, "n_standards must list"),
        ({"selection": "kennard"}, ValueError, "selection must be callable or one of"),
        ({"X": [[1.0]]}, ValueError, "belong together"),
        ({"method": MeanShift()}, TypeError, "Wrap spectra standardizers"),
        ({"method": PLSRegression()}, TypeError, "neither standards= nor X_source="),
        ({"method": "PDS"}, TypeError, "estimator or a callable"),
        ({"method": Corrected(None), "n_standards": [0]}, TypeError, "holds no source model"),
    ],
)
def test_bad_curves(pairs, change, error, message):
    arguments = {"method": Refitted(), "pairs": pairs, "n_standards": [3], **change}
    with pytest.raises(error, match=message):
        standards_curve(**arguments)


def test_budget_of_several_properties():
    median = np.array([[0.50, 3.0], [0.90, 2.0], [0.52, 2.2]])
    curve = Bunch(n_standards=np.array([40, 2, 10]), median=median)
    assert standards_budget(curve, tolerance=0.0).tolist() == [40, 2]
    assert standards_budget(curve).tolist() == [10, 2]
    assert standards_budget(Bunch(n_standards=[40, 2], median=[1.0, 1.5])) == 40
    with pytest.raises(ValueError, match="tolerance"):
        standards_budget(curve, -1)
