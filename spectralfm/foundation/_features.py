"""What a head reads: chemistry latent, features, pooled tokens and spectrum, of equal weight."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from .._validation import FEWEST_CHANNELS, refuse_flat
from ..nn.encoder import Encoding, SpectralEncoder
from ._torch_estimator import EncoderMixin

Array = NDArray[np.float64]

CONSTANT = 1e-8
"""A feature whose deviation is smaller, over the largest of its block, is constant."""


class FeatureMixin(EncoderMixin):
    """Reads features of spectra and scales their blocks to unit variance.

    Blocks are the chemistry latent, the features for calibrations, the tokens averaged over
    segments of the axis, and the spectrum. Latent and tokens are scaled one by one, features and
    channels all alike: their sizes say what matters.
    """

    _feature_constraints: dict = {
        **EncoderMixin._encoder_constraints,
        "n_segments": [Interval(Integral, 0, None, closed="left")],
        "spectrum": [StrOptions({"snv", "raw"}), None],
    }

    n_segments: int
    spectrum: str | None
    feature_mean_: Array
    feature_gain_: Array

    def _fit_scale(self, F: Array, n_channels: int) -> None:
        """Learn the mean and the gain of features (n_samples, n_features)."""
        n_spectrum = 0 if self.spectrum is None else n_channels
        n_chem = self.encoder_.bottleneck.chem.out_features // 2
        n_features = self.encoder_.n_features
        n_tokens = F.shape[1] - n_chem - n_features - n_spectrum
        chem, features, tokens, spectrum = np.split(
            F, np.cumsum([n_chem, n_features, n_tokens]), axis=1
        )
        gains = (_own_gains(chem), _one_gain(features), _own_gains(tokens), _one_gain(spectrum))
        self.feature_mean_, self.feature_gain_ = F.mean(axis=0), np.concatenate(gains)

    def _scaled(self, F: Array) -> Array:
        return (F - self.feature_mean_) * self.feature_gain_

    def _features(self, X: Array, *, name: str = "X") -> Array:
        """Return the features of spectra, (n_samples, n_features), in units of their own."""
        latents = self._encode(X, self._read_latents)
        if self.spectrum is None:
            return latents
        # Standard normal variates of few channels keep too little of them.
        if self.spectrum == "snv" and X.shape[1] >= FEWEST_CHANNELS:
            refuse_flat(X, name=name)
            X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
        return np.hstack([latents, X])

    def _read_latents(self, encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
        return latent_features(encoding, self.n_segments)


def _own_gains(block: Array) -> Array:
    """Return what brings every column to the same variance, and all together to 1."""
    deviation = block.std(axis=0)
    varies = deviation > CONSTANT * deviation.max(initial=np.finfo(np.float64).tiny)
    gain = np.zeros(block.shape[1])
    gain[varies] = 1 / (deviation[varies] * np.sqrt(block.shape[1]))
    return gain


def _one_gain(block: Array) -> Array:
    """Return what brings all columns together to the variance 1."""
    total = np.sqrt(block.var(axis=0).sum())
    return np.full(block.shape[1], 1 / total if total > 0 else 0.0)


def latent_features(encoding: Encoding, n_segments: int) -> Tensor:
    """Return the chemistry latent, the features for calibrations and the pooled tokens.

    Parameters
    ----------
    encoding : Encoding
        What the encoder returned.
    n_segments : int
        Number K of segments of the axis over which tokens are averaged; 0 for no tokens, at most
        one segment a token.

    Returns
    -------
    Tensor of shape (B, Zc + N F + K D)
        Features. Tokens that were not measured count in no average.
    """
    chem = encoding.latents.chem_mean  # (B, Zc)
    tokens = encoding.tokens[:, 2:]  # (B, N, D)
    measured = ~encoding.spectra.padding_mask[:, 2:, None]  # (B, N, 1)
    features = encoding.features.flatten(1)  # (B, N F)
    if n_segments == 0:
        return torch.cat([chem, features], 1)
    bounds = segment_bounds(tokens.shape[1], n_segments)
    pooled = [
        (tokens[:, a:b] * measured[:, a:b]).sum(1) / measured[:, a:b].sum(1).clamp(min=1)
        for a, b in zip(bounds[:-1], bounds[1:], strict=True)
    ]  # K of (B, D)
    return torch.cat([chem, features, *pooled], 1)


def segment_bounds(n_tokens: int, n_segments: int) -> Sequence[int]:
    """Return the first token of each segment, and the number of tokens."""
    return np.linspace(0, n_tokens, min(n_segments, n_tokens) + 1).round().astype(int).tolist()
