"""Few samples, few standards, copies, no noise: finite predictions, never numbers gone wild."""

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from spectralfm.transfer import (
    AveragedPLS,
    DifferencePenalizedRidge,
    PLSRegressionCV,
    RidgeDirectStandardization,
    Standards,
    TransferEnsemble,
)

PURE = np.exp(-0.5 * ((np.arange(40) - np.array([[8], [20], [31]])) / 5) ** 2)
MAPPED = AveragedPLS(standardizer=[RidgeDirectStandardization(1e-3), None])
INVARIANT = AveragedPLS(difference_weights=(0.3, 3.0), use_target=True)
TARGET_RIDGE = DifferencePenalizedRidge(standards_weights=(0, 1, 1000), weigh_by="standards")
AVERAGING = {
    "mapped": MAPPED,
    "invariant": INVARIANT,
    "ridge": DifferencePenalizedRidge(),
    "target": TARGET_RIDGE,
}
averaging = pytest.mark.parametrize("model", list(AVERAGING.values()), ids=list(AVERAGING))


def samples(n, noise=0.0, n_targets=1, seed=0):
    """Return spectra, values and the spectra of another instrument."""
    rng = np.random.default_rng(seed)
    concentrations = 0.5 + rng.random((n, 3))
    X = concentrations @ PURE + noise * rng.normal(size=(n, 40))
    y = concentrations @ rng.random((3, n_targets))
    return X, y, 1.05 * X + 0.02 + noise * rng.normal(size=(n, 40))


def in_range(predicted, y):
    """Whether predictions of calibration samples lie within three ranges of their values."""
    return (
        np.isfinite(predicted).all()
        and (np.abs(predicted - y.mean(axis=0)) <= 3 * np.ptp(y, axis=0)).all()
    )


def check(model, X, y, standards, new):
    model.fit(X, y, standards=standards)
    assert in_range(model.predict(new), y)
    assert np.isfinite(model.standards_prediction_).all()
    np.testing.assert_allclose(model.weights_.sum(axis=0), 1.0)


@averaging
@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("n_targets", [1, 5])
@pytest.mark.parametrize("n", [2, 3, 4, 6, 9, 12])
def test_few_samples_and_one_or_two_standards(model, n, n_targets, noise):
    X, y, target = samples(n, noise, n_targets)
    for n_standards in (1, 2):
        standards = Standards(X[:n_standards], target[:n_standards])
        check(model, X, y, standards, target)


@averaging
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_identical_instruments(model, noise):
    X, y, _ = samples(15, noise, 2)
    model.fit(X[:12], y[:12], standards=Standards(X[:4], X[:4]))
    np.testing.assert_allclose(model.predict(X[12:]), y[12:], atol=0.01 if noise else 1e-3)


@averaging
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_copies_of_standards_and_samples(model, noise):
    X, y, target = samples(8, noise, 2)
    copies = np.repeat(np.arange(8), 2)
    check(model, X[copies], y[copies], Standards(X[:3], target[:3]), target[copies])
    three = np.array([0, 1, 0, 2, 1, 1])
    check(model, X, y, Standards(X[three], target[three]), target)
    check(model, X, y, Standards(X[[5] * 4], target[[5] * 4]), target)


@averaging
@pytest.mark.parametrize("with_y", [False, True])
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_more_standards_than_calibration_samples(model, noise, with_y):
    X, y, target = samples(24, noise, 2)
    standards = Standards(X[5:], target[5:], y[5:] if with_y else None)
    model.fit(X[:5], y[:5], standards=standards)
    np.testing.assert_allclose(model.predict(target), y, atol=0.1)


@averaging
def test_more_properties_than_samples(model):
    X, y, target = samples(4, 1e-3, 5)
    check(model, X, y, Standards(X[:2], target[:2]), target)


@averaging
def test_spectra_that_are_all_the_same(model):
    """Nothing to calibrate with: predictions lie between the mean and the standard's value, 0."""
    X = np.tile(0.1 + PURE[0] / 3, (7, 1))
    y = np.arange(7.0)
    raw = {"preprocessing": [FunctionTransformer()]}
    model = type(model)(**(model.get_params(deep=False) | raw))
    model.fit(X, y, standards=Standards(X[:1], X[:1] + 0.01))
    predicted = model.predict(X[:2] + 0.01)
    assert ((predicted > -1e-6) & (predicted < 3 + 1e-6)).all()


@pytest.mark.parametrize("n", [2, 3, 5, 12])
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_calibration_of_one_instrument(n, noise):
    X, y, _ = samples(n, noise, 2)
    assert in_range(PLSRegressionCV().fit(X, y).predict(X), y)


@pytest.mark.parametrize("n_standards", [1, 2, 4])
def test_default_ensemble(n_standards):
    X, y, target = samples(6, 1e-3)
    model = TransferEnsemble().fit(X, y, standards=Standards(X[:n_standards], target[:n_standards]))
    assert in_range(model.predict(target), y)
