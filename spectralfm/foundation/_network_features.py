"""The encoder's features for calibrations as a preprocessing, for the classical ridge to read."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from torch import Tensor

from ..nn.encoder import Encoding, SpectralEncoder


class NetworkFeatures(TransformerMixin, BaseEstimator):
    """Reads features with the encoder that an estimator holds, as it is when asked.

    Parameters
    ----------
    owner : FrozenEstimator
        An estimator with an encoder, frozen so that a clone of this transformer reads the same
        encoder; an adaptation of the estimator reaches the features.
    """

    def __init__(self, owner: FrozenEstimator) -> None:
        self.owner = owner

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Do nothing: the encoder is there."""
        return self

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return features (n_samples, N F) of spectra (n_samples, n_channels)."""
        return self.owner.estimator._encode(X, _read)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _read(encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
    return encoding.features.flatten(1)  # (B, N, F) -> (B, N F)
