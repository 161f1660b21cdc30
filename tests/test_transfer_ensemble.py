"""The ensemble is the weighted mean of its members, and behaves inside scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from spectralfm.transfer import (
    AveragedPLS,
    DifferencePenalizedRidge,
    DomainInvariantPLS,
    RidgeDirectStandardization,
    Standards,
    TransferEnsemble,
    Unpaired,
)
from spectralfm.transfer._families import cautious_ridge
from spectralfm.transfer._preprocessing import shape_preprocessing

RNG = np.random.default_rng(8)
PURE = np.exp(-0.5 * ((np.arange(30) - np.array([[6], [14], [23]])) / 4) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((26, 3))
SPECTRA = CONCENTRATIONS @ PURE + 0.01 * RNG.normal(size=(26, 30))
ON_TARGET = SPECTRA * np.linspace(1.0, 1.2, 30) + 0.1 + 0.005 * RNG.normal(size=SPECTRA.shape)
VALUES = CONCENTRATIONS[:, :2] + 0.01 * RNG.normal(size=(26, 2))
X, Y, NEW = SPECTRA[:16], VALUES[:16], ON_TARGET[20:]
KNOWN = np.array([1, 6, 9, 14, 3])
STANDARDS = Standards(X[KNOWN], ON_TARGET[KNOWN])


def members():
    return [
        ("pls", AveragedPLS(4, standardizer=RidgeDirectStandardization())),
        ("ridge", DifferencePenalizedRidge(noise_floors=(4.0, 64.0))),
        ("target", DifferencePenalizedRidge(standards_weights=(10.0,), weigh_by="standards")),
    ]


def test_weighted_mean_of_its_members():
    model = TransferEnsemble(
        members(), prior_weights=(1.0, 2.0, 0.5), sharpness=0.4, min_standards=3
    )
    model.fit(X, Y, standards=STANDARDS)
    predictions, standards_error, source_error = [], [], []
    for name, member in members():
        member.fit(X, Y, standards=STANDARDS)
        np.testing.assert_array_equal(dict(model.members_)[name].predict(NEW), member.predict(NEW))
        predictions.append(member.predict(NEW))
        squares = np.square(member.standards_prediction_ - Y[KNOWN])
        standards_error.append(np.sqrt(squares.mean(axis=0)))
        source_error.append(member.source_error_)
    np.testing.assert_allclose(model.standards_error_, standards_error, rtol=1e-9)
    np.testing.assert_allclose(model.source_error_, source_error, rtol=1e-9)
    errors = np.array(standards_error) + 2 / 5 * np.array(source_error)
    prior = np.array([1.0, 2.0, 0.5])[:, None]
    weights = prior * np.exp(-0.4 * 5 * (errors / errors.min(axis=0) - 1))
    np.testing.assert_allclose(model.weights_, weights / weights.sum(axis=0), rtol=1e-7)
    expected = np.einsum("kj,knj->nj", model.weights_, predictions)
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-10)


def test_other_members_are_refitted_without_each_standard():
    """DomainInvariantPLS keeps no held-out predictions of its own."""
    model = TransferEnsemble([("di", DomainInvariantPLS(3)), *members()[:1]])
    model.fit(X, Y, standards=STANDARDS, X_target=Unpaired(ON_TARGET[10:20]))
    held_out = np.empty((5, 2))
    for i, row in enumerate(KNOWN):
        keep, rest = np.arange(16) != row, np.arange(5) != i
        one = DomainInvariantPLS(3).fit(
            X[keep], Y[keep], standards=STANDARDS.take(rest), X_target=ON_TARGET[10:20]
        )
        held_out[i] = one.predict(ON_TARGET[[row]])[0]
    expected = np.sqrt(np.square(held_out - Y[KNOWN]).mean(axis=0))
    np.testing.assert_allclose(model.standards_error_[0], expected, rtol=1e-9)
    assert np.isnan(model.source_error_[0]).all()


@pytest.mark.parametrize("prior", [(1.0,), (0.0, 0.0, 0.0), (1.0, -1.0, 1.0)])
def test_prior_weights_must_fit_the_members(prior):
    with pytest.raises(ValueError, match="prior_weights"):
        TransferEnsemble(members(), prior_weights=prior).fit(X, Y, standards=STANDARDS)


@pytest.mark.parametrize(("n", "learned"), [(5, 0.125), (12, 1.0)])
def test_weights_of_the_default_families(n, learned):
    model = TransferEnsemble(min_standards=13).fit(X, Y, standards=Standards(X[:n], ON_TARGET[:n]))
    shares = dict(zip([name for name, _ in model.members_], model.weights_[:, 0], strict=True))
    prior = {"mapped": learned, "local": learned, "invariant": 1, "ridge": 3, "target": learned / 2}
    assert shares == pytest.approx({name: w / sum(prior.values()) for name, w in prior.items()})


def test_weights_given_to_the_default_families():
    model = TransferEnsemble(prior_weights=[0, 0, 1, 0, 0]).fit(X, Y, standards=STANDARDS)
    np.testing.assert_array_equal(
        model.predict(NEW), dict(model.members_)["invariant"].predict(NEW)
    )


class Recorder(DomainInvariantPLS):
    """Remembers the values and the number of standards of each fit."""

    seen: list = []

    def _fit_linear(self, X, y, standards, X_target):
        self.seen.append((len(X), standards.y))
        return super()._fit_linear(X, y, standards, X_target)


@pytest.fixture
def recorder():
    Recorder.seen.clear()
    return TransferEnsemble([("recorder", Recorder(2))])


def test_values_read_by_the_source_are_not_passed_as_measured(recorder):
    recorder.fit(X, Y, standards=Standards(SPECTRA[16:20], ON_TARGET[16:20]))
    assert len(Recorder.seen) == 5
    for n_samples, values in Recorder.seen[1:]:
        assert n_samples == 16 and np.isnan(values).all()


def test_replicates_of_a_standard_are_left_out_together(recorder):
    rows = np.array([1, 6, 1, 9])
    recorder.fit(X, Y, standards=Standards(X[rows], ON_TARGET[rows]))
    assert [(n, len(y)) for n, y in Recorder.seen[1:]] == [(15, 2), (15, 3), (15, 3)]


def test_only_members_without_source_error():
    model = TransferEnsemble([("a", DomainInvariantPLS(2)), ("b", DomainInvariantPLS(4))])
    model.set_params(sharpness=0.5).fit(X, Y[:, 0], standards=STANDARDS)
    errors = model.standards_error_[:, 0]
    weights = np.exp(-0.5 * 5 * (errors / errors.min() - 1))
    np.testing.assert_allclose(model.weights_[:, 0], weights / weights.sum(), rtol=1e-9)


@pytest.mark.parametrize("fewer", [1, 2, 3])
def test_with_few_standards_the_weights_are_equal(fewer):
    model = TransferEnsemble([("di", DomainInvariantPLS(2)), *members()], min_standards=fewer + 1)
    model.fit(X, Y, standards=STANDARDS.take(np.arange(fewer)))
    np.testing.assert_array_equal(model.weights_, 0.25)
    assert np.isfinite(model.standards_error_).all()
    model.set_params(min_standards=fewer).fit(X, Y, standards=STANDARDS.take(np.arange(fewer)))
    assert np.ptp(model.weights_) > 0.01


@pytest.mark.parametrize("target", [None, Unpaired(ON_TARGET[10:20])])
def test_without_standards(target):
    model = TransferEnsemble(members(), cautious=False).fit(X, Y[:, 0], X_target=target)
    expected = np.mean(
        [one.fit(X, Y[:, 0], X_target=target).predict(NEW) for _, one in members()], 0
    )
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-12)
    assert np.isnan(model.standards_error_).all()


def test_default_families_without_standards():
    def shares(**known):
        model = TransferEnsemble().fit(X, Y, **known)
        return dict(zip([name for name, _ in model.members_], model.weights_[:, 0], strict=True))

    assert shares() == {"pls": 0.5, "ridge": 0.5}
    unlabelled = shares(X_target=Unpaired(ON_TARGET[10:20]))
    assert unlabelled == pytest.approx({"ridge": 1 / 3, "shape": 2 / 3})


def test_strange_spectra_are_predicted_with_caution():
    model = TransferEnsemble(members()).fit(X, Y)
    plain = TransferEnsemble(members(), cautious=False).fit(X, Y)
    careful = cautious_ridge(1024, shape_preprocessing(X.shape[1])).fit(X, Y)
    strange = NEW + 0.5 * np.sin(1.7 * np.arange(NEW.shape[1]))
    np.testing.assert_allclose(model.domain_.foreignness(strange), 1)
    np.testing.assert_allclose(model.predict(strange), careful.predict(strange))
    share = model.domain_.foreignness(NEW)[:, None]
    assert share.min() == 0
    expected = (1 - share) * plain.predict(NEW) + share * careful.predict(NEW)
    np.testing.assert_allclose(model.predict(NEW), expected)
    # Each spectrum by itself.
    np.testing.assert_allclose(model.predict(np.vstack([strange, NEW]))[len(NEW) :], expected)
    # Who knows the target needs no caution.
    assert TransferEnsemble(members()).fit(X, Y, standards=STANDARDS).cautious_ is None
    assert TransferEnsemble(members()).fit(X, Y, X_target=Unpaired(NEW)).cautious_ is None


def test_parameters_of_members_are_reached_by_name():
    model = TransferEnsemble(members())
    assert model.get_params()["ridge__prior_dof"] == 3.0
    model.set_params(ridge__prior_dof=7.0, pls__max_components=2)
    assert dict(model.members)["ridge"].prior_dof == 7.0
    model.set_params(target=DomainInvariantPLS(2))
    copy = clone(model)
    assert isinstance(dict(copy.members)["target"], DomainInvariantPLS)
    assert copy.get_params()["pls__max_components"] == 2
    assert dict(copy.members)["pls"] is not dict(model.members)["pls"]
    assert TransferEnsemble().get_params()["members"] is None


def test_fitting_leaves_the_given_members_alone():
    given = members()
    TransferEnsemble(given).fit(X, Y, standards=STANDARDS)
    assert not any(hasattr(member, "terms_") for _, member in given)


def test_pickles_predict_the_same():
    model = TransferEnsemble(members()).fit(X, Y, standards=STANDARDS)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(NEW), model.predict(NEW))


@pytest.mark.parametrize("routing", [False, True], ids=["no routing", "routing"])
def test_grid_search_passes_standards_whole(routing):
    """They are as many as the samples of a fold's training side, and still not sliced."""
    standards = Standards(SPECTRA[:12], ON_TARGET[:12])
    grid = {"ridge__prior_dof": [0.0, 30.0]}
    search = GridSearchCV(TransferEnsemble(members()[1:2]), grid, cv=4, refit=True)
    with config_context(enable_metadata_routing=routing):
        search.fit(X, Y, standards=standards)
    by_hand = []
    for dof in (0.0, 30.0):
        model = TransferEnsemble(members()[1:2]).set_params(ridge__prior_dof=dof)
        scores = []
        for fold in range(4):
            test = np.arange(16) // 4 == fold
            scores.append(
                model.fit(X[~test], Y[~test], standards=standards).score(X[test], Y[test])
            )
        by_hand.append(np.mean(scores))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], by_hand, rtol=1e-9)
    best = clone(model).set_params(**search.best_params_).fit(X, Y, standards=standards)
    np.testing.assert_array_equal(search.predict(NEW), best.predict(NEW))


def test_processes_agree_with_one():
    grid = {"pls__max_components": [1, 3]}
    searches = [
        GridSearchCV(TransferEnsemble(members()[:1]), grid, cv=2, n_jobs=n_jobs).fit(
            X, Y, standards=STANDARDS
        )
        for n_jobs in (1, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    assert scores[0][0] != scores[0][1]
    np.testing.assert_array_equal(*[search.predict(NEW) for search in searches])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "members is empty"),
        ([("a", AveragedPLS()), ("a", AveragedPLS())], "not unique"),
        ([("a__b", AveragedPLS())], "must not contain __"),
        ([("sharpness", AveragedPLS())], "conflict with constructor"),
    ],
)
def test_bad_members(given, message):
    with pytest.raises(ValueError, match=message):
        TransferEnsemble(given).fit(X, Y)
