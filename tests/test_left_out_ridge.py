"""Leaving out one row in closed form is refitting without it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from spectralfm.transfer import PiecewiseDirectStandardization, RidgeDirectStandardization
from spectralfm.transfer._left_out_ridge import LeftOutRidge, left_out_squares

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "m"), [(3, 1), (3, 8), (6, 4), (6, 5), (9, 2), (9, 30)])
def test_residuals_are_those_of_refits(n, m):
    """Every row with a penalty of its own; small ones leave little but what cancels."""
    X, Y = RNG.normal(size=(n, m)) + 5, RNG.normal(size=(n, 2))
    for size in (1e-7, 1.0, 1e3):
        penalties = size * (1 + RNG.random(n))
        expected = np.empty_like(Y)
        for i in range(n):
            rest = np.arange(n) != i
            model = Ridge(penalties[i], solver="svd").fit(X[rest], Y[rest])
            expected[i] = Y[i] - model.predict(X[[i]])[0]
        rows = (X - X.mean(axis=0)).T[None]
        left = LeftOutRidge(rows).residuals((Y - Y.mean(axis=0))[None], penalties[None])[0]
        np.testing.assert_allclose(left, expected, rtol=1e-6, atol=1e-8)


def test_squares_without_each_row():
    rows = RNG.normal(size=(4, 6))
    rows[2] = [1, 1, 1, 1, 1, 2]  # without the last nothing varies
    centred = rows - rows.mean(axis=1, keepdims=True)
    expected = np.column_stack([5 * np.delete(rows, i, axis=1).var(axis=1) for i in range(6)])
    np.testing.assert_allclose(left_out_squares(centred), expected, atol=1e-12)
    assert left_out_squares(centred)[2, 5] == 0


def local(width, alpha, towards_identity):
    return PiecewiseDirectStandardization(
        width, regression="ridge", alpha=alpha, towards_identity=towards_identity, scale=False
    )


@pytest.mark.parametrize("n", [3, 12])
def test_corrections_are_those_of_refits_without_the_standard(n):
    source = RNG.random((n, 3)) @ RNG.random((3, 40)) + 0.01 * RNG.normal(size=(n, 40))
    target = 1.1 * source + 0.05 * RNG.normal(size=(n, 40))
    shared = {}
    maps = [RidgeDirectStandardization(ridge) for ridge in (1e-4, 0.1)]
    for width in (0, 3, 12):
        maps += [local(width, alpha, to) for alpha in (1e-3, 0.1) for to in (True, False)]
    for standardizer in maps:
        fitted = clone(standardizer).fit(target, X_source=source)
        for i in range(n):
            rest = np.arange(n) != i
            refit = clone(standardizer).fit(target[rest], X_source=source[rest])
            np.testing.assert_allclose(
                fitted._left_out(target, source, shared)[i],
                refit.transform(target[[i]])[0],
                atol=1e-9,
                err_msg=f"{standardizer} without {i}",
            )


def test_maps_without_a_closed_form_say_so():
    source, target = RNG.random((5, 20)), RNG.random((5, 20))
    for standardizer in (
        PiecewiseDirectStandardization(3),
        PiecewiseDirectStandardization(3, regression="ridge"),
    ):
        assert standardizer.fit(target, X_source=source)._left_out(target, source, {}) is None
    copies = np.repeat(source[:1], 5, axis=0)
    same = RidgeDirectStandardization().fit(copies, X_source=copies)
    assert same._left_out(copies, copies, {}) is None
