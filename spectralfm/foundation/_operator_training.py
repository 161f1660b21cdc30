"""Train the Fourier operator on paired standards."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from .._net import fit_module
from ..checkpoint import build_module, parse_weights
from ..nn.encoder import SpectralEncoder

Array = NDArray[np.float64]


class OperatorTask(NamedTuple):
    """Standards on the grid of the encoder, in units of each target spectrum's deviation."""

    target: Array
    """Spectra on the target (n, G)."""
    source: Array
    """Spectra on the source, less any offset (n, G)."""
    chem: Array
    """Chemistry latents (n, Zc)."""
    target_latent: Array
    """Latent of the target instrument (Zi,)."""
    source_latent: Array
    """Latent of the source instrument (Zi,)."""


def train_operator(
    weights: bytes,
    task: OperatorTask,
    amplitude: Array,
    *,
    max_steps: int,
    learning_rate: float,
    seed: int,
    device: str,
    n_threads: int,
) -> tuple[SpectralEncoder, Array, list[dict[str, float]]]:
    """Train all weights of the operator and leave the rest of the encoder as it is.

    Parameters
    ----------
    weights : bytes
        Weights of the encoder.
    task : OperatorTask
        What to learn.
    amplitude : ndarray of shape (n_features,)
        Weights of the operator's features to start from.
    max_steps, learning_rate, seed, device, n_threads
        As in `spectralfm._net.fit_module`.

    Returns
    -------
    encoder : SpectralEncoder
        In float32 on the CPU.
    amplitude : ndarray of shape (n_features,)
        Weights of the operator's features after training.
    history : list of dict
        Losses.
    """
    encoder = build_module(SpectralEncoder, parse_weights(weights))
    operator, step = encoder.operator, task.source_latent - task.target_latent
    matrix = operator.amplitude.weight  # (W, Zi)
    if step.any():
        missing = amplitude - matrix.detach().numpy() @ step
        matrix.data += torch.tensor(np.outer(missing, step / (step @ step))).float()
    before, after = (_tensor(z)[None] for z in (task.target_latent, task.source_latent))

    def loss(module: nn.Module, batch: dict[str, Tensor], training: bool) -> dict[str, Tensor]:
        x = batch["target"]
        latents = [z.to(x.device).expand(len(x), -1) for z in (before, after)]
        return {"difference": mse_loss(module(x, *latents, batch["chem"]), batch["source"])}

    data = {name: _tensor(getattr(task, name)) for name in ("target", "source", "chem")}
    fit = fit_module(
        operator,
        data,
        loss,
        max_steps=max_steps,
        learning_rate=learning_rate,
        random_state=seed,
        device=device,
        n_threads=n_threads,
    )
    return encoder, step @ matrix.detach().double().numpy().T, fit.history


def _tensor(values: Array) -> Tensor:
    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float32)
