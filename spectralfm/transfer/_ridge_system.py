"""Ridge regression with free intercepts: many ridges and left-out blocks from one decomposition."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class WeightedRidgeSystem:
    """Weighted ridge regression with free intercepts, for many ridges.

    With weighted rows A, offset columns Q (orthonormal) and M = I - QQ', the residuals are
    e = ridge * M (M A A' M + ridge)^-1 M y, and those of a left-out block B are
    (I - H)_BB^-1 e_B, I - H being the same operator.
    """

    def __init__(self, gram: Array, values: Array, offsets: Array, weights: Array) -> None:
        self.weights = weights
        self.gram = gram * weights[:, None] * weights
        self.values = values * weights[:, None]
        self.offsets = offsets * weights[:, None]
        self.basis, _ = np.linalg.qr(self.offsets)
        projected = self._project(self._project(self.gram).T)
        sizes, self.vectors = np.linalg.eigh(projected)
        self.sizes = np.maximum(sizes, 0.0)
        self.scores = self.vectors.T @ self._project(self.values)

    def _project(self, rows: Array) -> Array:
        return rows - self.basis @ (self.basis.T @ rows)

    def solve(self, ridge: float, blocks: list[NDArray[np.intp]]) -> tuple[Array, Array]:
        """Return dual coefficients and unweighted residuals of left-out rows."""
        inverse = 1.0 / (self.sizes + ridge)
        dual = self._project(self.vectors @ (inverse[:, None] * self.scores))
        residual = ridge * dual
        left = self._project(self.vectors)
        operator = ridge * (left * inverse) @ left.T
        left_out = residual / np.diag(operator)[:, None]
        for block in blocks:
            left_out[block] = np.linalg.solve(operator[np.ix_(block, block)], residual[block])
        return dual, left_out / self.weights[:, None]

    def intercepts(self, dual: Array) -> Array:
        """Return the free intercepts (n_offsets, n_targets)."""
        residual = self.values - self.gram @ dual
        return np.asarray(np.linalg.lstsq(self.offsets, residual, rcond=None)[0], dtype=np.float64)
