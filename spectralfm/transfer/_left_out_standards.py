"""Which equations of the penalized ridge go with a standard, and the model that has none."""

import numpy as np
from numpy.typing import NDArray

from ._pairs import Pairs
from ._ridge_system import WeightedRidgeSystem

Array = NDArray[np.float64]


def residuals_without(
    block: NDArray[np.intp], gram: Array, values: Array, c: Array, weights: Array, ridge: float
) -> Array:
    """Return residuals of all equations of standards by a model that has none, hence no shift."""
    rest = np.setdiff1d(np.arange(len(gram)), block)
    system = WeightedRidgeSystem(
        gram[np.ix_(rest, rest)], values[rest], c[rest, None], weights[rest]
    )
    dual = system.dual(ridge)
    explained = gram[np.ix_(block, rest)] @ (weights[rest, None] * dual)
    return values[block] - explained - c[block, None] * system.intercepts(dual)


def left_out_together(pairs: Pairs, n_samples: int) -> list[NDArray[np.intp]]:
    """Return for each sample of the standards the equations that go with it."""
    blocks = []
    for number in range(pairs.n_distinct):
        here = np.flatnonzero(pairs.samples == number)
        rows = np.unique(pairs.rows[here])
        equations = n_samples + np.r_[here, len(pairs.samples) + here]
        blocks.append(np.r_[equations, rows[rows >= 0]])
    return blocks
