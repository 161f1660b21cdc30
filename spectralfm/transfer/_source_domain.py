"""How unlike the calibration spectra a spectrum is: what tells a foreign instrument at a glance."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

from ._preprocessing import diagnostic_views, standard_normal_variates

Array = NDArray[np.float64]

N_COMPONENTS, N_FOLDS = 10, 10
"""Components of the calibration spectra, at most a third of their number; folds for the limit."""

CONFIDENCE = 0.95
"""Share of the left-out calibration spectra below the limit."""

FEW_SAMPLES = 10
"""Number of samples from which the limit is twice the quantile: they have not seen all there is."""

FOREIGN = 3.0
"""Residual over the limit from which a spectrum counts as wholly foreign."""

SMALLEST = 1e-100
"""Stands for the limit where all calibration spectra are equal."""

FEWEST_CHANNELS = 10
"""Below, there is no residual to speak of, and no spectrum counts as foreign."""


class SourceDomain:
    r"""Residuals of spectra outside the main components of the calibration spectra.

    .. math:: u(x) = \max_v \operatorname{clip}\big(\log(Q_v(x) / L_v) / \log 3,\; 0,\; 1\big),
              \qquad L_v = (1 + 10 / N)\, Q_{v,95}

    where Q is the squared residual of the spectrum as standard normal variate, or as that of its
    second derivative, and :math:`Q_{95}` the 95 % quantile of the N calibration spectra, each left
    out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra of the source.
    """

    def __init__(self, X: Array) -> None:
        n_components = min(N_COMPONENTS, len(X) // 3, X.shape[1] - 1)
        self.views: list[tuple[PCA, float]] = []
        if X.shape[1] < FEWEST_CHANNELS or n_components < 1:
            return
        for spectra in _variates(X):
            folds = KFold(min(N_FOLDS, len(X)), shuffle=True, random_state=0).split(X)
            left_out = [
                _residuals(_fitted(n_components, spectra[rows]), spectra[others])
                for rows, others in folds
            ]
            limit = (1 + FEW_SAMPLES / len(X)) * np.quantile(np.concatenate(left_out), CONFIDENCE)
            self.views.append((_fitted(n_components, spectra), max(float(limit), SMALLEST)))

    def foreignness(self, X: Array) -> Array:
        """Return u of spectra, (n_samples,): 0 like those of the source, 1 of another instrument.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.
        """
        largest = np.ones(len(X))
        if self.views:
            for (pca, limit), spectra in zip(self.views, _variates(X), strict=True):
                largest = np.maximum(largest, _residuals(pca, spectra) / limit)
        return np.minimum(np.log(largest) / np.log(FOREIGN), 1.0)


def _variates(X: Array) -> list[Array]:
    return [standard_normal_variates(view) for view in diagnostic_views(X)]


def _fitted(n_components: int, X: Array) -> PCA:
    """Return the components of spectra; of equal ones, the shares of no variance are not asked."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return PCA(n_components).fit(X)


def _residuals(pca: PCA, X: Array) -> Array:
    """Return squared residuals (n_samples,)."""
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)
