"""Ridge regression with free intercepts: many ridges and left-out blocks from one decomposition."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


class WeightedRidgeSystem:
    r"""Weighted ridge regression with free intercepts, for many ridges.

    .. math:: \min_{b, c} \sum_i w_i^2 (y_i - x_i^\top b - q_i^\top c)^2 + \rho \lVert b \rVert^2

    With A the weighted rows, Q an orthonormal basis of the weighted offset columns and
    M = I - QQ', the dual coefficients a, for which b = A'a, are a = M (M A A' M + ridge)^-1 M y.
    The weighted residuals are e = ridge a = (I - H) y, and those of a block B predicted by the
    solution without it are (I - H)_BB^-1 e_B.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        Inner products of the rows.
    values : ndarray of shape (n, n_targets)
        Right-hand sides y.
    offsets : ndarray of shape (n, n_offsets)
        Columns q of the free intercepts.
    weights : ndarray of shape (n,)
        Roots w of the rows' weights, positive.
    """

    def __init__(self, gram: Array, values: Array, offsets: Array, weights: Array) -> None:
        self.weights = weights
        self.gram = gram * weights[:, None] * weights
        self.values = values * weights[:, None]
        self.offsets = offsets * weights[:, None]
        self.basis, _ = np.linalg.qr(self.offsets)
        sizes, vectors = np.linalg.eigh(self._project(self._project(self.gram).T))
        self.sizes = np.maximum(sizes, 0.0)
        self.vectors = self._project(vectors)

    def _project(self, rows: Array) -> Array:
        return rows - self.basis @ (self.basis.T @ rows)

    def dual(self, ridge: float) -> Array:
        """Return the dual coefficients (n, n_targets) of the weighted rows, ``ridge`` > 0."""
        return self.vectors / (self.sizes + ridge) @ (self.vectors.T @ self.values)

    def left_out(self, ridge: float, blocks: list[Rows]) -> Array:
        """Return residuals (n, n_targets), without weights, of rows predicted without them.

        The rows of a block are left out together, each of the others alone.
        """
        operator = ridge * (self.vectors / (self.sizes + ridge)) @ self.vectors.T
        residual = operator @ self.values
        left_out = residual / np.diag(operator)[:, None]
        for length in {len(block) for block in blocks}:
            rows = np.array([block for block in blocks if len(block) == length])
            inner = operator[rows[:, :, None], rows[:, None, :]]
            left_out[rows] = np.linalg.solve(inner, residual[rows])
        return left_out / self.weights[:, None]

    def intercepts(self, dual: Array) -> Array:
        """Return the free intercepts (n_offsets, n_targets)."""
        residual = self.values - self.gram @ dual
        return np.asarray(np.linalg.lstsq(self.offsets, residual, rcond=None)[0], dtype=np.float64)
