"""How the covariance of spectra differs between instruments, in thin factors."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def summed_discrepancy(domains: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    r"""Return the eigendecomposition of :math:`\sum_k |C_{s,k} - C_{t,k}|`.

    :math:`|A|` has the eigenvectors of :math:`A` and the magnitudes of its eigenvalues.

    Parameters
    ----------
    domains : list of (ndarray of shape (n_source, r), ndarray of shape (n_target, r))
        Centred spectra of the source and of one target instrument each.

    Returns
    -------
    directions : ndarray of shape (r, m)
        Orthonormal eigenvectors; m is at most r.
    sizes : ndarray of shape (m,)
        Their eigenvalues, at least 0.
    """
    found = [_absolute_difference(source, target) for source, target in domains]
    if len(found) == 1:
        return found[0]
    values, vectors = np.linalg.eigh(
        sum(((vectors * sizes) @ vectors.T for vectors, sizes in found), start=np.zeros(()))
    )
    return vectors, np.maximum(values, 0.0)


def _absolute_difference(source: Array, target: Array) -> tuple[Array, Array]:
    """Return eigenvectors and magnitudes of eigenvalues of a difference of two covariances."""
    rows = np.vstack(
        [source / np.sqrt(max(len(source) - 1, 1)), target / np.sqrt(max(len(target) - 1, 1))]
    )
    signs = np.where(np.arange(len(rows)) < len(source), 1.0, -1.0)
    if len(rows) >= rows.shape[1]:
        values, directions = np.linalg.eigh((rows.T * signs) @ rows)
    else:
        basis, triangle = np.linalg.qr(rows.T)
        values, directions = np.linalg.eigh((triangle * signs) @ triangle.T)
        directions = basis @ directions
    # Equal spectra differ by rounding error, which "auto" would blow up to a penalty.
    noise = max(rows.shape) * np.finfo(np.float64).eps * np.sum(rows**2)
    return directions, np.where(np.abs(values) > noise, np.abs(values), 0.0)
