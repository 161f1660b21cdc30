"""SpectralFMRegressor and SpectralFMClassifier: heads in closed form, fine-tuning, instruments."""

import pickle

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from spectralfm.checkpoint import load_weights, parse_weights, save_weights
from spectralfm.foundation import (
    SpectralFMClassifier,
    SpectralFMEncoder,
    SpectralFMRegressor,
    TestTimeAdapter,
)
from spectralfm.foundation._network_ensemble import NETWORK_CAUTION, NETWORK_WEIGHT, RIDGE_WEIGHT
from spectralfm.foundation._ridge import fit_ridge, fit_weighted_ridge
from spectralfm.transfer import DifferencePenalizedRidge, Standards, TransferEnsemble, Unpaired
from spectralfm.transfer._families import CAUTION, cautious_ridge, default_families
from spectralfm.transfer._preprocessing import shape_preprocessing

WAVELENGTHS = np.linspace(1100, 2500, 60)
PURE = np.exp(-(((WAVELENGTHS - np.array([[1300], [1450], [1930]])) / 90) ** 2))


@pytest.fixture(scope="module")
def data():
    """Spectra of 40 samples on two instruments, and two properties."""
    rng = np.random.default_rng(0)
    y = rng.random((40, 2))
    X = y @ PURE[:2] + 3 * PURE[2] + 1e-4 * rng.standard_normal((40, 60))
    return X, 1.05 * X + 0.2 + 0.1 * np.linspace(0, 1, 60), y


@pytest.fixture
def model(tiny_weights):
    return SpectralFMRegressor(tiny_weights, wavelengths=WAVELENGTHS, stack=False, random_state=0)


def test_ridge_equals_scikit_learn_and_left_out_is_left_out():
    rng = np.random.default_rng(1)
    Z, y = rng.standard_normal((12, 30)), rng.standard_normal((12, 2))
    fit = fit_ridge(Z, y, np.empty((0, 30)), 1.0)
    for target in range(2):
        reference = Ridge(alpha=fit.penalty[target]).fit(Z, y[:, target])
        np.testing.assert_allclose(fit.coef[:, target], reference.coef_, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(fit.intercept[target], reference.intercept_, rtol=1e-6)
        for row in range(12):
            kept = np.arange(12) != row
            other = Ridge(alpha=fit.penalty[target]).fit(Z[kept], y[kept, target])
            np.testing.assert_allclose(fit.left_out[row, target], other.predict(Z[[row]])[0])


def test_differences_hold_predictions_still():
    rng = np.random.default_rng(2)
    Z, D = rng.standard_normal((30, 5)), rng.standard_normal((2, 5))
    y = Z @ rng.standard_normal((5, 1))
    weight = 4.0
    fit = fit_ridge(Z, y, D, weight)
    centred = Z - Z.mean(axis=0)
    system = centred.T @ centred + weight * D.T @ D + fit.penalty[0] * np.eye(5)
    np.testing.assert_allclose(fit.coef, np.linalg.solve(system, centred.T @ (y - y.mean())))
    free = fit_ridge(Z, y, D[:0], weight)
    assert np.abs(D @ fit.coef).max() < 0.5 * np.abs(D @ free.coef).max()


def test_noise_among_the_features_gets_no_weight():
    rng = np.random.default_rng(3)
    good, noise = rng.standard_normal((40, 3)), rng.standard_normal((40, 50))
    y = good.sum(axis=1, keepdims=True)
    Z = np.hstack([noise, good])
    fit, factors = fit_weighted_ridge(Z, y, Z[:0], 1.0, 50, (0.0, 0.1, 1.0))
    assert factors[0] == 0
    np.testing.assert_allclose(Z @ fit.coef + fit.intercept, y, atol=1e-6)


def test_recovers_linear_properties(model, data):
    X, _, y = data
    model.fit(X[:30], y[:30])
    assert model.score(X[30:], y[30:]) > 0.99
    assert model.predict(X).dtype == np.float64
    single = model.fit(X[:30], y[:30, 1]).predict(X)
    assert single.shape == (40,)
    np.testing.assert_allclose(single, model.fit(X[:30], y[:30]).predict(X)[:, 1])


@pytest.mark.parametrize("spectrum", ["snv", None])
def test_standards_move_the_calibration(model, data, spectrum):
    X, X_target, y = data
    model.set_params(spectrum=spectrum)
    plain = model.fit(X[:30], y[:30]).score(X_target[30:], y[30:])
    standards = Standards(X[:6], X_target[:6])
    moved = model.fit(X[:30], y[:30], standards=standards).score(X_target[30:], y[30:])
    unpaired = model.fit(X[:30], y[:30], X_target=Unpaired(X_target)).score(X_target[30:], y[30:])
    assert min(moved, unpaired) > plain
    assert spectrum is None or moved > 0.95


def test_one_standard_shifts(model, data):
    X, X_target, y = data
    model.fit(X[:30], y[:30], standards=Standards(X[:1], X_target[:1]))
    np.testing.assert_allclose(
        model.predict(X_target[:1]),
        model.fit(X[:30], y[:30]).predict(X[:1]),
    )


def test_known_standards_join_the_calibration(model, data):
    X, X_target, y = data
    standards = Standards(X[20:24], X_target[20:24], y[20:24])
    model.fit(X[:6], y[:6], standards=standards)
    joined = model.set_params(difference_penalty=0.0).fit(X[:6], y[:6], standards=standards)
    by_hand = model.fit(
        np.vstack([X[:6], X[20:24]]), np.vstack([y[:6], y[20:24]]), standards=standards.take([0])
    )
    np.testing.assert_allclose(joined.coef_, by_hand.coef_)
    assert joined.left_out_prediction_.shape[1] == 2


@pytest.mark.parametrize("known", ["standards", "unlabelled", "nothing"])
def test_the_stack_is_the_ensemble_with_the_network_as_a_member(model, data, known):
    X, X_target, y = data
    arguments = {
        "standards": {"standards": Standards(X[:5], X_target[:5])},
        "unlabelled": {"X_target": Unpaired(X_target[5:20])},
        "nothing": {},
    }[known]
    model.set_params(stack=True).fit(X[:30], y[:30], **arguments)
    encoder = SpectralFMEncoder(model.checkpoint, wavelengths=WAVELENGTHS, output="features")
    shape = shape_preprocessing(X.shape[1])
    families = default_families(5 * (known == "standards"), known == "nothing", X.shape[1])
    weight = NETWORK_WEIGHT
    if known == "unlabelled":
        families, weight = [("ridge", DifferencePenalizedRidge(), RIDGE_WEIGHT)], 1.0
    families.append(("network", DifferencePenalizedRidge(preprocessing=[*shape, encoder]), weight))
    cautious = [
        ("spectra", cautious_ridge(CAUTION, shape)),
        ("network", cautious_ridge(NETWORK_CAUTION, [encoder])),
    ]
    ensemble = TransferEnsemble(
        [family[:2] for family in families],
        prior_weights=[family[2] for family in families],
        cautious=TransferEnsemble(cautious, cautious=False),
    ).fit(X[:30], y[:30], **arguments)
    np.testing.assert_allclose(model.predict(X_target), ensemble.predict(X_target), rtol=1e-9)
    assert model.ensemble_.weights_[-1].min() > 0
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X_target) == model.predict(X_target)).all()
    assert len(pickle.dumps(model)) < 1.1 * len(model.weights_) + X.nbytes + 2e5


def test_the_stack_reads_the_encoder_as_it_is(model, data, tmp_path):
    X, X_target, y = data
    # Untrained features do not look at tokens, which is what adaptation changes.
    weights = load_weights(model.checkpoint)
    gate = weights.state_dict["calibration.gate.weight"]
    gate += torch.linspace(-1, 1, gate.numel()).reshape(gate.shape)
    path = tmp_path / "gated.safetensors"
    described = {name: getattr(weights, name) for name in ("config", "architecture", "axis_range")}
    save_weights(path, weights.state_dict, **described)
    model.set_params(checkpoint=path)
    standards = Standards(X[:5], X_target[:5])
    model.set_params(stack=True).fit(X[:30], y[:30], standards=standards)
    network = model.ensemble_.members_[-1][1]
    before = network.predict(X_target)
    adapter = TestTimeAdapter(model, n_steps=5, random_state=0).fit(X_target)
    adapted = adapter.estimator_.ensemble_.members_[-1][1]
    assert adapter.report_.accepted and (adapted.predict(X_target) != before).any()
    assert (network.predict(X_target) == before).all()


@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_fine_tuning(model, data, tuning, stack):
    X, X_target, y = data
    before = parse_weights(
        SpectralFMEncoder(model.checkpoint).set_params(wavelengths=WAVELENGTHS).fit(X).weights_
    ).state_dict
    model.set_params(tuning=tuning, stack=stack, max_steps=3, lora_rank=2)
    arguments = {"standards": Standards(X[:4], X_target[:4]), "X_target": Unpaired(X_target[:7])}
    model.fit(X, y, **arguments)
    assert {"train_error", "train_consistency", "train_transport"} <= model.history_[0].keys()
    after = parse_weights(model.weights_).state_dict
    changed = {name for name in before if not before[name].equal(after[name])}
    if tuning == "lora":
        assert changed
        assert all(name.split(".")[-2] in "qkv" for name in changed)
    else:
        assert "embed.patch_proj.weight" in changed
        assert not any(name.startswith("operator") for name in changed)
    expected = model.predict(X)
    data = pickle.dumps(model)
    assert len(data) < 1.1 * len(model.weights_) + X.nbytes + 2e5 * stack
    assert (pickle.loads(data).predict(X) == expected).all()
    assert (model.fit(X, y, **arguments).predict(X) == expected).all()


def test_threads_and_processes_agree(model, data):
    X, _, y = data
    expected = model.fit(X, y).predict(X)
    found = Parallel(n_jobs=3, backend="threading")(
        delayed(lambda: model.__sklearn_clone__().fit(X, y).predict(X))() for _ in range(3)
    )
    assert all((other == expected).all() for other in found)
    grid = {"spectrum": ["snv", None]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, scoring="neg_root_mean_squared_error")
    search.fit(X, y, standards=Standards(X[:3], X[:3]))
    alone = GridSearchCV(model, grid, cv=2, scoring="neg_root_mean_squared_error")
    alone.fit(X, y, standards=Standards(X[:3], X[:3]))
    # Sums in another process may be of arrays that lie elsewhere in memory.
    scores = [one.cv_results_["mean_test_score"] for one in (search, alone)]
    np.testing.assert_allclose(*scores, rtol=1e-9)


def test_classifier(tiny_weights, data):
    X, X_target, y = data
    labels = np.array(["low", "mid", "high"])[np.digitize(y[:, 0], [0.33, 0.67])]
    model = SpectralFMClassifier(tiny_weights, wavelengths=WAVELENGTHS, random_state=0)
    assert model.fit(X, labels).score(X, labels) > 0.95
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert list(model.classes_) == ["high", "low", "mid"]
    plain = model.score(X_target, labels)
    standards = Standards(X[:8], X_target[:8])
    assert model.fit(X, labels, standards=standards).score(X_target, labels) > plain
    assert ((model.shrinkage_ > 0) & (model.shrinkage_ <= 1)).all()
    model.set_params(tuning="full", max_steps=2).fit(X, labels)
    assert model.history_[-1]["train_error"] > 0
    with pytest.raises(ValueError, match="one class, low"):
        model.fit(X, ["low"] * 40)


@pytest.mark.parametrize("cls", [SpectralFMRegressor, SpectralFMClassifier])
def test_wrong_standards_are_refused(tiny_weights, data, cls):
    X, X_target, y = data
    model, labels = cls(tiny_weights, wavelengths=WAVELENGTHS), np.repeat([0, 1], 20)
    with pytest.raises(TypeError, match="must be Standards"):
        model.fit(X, labels, standards=(X, X_target))
    with pytest.raises(ValueError, match="standards.target has 59 channels"):
        model.fit(X, labels, standards=Standards(X, X_target[:, 1:]))
    with pytest.raises(ValueError, match="X_target has 59 channels"):
        model.fit(X, labels, X_target=X_target[:, 1:])
    assert not hasattr(model, "weights_")
