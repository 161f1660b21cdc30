"""Weights of the operator's features, from paired standards in closed form."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PENALTIES = np.logspace(-8, 2, 21)
"""Penalties tried, over the mean variance that a feature explains."""


def fit_amplitude(features: Array, residuals: Array, prior: Array, *, center: bool) -> Array:
    r"""Weigh features so that they explain the differences of standards left out.

    .. math:: \min_a \sum_i \lVert r_i - \Phi_i a \rVert^2 + \lambda \lVert a - a_0 \rVert^2

    Parameters
    ----------
    features : ndarray of shape (n_standards, n_points, n_features)
        :math:`\Phi_i`.
    residuals : ndarray of shape (n_standards, n_points)
        Source less target, :math:`r_i`.
    prior : ndarray of shape (n_features,)
        Weights that the pretrained operator suggests; :math:`a_0` is these or zero.
    center : bool
        Whether residuals and features are taken about their means over the standards.

    Returns
    -------
    ndarray of shape (n_features,)
        The weights with the smallest error when each standard is left out in turn: the solution of
        one :math:`\lambda`, or :math:`a_0` itself. Zeros, if these lower the logarithm of the error
        by less than the standard error of its mean over the standards.
    """
    n, _, n_features = features.shape
    zeros = np.zeros(n_features)
    starts = [zeros, prior] if prior.any() else [zeros]
    if n < 2:
        return zeros
    errors = np.zeros((n, len(starts), len(PENALTIES) + 1))
    penalties = np.square(features).sum() / n_features * PENALTIES
    if not penalties.all():  # the spectra are so small that their squares vanish
        return zeros
    grams = np.einsum("ilf,ilg->ifg", features, features)
    products = np.einsum("ilf,il->if", features, residuals)
    for i in range(n):
        others = np.arange(n) != i
        gram, product = grams[others].sum(axis=0), products[others].sum(axis=0)
        held_features, held = features[i], residuals[i]
        if center:
            mean, middle = features[others].mean(axis=0), residuals[others].mean(axis=0)
            gram, product = gram - (n - 1) * mean.T @ mean, product - (n - 1) * mean.T @ middle
            held_features, held = held_features - mean, held - middle
        for row, start in zip(errors[i], starts, strict=True):
            found = _solve(gram, product, start, penalties)  # (n_penalties + 1, n_features)
            row[:] = np.square(held - found @ held_features.T).sum(axis=1)
    gram, product = grams.sum(axis=0), products.sum(axis=0)
    if center:
        mean, middle = features.mean(axis=0), residuals.mean(axis=0)
        gram, product = gram - n * mean.T @ mean, product - n * mean.T @ middle
    totals = errors.sum(axis=0)
    best, penalty = divmod(int(totals.argmin()), totals.shape[1])
    tiny = np.finfo(np.float64).tiny
    gains = np.log((errors[:, 0, -1] + tiny) / (errors[:, best, penalty] + tiny))
    if not gains.mean() > gains.std(ddof=1) / np.sqrt(n):
        return zeros
    return _solve(gram, product, starts[best], penalties)[penalty]


def _solve(gram: Array, product: Array, start: Array, penalties: Array) -> Array:
    """Return the solution of each penalty, and ``start``, that of an infinite one."""
    values, vectors = np.linalg.eigh(gram)
    step = vectors.T @ (product - gram @ start)
    solutions = (step / (np.maximum(values, 0) + penalties[:, None])) @ vectors.T
    return np.vstack([start + solutions, start])
