r"""Spectra on any axis, resampled to a grid with a fixed number of points.

Interpolation is that of `_interpolation`: exact for cubics, never across a gap.

.. math:: w = \log\left(1 + \frac{\nu}{4000\,\mathrm{cm}^{-1}}\right)

Grid points are equidistant in :math:`w`: about in wavenumber through the mid infrared and Raman
shifts, between wavenumber and wavelength in the near infrared, whose bands widen with wavenumber
and whose instruments sample in either.

Glossary: B batch, L channels, G grid points, R rows of axes: B, or 1 where all spectra share one.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._interpolation import FEWEST, interpolated, sorted_axis

BEND = 4000.0
"""cm-1, where the grid turns from linear to logarithmic: the border of mid and near infrared."""


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
        high = math.inf if axis_max is None else axis_max
        if n_grid < FEWEST or margin < 0 or not -BEND <= low < high:
            raise ValueError(
                f"n_grid must be at least {FEWEST}, margin at least 0 and axis_min below axis_max, "
                f"got {n_grid}, {margin}, {axis_min} and {axis_max}."
            )
        self.n_grid, self.margin = n_grid, margin
        self.axis_min, self.axis_max = axis_min, axis_max

    def forward(self, x: Tensor, axis: Tensor, hidden: Tensor | None = None) -> Resampled:
        """Resample spectra.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers of their channels in cm-1, in any order.
        hidden : Tensor of shape (B, G), bool, optional
            Grid points to treat as not measured. The channels among them are not looked at by the
            interpolation of the other points either.

        Returns
        -------
        Resampled
            Values, wavenumbers and what was measured, each of shape (B, G).

        Raises
        ------
        ValueError
            If the axis does not fit the spectra, repeats a wavenumber, or misses the grid.
        """
        channels, order = sorted_axis(x, axis, above=-BEND)  # (R, L), (R, L)
        first, last = channels[:, :1], channels[:, -1:]
        low = first if self.axis_min is None else torch.full_like(first, self.axis_min)
        high = last if self.axis_max is None else torch.full_like(last, self.axis_max)
        steps = torch.linspace(0, 1, self.n_grid, dtype=low.dtype, device=low.device)
        points = unwarp(torch.lerp(warp(low), warp(high), steps))  # (R, 1) -> (R, G)
        points = torch.cat([low, points[:, 1:-1], high], 1)  # ends free of rounding
        hidden_channels = None
        if hidden is not None:
            rows = (channels, order, points)
            channels, order, points = (row.expand(len(x), -1).contiguous() for row in rows)
            above = torch.searchsorted(points, channels).clamp_(1, self.n_grid - 1)  # (B, L)
            hidden_channels = hidden.gather(1, above - 1) & hidden.gather(1, above)
        values, measured = interpolated(x, channels, order, points, self.margin, hidden_channels)
        if hidden is not None:
            values, measured = values.masked_fill(hidden, 0.0), measured & ~hidden
            return Resampled(values, points, measured)
        missed = (~measured.any(1)).nonzero()
        if len(missed):
            row = int(missed[0])
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
    channels, order = sorted_axis(x, axis, above=-BEND)
    points = new_axis.to(channels).reshape(-1, new_axis.shape[-1])  # (G,) or (B, G) -> (R, G)
    points = points.expand(max(len(channels), len(points)), -1).contiguous()
    channels, order = (t.expand(len(points), -1).contiguous() for t in (channels, order))
    values, measured = interpolated(x, channels, order, points, margin)
    if not measured.all():
        row, column = (~measured).nonzero()[0].tolist()
        raise ValueError(
            f"{points[row, column].item():.6g} cm-1 was not measured: the spectrum reaches from "
            f"{channels[row, 0].item():.6g} to {channels[row, -1].item():.6g} cm-1, gaps left out, "
            f"and may be extrapolated by {margin:g} cm-1. Choose an axis inside."
        )
    return values
