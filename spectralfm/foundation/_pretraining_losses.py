r"""All losses of pretraining on one batch of simulated views, each computed once.

The trained network sees the first view, parts of it hidden; the slow target copy sees the second.
From these two passes come all terms:

* masked: the hidden patches of the first view, as recorded;
* denoising, physics: the reconstruction of the first view, against the same recording without
  noise;
* contrastive: the target's projection of the second view;
* bottleneck: both latents against the first instrument's parameters, and against known instruments;
* transport: chemistry latents of two groups of instruments have one distribution;
* transfer: the first view, written as the second instrument would have recorded it.
"""

import torch
from torch import Tensor

from ..losses import (
    balance_loss,
    block_mask,
    bottleneck_loss,
    contrastive_loss,
    denoising_loss,
    masked_loss,
    physics_loss,
    transport_loss,
)
from ..losses.masked import hidden_channels
from ..nn.encoder import Encoding
from ..nn.pretraining import Online, PretrainingModel, Target
from ._simulated_views import SimulatedViews

WHOLE = 4
"""Every so many rows, one has nothing hidden: at inference nothing is."""

MIXTURES = 8
"""Every so many rows, one mixture of two of them is encoded for the linearity of absorbance."""

TRANSFERS = 4
"""Every so many rows, one is transferred: the operator costs as much as half the encoder."""

BLOCK = 4
"""Patches of a hidden block: with a stride of 16 on 2048 points, 3 % of a spectrum."""

SMOOTHNESS = 0.1
"""Weight of smoothness among the physics terms: alone, it would flatten everything."""

LAG = 4
"""Grid points between the points of a difference: noise weighs less than in neighbours."""


def pretraining_losses(
    model: PretrainingModel,
    x: Tensor,
    axis: Tensor,
    modality: Tensor,
    views: SimulatedViews,
    instruments: Tensor | None = None,
    *,
    mask_ratio: float = 0.4,
    masked_weight: float = 1.0,
    contrastive_weight: float = 1.0,
    denoising_weight: float = 1.0,
    physics_weight: float = 0.1,
    bottleneck_weight: float = 1.0,
    balance_weight: float = 0.05,
    transport_weight: float = 0.1,
    transfer_weight: float = 1.0,
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
    masked_weight, contrastive_weight, denoising_weight, physics_weight, bottleneck_weight, \
balance_weight, transport_weight, transfer_weight : float
        Factors, at least 0; 0 leaves a loss out.

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
        cut = encoder.embed.patches
        hidden = hidden_channels(mask, encoder.embed.patch, encoder.embed.stride)  # (B, G)
        # What is seen may be flat beside a hidden band: no spectrum shall weigh more than others.
        values = encoding.spectra.values
        energy = values.square().sum(1) / measured.sum(1).clamp(min=1)  # (B,)
        unit = energy.clamp(min=1).sqrt()[:, None, None]
        terms["masked"] = masked_loss(
            online.patches / unit,
            cut(values) / unit,
            mask,
            counted=cut(hidden & measured),
            weight=masked_weight,
        )
    if denoising_weight:
        terms["denoising"] = denoising_loss(
            online.reconstruction, smooth, measured=measured, weight=denoising_weight
        )
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
    if contrastive_weight or transfer_weight:
        target = model.target(views.second_noisy, axis, modality)
    if contrastive_weight and target is not None:
        terms["contrastive"] = contrastive_loss(
            online.prediction, target.projection, weight=contrastive_weight
        )
    if bottleneck_weight:
        terms["bottleneck"] = _bottleneck(model, encoding, views, instruments, bottleneck_weight)
    if balance_weight:
        terms["balance"] = balance_loss(encoding.balance, weight=balance_weight)
    if transport_weight and n_rows > 3:
        terms["transport"] = _transport(encoding, views.parameters, instruments, transport_weight)
    if transfer_weight and target is not None:
        terms["transfer"] = transfer_weight * _transfer(model, encoding, target, views.second, axis)
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
    if fractions is None:
        return model(x, axis, modality, mask), None
    whole = mask.new_zeros(len(fractions), mask.shape[1])
    both = model(torch.cat([x, fractions @ x]), axis, modality, torch.cat([mask, whole]))
    return _rows(both, slice(len(x))), _rows(both, slice(len(x), None))


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


def _bottleneck(
    model: PretrainingModel,
    encoding: Encoding,
    views: SimulatedViews,
    instruments: Tensor | None,
    weight: float,
) -> Tensor:
    """Let the instrument latent know the instrument, and the chemistry latent not."""
    readings = model.reader(encoding.chem, encoding.inst)
    loss = bottleneck_loss(
        encoding.kl,
        readings.inst_from_inst[:, views.columns],
        readings.inst_from_chem[:, views.columns],
        views.parameters,
        encoding.latents.chem_mean,
        encoding.latents.inst_mean,
        weight=weight,
    )
    if model.label_reader is None or instruments is None or not (instruments >= 0).any():
        return loss
    labels = model.label_reader(encoding.chem, encoding.inst)
    return loss + bottleneck_loss(
        encoding.kl,
        labels.inst_from_inst,
        labels.inst_from_chem,
        instruments,
        encoding.latents.chem_mean,
        kl_weight=0.0,
        weight=weight,
    )


def _transport(
    encoding: Encoding, parameters: Tensor, instruments: Tensor | None, weight: float
) -> Tensor:
    """Compare the chemistry latents of two groups of instruments.

    The groups are the two most frequent real instruments; where there are no two, the simulated
    instruments on either side of a random plane through the space of their parameters.
    """
    chem = encoding.latents.chem_mean
    # In units of their own deviation: latents that merely shrink come no closer.
    chem = (chem - chem.mean(0)) / (chem.var(0) + 1e-6).sqrt() / chem.shape[1] ** 0.5
    first = second = torch.zeros(len(chem), dtype=torch.bool, device=chem.device)
    if instruments is not None:
        known, counts = instruments[instruments >= 0].unique(return_counts=True)
        if len(known) > 1:
            one, other = known[counts.argsort(descending=True)[:2]]
            first, second = instruments == one, instruments == other
    if min(first.sum(), second.sum()) < 2:
        side = parameters @ torch.randn_like(parameters[0])  # (B,)
        first = side > side.median()
        second = ~first
    return transport_loss(chem[first], chem[second], weight=weight)


def _transfer(
    model: PretrainingModel, encoding: Encoding, target: Target, second: Tensor, axis: Tensor
) -> Tensor:
    r"""Error of transferred spectra over that of doing nothing, in differences.

    .. math:: \sum_b \frac{|\Delta T(a_b) - \Delta b_b|^2}{|\Delta b_b|^2} \Big/
              \sum_b \frac{|\Delta a_b - \Delta b_b|^2}{|\Delta b_b|^2}

    Offsets, which calibrations ignore, do not count; 1 is the identity.
    """
    rows = slice(0, None, TRANSFERS)
    wanted = model.encoder.embed.grid(second[rows], axis[rows] if axis.ndim == 2 else axis)
    spectra = encoding.spectra
    values, scale, center = spectra.values[rows], spectra.scale[rows], spectra.center[rows]
    latents = encoding.inst[rows], target.encoding.inst[rows], encoding.chem[rows]
    moved = model.encoder.operator(values, *latents)  # (b, G)
    goal = (wanted.values - center) / scale  # (b, G)
    measured = wanted.measured.expand_as(goal)
    inside = measured[:, LAG:] & measured[:, :-LAG]

    def energy(x: Tensor) -> Tensor:
        return torch.where(inside, x[:, LAG:] - x[:, :-LAG], 0).square().sum(1)  # (b,)

    size = energy(goal).clamp(min=1e-6)
    identity = (energy(values - goal) / size).mean()
    return (energy(moved - goal) / size).mean() / identity.detach().clamp(min=1e-6)
