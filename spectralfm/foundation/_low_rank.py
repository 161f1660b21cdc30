"""Main directions of many rows, from the smaller of the two Gram matrices."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Array = NDArray[np.float64]

SMALLEST = 1e-12
"""Variances below this share of the largest are rounding."""


def low_rank_factor(rows: Array, rank: int) -> Array:
    r"""Return the best F of a rank with :math:`F^T F \approx A^T A`.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_channels)
        A.
    rank : int
        Largest number of rows of F, at least 1.

    Returns
    -------
    ndarray of shape (at most rank, n_channels)
        Orthogonal rows, the largest first; none for variances that are rounding.
    """
    n_rows, n_channels = rows.shape
    few = n_rows < n_channels
    gram = rows @ rows.T if few else rows.T @ rows
    size = len(gram)
    values, vectors = eigh(gram, subset_by_index=[max(size - rank, 0), size - 1])
    kept = values[::-1] > max(SMALLEST * values[-1], np.finfo(np.float64).tiny)
    values, vectors = values[::-1][kept], vectors[:, ::-1][:, kept]
    return vectors.T @ rows if few else np.sqrt(values)[:, None] * vectors.T


def main_directions(rows: Array, n: int) -> Array:
    """Return up to n orthonormal directions (n, n_channels) in which rows vary about zero most."""
    factor = low_rank_factor(rows, max(n, 1))[:n]
    return factor / np.linalg.norm(factor, axis=1, keepdims=True)
