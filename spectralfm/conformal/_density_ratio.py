"""How much commoner a spectrum is in one population than in another."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = NDArray[np.float64]

MOST_COMPONENTS = 5
"""Principal components: on more, any two sets of ten samples can be told apart."""


class DensityRatio:
    r"""Ratio of the densities of two sets of spectra, on scores scaled to unit variance.

    .. math:: \log w(x) = \log\frac{P(\mathrm{new} \mid x)}{P(\mathrm{old} \mid x)}
        \quad\text{or}\quad \tfrac12 \left(T^2_\mathrm{old}(x) - T^2_\mathrm{new}(x)\right)

    up to a constant, which conformal weights do not depend on.

    Parameters
    ----------
    method : {"classifier", "t2"}
        Logistic regression that tells the sets apart, or Hotelling's distances from both, as of
        two normal distributions, with covariances after Ledoit and Wolf.
    transformer : transformer or None
        Makes features of spectra, fitted on both sets; None: the spectra themselves. Scores are
        their first five principal components.
    """

    def __init__(self, method: str, transformer: Any = None) -> None:
        self.method = method
        self.transformer = transformer

    def fit(self, X_old: Array, X_new: Array) -> Self:
        """Learn what tells the sets apart.

        Parameters
        ----------
        X_old : ndarray of shape (n_samples, n_channels)
            Spectra of the conformal samples.
        X_new : ndarray of shape (n_spectra, n_channels)
            Spectra of the population to be predicted.

        Returns
        -------
        self : DensityRatio
            The fitted ratio.
        """
        both = np.vstack([X_old, X_new])
        self.transformer_ = None
        if self.transformer is not None:
            self.transformer_ = clone(self.transformer).fit(both)
        features = self._features(both)
        n_components = min(MOST_COMPONENTS, len(both) - 1, features.shape[1])
        self.scores_ = make_pipeline(PCA(n_components, svd_solver="full"), StandardScaler())
        self.scores_.fit(features)
        old, new = (self._scores(X) for X in (X_old, X_new))
        if self.method == "classifier":
            labels = np.repeat([0, 1], [len(old), len(new)])
            # Sets of unequal size must not pull the regularized boundary to one side.
            self.classifier_ = LogisticRegression(class_weight="balanced", max_iter=1000)
            self.classifier_.fit(np.vstack([old, new]), labels)
        else:
            self.old_, self.new_ = LedoitWolf().fit(old), LedoitWolf().fit(new)
        return self

    def log_ratio(self, X: Array) -> Array:
        """Return the logarithm of the ratio, up to a constant.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.

        Returns
        -------
        ndarray of shape (n_samples,)
            Positive where spectra are commoner in the population to be predicted.
        """
        scores = self._scores(X)
        if self.method == "classifier":
            return self.classifier_.decision_function(scores)
        return (self.old_.mahalanobis(scores) - self.new_.mahalanobis(scores)) / 2

    def _features(self, X: Array) -> Array:
        if self.transformer_ is None:
            return X
        return np.asarray(self.transformer_.transform(X), dtype=np.float64)

    def _scores(self, X: Array) -> Array:
        return np.asarray(self.scores_.transform(self._features(X)), dtype=np.float64)
