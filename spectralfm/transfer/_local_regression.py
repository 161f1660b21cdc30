"""Many small regressions at once: one for each window of channels.

Letters: P windows, m channels a window, R rows (standards, times pooled channels). Every function
takes centered ``windows`` (P, m, R) and ``y`` (P, R) and returns coefficients (P, m), `fit_pls`
those of every number of latent variables. Channels are the middle axis so that a window is one
contiguous block. A channel of zeros gets coefficient zero, which is how windows shrink at the edges
of a spectrum.
"""

import numpy as np
from numpy.typing import NDArray

from ._left_out_ridge import LeftOutRidge, left_out_squares

Array = NDArray[np.float64]

EXHAUSTED = 1e-10
"""A score that loses all but this share to earlier scores is rounding error.

Measured on corn: components with content keep 3e-2 and more, those without 1e-16.
"""


def fit_pls(windows: Array, y: Array, n_components: int) -> Array:
    """Return PLS1 coefficients (n_components, P, m) with 1 to ``n_components`` latent variables.

    Scores are orthogonalized against earlier ones instead of deflating the windows, which gives
    the coefficients of NIPALS [1]_. A window whose latent variables are used up keeps those it has.

    References
    ----------
    .. [1] Dayal, B. S., & MacGregor, J. F. (1997). Improved PLS algorithms. Journal of
       Chemometrics, 11(1), 73-85.
    """
    path = np.empty((n_components, *windows.shape[:2]))
    residual = y.copy()
    scores: list[Array] = []
    rotations: list[Array] = []
    running = np.ones((len(y), 1), dtype=bool)
    for k in range(n_components):
        rotation = np.matmul(windows, residual[:, :, None])[:, :, 0]  # (P, m)
        score = np.matmul(rotation[:, None, :], windows)[:, 0, :]  # (P, R)
        length = np.sqrt(_dot(score, score))
        for earlier_score, earlier_rotation in zip(scores, rotations, strict=True):
            overlap = _dot(earlier_score, score)
            score -= overlap * earlier_score
            rotation -= overlap * earlier_rotation
        left = np.sqrt(_dot(score, score))
        running &= left > EXHAUSTED * length
        inverse = np.divide(1.0, left, out=np.zeros_like(left), where=running)
        score *= inverse
        rotation *= inverse
        loading = _dot(score, residual)
        residual -= loading * score
        np.multiply(loading, rotation, out=path[k])
        if k:
            path[k] += path[k - 1]
        scores.append(score)
        rotations.append(rotation)
    return path


def fit_pcr(windows: Array, y: Array, n_components: int) -> Array:
    """Return coefficients of the regression on at most ``n_components`` principal components."""
    if windows.shape[1] <= windows.shape[2]:
        gram = np.matmul(windows, windows.transpose(0, 2, 1))  # (P, m, m)
        values, vectors = _leading(gram, n_components)
        scores = np.matmul(windows, y[:, :, None])  # (P, m, 1)
        scores = np.matmul(vectors.transpose(0, 2, 1), scores) * values[:, :, None]
        return np.matmul(vectors, scores)[:, :, 0]
    gram = np.matmul(windows.transpose(0, 2, 1), windows)  # (P, R, R)
    values, vectors = _leading(gram, n_components)
    scores = np.matmul(vectors.transpose(0, 2, 1), y[:, :, None]) * values[:, :, None]
    return np.matmul(windows, np.matmul(vectors, scores))[:, :, 0]


def fit_ridge(windows: Array, y: Array, alpha: float) -> Array:
    """Return ridge coefficients, the penalty ``alpha`` times the mean square sum of a channel."""
    penalty = _ridge(np.einsum("pmr,pmr->pm", windows, windows), alpha)
    if windows.shape[1] <= windows.shape[2]:
        gram = np.matmul(windows, windows.transpose(0, 2, 1))
        _add_to_diagonal(gram, penalty)
        return np.linalg.solve(gram, np.matmul(windows, y[:, :, None]))[:, :, 0]
    gram = np.matmul(windows.transpose(0, 2, 1), windows)
    _add_to_diagonal(gram, penalty)
    return np.matmul(windows, np.linalg.solve(gram, y[:, :, None]))[:, :, 0]


class LocalLeftOutRidge:
    """`fit_ridge` without each row in turn, centred without it, for any ``alpha``."""

    def __init__(self, windows: Array, y: Array) -> None:
        self.y = y[:, :, None]
        self.squares = left_out_squares(windows)
        self.ridge = LeftOutRidge(windows)

    def residuals(self, alpha: float) -> Array:
        """Return residuals (P, R) of the rows left out."""
        return self.ridge.residuals(self.y, _ridge(self.squares, alpha))[:, :, 0]


def _ridge(squares: Array, alpha: float) -> Array:
    """Return ``alpha`` times the mean over the channels, axis 1, that are not constant."""
    channels = np.maximum((squares > 0).sum(axis=1), 1)
    penalty = alpha * squares.sum(axis=1) / channels
    penalty[penalty == 0] = 1.0
    return np.asarray(penalty, dtype=np.float64)


def _dot(a: Array, b: Array) -> Array:
    """Return row-wise scalar products as a column."""
    return np.einsum("pr,pr->p", a, b)[:, None]


def _leading(gram: Array, n_components: int) -> tuple[Array, Array]:
    """Return inverse leading eigenvalues (P, k), 0 for empty ones, and eigenvectors (P, n, k)."""
    values, vectors = np.linalg.eigh(gram)
    floor = gram.shape[1] * np.finfo(np.float64).eps * values[:, -1:]
    values, vectors = values[:, -n_components:], vectors[:, :, -n_components:]
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > floor)
    return inverse, vectors


def _add_to_diagonal(gram: Array, penalty: Array) -> None:
    """Add one penalty a window to the diagonals, in place."""
    diagonal = np.einsum("pii->pi", gram)
    diagonal += penalty[:, None]
