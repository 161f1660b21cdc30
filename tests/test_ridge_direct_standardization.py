"""The ridge map equals its normal equations and has the stated limits."""

import numpy as np
import pytest

from spectralfm.transfer import MeanShift, RidgeDirectStandardization

RNG = np.random.default_rng(3)
X_TARGET = RNG.normal(size=(7, 25))
X_SOURCE = 1.1 * X_TARGET + 0.2 + 0.1 * RNG.normal(size=(7, 25))
NEW = RNG.normal(size=(4, 25))


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0, 30.0])
def test_normal_equations(ridge):
    centred = X_TARGET - X_TARGET.mean(axis=0)
    difference = X_SOURCE - X_TARGET
    difference = difference - difference.mean(axis=0)
    penalty = ridge * np.square(centred).sum()
    F = np.linalg.solve(centred.T @ centred + penalty * np.eye(25), centred.T @ difference)
    expected = NEW + X_SOURCE.mean(axis=0) - X_TARGET.mean(axis=0)
    expected = expected + (NEW - X_TARGET.mean(axis=0)) @ F
    rds = RidgeDirectStandardization(ridge).fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(rds.transform(NEW), expected, atol=1e-10)
    np.testing.assert_allclose(rds.standards_.T @ rds.dual_coef_, F, atol=1e-10)


@pytest.mark.parametrize("ridge", [1e-12, 1e-30, 1e-320])
def test_without_ridge_the_standards_are_reproduced(ridge):
    rds = RidgeDirectStandardization(ridge).fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(rds.transform(X_TARGET), X_SOURCE, atol=1e-9)


def test_under_infinite_ridge_it_is_the_mean_shift():
    rds = RidgeDirectStandardization(1e12).fit(X_TARGET, X_source=X_SOURCE)
    shift = MeanShift().fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(rds.transform(NEW), shift.transform(NEW), atol=1e-10)


@pytest.mark.parametrize("copies", [1, 2, 3, 7])
def test_copies_of_one_standard_give_the_mean_shift(copies):
    """Three copies of 0.1 have a mean that is not 0.1: their deviations are rounding errors."""
    target, source = np.tile(0.1 * X_TARGET[:1], (copies, 1)), np.tile(X_SOURCE[:1], (copies, 1))
    rds = RidgeDirectStandardization(1e-4).fit(target, X_source=source)
    np.testing.assert_allclose(rds.transform(NEW), NEW + source[0] - target[0], atol=1e-12)


def test_what_the_standards_do_not_span_passes():
    _, _, directions = np.linalg.svd(X_TARGET - X_TARGET.mean(axis=0))
    outside = directions[-1]  # orthogonal to all of them
    rds = RidgeDirectStandardization().fit(X_TARGET, X_source=X_SOURCE)
    moved = rds.transform(NEW + 0.3 * outside) - rds.transform(NEW)
    np.testing.assert_allclose(moved, np.tile(0.3 * outside, (4, 1)), atol=1e-12)
