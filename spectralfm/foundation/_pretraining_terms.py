"""Terms of pretraining that take more than a call of a loss.

Dimensions: B batch, b transferred rows, L channels, G grid points, N tokens, Zc chemistry latent.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import bottleneck_loss, masked_loss, transport_loss
from ..losses.bottleneck import LEAST_VARIANCE, same_instrument_loss
from ..losses.masked import hidden_channels
from ..nn.encoder import Encoding
from ..nn.pretraining import N_SKETCH, Online, PretrainingModel, Target
from ..nn.share import Share
from ._simulated_views import SimulatedViews

TRANSFERS = 4
"""Every so many rows, one is transferred: the operator costs as much as half the encoder."""

REVERSAL = 0.1
"""Strength of the gradient reversal: at 1 it would take from the shared layers what the reading of
the instrument latent puts there."""

INDEPENDENCE = 0.05
"""Weight of independence among the terms of the bottleneck."""

LIKENESS = 0.05
"""Weight of the likeness of instrument latents that share an instrument; it starts near log B."""

AGREEMENT = 2.0
"""Weight of the agreement of the chemistry latents of two recordings of a sample."""

SEPARATION = 1.0
"""Weight of what a linear classifier could tell of the instruments from the chemistry latent."""

LEAST_CHANGE = 0.01
"""Mean square of a change by the instrument, in units of a spectrum's variance, that is nothing."""

LEAST_ERROR = 0.01
"""Share of a spectrum's energy below which the error of interpolation is too small to compare."""

LAG = 4
"""Grid points between the points of a difference: noise weighs less than in neighbours."""


def masked_term(
    model: PretrainingModel,
    online: Online,
    mask: Tensor,
    smooth: Tensor,
    measured: Tensor,
    weight: float,
) -> Tensor:
    """Compare hidden patches with the recording, in units of the error of a line between them.

    The unit of a spectrum is the geometric mean of its own error and that of the batch: smooth
    spectra count, and rough ones, where there is most to gain, count more. Noise cannot be
    predicted: it is left out of the recording.
    """
    embed, spectra = model.encoder.embed, online.encoding.spectra
    hidden = hidden_channels(mask, embed.patch, embed.stride) & measured  # (B, G)

    def energy(x: Tensor, where: Tensor) -> Tensor:
        return torch.where(where, x, 0).square().sum(1) / where.sum(1).clamp(min=1)  # (B,)

    size = energy(smooth - spectra.seen, hidden) + LEAST_ERROR * energy(smooth, measured)
    unit = size.clamp(min=1e-12)
    unit = (unit * unit.mean()).pow(0.25)[:, None, None]
    return masked_loss(
        online.patches / unit,
        embed.patches(smooth) / unit,
        mask,
        counted=embed.patches(hidden),
        weight=weight,
    )


def latent_term(online: Online, before: Tensor, recorded: Tensor, measured: Tensor) -> Tensor:
    """Compare sketches with the spectrum before the instrument, and with what that changed."""
    known, there = _sketch(before, measured)  # (B, N_SKETCH) each
    after, _ = _sketch(recorded, measured)
    change = after - known
    # What all spectra of the batch have in common need not be known.
    count = there.sum(0).clamp(min=1)
    own = known - torch.where(there, known, 0).sum(0) / count
    chemistry = _share(online.sketch - known, own, there, LEAST_CHANGE)
    return (chemistry + _share(online.change - change, change, there, LEAST_CHANGE)) / 2


def _sketch(x: Tensor, measured: Tensor) -> tuple[Tensor, Tensor]:
    """Return spectra in few points and units of their own deviation, and which are measured."""
    count = measured.sum(1, keepdim=True).clamp(min=1)
    x = torch.where(measured, x, 0)
    x = torch.where(measured, x - x.sum(1, keepdim=True) / count, 0)
    deviation = (x.square().sum(1, keepdim=True) / count).sqrt()
    pooled = F.adaptive_avg_pool1d(torch.stack([x / (deviation + 1e-6), measured.to(x)]), N_SKETCH)
    return pooled[0], pooled[1] > 0.5


def _share(error: Tensor, wanted: Tensor, there: Tensor, least: float) -> Tensor:
    """Return the share of the batch's values and of their slopes that is not explained."""

    def share(a: Tensor, b: Tensor, where: Tensor, floor: float) -> Tensor:
        missed, size = (torch.where(where, part, 0).square().sum() for part in (a, b))
        return missed / (size + floor * where.sum()).clamp(min=1e-6)

    both = there[:, 1:] & there[:, :-1]
    slopes = share(error.diff(), wanted.diff(), both, least / 10)
    return (share(error, wanted, there, least) + slopes) / 2


def bottleneck_term(
    model: PretrainingModel,
    encoding: Encoding,
    views: SimulatedViews,
    instruments: Tensor | None,
    target: Target,
    weight: float,
) -> Tensor:
    """Let the instrument latent know the instrument, and the chemistry latent not."""
    readings = model.reader(encoding.chem, encoding.inst, REVERSAL)
    loss = bottleneck_loss(
        encoding.kl,
        readings.inst_from_inst[:, views.columns],
        readings.inst_from_chem[:, views.columns],
        views.parameters,
        encoding.latents.chem_mean,
        encoding.latents.inst_mean,
        independence_weight=INDEPENDENCE,
        weight=weight,
    )
    loss = loss + bottleneck_loss(
        encoding.kl,
        instrument=views.instruments,
        chem_mean=encoding.latents.chem_mean,
        kl_weight=0.0,
        independence_weight=INDEPENDENCE,
        weight=weight,
    )
    apart = model.separation(encoding.latents.chem_mean, views.instruments)
    loss = loss + weight * SEPARATION * apart.to(loss.dtype)
    loss = loss + same_instrument_loss(encoding.inst, views.instruments, weight=weight * LIKENESS)
    other = target.encoding.latents.chem_mean
    loss = loss + weight * AGREEMENT * agreement(encoding.latents.chem_mean, other)
    if model.label_reader is None or instruments is None or not (instruments >= 0).any():
        return loss
    labels = model.label_reader(encoding.chem, encoding.inst, REVERSAL)
    return loss + bottleneck_loss(
        encoding.kl,
        labels.inst_from_inst,
        labels.inst_from_chem,
        instruments,
        encoding.latents.chem_mean,
        kl_weight=0.0,
        independence_weight=INDEPENDENCE,
        weight=weight,
    )


def agreement(first: Tensor, second: Tensor) -> Tensor:
    r"""Return the share of the variance of latents that two recordings of a sample differ by.

    .. math:: \frac1Z \sum_z \frac{\langle (a_z - b_z)^2 \rangle}
              {\mathrm{var}\, a_z + \mathrm{var}\, b_z + \epsilon}

    0 where the instrument changes nothing, about 1 where it decides everything.
    """
    if len(first) < 2:
        return first.new_zeros(())
    spread = first.var(0) + second.var(0) + LEAST_VARIANCE  # (Zc,)
    return ((first - second).square().mean(0) / spread).mean()


def transport_term(
    encoding: Encoding, simulated: Tensor, instruments: Tensor | None, weight: float
) -> Tensor:
    """Compare the chemistry latents of two groups of instruments.

    The groups are the two most frequent real instruments; where there are no two, the simulated
    instruments of even and of odd number.
    """
    chem = encoding.latents.chem_mean
    # In units of their own deviation: latents that merely shrink come no closer.
    chem = standardised(chem) / chem.shape[1] ** 0.5
    first = second = torch.zeros(len(chem), dtype=torch.bool, device=chem.device)
    if instruments is not None:
        known, counts = instruments[instruments >= 0].unique(return_counts=True)
        if len(known) > 1:
            one, other = known[counts.argsort(descending=True)[:2]]
            first, second = instruments == one, instruments == other
    if min(first.sum(), second.sum()) < 2:
        first = simulated % 2 == 0
        second = ~first
    return transport_loss(chem[first], chem[second], weight=weight)


def transfer_term(
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
    share = Share(len(values))
    moved = share.all(model.encoder.operator(*map(share.own, (values, *latents))))  # (b, G)
    goal = (wanted.values - center) / scale  # (b, G)
    measured = wanted.measured.expand_as(goal)
    inside = measured[:, LAG:] & measured[:, :-LAG]

    def energy(x: Tensor) -> Tensor:
        return torch.where(inside, x[:, LAG:] - x[:, :-LAG], 0).square().sum(1)  # (b,)

    size = energy(goal).clamp(min=1e-6)
    identity = (energy(values - goal) / size).mean()
    return (energy(moved - goal) / size).mean() / identity.detach().clamp(min=1e-6)


def standardised(x: Tensor) -> Tensor:
    """Return columns with mean 0 and variance 1 over the batch; a batch of one as it is."""
    if len(x) < 2:
        return x
    return (x - x.mean(0)) / (x.var(0) + 1e-6).sqrt()
