"""Dual ridge solutions and left-out predictions equal dense ones."""

import numpy as np
import pytest

from spectralfm.transfer._ridge_system import WeightedRidgeSystem

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(12, 20))
VALUES = RNG.normal(size=(12, 2))
OFFSETS = np.column_stack([np.r_[np.ones(8), np.zeros(4)], np.r_[np.zeros(5), -np.ones(7)]])
WEIGHTS = RNG.uniform(0.1, 3.0, size=12)
RIDGE = 0.7


def dense(keep, ridge):
    """Solve the normal equations of (b, c) with a penalty on b only."""
    design = np.column_stack([ROWS, OFFSETS])[keep]
    weighted = design * np.square(WEIGHTS[keep])[:, None]
    penalty = np.diag(np.r_[np.full(20, ridge), np.zeros(2)])
    solution = np.linalg.solve(weighted.T @ design + penalty, weighted.T @ VALUES[keep])
    return solution[:20], solution[20:]


@pytest.fixture
def system():
    return WeightedRidgeSystem(ROWS @ ROWS.T, VALUES, OFFSETS, WEIGHTS)


@pytest.mark.parametrize("ridge", [1e-3, 0.7, 100.0])
def test_solution_equals_the_augmented_normal_equations(system, ridge):
    b, c = dense(np.ones(12, dtype=bool), ridge)
    dual = system.dual(ridge)
    np.testing.assert_allclose((ROWS * WEIGHTS[:, None]).T @ dual, b, atol=1e-9)
    np.testing.assert_allclose(system.intercepts(dual), c, atol=1e-9)


def test_left_out_rows_equal_refits(system):
    blocks = [np.array([0, 6, 9]), np.array([11, 2])]
    left_out = system.left_out(RIDGE, blocks)
    alone = [np.array([row]) for row in (1, 3, 4, 5, 7, 8, 10)]
    for block in blocks + alone:
        keep = ~np.isin(np.arange(12), block)
        b, c = dense(keep, RIDGE)
        expected = VALUES[block] - ROWS[block] @ b - OFFSETS[block] @ c
        np.testing.assert_allclose(left_out[block], expected, atol=1e-9)


def test_rows_of_negligible_weight_are_predicted_by_the_others():
    weights = np.where(np.arange(12) < 9, WEIGHTS, 1e-4)
    system = WeightedRidgeSystem(ROWS @ ROWS.T, VALUES, OFFSETS, weights)
    b, c = dense(np.arange(12) < 9, RIDGE)
    expected = VALUES[9:] - ROWS[9:] @ b - OFFSETS[9:] @ c
    np.testing.assert_allclose(system.left_out(RIDGE, [])[9:], expected, atol=1e-6)
