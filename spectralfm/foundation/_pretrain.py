"""Pretrain an encoder on spectra of any number of sets, each on an axis of its own."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._net import Fit, fit_module, isolated, seed_of
from ..nn.embedding import MODALITIES
from ..nn.encoder import SpectralEncoder
from ..nn.pretraining import PretrainingModel
from ..nn.share import Share
from ._episodes import FEWEST, draw_episode, episode_loss
from ._pretraining_losses import pretraining_losses
from ._simulated_views import ViewSimulator, parameter_names

VALIDATED = ("masked", "denoising", "latent", "transfer", "episode")
"""The terms that have a right answer: they choose the best weights."""


class SpectraGroup(NamedTuple):
    """One set of spectra to pretrain on.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Finite spectra: absorbance, -log10 of reflectance, or Raman intensities of any scale.
    wavenumbers : ndarray of shape (n_channels,) or (n_samples, n_channels)
        Where they were recorded, cm-1; at least 4 channels, in any order.
    modality : {"NIR", "MIR", "Raman", "unknown"}
        Kind of the spectra.
    instruments : ndarray of shape (n_samples,), int, or None
        Which instrument recorded each, numbered from 0 over all groups; negative where unknown.
    """

    X: NDArray[Any]
    wavenumbers: NDArray[Any]
    modality: str = "unknown"
    instruments: NDArray[Any] | None = None


def pretrain(
    groups: Sequence[SpectraGroup],
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
    groups : sequence of SpectraGroup
        Spectra. A batch holds spectra of one group, drawn in proportion to the square root of its
        size.
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
    spectra = [torch.as_tensor(np.asarray(group.X), dtype=torch.float32) for group in groups]
    axes = [torch.as_tensor(np.asarray(group.wavenumbers, dtype=np.float64)) for group in groups]
    labels = [
        torch.full((len(x),), -1) if group.instruments is None else _labels(group.instruments)
        for group, x in zip(groups, spectra, strict=True)
    ]
    simulators = [ViewSimulator(group.modality) for group in groups]
    kinds = [torch.tensor(MODALITIES.index(group.modality)) for group in groups]
    n_instruments = max(int(label.max()) for label in labels) + 1
    weights = dict(losses or {})
    n_episode = max(batch_size, FEWEST)
    with isolated(seed_of(training.get("random_state"))):
        model = PretrainingModel(encoder, len(parameter_names()), n_instruments)

    def loss_fn(_: nn.Module, batch: dict[str, Tensor], is_training: bool) -> dict[str, Tensor]:
        device = batch["row"].device
        index, rows = int(batch["group"][0]), batch["row"].cpu()
        x = spectra[index][rows].to(device)
        axis = (axes[index] if axes[index].ndim == 1 else axes[index][rows]).to(device)
        seed = int(torch.randint(2**62, ()))
        views = simulators[index](x, axis, torch.Generator().manual_seed(seed))
        if is_training:
            model.update(target_decay)
        known = labels[index][rows].to(device) if n_instruments else None
        kind = kinds[index].to(device)
        terms = pretraining_losses(model, x, axis, kind, views, known, **weights)
        # An episode costs as much as all other terms; every second batch has one of double weight.
        if episode_weight and (not is_training or torch.rand(()) < 0.5):
            generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
            episode = draw_episode(
                spectra[index], axes[index], simulators[index].whole.modality, n_episode, generator
            )
            both = torch.cat([episode.first, episode.second]).to(device)
            share = Share(len(both))
            own = encoder(share.own(both), episode.axis.to(device), kind, share=share)
            features = share.all(encoder.features(own))  # (2 n, d)
            first, second = features.chunk(2)
            loss = episode_loss(first, second, episode.y.to(device))
            chance = 0.5 if is_training else 1.0
            terms["episode"] = episode_weight / chance * loss.to(x.dtype)
        if is_training:
            return terms
        return {name: terms[name] for name in VALIDATED if name in terms} or terms

    group_of = torch.cat([torch.full((len(x),), i) for i, x in enumerate(spectra)])
    data = {
        "group": group_of,
        "row": torch.cat([torch.arange(len(x)) for x in spectra]),
        "sum": torch.cat([x.double().sum(1) for x in spectra]),  # tells other spectra on resuming
    }
    return fit_module(
        model,
        data,
        loss_fn,
        groups=group_of,
        max_steps=max_steps,
        batch_size=batch_size,
        checkpoint_dir=checkpoint_dir,
        **training,
    )


def _labels(instruments: NDArray[Any]) -> Tensor:
    return torch.as_tensor(np.asarray(instruments).astype(np.int64))
