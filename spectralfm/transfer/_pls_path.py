"""PLS of every number of LVs, for all properties and all subsets of a calibration set at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class PLSFits(NamedTuple):
    """Models of 1 to A LVs for F subsets, in scores of the row space (r dimensions).

    The regression vector of ``a`` LVs on channels is ``vectors[f, a - 1] @ directions`` with the
    `PLSPath`'s directions; it applies to spectra minus the path's ``origin`` minus their mean.
    """

    vectors: Array
    """Regression vectors (F, A, n_targets, r)."""
    x_mean: Array
    """Mean calibration spectra (F, r)."""
    y_mean: Array
    """Mean reference values (F, n_targets)."""

    def predict(self, fit: int, scores: Array) -> Array:
        """Return predictions (A, n_samples, n_targets) of one subset's models."""
        centred = scores - self.x_mean[fit]
        return np.swapaxes(self.vectors[fit] @ centred.T, 1, 2) + self.y_mean[fit]


class PLSPath:
    """Calibration set, standards and their differences, expressed in their common row space.

    Every refit then costs as many dimensions as there are spectra, not channels.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra.
    y : ndarray of shape (n_samples, n_targets)
        Reference values.
    max_components : int
        Largest number of LVs.
    smallest : int
        Fewest calibration spectra a refit will have; the LVs stay below it.
    source, target : ndarray of shape (n_standards, n_channels), optional
        Spectra of the standards.
    y_standards : ndarray of shape (n_standards, n_targets), optional
        Values of the standards.
    labelled : ndarray of bool, shape (n_standards,), optional
        Which of them join the calibration set with their target spectra; none by default.

    Attributes
    ----------
    n_components : int
        Largest number of LVs that every refit of at least ``smallest`` spectra supports.
    origin : ndarray of shape (n_channels,)
        Mean calibration spectrum.
    directions : ndarray of shape (r, n_channels)
        Orthonormal basis of the row space.
    X, source, target : ndarray of shape (n, r)
        Spectra minus ``origin`` in that basis.
    """

    def __init__(
        self,
        X: Array,
        y: Array,
        *,
        max_components: int,
        smallest: int,
        source: Array | None = None,
        target: Array | None = None,
        y_standards: Array | None = None,
        labelled: Mask | None = None,
    ) -> None:
        source = X[:0] if source is None else source
        target = X[:0] if target is None else target
        self.y = y
        self.y_standards = y[:0] if y_standards is None else y_standards
        self.labelled = np.zeros(len(target), dtype=bool) if labelled is None else labelled
        self.origin = X.mean(axis=0)
        rows = np.vstack([X, source, target]) - self.origin
        # Scores in an orthonormal basis of the row space; QR takes half the time of an SVD.
        basis, triangle = qr(rows.T, mode="economic", check_finite=False)
        self.directions, scores = basis.T, triangle.T
        # Below this size there is nothing but the rounding errors of the larger ones.
        rounding = 10 * np.finfo(np.float64).eps * np.linalg.norm(X)
        self.smallest_size = float(max(1e-10 * np.linalg.norm(triangle), rounding))
        self.X, self.source, self.target = np.split(scores, [len(X), len(X) + len(source)])
        self.n_components = max(min(max_components, len(self.directions), smallest - 1), 1)

    def fit(
        self, samples: Mask, standards: Mask | None = None, difference_weight: float = 0.0
    ) -> PLSFits:
        """Fit to F subsets of the samples and standards.

        Parameters
        ----------
        samples : ndarray of bool, shape (F, n_samples)
            Calibration spectra each fit uses.
        standards : ndarray of bool, shape (F, n_standards), optional
            Standards each fit uses; all by default.
        difference_weight : float
            How many calibration sets the centred differences count for, as spectra with no change
            in the property.

        Returns
        -------
        PLSFits
            Models of 1 to ``n_components`` LVs for each subset.
        """
        if standards is None:
            standards = np.ones((len(samples), len(self.target)), dtype=bool)
        X, x_mean = _centred(self.X, samples)
        y, y_mean = _centred(self.y, samples)
        X_rows, y_rows = [X], [y]
        if difference_weight > 0 and len(self.target):
            difference, _ = _centred(self.target - self.source, standards)
            degrees = np.maximum(standards.sum(axis=1) - 1, 1)
            scale = np.sqrt(difference_weight * samples.sum(axis=1) / degrees)
            X_rows.append(scale[:, None, None] * difference)
            y_rows.append(np.zeros((*difference.shape[:2], self.y.shape[1])))
        if self.labelled.any():
            X_rows.append(_centred(self.target, standards & self.labelled)[0])
            y_rows.append(_centred(self.y_standards, standards & self.labelled)[0])
        vectors = _pls1(np.hstack(X_rows), np.hstack(y_rows), self.n_components, self.smallest_size)
        return PLSFits(vectors, x_mean[:, 0], y_mean[:, 0])


def _centred(rows: Array, subsets: Mask) -> tuple[Array, Array]:
    """Return F copies (F, n, k) centred over their subset, zero outside it, and the means."""
    counts = np.maximum(subsets.sum(axis=1), 1)
    mean = (subsets @ rows / counts[:, None])[:, None]
    return subsets[:, :, None] * (rows - mean), mean


def _pls1(X: Array, y: Array, n_components: int, smallest_size: float) -> Array:
    """Return vectors (F, A, n_targets, r) of PLS1 by improved kernel PLS [1]_.

    X is (F, n, r) and y (F, n, n_targets), both centred. Past the last LV that they support, the
    next having scores of less than ``smallest_size`` or no covariance with y, the vectors repeat.

    References
    ----------
    .. [1] Dayal, B. S., & MacGregor, J. F. (1997). Improved PLS algorithms. Journal of
       Chemometrics, 11(1), 73-85.
       https://doi.org/10.1002/(SICI)1099-128X(199701)11:1<73::AID-CEM435>3.0.CO;2-#
    """
    n_fits, _, r = X.shape
    n_targets = y.shape[2]
    X_T = np.swapaxes(X, 1, 2)
    shape = (n_fits, n_targets, n_components, r)
    rotations, loadings, vectors = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    covariance = np.swapaxes(X_T @ y, 1, 2)  # (F, n_targets, r)
    sizes = np.linalg.norm(X, axis=(1, 2))[:, None, None] * np.linalg.norm(y, axis=1)[:, :, None]
    smallest = 10 * np.finfo(np.float64).eps * sizes
    vector = np.zeros((n_fits, n_targets, r))
    for a in range(n_components):
        length = np.linalg.norm(covariance, axis=2, keepdims=True)
        # A covariance of rounding errors has no direction: that property gets no more LVs.
        alive = length > smallest
        rotation = np.where(alive, covariance / np.where(alive, length, 1.0), 0.0)
        overlap = np.swapaxes(loadings[:, :, :a] @ rotation[..., None], 2, 3)
        rotation = rotation - (overlap @ rotations[:, :, :a])[:, :, 0]
        scores = X @ np.swapaxes(rotation, 1, 2)  # (F, n, n_targets)
        variance = np.square(scores).sum(axis=1)[:, :, None]
        alive &= variance > smallest_size**2
        variance = np.where(alive, variance, 1.0)
        loading = np.where(alive, np.swapaxes(X_T @ scores, 1, 2) / variance, 0.0)
        explained = np.where(alive, (rotation * covariance).sum(axis=2, keepdims=True), 0.0)
        vector = vector + explained / variance * rotation
        covariance = np.where(alive, covariance - loading * explained, 0.0)
        rotations[:, :, a], loadings[:, :, a], vectors[:, :, a] = rotation, loading, vector
    return np.swapaxes(vectors, 1, 2)
