import pickle

import numpy as np
import pytest
import sklearn
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV

from spectralfm.transfer import DomainInvariantPLS, Standards, Unpaired

RNG = np.random.default_rng(0)
BANDS = np.exp(-0.5 * ((np.arange(60) - np.array([[12], [30], [45]])) / 6) ** 2)
CONCENTRATIONS = RNG.random((40, 3))
X = CONCENTRATIONS @ BANDS + 0.01 * RNG.normal(size=(40, 60))
Y = CONCENTRATIONS[:, :2] + 0.01 * RNG.normal(size=(40, 2))
DRIFT = RNG.normal(size=(3, 60)) * [[0.3], [0.2], [0.1]]


def on_target(X, seed):
    rng = np.random.default_rng(seed)
    return X + 0.1 + rng.normal(size=(len(X), 3)) @ DRIFT


X_TARGET = on_target(X, 1)
STANDARDS = Standards(source=X[:7], target=X_TARGET[:7])


def dense(X, y, domains, n_components, penalty):
    """Follow the papers with p x p matrices; ``penalty`` None balances the curvatures."""
    X, y = X - X.mean(axis=0), y - y.mean()
    domains = [(s - s.mean(axis=0), t - t.mean(axis=0)) for s, t in domains]
    W, P, C, penalties = [], [], [], []
    for _ in range(n_components):
        total = np.zeros((X.shape[1],) * 2)
        for source, target in domains:
            difference = np.cov(source.T) - np.cov(target.T)
            values, vectors = np.linalg.eigh(difference)
            total += vectors @ np.diag(np.abs(values)) @ vectors.T
        u = X.T @ y / np.linalg.norm(X.T @ y)
        penalties.append(y @ y / (u @ total @ u) if penalty is None else penalty)
        w = np.linalg.solve(y @ y * np.eye(X.shape[1]) + penalties[-1] * total, X.T @ y)
        w /= np.linalg.norm(w)
        t = X @ w
        W.append(w)
        P.append(X.T @ t / (t @ t))
        C.append(y @ t / (t @ t))
        X, y = X - np.outer(t, P[-1]), y - t * C[-1]
        deflated = []
        for pair in domains:
            scores = [part @ w for part in pair]
            deflated.append(
                [
                    part - np.outer(t, t @ part) / (t @ t)
                    for part, t in zip(pair, scores, strict=True)
                ]
            )
        domains = deflated
    W, P = np.transpose(W), np.transpose(P)
    return W @ np.linalg.solve(P.T @ W, C), penalties


@pytest.mark.parametrize("n_components", [1, 3, 8])
def test_no_penalty_is_pls(n_components):
    ours = DomainInvariantPLS(n_components, penalty=0.0).fit(X, Y, X_target=Unpaired(X_TARGET))
    for j in range(2):
        pls = PLSRegression(n_components, scale=False).fit(X, Y[:, j])
        np.testing.assert_allclose(ours.coef_[j], pls.coef_.ravel(), atol=1e-8)
    plain = DomainInvariantPLS(n_components).fit(X, Y[:, 0])
    pls = PLSRegression(n_components, scale=False).fit(X, Y[:, 0])
    np.testing.assert_allclose(plain.predict(X), pls.predict(X), atol=1e-8)


@pytest.mark.parametrize("penalty", [0.5, 1e3, "auto"])
@pytest.mark.parametrize("given", ["standards", "X_target", "both", "several"])
def test_equals_the_dense_solution(penalty, given):
    others = [on_target(X[:20], 2), on_target(X, 3)]
    known = {
        "standards": {"standards": STANDARDS},
        "X_target": {"X_target": Unpaired(X_TARGET)},
        "both": {"standards": STANDARDS, "X_target": X_TARGET},
        "several": {"X_target": [Unpaired(others[0]), others[1]]},
    }[given]
    pair = (X[:7], X_TARGET[:7])
    domains = {
        "standards": [pair],
        "X_target": [(X, X_TARGET)],
        "both": [(X, X_TARGET), pair],
        "several": [(X, others[0]), (X, others[1])],
    }[given]
    model = DomainInvariantPLS(4, penalty).fit(X, Y[:, 0], **known)
    coef, penalties = dense(X, Y[:, 0], domains, 4, None if penalty == "auto" else penalty)
    np.testing.assert_allclose(model.coef_[0], coef, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.penalties_[0], penalties, rtol=1e-6)


def test_first_weight_vector_minimises_the_objective():
    X_c, y_c = X - X.mean(axis=0), Y[:, 0] - Y[:, 0].mean()
    values, vectors = np.linalg.eigh(np.cov(X.T) - np.cov(X_TARGET.T))
    total = vectors @ np.diag(np.abs(values)) @ vectors.T

    def objective(w):
        return np.sum((X_c - np.outer(y_c, w)) ** 2) + 10.0 * w @ total @ w

    w = minimize(objective, X_c.T @ y_c / (y_c @ y_c), tol=1e-12).x
    model = DomainInvariantPLS(1, 10.0).fit(X, Y[:, 0], X_target=X_TARGET)
    cosine = w @ model.coef_[0] / np.linalg.norm(w) / np.linalg.norm(model.coef_[0])
    assert cosine > 1 - 1e-7


def test_a_large_penalty_ignores_the_drift():
    free = DomainInvariantPLS(2, 0.0).fit(X, Y[:, 0], X_target=X_TARGET)
    bound = DomainInvariantPLS(2, 1e8).fit(X, Y[:, 0], X_target=X_TARGET)

    def spread(model):
        return abs(np.var(model.predict(X_TARGET)) - np.var(model.predict(X)))

    assert spread(bound) < 0.05 * spread(free)


def test_standards_move_the_mean_whatever_the_samples():
    high = np.argsort(Y[:, 0])[-6:]
    shifted = X + 0.1
    by_pairs = DomainInvariantPLS(4, 0.0).fit(
        X, Y[:, 0], standards=Standards(source=X[high], target=shifted[high])
    )
    np.testing.assert_allclose(by_pairs.predict(shifted), by_pairs.predict(X + 0.1))
    assert by_pairs.score(shifted, Y[:, 0]) > 0.95
    unpaired = DomainInvariantPLS(4, 0.0).fit(X, Y[:, 0], X_target=shifted[high])
    assert unpaired.score(shifted, Y[:, 0]) < by_pairs.score(shifted, Y[:, 0])


def test_each_domain_has_its_own_mean():
    targets = [X + 0.1, X + 0.3]
    model = DomainInvariantPLS(4, 0.0).fit(X, Y, X_target=targets)
    np.testing.assert_allclose(
        model.predict(targets[0], domain=0), model.predict(targets[1], domain=1)
    )
    np.testing.assert_allclose(
        model.predict(targets[0]), targets[0] @ model.coef_.T + model.intercept_
    )
    with pytest.raises(ValueError, match="domain = 2 is not one of the 2 target instruments"):
        model.predict(X, domain=2)


def test_equal_instruments_are_no_reason_to_penalise():
    model = DomainInvariantPLS(3).fit(X, Y[:, 0], standards=Standards(source=X[:9], target=X[:9]))
    pls = PLSRegression(3, scale=False).fit(X, Y[:, 0])
    np.testing.assert_allclose(model.predict(X), pls.predict(X), atol=1e-8)
    np.testing.assert_array_equal(model.penalties_, 0)


def test_auto_does_not_depend_on_units():
    model = DomainInvariantPLS(3).fit(X, Y[:, 0], standards=STANDARDS)
    scaled = DomainInvariantPLS(3).fit(
        X * 100, Y[:, 0] * 7, standards=Standards(source=X[:7] * 100, target=X_TARGET[:7] * 100)
    )
    np.testing.assert_allclose(scaled.predict(X_TARGET * 100), model.predict(X_TARGET) * 7)


def test_stops_when_the_spectra_hold_no_more_directions():
    exact = CONCENTRATIONS @ BANDS
    model = DomainInvariantPLS(10).fit(exact, Y[:, 0], X_target=Unpaired(exact + 0.1))
    pls = PLSRegression(3, scale=False).fit(exact, Y[:, 0])
    np.testing.assert_allclose(model.predict(exact + 0.1), pls.predict(exact), atol=1e-8)
    with pytest.warns(UserWarning, match=r"n_components=9 is clipped to 4: 5 spectra"):
        model = DomainInvariantPLS(9).fit(X[:5], Y[:5])
    assert model.n_components_ == 4


@pytest.mark.parametrize("routing", [False, True])
def test_grid_search_and_pickle(routing):
    # As many target spectra and standards as samples: only the objects keep them from being cut.
    known = {
        "standards": Standards(source=X, target=X_TARGET),
        "X_target": [Unpaired(X_TARGET), Unpaired(on_target(X, 2))],
    }
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            DomainInvariantPLS(), {"n_components": [1, 3], "penalty": [0.0, "auto"]}, cv=3
        ).fit(X, Y, **known)
    best = search.best_estimator_
    np.testing.assert_array_equal(
        clone(best).fit(X, Y, **known).predict(X), pickle.loads(pickle.dumps(best)).predict(X)
    )


def test_the_path_holds_the_models_of_fewer_lvs():
    path = DomainInvariantPLS(6).fit(X, Y, standards=STANDARDS, X_target=X_TARGET).coef_path_
    assert path.shape == (6, 2, 60)
    for k in range(1, 7):
        model = DomainInvariantPLS(k).fit(X, Y, standards=STANDARDS, X_target=X_TARGET)
        np.testing.assert_allclose(path[k - 1], model.coef_, rtol=1e-9, atol=1e-12)


def test_the_path_repeats_when_the_spectra_are_used_up():
    exact = CONCENTRATIONS @ BANDS
    path = DomainInvariantPLS(8).fit(exact, Y[:, 0], X_target=on_target(exact, 1)).coef_path_
    np.testing.assert_array_equal(path[3:], np.repeat(path[[2]], 5, axis=0))
