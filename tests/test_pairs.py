"""Which standards are calibration samples, and what their values are."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spectralfm.transfer import Standards
from spectralfm.transfer._pairs import pair_up

RNG = np.random.default_rng(2)
PURE = np.exp(-0.5 * ((np.arange(30) - np.array([[8], [20]])) / 4) ** 2)
Y = RNG.random((12, 2))
SPECTRA = Y @ PURE
X, Y_X = SPECTRA[:8], Y[:8]
OTHERS, Y_OTHERS = SPECTRA[8:], Y[8:]


def test_no_standards():
    pairs = pair_up(X, Y_X, None)
    assert pairs.X is X and pairs.source.shape == (0, 30) and pairs.y_standards.shape == (0, 2)
    assert pairs.n_distinct == 0


def test_rows_of_the_calibration_set_are_found():
    pairs = pair_up(X, Y_X, Standards(X[[5, 2]], X[[5, 2]] + 0.1))
    assert pairs.rows.tolist() == [5, 2]
    np.testing.assert_array_equal(pairs.y_standards, Y_X[[5, 2]])
    assert pairs.measured.all() and len(pairs.X) == 8


def test_standards_of_known_value_join_the_calibration_set():
    source = np.vstack([OTHERS[:1], X[3:4], OTHERS[1:2]])
    values = np.vstack([Y_OTHERS[0], Y_X[3], Y_OTHERS[1]])
    pairs = pair_up(X, Y_X, Standards(source, source + 0.1, values))
    assert pairs.rows.tolist() == [8, 3, 9]
    np.testing.assert_array_equal(pairs.X, np.vstack([X, OTHERS[:2]]))
    np.testing.assert_array_equal(pairs.y, np.vstack([Y_X, Y_OTHERS[:2]]))


def test_unknown_values_are_read_by_the_source():
    pairs = pair_up(X, Y_X, Standards(OTHERS, OTHERS + 0.1))
    assert pairs.rows.tolist() == [-1] * 4 and not pairs.measured.any() and len(pairs.X) == 8
    # Without noise the weakest ridge of the grid is best.
    alpha = 1e-10 * np.square(X - X.mean(axis=0)).sum()
    expected = Ridge(alpha).fit(X, Y_X).predict(OTHERS)
    np.testing.assert_allclose(pairs.y_standards, expected, atol=1e-6)
    np.testing.assert_allclose(pairs.y_standards, Y_OTHERS, atol=1e-4)


def test_nan_is_an_unknown_value():
    source = np.vstack([OTHERS[:3], X[:2]])
    values = np.vstack([Y_OTHERS[:3], Y_X[:2]])
    values[1, 0] = values[2] = values[3] = np.nan
    given = Standards(source, source + 0.1, values)
    pairs = pair_up(X, Y_X, given)
    assert pairs.rows.tolist() == [8, -1, -1, 0, 1]
    assert pairs.measured.tolist() == [True, False, False, True, True]
    assert np.isfinite(pairs.y).all()
    assert pairs.y_standards[1, 1] == Y_OTHERS[1, 1]  # the known one of two properties
    np.testing.assert_array_equal(pairs.y_standards[3], Y_X[0])  # known from the calibration set
    np.testing.assert_allclose(pairs.y_standards[1:3], Y_OTHERS[1:3], atol=1e-4)
    np.testing.assert_array_equal(given.y, values)  # the caller's object is left alone


def test_replicates_are_one_sample():
    source = np.vstack([OTHERS[0], X[4], OTHERS[0], X[4], OTHERS[1]])
    values = np.vstack([np.full(2, np.nan), Y_X[4], Y_OTHERS[0], Y_X[4], np.full(2, np.nan)])
    pairs = pair_up(X, Y_X, Standards(source, source + 0.1, values))
    assert pairs.samples.tolist() == [0, 1, 0, 1, 2]
    assert pairs.rows.tolist() == [8, 4, 8, 4, -1]
    assert pairs.n_distinct == 3 and len(pairs.X) == 9
    np.testing.assert_array_equal(pairs.y_standards[0], Y_OTHERS[0])


def test_other_number_of_properties():
    with pytest.raises(ValueError, match=r"standards.y has 1 properties but y has 2"):
        pair_up(X, Y_X, Standards(OTHERS, OTHERS, Y_OTHERS[:, 0]))
