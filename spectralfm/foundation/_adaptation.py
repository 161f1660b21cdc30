"""Masked reconstruction of a few spectra, to adapt an encoder to the instrument they come from."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from .._net import fit_module, isolated
from ..checkpoint import build_module, parse_weights
from ..losses import block_mask, masked_loss
from ..losses.masked import hidden_channels
from ..nn.encoder import SpectralEncoder
from ..nn.lora import inject_lora, lora_parameters, merge_lora

BLOCK = 4
"""Patches of a hidden block, as in pretraining."""

JUDGED = 32
"""Spectra, each with a mask of its own, by which an adaptation is judged; few are repeated."""


class Adapted(NamedTuple):
    """An encoder after adaptation, and what that did."""

    encoder: SpectralEncoder
    """In float32 on the CPU; as it was if the loss did not fall."""
    loss_before: float
    """Mean squared error of hidden patches, in units of each spectrum's deviation, before."""
    loss_after: float
    """The same after."""
    n_trained: int
    """Number of weights trained."""


def reconstruction_loss(
    encoder: SpectralEncoder, x: Tensor, axis: Tensor, modality: Tensor, mask_ratio: float
) -> Tensor:
    """Return the error () of patches of spectra (B, L) that random masks hide."""
    embed = encoder.embed
    mask = block_mask(
        embed.n_tokens, mask_ratio, n_spectra=len(x), block=BLOCK, device=x.device
    )  # (B, N)
    encoding = encoder(x, axis, modality, mask)
    hidden = hidden_channels(mask, embed.patch, embed.stride)  # (B, G)
    measured = embed.grid(x, axis).measured  # (B, G)
    target = embed.patches(encoding.spectra.values)  # (B, N, P)
    counted = embed.patches(hidden & measured)  # (B, N, P)
    return masked_loss(encoder.reconstruct(encoding), target, mask, counted=counted)


def adapt(
    weights: bytes,
    x: Tensor,
    axis: Tensor,
    modality: Tensor,
    *,
    parameters: Literal["norm", "lora"],
    lora_rank: int,
    mask_ratio: float,
    n_steps: int,
    learning_rate: float,
    seed: int,
    device: str,
    n_threads: int,
) -> Adapted:
    """Train few weights of an encoder to reconstruct spectra.

    Parameters
    ----------
    weights : bytes
        Weights of the encoder.
    x : Tensor of shape (n, L), float32
        Spectra.
    axis : Tensor of shape (L,)
        Their wavenumbers, cm-1.
    modality : Tensor of shape ()
        Position in MODALITIES.
    parameters, lora_rank, mask_ratio, n_steps, learning_rate
        As in `TestTimeAdapter`.
    seed : int
        Seed of masks, order and adapters.
    device, n_threads
        As in `spectralfm._net.fit_module`.

    Returns
    -------
    Adapted
        The encoder with the smaller loss on 32 spectra, under masks that are not trained on.
    """
    with isolated(seed):
        original = build_module(SpectralEncoder, parse_weights(weights))
        encoder = build_module(SpectralEncoder, parse_weights(weights)).requires_grad_(False)
        if parameters == "lora":
            inject_lora(encoder, lora_rank, 2.0 * lora_rank)
            trained = list(lora_parameters(encoder))
        else:
            norms = (layer for layer in encoder.modules() if isinstance(layer, nn.LayerNorm))
            trained = [weight for norm in norms for weight in norm.parameters()]
        for weight in trained:
            weight.requires_grad_()

    def loss(module: nn.Module, batch: dict[str, Tensor], training: bool) -> dict[str, Tensor]:
        rows = batch["x"]
        place = axis.to(rows.device), modality.to(rows.device)
        module.eval()  # routing and latents without noise: the steps are few
        return {"masked": reconstruction_loss(encoder, rows, *place, mask_ratio)}

    @torch.no_grad()
    def judged(network: SpectralEncoder) -> float:
        with isolated(seed + 1, n_threads=n_threads):
            rows = torch.linspace(0, len(x) - 1, JUDGED).round().long()
            parts = [
                reconstruction_loss(network.eval(), part, axis, modality, mask_ratio)
                for part in x[rows].split(16)
            ]
            return torch.stack(parts).mean().item()

    fit_module(
        encoder,
        {"x": x},
        loss,
        max_steps=n_steps,
        batch_size=16,
        learning_rate=learning_rate,
        weight_decay=0.0,
        validation=0.0,
        random_state=seed,
        device=device,
        n_threads=n_threads,
    )
    encoder = merge_lora(encoder)
    before, after = judged(original), judged(encoder)
    n_trained = sum(weight.numel() for weight in trained)
    return Adapted(encoder if after < before else original, before, after, n_trained)
