"""Windows of target channels around the channel that corresponds to each source channel."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..axis import check_axis

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

BLOCK = 256
"""Source channels fitted together: enough to hide the cost of a call, few enough for the cache."""


def find_centres(
    n_target: int,
    n_source: int,
    wavelengths: ArrayLike | None = None,
    source_wavelengths: ArrayLike | None = None,
) -> Indices:
    """Return the target channel that corresponds to each source channel.

    Parameters
    ----------
    n_target, n_source : int
        Numbers of channels.
    wavelengths, source_wavelengths : array-like, optional
        Axes in nm. With neither, channels correspond in proportion.

    Returns
    -------
    ndarray of shape (n_source,)
        Indices of target channels.

    Raises
    ------
    ValueError
        If one axis is missing, does not fit the spectra, or the source reaches beyond the target
        by more than a channel of it.
    """
    if wavelengths is None and source_wavelengths is None:
        return np.rint(np.linspace(0, n_target - 1, n_source)).astype(np.intp)
    if wavelengths is None or source_wavelengths is None:
        raise ValueError("Pass both wavelengths and source_wavelengths, or neither.")
    target = check_axis(wavelengths, unit="nm", n_channels=n_target, name="wavelengths")
    source = check_axis(
        source_wavelengths, unit="nm", n_channels=n_source, name="source_wavelengths"
    )
    distances = np.abs(target[:, None] - source)
    widest_step = np.abs(np.diff(target)).max(initial=0.0)
    far = int((distances.min(axis=0) > widest_step).sum())
    if far:
        raise ValueError(
            f"{far} source channels lie outside the {target.min():g} to {target.max():g} nm that "
            "the target records, so nothing can predict them. Cut the source to the common range "
            "(spectralfm.axis.common_axis)."
        )
    return distances.argmin(axis=0)


def channel_windows(centres: Indices, half_width: int, n_target: int) -> Indices:
    """Return the target channels of each window.

    Parameters
    ----------
    centres : ndarray of shape (n_source,)
        Target channel at the centre of each window.
    half_width : int
        Target channels on either side of the centre.
    n_target : int
        Number of target channels.

    Returns
    -------
    ndarray of shape (n_source, 2 * half_width + 1)
        Indices, ``n_target`` for those outside.
    """
    channels = centres[:, None] + np.arange(-half_width, half_width + 1)
    channels[(channels < 0) | (channels >= n_target)] = n_target
    return channels


def local_sets(
    target: Array, response: Array, centres: Indices, channels: Indices, *, pooled: int = 0
) -> Iterator[tuple[slice, Array, Array]]:
    """Cut out what the local model of each source channel is fitted to.

    Parameters
    ----------
    target : ndarray of shape (n_target + 1, n_standards)
        Centered target channels as rows and a last row of zeros, which stands for every channel
        outside the spectrum.
    response : ndarray of shape (n_source + 1, n_standards)
        The same of the source.
    centres : ndarray of shape (n_source,)
        Target channel at the centre of each window.
    channels : ndarray of shape (n_source, m)
        Channels of each window, of `channel_windows`.
    pooled : int
        Source channels on either side whose pairs of window and response are fitted together.

    Yields
    ------
    block : slice
        P source channels.
    windows : ndarray of shape (P, m, R)
        Their target channels.
    responses : ndarray of shape (P, R)
        Their values on the source.
    """
    n_target, n_source = len(target) - 1, len(response) - 1
    offsets = np.arange(channels.shape[1]) - channels.shape[1] // 2
    for start in range(0, n_source, BLOCK):
        block = slice(start, start + BLOCK)
        rows = np.arange(n_source)[block, None]
        columns = channels[block, :, None]
        if pooled:
            rows, columns = _pool(rows, columns, centres, offsets, pooled, n_target)
        windows = target[columns].reshape(*columns.shape[:2], -1)
        yield block, windows, response[rows].reshape(len(rows), -1)


def _pool(
    rows: Indices,
    columns: Indices,
    centres: Indices,
    offsets: Indices,
    pooled: int,
    n_target: int,
) -> tuple[Indices, Indices]:
    """Add the neighbours of each source channel (P, 1) and their target channels (P, m, 1).

    What does not exist points to the row of zeros after the last channel.
    """
    n_source = len(centres)
    rows = rows + np.arange(-pooled, pooled + 1)  # (P, 2b+1)
    usable = (rows >= 0) & (rows < n_source)
    around = centres[np.where(usable, rows, 0)][:, None, :] + offsets[:, None]  # (P, m, 2b+1)
    leaves = (around < 0) | (around >= n_target)
    absent = columns == n_target
    # A neighbour must fill the channels this window has, or its model would be another one.
    usable &= ~(leaves & ~absent).any(axis=1)
    unused = leaves | absent | ~usable[:, None, :]
    return np.where(usable, rows, n_source), np.where(unused, n_target, around)
