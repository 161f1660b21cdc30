"""Values of a spectrum between and beyond its channels.

Glossary: B batch, L channels, G points, R rows of axes: B, or 1 where all spectra share one.
"""

import torch
from torch import Tensor


def interpolate(x: Tensor, axis: Tensor, points: Tensor) -> Tensor:
    """Interpolate by cubic Hermite pieces with central differences as slopes.

    Exact at the channels, smooth in ``x`` and in ``points``, and bounded beside gaps of the axis,
    where polynomials through more channels would swing.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra.
    axis : Tensor of shape (R, L)
        Their channels, strictly ascending, nm or cm-1.
    points : Tensor of shape (R, G) or (B, G)
        Where the values are wanted, in the unit of the axis; clipped to its range.

    Returns
    -------
    Tensor of shape (B, G)
        Interpolated spectra.
    """
    points = points.clamp(axis[:, :1], axis[:, -1:])
    if len(axis) == 1:
        left = torch.searchsorted(axis[0], points.detach().contiguous())
    else:
        points = points.expand(len(axis), -1)
        left = torch.searchsorted(axis.contiguous(), points.detach().contiguous())
    left = left.sub_(1).clamp_(0, axis.shape[1] - 2)  # (R, G) or (B, G)

    start = axis.expand(len(left), -1).gather(1, left)
    step = axis.expand(len(left), -1).gather(1, left + 1) - start
    t = ((points - start) / step).to(x.dtype)
    step = step.to(x.dtype)
    left = left.expand(len(x), -1)
    slopes = _slopes(x, axis)
    value, next_value = x.gather(1, left), x.gather(1, left + 1)
    slope, next_slope = slopes.gather(1, left) * step, slopes.gather(1, left + 1) * step
    rest = 1 - t
    return rest * rest * ((1 + 2 * t) * value + t * slope) + t * t * (
        (3 - 2 * t) * next_value - rest * next_slope
    )  # (B, G)


def _slopes(x: Tensor, axis: Tensor) -> Tensor:
    """Return the slope (B, L) at each channel, from its neighbours on both sides."""
    rise = torch.cat([x[:, 1:2] - x[:, :1], x[:, 2:] - x[:, :-2], x[:, -1:] - x[:, -2:-1]], 1)
    run = torch.cat(
        [axis[:, 1:2] - axis[:, :1], axis[:, 2:] - axis[:, :-2], axis[:, -1:] - axis[:, -2:-1]], 1
    )
    return rise / run.to(x.dtype)


def extended(x: Tensor, n: int, *, bounded: bool = True) -> Tensor:
    """Continue spectra beyond both ends, point-symmetrically about the first and last channel.

    Parameters
    ----------
    x : Tensor of shape (B, L)
        Spectra, or axes.
    n : int
        Channels to add at either end, from 0 to L - 1.
    bounded : bool
        Keep what is added within the range of the spectrum's own values: for spectra, not for axes.

    Returns
    -------
    Tensor of shape (B, L + 2 n)
        Extended spectra.
    """
    before = 2 * x[:, :1] - x[:, 1 : n + 1].flip(1)
    after = 2 * x[:, -1:] - x[:, -n - 1 : -1].flip(1)
    if bounded:
        low, high = x.amin(1, keepdim=True), x.amax(1, keepdim=True)
        before, after = before.clamp(low, high), after.clamp(low, high)
    return torch.cat([before, x, after], 1)
