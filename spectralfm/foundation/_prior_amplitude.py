r"""How large the differences of an instrument are beside those of virtual ones.

.. math:: a = \operatorname{median}_k \frac{s_k}{\operatorname{median}_i s_{ik}}

where :math:`s_k` is the size of the observed differences in the k-th main direction of the virtual
ones, and :math:`s_{ik}` that of virtual instrument i. A median over directions is not led by the
one effect that is far larger than all others, as an evidence or a sum of squares is.

Glossary: I virtual instruments, n samples, L channels, K directions.
"""

import numpy as np
from numpy.typing import NDArray

from ._low_rank import main_directions

Array = NDArray[np.float64]

DIRECTIONS = 10
"""Directions compared."""

COMPONENTS = 10
"""Components of the source spectra in which unlabelled target spectra are not compared."""

NORMAL_MEDIAN = 0.6745
"""Median of the magnitude of a standard normal variate."""


def paired_ratios(differences: Array, virtual: Array) -> Array:
    r"""Compare paired differences of standards with those of virtual instruments.

    Parameters
    ----------
    differences : ndarray of shape (n_standards, n_channels)
        Target less source.
    virtual : ndarray of shape (n_instruments, n_standards, n_channels)
        The same of virtual instruments, without noise.

    Returns
    -------
    ndarray of shape (n_directions,)
        Ratio of sizes in each direction. A size is the root mean square over the standards less
        the noise, the mean square of a channel outside the directions; it is no smaller than what
        could be told from noise.
    """
    n, n_channels = differences.shape
    directions = main_directions(virtual.reshape(-1, n_channels), DIRECTIONS)  # (K, L)
    scores = differences @ directions.T  # (n, K)
    outside = np.square(differences).sum() - np.square(scores).sum()
    noise = max(outside, 0.0) / (n * max(n_channels - len(directions), 1))
    power = np.maximum(np.square(scores).mean(axis=0) - noise, noise * np.sqrt(2 / n))
    expected = np.square(virtual @ directions.T).mean(axis=1)  # (I, K)
    return np.sqrt(power / np.median(expected, axis=0))


def unpaired_ratios(X: Array, X_target: Array, virtual: Array) -> Array:
    r"""Compare the means of unpaired spectra with those of virtual instruments.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Source spectra.
    X_target : ndarray of shape (n_spectra, n_channels)
        Target spectra of other samples of the same kind.
    virtual : ndarray of shape (n_instruments, n_rows, n_channels)
        Differences of virtual instruments on some of the source samples.

    Returns
    -------
    ndarray of shape (n_directions,)
        Ratio of sizes in each direction outside the mean and the main components of ``X``, where
        another composition of the samples does not reach. Sizes are no smaller than the standard
        errors of the means.
    """
    mean = X.mean(axis=0)
    n_components = min(COMPONENTS, len(X) // 3, X.shape[1] - 2)
    chemistry = np.vstack([mean, main_directions(X - mean, n_components)])
    basis = np.linalg.qr(chemistry.T)[0]  # (L, 1 + components)

    def outside(A: Array) -> Array:
        return A - A @ basis @ basis.T

    means = outside(virtual.mean(axis=1))  # (I, L)
    directions = main_directions(means, min(DIRECTIONS, X.shape[1] - basis.shape[1]))
    scores = outside(X_target.mean(axis=0) - mean) @ directions.T  # (K,)
    error = sum(np.var(outside(A) @ directions.T, axis=0, ddof=1) / len(A) for A in (X, X_target))
    power = np.maximum(np.square(scores) - error, NORMAL_MEDIAN**2 * error)
    return np.sqrt(power) / np.median(np.abs(means @ directions.T), axis=0)
