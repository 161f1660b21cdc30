"""Fine-tune the encoder on a calibration: adapters or all weights, and nothing the instrument does.

Terms of the loss: the error of a linear head on the features; the distance between the features of
a standard on both instruments, over their variance (consistency); the transport cost between the
features of the calibration and of unlabelled target spectra, likewise.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._net import Fit, fit_module, isolated
from ..checkpoint import build_module, parse_weights
from ..losses import balance_loss, transport_loss
from ..nn.encoder import SpectralEncoder
from ..nn.heads import RegressionHead
from ..nn.lora import inject_lora, merge_lora
from ._features import latent_features

Array = NDArray[np.float64]

BATCH = 16
"""Spectra of the calibration a step; as many standards and unlabelled spectra at most."""

BALANCE = 0.01
"""Weight of the penalty on uneven use of the experts."""


class Task(NamedTuple):
    """What the encoder is fine-tuned on, as tensors."""

    x: Tensor
    """Calibration spectra (n, L)."""
    y: Tensor
    """Scaled reference values (n, k), or numbers of classes (n,)."""
    source: Tensor
    """Standards on the source (m, L)."""
    target: Tensor
    """The same on the target (m, L)."""
    unlabelled: Tensor
    """Unlabelled target spectra (u, L)."""
    axis: Tensor
    """Wavenumbers (L,)."""
    modality: Tensor
    """Position in MODALITIES, ()."""


class Calibration(nn.Module):
    """Encoder, and a linear head on its features.

    Parameters
    ----------
    encoder : SpectralEncoder
        Trained in place.
    n_segments : int
        Segments of the axis over which tokens are averaged.
    n_out : int
        Properties, or classes.
    """

    def __init__(self, encoder: SpectralEncoder, n_segments: int, n_out: int) -> None:
        super().__init__()
        self.encoder, self.n_segments = encoder, n_segments
        n_tokens, d_model = encoder.embed.n_tokens, encoder.bottleneck.chem.in_features
        n_features = encoder.bottleneck.chem.out_features // 2 + encoder.n_features
        n_features += min(n_segments, n_tokens) * d_model
        self.norm = nn.LayerNorm(n_features)
        self.head = RegressionHead(n_features, n_out, d_hidden=0)

    def forward(self, x: Tensor, axis: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, F) and the penalty on uneven use of the experts ()."""
        encoding = self.encoder(x, axis, modality)
        return latent_features(encoding, self.n_segments), encoding.balance


def fine_tune(
    weights: bytes,
    task: Task,
    error: Callable[[Tensor, Tensor], Tensor],
    n_out: int,
    *,
    tuning: str,
    n_segments: int,
    lora_rank: int,
    consistency: float,
    transport: float,
    max_steps: int,
    learning_rate: float,
    patience: int,
    seed: int,
    device: str,
    n_threads: int,
) -> tuple[SpectralEncoder, Fit]:
    """Return the encoder, fine-tuned, in float32 on the CPU, and how it went.

    Parameters
    ----------
    weights : bytes
        Weights to start from.
    task : Task
        Spectra and values, float32.
    error : callable
        From predictions and values of a batch to a loss ().
    n_out : int
        Number of predictions a spectrum.
    tuning : {"lora", "full"}
        Adapters on the attention, merged in the end, or all weights.
    n_segments, lora_rank, consistency, transport, max_steps, learning_rate, patience
        As in `SpectralFMRegressor`.
    seed : int
        Initialises head and adapters, and shuffles.
    device, n_threads
        As in `spectralfm._net.fit_module`.

    Returns
    -------
    encoder : SpectralEncoder
        Without adapters.
    fit : Fit
        History of the training.
    """

    def loss(module: nn.Module, batch: dict[str, Tensor], training: bool) -> dict[str, Tensor]:
        home, calibration = batch["x"].device, cast(Calibration, module)
        n = len(batch["x"])
        pair, extra = _some(len(task.source)), _some(len(task.unlabelled))
        parts = [task.source[pair], task.target[pair], task.unlabelled[extra]]
        x = torch.cat([batch["x"], *(part.to(home) for part in parts)])
        features, balance = calibration(x, task.axis.to(home), task.modality.to(home))
        own, source, target, unlabelled = features.split([n, len(pair), len(pair), len(extra)])
        terms = {"error": error(calibration.head(calibration.norm(own)), batch["y"])}
        terms["balance"] = balance_loss(balance, weight=BALANCE)
        spread = features.detach().var(0, correction=0).sum() + torch.finfo(features.dtype).eps
        if len(pair) and consistency:
            terms["consistency"] = consistency * (source - target).square().sum(1).mean() / spread
        if len(extra) and transport:
            terms["transport"] = transport_loss(own, unlabelled, weight=transport) / spread
        return terms

    with isolated(seed):
        module = Calibration(
            build_module(SpectralEncoder, parse_weights(weights)), n_segments, n_out
        )
        if tuning == "lora":
            inject_lora(module.encoder, lora_rank, 2.0 * lora_rank)
    fit = fit_module(
        module,
        {"x": task.x, "y": task.y},
        loss,
        max_steps=max_steps,
        batch_size=BATCH,
        learning_rate=learning_rate,
        patience=patience,
        random_state=seed,
        device=device,
        n_threads=n_threads,
    )
    return merge_lora(module.encoder), fit


def _some(n: int) -> Tensor:
    """Draw at most a batch of n rows."""
    return torch.randperm(n)[:BATCH]
