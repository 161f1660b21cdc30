"""Ridge regressions with an intercept that leave out one row at a time, in closed form."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class LeftOutRidge:
    r"""Residuals of rows predicted by ridge regressions without them, for any penalty.

    With :math:`K = U S U^\top` the Gram matrix of the n centred rows, the residual of row i with
    all rows in the model is :math:`e_i = y_i - \sum_j U_i S (S + \lambda)^{-1} U_j^\top y_j`, and
    that without row i, its share of mean and intercept included, :math:`e_i / (1 - h_i)` with
    :math:`h_i = 1/n + U_i S (S + \lambda)^{-1} U_i^\top`. That is exact for every penalty, so each
    row may have the one that the other rows call for.

    Parameters
    ----------
    windows : ndarray of shape (P, m, n)
        Rows of P regressions of m channels, centred, with rows as the last axis.
    """

    def __init__(self, windows: Array) -> None:
        self.primal = windows.shape[1] < windows.shape[2] - 1
        across = windows.transpose(0, 2, 1)
        gram = np.matmul(windows, across) if self.primal else np.matmul(across, windows)
        sizes, vectors = np.linalg.eigh(gram)
        self.sizes = np.maximum(sizes, 0.0)[:, None]
        # The intercept's direction drops out, so that small residuals are no small differences.
        self.scores = (
            np.matmul(across, vectors)
            if self.primal
            else vectors - vectors.mean(axis=1, keepdims=True)
        )

    def residuals(self, y: Array, penalties: Array) -> Array:
        """Return left-out residuals.

        Parameters
        ----------
        y : ndarray of shape (P, n, n_responses)
            Responses, centred.
        penalties : ndarray of shape (P, n)
            Ridge of the model without row i, positive.

        Returns
        -------
        ndarray of shape (P, n, n_responses)
            What is left of each row.
        """
        scores, ridge = self.scores, penalties[:, :, None]
        shares = scores * ((1.0 if self.primal else ridge) / (self.sizes + ridge))
        part = np.matmul(shares, np.matmul(scores.transpose(0, 2, 1), y))
        share = np.einsum("pik,pik->pi", shares, scores)
        if self.primal:
            part, share = y - part, 1 - 1 / y.shape[1] - share
        return np.asarray(part / share[:, :, None], dtype=np.float64)


def left_out_squares(centred: Array) -> Array:
    """Return the sums of squares about their mean of what is left without each row.

    Parameters
    ----------
    centred : ndarray of shape (..., n)
        Values minus the mean of all n.

    Returns
    -------
    ndarray of shape (..., n)
        Entry i is without value i; 0 where only rounding error is left.
    """
    n = centred.shape[-1]
    squares = np.square(centred)
    total = squares.sum(axis=-1, keepdims=True)
    left = total - n / (n - 1) * squares
    return np.where(left > 100 * np.finfo(np.float64).eps * total, left, 0.0)
