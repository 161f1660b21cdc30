"""What all estimators around the encoder share: weights in, latents out, pickles that last.

A fitted estimator holds the weights as the bytes of a safetensors file (``weights_``). The network
is built from them when needed and never pickled. Inference runs in float64, so that a spectrum's
latents do not depend on what else is in the batch.
"""

import warnings
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from torch import Tensor

from .._net import isolated, seed_of
from ..axis import check_modality
from ..checkpoint import build_module, dump_weights, load_weights, parse_weights
from ..checkpoint._versions import versions, warn_of_skew
from ..nn.embedding import MODALITIES
from ..nn.encoder import Encoding, SpectralEncoder
from ._spectral_axis import enough_channels, resolve_axis

Array = NDArray[np.float64]
Read = Callable[[SpectralEncoder, Encoding], Tensor]

MICRO_BATCH = 16
"""Spectra a forward pass: more are slower, their activations leave the cache."""

FOREIGN = 0.02
"""Share of the trained range by which spectra may reach beyond it without a warning."""

UNTRAINED: dict[str, Any] = {
    "d_model": 32, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 4, "n_chem": 32,
    "n_inst": 16, "fno_modes": 16, "fno_width": 16, "fno_layers": 2, "n_grid": 512,
}  # fmt: skip
"""The encoder that ``checkpoint=None`` stands for."""


class EncoderMixin:
    """Loads an encoder in ``fit`` and runs it on spectra.

    The class it is mixed into has the constructor arguments named in ``_encoder_constraints``.
    """

    _encoder_constraints: dict = {
        "checkpoint": [str, Path, HasMethods(["fit"]), None],
        "wavelengths": ["array-like", None],
        "wavenumbers": ["array-like", None],
        "modality": [StrOptions({"auto", *MODALITIES})],
        "random_state": ["random_state"],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
    }

    checkpoint: Any
    wavelengths: ArrayLike | None
    wavenumbers: ArrayLike | None
    modality: str
    random_state: Any
    device: str
    n_threads: int
    weights_: bytes
    axis_: Array
    modality_: str

    @property
    def encoder_(self) -> SpectralEncoder:
        """The network, in float64 and evaluation mode, built from ``weights_`` when needed."""
        if "_network_" not in vars(self):
            encoder = build_module(SpectralEncoder, parse_weights(self.weights_))
            encoder.eval().requires_grad_(False)
            self._network_ = encoder.to(resolve_device(self.device), torch.float64)
        return self._network_

    def _load_encoder(self, columns: Any, n_channels: int) -> None:
        """Resolve axis, modality and weights; called by ``fit`` with checked parameters."""
        axis, known = resolve_axis(
            columns, n_channels, wavelengths=self.wavelengths, wavenumbers=self.wavenumbers
        )
        modality = "unknown" if self.modality == "auto" else self.modality
        if known:
            modality = check_modality(axis, self.modality)
        resolve_device(self.device)
        weights = resolve_weights(self.checkpoint, self.random_state)
        low, high = parse_weights(weights).axis_range
        beyond = max(low - axis.min(), axis.max() - high)
        if known and beyond > FOREIGN * (high - low):
            warnings.warn(
                f"The spectra reach from {axis.min():.6g} to {axis.max():.6g} cm-1, but the encoder"
                f" was trained from {low:.6g} to {high:.6g} cm-1: what lies outside is foreign to "
                "it. Cut the spectra, or compare with a calibration without the encoder."
            )
        self.axis_, self.modality_, self.weights_ = axis, modality, weights

    def _encode(self, X: Array, read: Read) -> Array:
        """Return what ``read`` takes from the encodings of spectra, (n_samples, ...)."""
        device = resolve_device(self.device)
        with isolated(0, n_threads=self.n_threads, device=device), torch.no_grad():
            encoder = self.encoder_
            spectra, axis = self._as_tensors(X, device)
            modality = torch.tensor(MODALITIES.index(self.modality_), device=device)
            parts = [
                read(encoder, encoder(rows, axis, modality)).cpu()
                for rows in spectra.split(MICRO_BATCH)
            ]
            return torch.cat(parts).numpy()

    def _as_tensors(self, X: Array, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return spectra (B, L) and their wavenumbers (L,) as the encoder takes them."""
        values, axis = enough_channels(X, self.axis_)
        spectra = torch.tensor(np.ascontiguousarray(values), device=device)
        return spectra, torch.tensor(np.ascontiguousarray(axis), device=device)

    def _set_weights(self, encoder: SpectralEncoder) -> None:
        """Take over the weights of a trained encoder."""
        before = parse_weights(self.weights_)
        self.weights_ = dump_weights(
            {
                name: tensor.float() if tensor.is_floating_point() else tensor
                for name, tensor in encoder.state_dict().items()
            },
            config=before.config,
            architecture=before.architecture,
            axis_range=before.axis_range,
            provenance=before.provenance,
        )
        vars(self).pop("_network_", None)

    def _restore_weights(self, weights: bytes) -> None:
        """Take weights as they were before `_set_weights`."""
        self.weights_ = weights
        vars(self).pop("_network_", None)

    def _on_encoder_axis(self, X: Array) -> Array:
        """Return spectra as they come into ``fit`` on ``axis_``, which the encoder reads."""
        return X

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        state.pop("_network_", None)
        return state | {"_versions": versions("scikit-learn")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        written = state.pop("_versions", {})
        warn_of_skew(f"This {type(self).__name__} was pickled with", written)
        vars(self).update(state)


def resolve_weights(checkpoint: Any, random_state: Any) -> bytes:
    """Return the bytes of a weights file.

    Parameters
    ----------
    checkpoint : str, Path, fitted estimator with ``weights_``, or None
        Name of weights that came with the package, a file, an estimator that trained them, or
        None for an untrained encoder.
    random_state : int, RandomState or None
        Initialises the untrained encoder.

    Returns
    -------
    bytes
        Verified weights of a `SpectralEncoder`.

    Raises
    ------
    FileNotFoundError, CorruptWeightsError
        As `spectralfm.checkpoint.load_weights`.
    NotFittedError
        If the estimator is not fitted.
    """
    architecture = SpectralEncoder.__name__
    if isinstance(checkpoint, str | Path):
        weights = load_weights(checkpoint, architecture=architecture)
        return dump_weights(
            weights.state_dict,
            config=weights.config,
            architecture=architecture,
            axis_range=weights.axis_range,
            provenance=weights.provenance,
        )
    if checkpoint is None:
        with isolated(seed_of(random_state)):
            state = SpectralEncoder(**UNTRAINED).state_dict()
        return dump_weights(state, config=UNTRAINED, architecture=architecture, axis_range=(0, 1e5))
    while isinstance(checkpoint, FrozenEstimator):
        checkpoint = checkpoint.estimator
    if not hasattr(checkpoint, "weights_"):
        raise NotFittedError(
            f"The {type(checkpoint).__name__} given as checkpoint is not fitted. Fit it, and pass "
            "FrozenEstimator(it): clone and GridSearchCV forget what an unfrozen one learned."
        )
    return checkpoint.weights_


def resolve_device(device: str) -> torch.device:
    """Return the device; ``"auto"`` is CUDA where there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device = {device!r}, but torch finds no CUDA: choose 'auto' or 'cpu'.")
    return found
