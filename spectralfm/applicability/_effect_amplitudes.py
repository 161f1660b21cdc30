"""How much of each instrument effect a spectrum shows, beside what its chemistry can explain."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

Array = NDArray[np.float64]

EFFECTS = ("shift", "broadening", "gain", "gain tilt", "offset", "offset tilt")
"""Error of the axis, line shape, and photometric gain and offset: even ones and those that change
sign from one end of the spectrum to the other."""

N_COMPONENTS = 10
"""Components of the calibration spectra, at most a third of their number."""


class EffectAmplitudes:
    r"""Amplitudes of first-order effects by generalized least squares.

    .. math:: \hat a = (D^\top \Sigma^{-1} D)^{+} D^\top \Sigma^{-1} (x - \bar x), \qquad
              \Sigma = V \Lambda V^\top + \sigma^2 I

    with the effects D of the mean calibration spectrum, and the covariance of the calibration
    spectra in a few components and a floor.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra, of three channels or more.
    axis : ndarray of shape (n_channels,)
        Wavenumbers, cm-1.
    modality : {"nir", "mir", "raman"}
        Kind of instruments.
    """

    def __init__(self, X: Array, axis: Array, modality: str) -> None:
        from ..foundation._first_order import N_AXIS, N_FIELD, first_order_effects

        self.mean = X.mean(axis=0)
        terms = first_order_effects(self.mean[None], axis, modality)[:, 0]  # (E, L)
        gain = N_AXIS + 1
        chosen = [0, N_AXIS, gain, gain + 1, gain + N_FIELD, gain + N_FIELD + 1]
        effects = terms[chosen]  # (6, L)
        n = max(min(N_COMPONENTS, len(X) // 3, X.shape[1] - 1), 1)
        pca = PCA(n).fit(X)
        residual = X - pca.inverse_transform(pca.transform(X))
        tiny = 1e-12 * max(float(np.square(X).mean()), np.finfo(np.float64).tiny)
        floor = max(float(np.square(residual).mean()), tiny)
        shrunk = pca.explained_variance_ / (pca.explained_variance_ + floor)
        weighted = effects - (effects @ pca.components_.T * shrunk) @ pca.components_
        self.weights = np.linalg.pinv(weighted @ effects.T, rcond=1e-10, hermitian=True) @ weighted

    def amplitudes(self, X: Array) -> Array:
        """Return the amplitudes of the effects named in `EFFECTS`, (n_samples, 6).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.

        Returns
        -------
        ndarray of shape (n_samples, 6)
            In units of the typical difference between instruments (`first_order_effects`).
        """
        return (X - self.mean) @ self.weights.T
