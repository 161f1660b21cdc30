"""TestTimeAdapter: adapts a copy, says what changed, and can be taken back."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression

from spectralfm.foundation import (
    SpectralFMEncoder,
    SpectralFMRegressor,
    SpectralFMStandardizer,
    TestTimeAdapter,
)

WAVELENGTHS = np.linspace(1100, 2500, 60)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).random((20, 60)).cumsum(axis=1)


@pytest.fixture
def model(tiny_weights, X):
    model = SpectralFMRegressor(tiny_weights, wavelengths=WAVELENGTHS, stack=False, spectrum=None)
    return model.fit(X, X[:, 40] - X[:, 10])


@pytest.mark.parametrize("parameters", ["norm", "lora"])
def test_adapts_a_copy_and_rolls_back(model, X, parameters):
    weights, expected = model.weights_, model.predict(X)
    adapter = TestTimeAdapter(model, n_steps=10, parameters=parameters, random_state=0)
    adapter.fit(1.1 * X[:12])
    report = adapter.report_
    assert report.accepted
    assert report.loss_after < report.loss_before
    changed = {name.split(".")[-2] for name in report.changed}
    if parameters == "lora":
        assert changed <= {"q", "k", "v"}
    else:
        assert all("norm" in name for name in report.changed)
    assert min(report.changed.values()) > 0
    assert max(report.changed.values()) <= 2  # also of biases, which were zero
    adapted = adapter.predict(X)
    assert (adapted != expected).any()
    # The original is as it was, bit for bit, and so is the copy after a rollback.
    assert model.weights_ == weights
    assert (model.predict(X) == expected).all()
    assert (pickle.loads(pickle.dumps(adapter)).predict(X) == adapted).all()
    assert (
        clone(adapter).set_params(estimator=model).fit(1.1 * X[:12]).predict(X) == adapted
    ).all()
    assert (adapter.rollback().predict(X) == expected).all()
    assert not adapter.report_.accepted
    assert adapter.report_.changed == {}


def test_what_does_not_help_is_not_taken(model, X):
    adapter = TestTimeAdapter(model, n_steps=2, learning_rate=30.0, random_state=0).fit(X)
    assert adapter.report_.loss_after > adapter.report_.loss_before
    assert not adapter.report_.accepted
    assert (adapter.predict(X) == model.predict(X)).all()


def test_offers_what_the_estimator_offers(model, tiny_weights, X):
    encoder = SpectralFMEncoder(tiny_weights, wavelengths=WAVELENGTHS).fit(X)
    adapter = clone(TestTimeAdapter(FrozenEstimator(encoder), n_steps=1, random_state=0)).fit(X)
    assert adapter.transform(X).shape == (20, 8)
    assert list(adapter.get_feature_names_out()[:2]) == ["chem0", "chem1"]
    assert not hasattr(adapter, "predict")
    assert not hasattr(TestTimeAdapter(model), "transform")


def test_adapts_a_standardizer(tiny_weights, X):
    target = 1.1 * X
    model = SpectralFMStandardizer(
        tiny_weights, wavelengths=WAVELENGTHS, source_wavelengths=WAVELENGTHS[2:-2]
    )
    model.fit(target[:6], X_source=X[:6, 2:-2])
    adapter = TestTimeAdapter(model, n_steps=1, random_state=0).fit(target)
    assert adapter.transform(target).shape == (20, 56)


def test_what_cannot_be_adapted(model, tiny_weights, X):
    with pytest.raises(TypeError, match="LinearRegression given to TestTimeAdapter"):
        TestTimeAdapter(LinearRegression()).fit(X)
    with pytest.raises(NotFittedError):
        TestTimeAdapter(FrozenEstimator(clone(model))).fit(X)
    with pytest.raises(ValueError, match="X has 59 channels"):
        TestTimeAdapter(model).fit(X[:, 1:])
    with pytest.warns(UserWarning, match="nothing to learn"):
        identity = SpectralFMStandardizer(tiny_weights, wavelengths=WAVELENGTHS).fit(X)
    with pytest.raises(ValueError, match="nothing to adapt"):
        TestTimeAdapter(identity).fit(X)
    with pytest.warns(UserWarning, match="not fitted, so it is fitted"):
        TestTimeAdapter(clone(model), n_steps=1, random_state=0).fit(X, X[:, 3])
