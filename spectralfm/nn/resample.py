r"""Spectra on any axis, resampled to a grid with a fixed number of points.

.. math:: x(\nu) = \sum_k x_k \prod_{j \neq k} \frac{\nu - \nu_j}{\nu_k - \nu_j}

Local Lagrange interpolation [1]_ through the four channels on either side of a point, or the
nearest eight where an end or a gap is near. So cubics come back exactly, and waves that the
instrument sampled 12 times a period to 1e-4.

Grid points are equidistant in :math:`w = \log(1 + \nu / 4000\,\mathrm{cm}^{-1})`: about in
wavenumber through the mid infrared and Raman shifts, between wavenumber and wavelength in the near
infrared, whose bands widen with wavenumber and whose instruments sample in either.

Glossary: B batch, L channels, G grid points, R rows of axes: B, or 1 where all spectra share one.

References
----------
.. [1] Berrut, J.-P., & Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review,
   46(3), 501-517. https://doi.org/10.1137/S0036144502417715
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

BEND = 4000.0
"""cm-1, where the grid turns from linear to logarithmic: the border of mid and near infrared."""

N_NODES = 8
"""Channels that the interpolation of a point looks at."""

FEWEST = 4
"""Channels of a spectrum at least, and channels that an extrapolated point looks at."""

LARGEST_STEP = 5.0
"""A step this many times as wide as the four around it is a gap: channels were cut out there."""


def warp(wavenumbers: Tensor) -> Tensor:
    """Return the coordinate in which the grid is equidistant, without unit."""
    return torch.log1p(wavenumbers / BEND)


def unwarp(coordinate: Tensor) -> Tensor:
    """Return wavenumbers in cm-1: the inverse of `warp`."""
    return BEND * torch.expm1(coordinate)


class Resampled(NamedTuple):
    """Spectra on the grid.

    Attributes
    ----------
    values : Tensor of shape (B, G)
        Interpolated spectra, 0 where nothing was measured.
    axis : Tensor of shape (B, G), float64
        Wavenumbers of the grid points in cm-1, ascending.
    measured : Tensor of shape (B, G), bool
        Where the spectrum was measured.
    """

    values: Tensor
    axis: Tensor
    measured: Tensor


class SpectralGrid(nn.Module):
    """Put spectra of any axis on ``n_grid`` points.

    Parameters
    ----------
    n_grid : int
        Number of grid points, >= 4.
    axis_min, axis_max : float, optional
        Range of the grid in cm-1. Without it, each spectrum's own range: all points are used, and
        the wavenumbers returned tell the spectra apart. With it, equal points of all spectra have
        equal wavenumbers, and what a spectrum does not cover is marked as not measured.
    margin : float
        How far beyond its first and last channel a spectrum may be extrapolated, cm-1, >= 0.

    Raises
    ------
    ValueError
        If the parameters are out of range.

    Notes
    -----
    Points inside a gap, a step five times as wide as the steps around it, count as not measured,
    and no interpolation looks across it. A spectrum with more channels than the grid is picked at
    the grid points, not averaged: smooth noisy ones first.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.resample import SpectralGrid
    >>> axis = 1e7 / torch.arange(1100.0, 2500.0, 2.0)  # nm to cm-1, descending
    >>> grid = SpectralGrid(2048, axis_min=4000.0, axis_max=10000.0)
    >>> values, axis, measured = grid(torch.ones(3, 700), axis)
    >>> values.shape, measured.float().mean().item()  # 9091 to 10000 cm-1 was not measured
    (torch.Size([3, 2048]), 0.878...)
    """

    def __init__(
        self,
        n_grid: int = 2048,
        *,
        axis_min: float | None = None,
        axis_max: float | None = None,
        margin: float = 0.0,
    ) -> None:
        super().__init__()
        low = -BEND if axis_min is None else axis_min
        if (
            n_grid < FEWEST
            or margin < 0
            or low < -BEND
            or (axis_max is not None and axis_max <= low)
        ):
            raise ValueError(
                f"n_grid must be at least {FEWEST}, margin at least 0 and axis_min below axis_max, "
                f"got {n_grid}, {margin}, {axis_min} and {axis_max}."
            )
        self.n_grid, self.margin = n_grid, margin
        self.axis_min, self.axis_max = axis_min, axis_max

    def forward(self, x: Tensor, axis: Tensor) -> Resampled:
        """Resample spectra.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers of their channels in cm-1, in any order.

        Returns
        -------
        Resampled
            Values, wavenumbers and what was measured, each of shape (B, G).

        Raises
        ------
        ValueError
            If the axis does not fit the spectra, repeats a wavenumber, or misses the grid.
        """
        channels, order = _sorted(x, axis)  # (R, L), (R, L)
        first, last = channels[:, :1], channels[:, -1:]
        low = first if self.axis_min is None else torch.full_like(first, self.axis_min)
        high = last if self.axis_max is None else torch.full_like(last, self.axis_max)
        steps = torch.linspace(0, 1, self.n_grid, dtype=low.dtype, device=low.device)
        points = unwarp(torch.lerp(warp(low), warp(high), steps))  # (R, 1) -> (R, G)
        points = torch.cat([low, points[:, 1:-1], high], 1)  # ends free of rounding
        values, measured = _interpolated(x, channels, order, points, self.margin)
        missed = ~measured.any(1)
        if missed.any():
            row = int(missed.nonzero()[0])
            raise ValueError(
                f"Spectrum {row} was measured from {first[row].item():.6g} to "
                f"{last[row].item():.6g} cm-1, outside the grid from {low[row].item():.6g} to "
                f"{high[row].item():.6g} cm-1. Axes are wavenumbers in cm-1, not nm."
            )
        return Resampled(values, points.expand_as(values), measured.expand_as(values))


def resample(x: Tensor, axis: Tensor, new_axis: Tensor, *, margin: float = 0.0) -> Tensor:
    """Interpolate spectra at given wavenumbers, all of which must have been measured.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra.
    axis : Tensor of shape (L,) or (B, L)
        Wavenumbers of their channels in cm-1, in any order.
    new_axis : Tensor of shape (G,) or (B, G)
        Wavenumbers wanted, in any order.
    margin : float
        How far beyond the first and last channel to extrapolate at most, cm-1, >= 0.

    Returns
    -------
    Tensor of shape (B, G)
        Spectra at the new wavenumbers.

    Raises
    ------
    ValueError
        If a wavenumber lies beyond the measured range by more than ``margin``, or inside a gap.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.resample import resample
    >>> axis = torch.linspace(1000.0, 1100.0, 11)
    >>> resample((axis / 1000).pow(3)[None], axis, torch.tensor([1005.0, 1050.0]))
    tensor([[1.0151, 1.1576]])
    """
    channels, order = _sorted(x, axis)
    points = new_axis.to(channels).reshape(-1, new_axis.shape[-1])  # (G,) or (B, G) -> (R, G)
    points = points.expand(max(len(channels), len(points)), -1).contiguous()
    channels, order = (t.expand(len(points), -1).contiguous() for t in (channels, order))
    values, measured = _interpolated(x, channels, order, points, margin)
    if not measured.all():
        row, column = (~measured).nonzero()[0].tolist()
        raise ValueError(
            f"{points[row, column].item():.6g} cm-1 was not measured: the spectrum reaches from "
            f"{channels[row, 0].item():.6g} to {channels[row, -1].item():.6g} cm-1, gaps left out, "
            f"and may be extrapolated by {margin:g} cm-1. Choose an axis inside."
        )
    return values


def _sorted(x: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Return the axis as ascending float64 rows (R, L), and where each channel came from."""
    if x.ndim != 2 or axis.shape not in (x.shape, x.shape[1:]) or x.shape[1] < FEWEST:
        raise ValueError(
            f"Spectra must be (B, L) with L of at least {FEWEST}, their axis (L,) or (B, L), "
            f"got {tuple(x.shape)} and {tuple(axis.shape)}."
        )
    channels, order = axis.to(x.device, torch.float64).reshape(-1, x.shape[1]).sort(dim=1)
    if not (channels.isfinite().all() and (channels[:, 0] > -BEND).all()):
        raise ValueError(f"Wavenumbers must be finite and above -{BEND:g} cm-1.")
    repeated = (channels.diff(dim=1) <= 0).nonzero()
    if len(repeated):
        row, column = repeated[0].tolist()
        raise ValueError(
            f"The axis repeats {channels[row, column].item():.6g} cm-1. Average repeated channels."
        )
    return channels, order


def _interpolated(
    x: Tensor, channels: Tensor, order: Tensor, points: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """Return the spectra at the points (B, G), 0 where not measured, and where measured (R, G)."""
    left = torch.searchsorted(channels, points, right=True)  # (R, G)
    left = left.sub_(1).clamp_(0, channels.shape[1] - 2)
    start, stop = (ends.gather(1, left) for ends in _stretches(channels))  # (R, L) -> (R, G)
    first, last = channels[:, :1], channels[:, -1:]
    measured = (points >= first - margin) & (points <= last + margin)
    measured &= (left < stop) | (points == channels.gather(1, left))

    inside = (points >= first) & (points <= last)
    width = torch.where(inside, N_NODES, FEWEST)
    origin = torch.minimum(left - width // 2 + 1, stop - width + 1).maximum(start)
    width = width.minimum(stop - origin + 1)
    base = channels.gather(1, left)
    step = channels.gather(1, left + 1) - base
    nodes = torch.arange(N_NODES, device=x.device).view(-1, 1, 1) + origin  # (8, R, G)
    nodes = nodes.clamp(max=channels.shape[1] - 1)
    # Unused nodes go so far away that they weigh nothing and change no other weight.
    places = [(channels.gather(1, node) - base) / step for node in nodes]  # 8 of (R, G)
    for k, place in enumerate(places):
        place.masked_fill_(k >= width, 1e30 * (k + 1))
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


def _stretches(channels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the last channel (R, L) of the gapless stretch each channel lies in."""
    steps = channels.diff(dim=1)  # (R, L - 1)
    around = nn.functional.pad(steps, (2, 2))  # (R, L + 3)
    widest = torch.stack([around[:, i : i + steps.shape[1]] for i in (0, 1, 3, 4)]).amax(0)
    gap = steps > LARGEST_STEP * widest  # (R, L - 1)
    index = torch.arange(channels.shape[1], device=channels.device).expand(channels.shape)
    begins = nn.functional.pad(gap, (1, 0), value=True)  # (R, L)
    ends = nn.functional.pad(gap, (0, 1), value=True)  # (R, L)
    start = torch.where(begins, index, 0).cummax(1).values
    stop = torch.where(ends, index, channels.shape[1]).flip(1).cummin(1).values.flip(1)
    return start, stop
