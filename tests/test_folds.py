"""Folds in which a standard never meets its own calibration sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectralfm.transfer._folds import joint_folds


def test_standards_one_a_fold_with_their_samples():
    rows = np.array([4, 0, 7])
    samples, standards = joint_folds(9, rows, np.arange(3), 5)
    assert standards.tolist() == [0, 1, 2]
    assert samples[rows].tolist() == [0, 1, 2]
    # Six others on five folds, the last first: folds 4, 3, 2, 1, 0 and 4.
    assert np.bincount(samples).tolist() == [2, 2, 2, 1, 2]


def test_replicates_stay_together():
    rows, replicates = np.array([3, 5, 3, -1, -1]), np.array([0, 1, 0, 2, 2])
    samples, standards = joint_folds(10, rows, replicates, 4)
    assert standards.tolist() == [0, 1, 0, 2, 2]
    assert (samples[3], samples[5]) == (0, 1)


def test_without_standards_folds_are_even_and_always_the_same():
    none = np.empty(0, dtype=np.intp)
    samples, _ = joint_folds(23, none, none, 10)
    assert sorted(np.bincount(samples)) == [2] * 7 + [3] * 3
    np.testing.assert_array_equal(samples, joint_folds(23, none, none, 10)[0])
    assert np.any(np.diff(samples[:10]) != -1)  # in a random order


@given(st.data(), st.integers(2, 12), st.integers(2, 12))
def test_every_fold_leaves_out_samples_and_every_standard_is_left_out(data, n_samples, n_folds):
    """Also where some standards are calibration samples and others are not."""
    candidates = st.integers(-1, n_samples - 1)
    rows = np.array(data.draw(st.lists(candidates, max_size=15)), dtype=np.intp)
    number_of = {}
    numbers = [
        number_of.setdefault(row if row >= 0 else -1 - i, len(number_of))
        for i, row in enumerate(rows)
    ]
    samples, standards = joint_folds(n_samples, rows, np.array(numbers, dtype=np.intp), n_folds)
    assert set(samples) == set(range(min(n_samples, n_folds)))
    assert set(standards) <= set(samples)
    np.testing.assert_array_equal(samples[rows[rows >= 0]], standards[rows >= 0])


@pytest.mark.parametrize("n_samples", [2, 3])
def test_fewer_samples_than_folds(n_samples):
    none = np.empty(0, dtype=np.intp)
    assert sorted(joint_folds(n_samples, none, none, 10)[0]) == list(range(n_samples))
