r"""All losses of pretraining on one batch of simulated views, each computed once.

The trained network sees the first view, parts of it hidden; the slow target copy sees the second.
From these two passes come all terms:

* masked: the hidden patches of the first view, as recorded;
* denoising, physics: the reconstruction of the first view, against the same recording without
  noise;
* latent: from the chemistry latent a sketch of the spectrum before the instrument, and from both
  latents what the instrument changed;
* contrastive: the target's projection of the second view;
* bottleneck: both latents against the first instrument, its parameters, and known instruments;
  the chemistry latent against that of the second view;
* transport: chemistry latents of two groups of instruments have one distribution;
* transfer: the first view, written as the second instrument would have recorded it.

Where several processes train together, each passes its share of the rows through the networks, and
all compute the terms on all rows (`spectralfm.nn.share`).
"""

from typing import TypeVar

import torch
from torch import Tensor

from ..losses import (
    balance_loss,
    block_mask,
    contrastive_loss,
    denoising_loss,
    physics_loss,
)
from ..nn.pretraining import Online, PretrainingModel, Target
from ..nn.share import Share
from ._pretraining_terms import (
    LAG,
    bottleneck_term,
    latent_term,
    masked_term,
    standardised,
    transfer_term,
    transport_term,
)
from ._simulated_views import SimulatedViews

WHOLE = 4
"""Every so many rows, one has nothing hidden: at inference nothing is."""

MIXTURES = 8
"""Every so many rows, one mixture of two of them is encoded for the linearity of absorbance."""

BLOCK = 4
"""Patches of a hidden block: with a stride of 16 on 2048 points, 3 % of a spectrum."""

SMOOTHNESS = 0.1
"""Weight of smoothness among the physics terms: alone, it would flatten everything."""

Pass = TypeVar("Pass", Online, Target)


def pretraining_losses(
    model: PretrainingModel,
    x: Tensor,
    axis: Tensor,
    modality: Tensor,
    views: SimulatedViews,
    instruments: Tensor | None = None,
    *,
    mask_ratio: float = 0.4,
    masked_weight: float = 2.0,
    contrastive_weight: float = 0.02,
    denoising_weight: float = 0.3,
    latent_weight: float = 0.2,
    physics_weight: float = 0.03,
    bottleneck_weight: float = 0.1,
    balance_weight: float = 0.05,
    transport_weight: float = 0.005,
    transfer_weight: float = 0.1,
) -> dict[str, Tensor]:
    """Return every loss, weighted.

    Parameters
    ----------
    model : PretrainingModel
        Network.
    x : Tensor of shape (B, L)
        Spectra before the simulated instruments.
    axis : Tensor of shape (L,) or (B, L)
        Wavenumbers, cm-1.
    modality : Tensor of shape ()
        Kind of the spectra.
    views : SimulatedViews
        What the simulated instruments recorded.
    instruments : Tensor of shape (B,), int64, optional
        Real instrument of every spectrum, negative where unknown.
    mask_ratio : float
        Share of the patches hidden, in [0, 1].
    masked_weight, contrastive_weight, denoising_weight, latent_weight, transfer_weight : float
        Factors, at least 0; 0 leaves a loss out.
    physics_weight, bottleneck_weight, balance_weight, transport_weight : float
        Factors of the other losses.

    Returns
    -------
    dict of str to Tensor of shape ()
        Terms by name; those left out are missing.
    """
    encoder, n_rows = model.encoder, len(x)
    mask = block_mask(
        encoder.embed.n_tokens, mask_ratio, n_spectra=n_rows, block=BLOCK, device=x.device
    )
    mask[::WHOLE] = False
    fractions = None
    if physics_weight and axis.ndim == 1 and n_rows > 1:
        fractions = _fractions(n_rows, x)
    online, mixed = _encode(model, views.first, axis, modality, mask, fractions)
    encoding = online.encoding
    terms: dict[str, Tensor] = {}

    # On the grid, in the units the encoder gave the first view.
    clean = encoder.embed.grid(views.first_smooth, axis)
    smooth = (clean.values - encoding.spectra.center) / encoding.spectra.scale  # (B, G)
    measured = clean.measured.expand_as(smooth)  # (B, G)
    if masked_weight:
        terms["masked"] = masked_term(model, online, mask, smooth, measured, masked_weight)
    if denoising_weight:
        terms["denoising"] = denoising_loss(
            online.reconstruction, smooth, measured=measured, weight=denoising_weight
        )
    if latent_weight:
        before = encoder.embed.grid(x, axis)
        terms["latent"] = latent_weight * latent_term(online, before.values, clean.values, measured)
    if physics_weight:
        terms["physics"] = physics_loss(
            _own_units(online),
            clean.values,
            mixed=None if mixed is None else _own_units(mixed),
            fractions=fractions,
            measured=measured,
            smoothness=SMOOTHNESS,
            non_negativity=float(bool((clean.values >= 0)[measured].all())),
            lag=LAG,
            weight=physics_weight,
        )
    target: Target | None = None
    if contrastive_weight or transfer_weight or bottleneck_weight:
        target = _target(model, views.second_noisy, axis, modality)
    if contrastive_weight and target is not None:
        # Over the batch, as batch norm in the original: latents that do not differ do not agree.
        terms["contrastive"] = contrastive_loss(
            standardised(online.prediction),
            standardised(target.projection),
            weight=contrastive_weight,
        )
    if bottleneck_weight and target is not None:
        terms["bottleneck"] = bottleneck_term(
            model, encoding, views, instruments, target, bottleneck_weight
        )
    if balance_weight:
        terms["balance"] = balance_loss(encoding.balance, weight=balance_weight)
    if transport_weight and n_rows > 3:
        terms["transport"] = transport_term(
            encoding, views.instruments, instruments, transport_weight
        )
    if transfer_weight and target is not None:
        terms["transfer"] = transfer_weight * transfer_term(
            model, encoding, target, views.second, axis
        )
    return terms


def _fractions(n_rows: int, like: Tensor) -> Tensor:
    """Return (C, B) fractions of random binary mixtures."""
    n_mixtures = -(-n_rows // MIXTURES)
    order = torch.rand(n_mixtures, n_rows, device=like.device).argsort(1)[:, :2]  # (C, 2)
    share = torch.rand(n_mixtures, 1, device=like.device)
    fractions = like.new_zeros(n_mixtures, n_rows)
    return fractions.scatter(1, order, torch.cat([share, 1 - share], 1).to(like.dtype))


def _encode(
    model: PretrainingModel,
    x: Tensor,
    axis: Tensor,
    modality: Tensor,
    mask: Tensor,
    fractions: Tensor | None,
) -> tuple[Online, Online | None]:
    """Encode spectra and, in the same pass, mixtures of them, of which nothing is hidden."""
    if fractions is not None:
        x = torch.cat([x, fractions @ x])
        mask = torch.cat([mask, mask.new_zeros(len(fractions), mask.shape[1])])
    share = Share(len(x))
    place = axis if axis.ndim == 1 else share.own(axis)
    own = model(share.own(x), place, modality, share.own(mask), share)
    both = share.all(_without_tokens(own))
    if fractions is None:
        return both, None
    n_rows = fractions.shape[1]
    return _rows(both, slice(n_rows)), _rows(both, slice(n_rows, None))


def _target(model: PretrainingModel, x: Tensor, axis: Tensor, modality: Tensor) -> Target:
    """Encode spectra with the target copy."""
    share = Share(len(x))
    place = axis if axis.ndim == 1 else share.own(axis)
    return share.all(_without_tokens(model.target(share.own(x), place, modality)))


def _without_tokens(value: Pass) -> Pass:
    """Return all but the tokens, which are large and no loss reads: of them, [CLS] alone."""
    encoding = value.encoding
    return value._replace(encoding=encoding._replace(tokens=encoding.tokens[:, :1]))


def _rows(value: Online, rows: slice) -> Online:
    """Return some rows of all that has rows."""

    def cut(part: object) -> object:
        if isinstance(part, Tensor):
            return part[rows] if part.ndim else part
        return type(part)(*map(cut, part))  # type: ignore[call-overload]

    return Online(*map(cut, value))  # type: ignore[arg-type]


def _own_units(online: Online) -> Tensor:
    """Return reconstructions (B, G) in the units of the spectra."""
    spectra = online.encoding.spectra
    return online.reconstruction * spectra.scale + spectra.center
