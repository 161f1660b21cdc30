"""Pretrain an encoder on spectra of any number of sets, each on an axis of its own."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._net import Fit, fit_module, isolated, seed_of
from ..nn.embedding import MODALITIES
from ..nn.encoder import SpectralEncoder
from ..nn.pretraining import PretrainingModel
from ..nn.share import Share
from ._episodes import FEWEST, NEIGHBOURS, draw_episode, episode_loss, window
from ._pretraining_losses import pretraining_losses
from ._simulated_views import ViewSimulator, parameter_names
from ._spectra_groups import SpectraGroup, SpectraInMemory, SpectraSource

VALIDATED = ("masked", "denoising", "latent", "transfer", "episode")
"""The terms that have a right answer: they choose the best weights."""

WINDOWED = 0.5
"""Chance of a batch to be cut to a window of its axis: instruments record parts of what libraries
cover."""

LATENT_SHARE = 0.3
"""Share of an episode's loss that is of calibrations on the chemistry latent alone."""


def pretrain(
    groups: Sequence[SpectraGroup | SpectraSource],
    encoder: SpectralEncoder,
    *,
    max_steps: int,
    batch_size: int = 64,
    target_decay: float = 0.98,
    episode_weight: float = 0.3,
    losses: Mapping[str, float] | None = None,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    **training: Any,
) -> Fit:
    """Train an encoder in place.

    Parameters
    ----------
    groups : sequence of SpectraGroup or SpectraSource
        Spectra, in memory or read as they are needed. A batch holds spectra of one group, drawn in
        proportion to the square root of its size.
    encoder : SpectralEncoder
        Network, initialised by the caller (see `spectralfm._net.isolated`).
    max_steps, batch_size : int
        Optimizer steps, and spectra of a step.
    target_decay : float
        Decay of the target copy that the contrastive loss follows, in [0, 1].
    episode_weight : float
        Weight of the episodes, at least 0; see `spectralfm.foundation._episodes`.
    losses : mapping of str to float, optional
        ``mask_ratio`` and weights, by the names that `pretraining_losses` gives them.
    checkpoint_dir : path-like, optional
        Folder to resume from.
    **training
        Further arguments of `spectralfm._net.fit_module`.

    Returns
    -------
    Fit
        History and validation loss, which is the sum of the masked, denoising, latent, transfer
        and episode terms.

    Raises
    ------
    ValueError
        If there is no group, or as `fit_module`.
    """
    if not groups:
        raise ValueError("There are no spectra to pretrain on: groups is empty.")
    sources = [SpectraInMemory(g) if isinstance(g, SpectraGroup) else g for g in groups]
    simulators = [ViewSimulator(source.modality) for source in sources]
    kinds = [torch.tensor(MODALITIES.index(source.modality)) for source in sources]
    n_instruments = max(int(source.labels.max()) for source in sources) + 1
    weights = dict(losses or {})
    n_episode = max(batch_size, FEWEST)
    with isolated(seed_of(training.get("random_state"))):
        model = PretrainingModel(encoder, len(parameter_names()), n_instruments)

    def loss_fn(_: nn.Module, batch: dict[str, Tensor], is_training: bool) -> dict[str, Tensor]:
        device = batch["row"].device
        index, rows = int(batch["group"][0]), batch["row"].cpu()
        source = sources[index]
        x, axis = (part.to(device) for part in source.take(rows))
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        if is_training and torch.rand((), generator=generator) < WINDOWED:
            x, axis = window(x, axis, generator)
        views = simulators[index](x, axis, generator)
        if is_training:
            model.update(target_decay)
        known = source.labels[rows].to(device) if n_instruments else None
        kind = kinds[index].to(device)
        terms = pretraining_losses(model, x, axis, kind, views, known, **weights)
        # An episode costs as much as all other terms; every second batch has one of double weight.
        if episode_weight and (not is_training or torch.rand(()) < 0.5):
            generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
            candidates = source.take(source.candidates(NEIGHBOURS, generator))
            modality = simulators[index].whole.modality
            episode = draw_episode(*candidates, modality, n_episode, generator)
            both = torch.cat([episode.first, episode.second]).to(device)
            share = Share(len(both))
            own = encoder(share.own(both), episode.axis.to(device), kind, share=share)
            read = share.all(own.features.flatten(1)), share.all(own.latents.chem_mean)  # (2 n, d)
            y, half = episode.y.to(device), len(episode.y)
            on_features, on_latent = (episode_loss(z[:half], z[half:], y) for z in read)
            loss = torch.lerp(on_features, on_latent, LATENT_SHARE)
            chance = 0.5 if is_training else 1.0
            terms["episode"] = episode_weight / chance * loss.to(x.dtype)
        if is_training:
            return terms
        return {name: terms[name] for name in VALIDATED if name in terms} or terms

    sizes = [len(source.labels) for source in sources]
    group_of = torch.arange(len(sources)).repeat_interleave(torch.tensor(sizes))
    data = {
        "group": group_of,
        "row": torch.cat([torch.arange(size) for size in sizes]),
        "sum": torch.cat([source.totals for source in sources]),  # tells other spectra on resuming
    }
    blocks = [
        torch.zeros(size, dtype=torch.int64) if source.blocks is None else source.blocks
        for source, size in zip(sources, sizes, strict=True)
    ]
    return fit_module(
        model,
        data,
        loss_fn,
        groups=group_of,
        blocks=torch.cat(blocks),
        max_steps=max_steps,
        batch_size=batch_size,
        checkpoint_dir=checkpoint_dir,
        **training,
    )
