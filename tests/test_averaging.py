"""Weights that fall with the error."""

import numpy as np
import pytest

from spectralfm.transfer._averaging import error_weights, not_negative


def test_weights_formula():
    errors = np.array([[1.0, 4.0], [1.5, 2.0], [3.0, 2.0]])
    raw = np.exp(-3.0 * (errors / errors.min(axis=0) - 1))
    np.testing.assert_allclose(error_weights(errors, 3.0), raw / raw.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(error_weights(errors, 0.0), 1 / 3)


def test_errors_of_zero():
    """A model without error takes all; several share it."""
    first = error_weights(np.array([[0.0], [1.0]]), 0.5)
    np.testing.assert_allclose(first, [[1.0], [0.0]], atol=1e-300)
    np.testing.assert_allclose(error_weights(np.zeros((2, 1)), 5.0), [[0.5], [0.5]])
    np.testing.assert_allclose(error_weights(np.array([[0.0], [1e300]]), 0.0), [[0.5], [0.5]])


def test_errors_far_apart_do_not_overflow():
    weights = error_weights(np.array([[1e-200], [1e200]]), 1e3)
    np.testing.assert_allclose(weights, [[1.0], [0.0]], atol=1e-300)


@pytest.mark.parametrize("values", [[], [-1.0], [np.nan], [np.inf], [[1.0]], 2.0])
def test_parameters_of_several_numbers(values):
    with pytest.raises(ValueError, match="alpha must be one or more finite numbers >= 0, got"):
        not_negative("alpha", values)


def test_zero_may_be_refused():
    np.testing.assert_array_equal(not_negative("alpha", (0, 1)), [0.0, 1.0])
    with pytest.raises(ValueError, match="alpha must be one or more finite numbers > 0"):
        not_negative("alpha", (0, 1), zero=False)
