"""Differences between virtual instruments and the one that recorded some spectra.

Glossary: I instruments, n samples, L channels, G grid points, Zi instrument latent.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..nn.encoder import Encoding, SpectralEncoder
from ..nn.resample import resample
from ..simulation import InstrumentSimulator
from ._encoder import SpectralFMEncoder
from ._simulated_views import SCAN_EFFECTS

Array = NDArray[np.float64]

BATCH = 512
"""Spectra simulated at once."""

LATENT_SAMPLES = 8
"""Spectra from whose simulated recordings the latent of an instrument is read."""


def simulated_differences(
    X: Array,
    axis: Array,
    n: int,
    seed: int,
    *,
    modality: str,
    effects: Sequence[str] | None = None,
    noise: bool = False,
) -> Array:
    """Record spectra with simulated instruments.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    axis : ndarray of shape (n_channels,)
        Wavenumbers, cm-1.
    n : int
        Number of instruments I.
    seed : int
        Of all draws.
    modality, effects
        As in `InstrumentSimulator`.
    noise : bool
        Whether noise and spikes are recorded, if they are among the effects.

    Returns
    -------
    ndarray of shape (n, n_samples, n_channels)
        Recorded less given spectra.
    """
    simulator = InstrumentSimulator(modality=modality, effects=effects)
    if not noise:
        kept = [effect for effect in simulator.effects if effect not in SCAN_EFFECTS]
        simulator = InstrumentSimulator(modality=modality, effects=kept)
    generator = torch.Generator().manual_seed(seed)
    instruments = simulator.sample_instruments(n, generator)
    x, place = torch.from_numpy(np.ascontiguousarray(X)), torch.from_numpy(axis.copy())
    which, row = (index.flatten() for index in np.indices((n, len(X))))
    parts = []
    for start in range(0, len(which), BATCH):
        part = torch.from_numpy(row[start : start + BATCH])
        chosen = instruments[torch.from_numpy(which[start : start + BATCH])]
        parts.append(simulator.apply(x[part], place, chosen, generator) - x[part])
    return torch.cat(parts).numpy().reshape(n, *X.shape)


def learned_differences(X: Array, encoder: SpectralFMEncoder, latents: Array) -> Array:
    """Write spectra as instruments of given latents would have recorded them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    encoder : SpectralFMEncoder
        Fitted to their axis.
    latents : ndarray of shape (n, n_inst)
        One instrument a row.

    Returns
    -------
    ndarray of shape (n, n_samples, n_channels)
        Written less given spectra, interpolated from the encoder's grid.
    """

    def read(network: SpectralEncoder, encoding: Encoding) -> Tensor:
        spectra = encoding.spectra
        given = spectra.values * spectra.scale + spectra.center  # (B, G)
        place = spectra.axis.new_tensor(encoder.axis_)
        written = [
            resample(
                network.transfer(encoding, z.expand(len(given), -1)) - given, spectra.axis, place
            )
            for z in given.new_tensor(latents)
        ]  # I of (B, L)
        return torch.stack(written, 1)  # (B, I, L)

    return np.ascontiguousarray(encoder._encode(X, read).swapaxes(0, 1))


def simulated_latents(
    X: Array,
    encoder: SpectralFMEncoder,
    n: int,
    seed: int,
    *,
    modality: str,
    effects: Sequence[str] | None = None,
) -> Array:
    """Return the mean instrument latents (n, n_inst) of what simulated instruments record."""
    few = X[:LATENT_SAMPLES]
    moved = few + simulated_differences(
        few, encoder.axis_, n, seed, modality=modality, effects=effects, noise=True
    )
    read = encoder._encode(
        moved.reshape(-1, X.shape[1]), lambda network, encoding: encoding.latents.inst_mean
    )
    return read.reshape(n, len(few), -1).mean(axis=1)
