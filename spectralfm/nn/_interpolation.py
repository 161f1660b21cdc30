r"""Local polynomial interpolation of spectra on uneven axes.

.. math:: x(\nu) = \sum_k x_k \prod_{j \neq k} \frac{\nu - \nu_j}{\nu_k - \nu_j}

Lagrange interpolation [1]_ through the four channels on either side of a point, or the nearest
eight where an end, a gap or a hidden channel is near. So cubics come back exactly, and waves that
the instrument sampled 12 times a period to 1e-4.

Glossary: B batch, L channels, G points, R rows of axes: B, or 1 where all spectra share one.

References
----------
.. [1] Berrut, J.-P., & Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review,
   46(3), 501-517. https://doi.org/10.1137/S0036144502417715
"""

import torch
from torch import Tensor, nn

N_NODES = 8
"""Channels that the interpolation of a point looks at."""

FEWEST = 4
"""Channels of a spectrum at least, and channels that an extrapolated point looks at."""

ROUNDING = 1e-6
"""Part of a wavenumber that an axis kept in single precision, or converted from nm, may be off."""

LARGEST_STEP = 5.0
"""A step this many times as wide as the four around it is a gap: channels were cut out there."""


def sorted_axis(x: Tensor, axis: Tensor, *, above: float) -> tuple[Tensor, Tensor]:
    """Return the axis as ascending float64 rows (R, L), and where each channel came from.

    Raises
    ------
    ValueError
        If the axis does not fit the spectra, is not finite, repeats a wavenumber, or holds one
        that is not ``above`` the lowest allowed.
    """
    if x.ndim != 2 or axis.shape not in (x.shape, x.shape[1:]) or x.shape[1] < FEWEST:
        raise ValueError(
            f"Spectra must be (B, L) with L of at least {FEWEST}, their axis (L,) or (B, L), "
            f"got {tuple(x.shape)} and {tuple(axis.shape)}."
        )
    channels, order = axis.to(x.device, torch.float64).reshape(-1, x.shape[1]).sort(dim=1)
    if not (channels.isfinite().all() and (channels[:, 0] > above).all()):
        raise ValueError(f"Wavenumbers must be finite and above {above:g} cm-1.")
    repeated = (channels.diff(dim=1) <= 0).nonzero()
    if len(repeated):
        row, column = repeated[0].tolist()
        raise ValueError(
            f"The axis repeats {channels[row, column].item():.6g} cm-1. Average repeated channels."
        )
    return channels, order


def interpolated(
    x: Tensor,
    channels: Tensor,
    order: Tensor,
    points: Tensor,
    margin: float,
    hidden: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Interpolate spectra at points inside their measured range.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra.
    channels, order : Tensor of shape (R, L)
        Their axis, as `sorted_axis` returns it.
    points : Tensor of shape (R, G), float64
        Wavenumbers wanted.
    margin : float
        How far beyond the first and last channel to extrapolate, cm-1.
    hidden : Tensor of shape (R, L), bool, optional
        Sorted channels not to look at.

    Returns
    -------
    values : Tensor of shape (B, G)
        Spectra at the points, 0 where not measured.
    measured : Tensor of shape (R, G), bool
        Whether a point lies in the range, and between (or on) channels that are neither hidden nor
        apart by a gap.
    """
    left = torch.searchsorted(channels, points, right=True)  # (R, G)
    left = left.sub_(1).clamp_(0, channels.shape[1] - 2)
    ends = _stretches(channels, hidden)
    start, stop = (end.gather(1, left) for end in ends)  # (R, L) -> (R, G)
    first, last = channels[:, :1], channels[:, -1:]
    beyond = margin + ROUNDING * last
    measured = (points >= first - beyond) & (points <= last + beyond)
    measured &= (left < stop) | (points == channels.gather(1, left))
    if hidden is not None:
        measured &= (left < stop) | ~hidden.gather(1, left)

    inside = (points >= first) & (points <= last)
    width = torch.where(inside, N_NODES, FEWEST)
    origin = torch.minimum(left - width // 2 + 1, stop - width + 1).maximum(start)
    width = width.minimum(stop - origin + 1)
    base = channels.gather(1, left)
    step = channels.gather(1, left + 1) - base
    # Unused nodes go so far away that they weigh nothing and change no other weight.
    nodes = [torch.where(k < width, origin + k, origin) for k in range(N_NODES)]  # 8 of (R, G)
    places = [
        ((channels.gather(1, node) - base) / step).masked_fill(k >= width, 1e30 * (k + 1))
        for k, node in enumerate(nodes)
    ]
    target = ((points - base) / step).masked_fill(~measured, 0.0)
    weights = _lagrange([place.to(x.dtype) for place in places], target.to(x.dtype))

    values = x.new_zeros(len(x), points.shape[1])
    for node, weight in zip(nodes, weights, strict=True):
        channel = order.gather(1, node).expand(len(x), -1)  # (R, G) -> (B, G)
        values = values + x.gather(1, channel) * weight
    return values.masked_fill(~measured, 0.0), measured


def _lagrange(nodes: list[Tensor], points: Tensor) -> list[Tensor]:
    """Return the weight of each node at each point, all (R, G)."""
    numerator, denominator = torch.empty_like(points), torch.empty_like(points)
    weights = []
    for k, node in enumerate(nodes):
        weight = torch.ones_like(points)
        for other in nodes[:k] + nodes[k + 1 :]:
            torch.sub(points, other, out=numerator)
            torch.sub(node, other, out=denominator)
            weight.mul_(numerator.div_(denominator))
        weights.append(weight)
    return weights


def _stretches(channels: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the first and the last channel (R, L) of the gapless stretch each channel lies in."""
    steps = channels.diff(dim=1)  # (R, L - 1)
    around = nn.functional.pad(steps, (2, 2))  # (R, L + 3)
    widest = torch.stack([around[:, i : i + steps.shape[1]] for i in (0, 1, 3, 4)]).amax(0)
    gap = steps > LARGEST_STEP * widest  # (R, L - 1)
    if hidden is not None:
        gap |= hidden[:, 1:] | hidden[:, :-1]
    index = torch.arange(channels.shape[1], device=channels.device).expand(channels.shape)
    begins = nn.functional.pad(gap, (1, 0), value=True)  # (R, L)
    ends = nn.functional.pad(gap, (0, 1), value=True)  # (R, L)
    start = torch.where(begins, index, 0).cummax(1).values
    stop = torch.where(ends, index, channels.shape[1]).flip(1).cummin(1).values.flip(1)
    return start, stop


def bridged(values: Tensor, measured: Tensor) -> Tensor:
    """Return (B, G) with a line between the ends of each stretch that was not measured."""
    if measured.all():
        return values
    n_grid = values.shape[1]
    index = torch.arange(n_grid, device=values.device).expand(values.shape)
    before = torch.where(measured, index, -1).cummax(1).values
    after = torch.where(measured, index, n_grid).flip(1).cummin(1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(max=n_grid - 1)
    right = torch.where(after == n_grid, left, after)
    share = (index - left) / (right - left).clamp(min=1)
    low, high = (values.masked_fill(~measured, 0.0).gather(1, ends) for ends in (left, right))
    return torch.lerp(low, high, share.to(values.dtype).clamp(min=0.0))
