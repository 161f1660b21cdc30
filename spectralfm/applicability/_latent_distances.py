"""How far the latents of spectra are from those of the calibration spectra."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

Array = NDArray[np.float64]

CONFIDENCE = 0.95
"""Share of the calibration spectra below the limit."""


class LatentDistances:
    r"""Squared Mahalanobis distances of both latents of the encoder, over their limits.

    .. math:: d^2 = (z - \bar z)^\top \hat\Sigma^{-1} (z - \bar z)

    with the shrunk covariance of Ledoit and Wolf.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra.
    axis : ndarray of shape (n_channels,)
        Wavenumbers, cm-1.
    checkpoint : str, Path or fitted pretrainer
        As in `SpectralFMEncoder`.
    modality : str
        As in `SpectralFMEncoder`.
    """

    def __init__(self, X: Array, axis: Array, checkpoint: str | Path | Any, modality: str) -> None:
        from ..foundation import SpectralFMEncoder

        self.encoder = SpectralFMEncoder(checkpoint, wavenumbers=axis, modality=modality).fit(X)
        latents = self._latents(X)
        self.covariances = [LedoitWolf().fit(z) for z in latents]
        found = [one.mahalanobis(z) for one, z in zip(self.covariances, latents, strict=True)]
        tiny = np.finfo(np.float64).tiny
        self.limits = [max(float(np.quantile(d, CONFIDENCE)), tiny) for d in found]

    def distances(self, X: Array) -> tuple[Array, Array]:
        """Return the distances of instrument and chemistry latents over their limits.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.

        Returns
        -------
        inst, chem : ndarray of shape (n_samples,)
            1 is the limit.
        """
        inst, chem = (
            one.mahalanobis(z) / limit
            for one, z, limit in zip(self.covariances, self._latents(X), self.limits, strict=True)
        )
        return inst, chem

    def _latents(self, X: Array) -> tuple[Array, Array]:
        """Return the instrument and the chemistry latents of one pass."""
        from torch import cat

        both = self.encoder._encode(
            X, lambda _, encoding: cat([encoding.latents.inst_mean, encoding.latents.chem_mean], 1)
        )
        n_inst = self.encoder.encoder_.bottleneck.inst.out_features // 2
        return both[:, :n_inst], both[:, n_inst:]
