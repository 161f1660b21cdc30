"""What virtual instruments of each kind of prior add to spectra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._net import seed_of
from .._validation import check_matrix
from ..axis import check_modality, guess_modality
from ._encoder import SpectralFMEncoder
from ._first_order import first_order_effects
from ._simulated_views import MODALITIES
from ._spectral_axis import resolve_axis
from ._virtual_instruments import learned_differences, simulated_differences, simulated_latents

Array = NDArray[np.float64]

ROWS = 32
"""Spectra, drawn at random, on which a covariance or an amplitude is estimated."""


class DifferencesMixin(BaseEstimator):
    """Draws the differences of virtual instruments by the arguments of `InstrumentPrior`."""

    kind: str
    checkpoint: str | Path | Any | None
    wavelengths: ArrayLike | None
    wavenumbers: ArrayLike | None
    modality: str
    effects: Sequence[str] | None
    latents: str
    device: str
    n_threads: int

    def _check_spectra(self, X: ArrayLike) -> Array:
        self._validate_params()
        return check_matrix(X, name="X")

    def _check_axis(self, X: ArrayLike, spectra: Array) -> Array:
        """Return the wavenumbers of the channels."""
        axis, known = resolve_axis(
            getattr(X, "columns", None),
            spectra.shape[1],
            wavelengths=self.wavelengths,
            wavenumbers=self.wavenumbers,
        )
        if known:
            check_modality(axis, self.modality)
        return axis

    def _kind_of(self, axis: Array) -> str:
        """Return the modality in the simulator's words."""
        modality = guess_modality(axis) if self.modality == "auto" else self.modality
        return MODALITIES[modality]

    def _differences(
        self, X: Array, axis: Array, n: int, rng: np.random.RandomState, *, noise: bool = False
    ) -> Array:
        """Return what n instruments add to spectra, (n, n_samples, n_channels)."""
        modality, effects = self._kind_of(axis), self.effects
        if self.kind == "physics":
            terms = first_order_effects(X, axis, modality, effects)  # (E, n_samples, n_channels)
            return np.tensordot(rng.standard_normal((n, len(terms))), terms, axes=1)
        seed = seed_of(rng)
        if self.kind == "simulator":
            return simulated_differences(
                X, axis, n, seed, modality=modality, effects=effects, noise=noise
            )
        encoder = self._trained_encoder(X, axis)
        if self.latents == "normal":
            z = rng.standard_normal((n, encoder.encoder_.bottleneck.inst.out_features // 2))
        else:
            z = simulated_latents(X, encoder, n, seed, modality=modality, effects=effects)
        return learned_differences(X, encoder, z)

    def _trained_encoder(self, X: Array, axis: Array) -> SpectralFMEncoder:
        """Return the encoder of the checkpoint, fitted to the axis."""
        encoder = SpectralFMEncoder(
            self.checkpoint,
            wavenumbers=axis,
            modality=self.modality,
            random_state=0,
            device=self.device,
            n_threads=self.n_threads,
        ).fit(X)
        if not encoder.encoder_.operator.amplitude.weight.any():
            raise ValueError(
                'kind="learned" needs a trained encoder: the operator of '
                f"checkpoint={self.checkpoint!r} was not trained and writes every spectrum as it "
                'is. Pass trained weights, or choose kind="simulator" or "physics".'
            )
        return encoder


def some_rows(X: Array, rng: np.random.RandomState) -> Array:
    """Return at most 32 spectra."""
    return X if len(X) <= ROWS else X[rng.permutation(len(X))[:ROWS]]
