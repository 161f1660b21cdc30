"""Collect spectra of one kind into batches."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Kind = tuple[int, int, int]
"""Number of channels, modality, unit."""

Collected = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int32], int, int]
"""Spectra, their rows and axes, modality and unit."""


class Batcher:
    """Spectra in memory, sorted by number of channels, modality and unit.

    Parameters
    ----------
    batch_size : int
        Spectra a batch.
    n_channels : int, optional
        Points on which to interpolate all spectra.
    """

    def __init__(self, batch_size: int, n_channels: int | None) -> None:
        self.batch_size = batch_size
        self.n_channels = n_channels
        self.held: dict[Kind, list[tuple[NDArray, NDArray, NDArray]]] = {}

    def add(
        self,
        values: NDArray[np.float32],
        rows: NDArray[np.int64],
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        axes: NDArray[np.int32],
        modality: NDArray[np.int32],
        unit: NDArray[np.uint8],
    ) -> None:
        """Take the spectra of a block.

        Parameters
        ----------
        values : ndarray of shape (n_values,)
            All spectra, one after the other.
        rows, starts, lengths, axes, modality, unit : ndarray of shape (n,)
            Of each spectrum its row, where it begins, its channels, and the numbers of its axis,
            modality and unit.
        """
        kinds = set(zip(lengths.tolist(), modality.tolist(), unit.tolist(), strict=True))
        for length, kind, measure in sorted(kinds):
            mine = np.flatnonzero((lengths == length) & (modality == kind) & (unit == measure))
            begin = starts[mine]
            if np.array_equal(np.diff(begin), np.full(len(mine) - 1, length)):
                X = values[begin[0] : begin[0] + length * len(mine)].reshape(-1, length)
            else:
                X = values[begin[:, None] + np.arange(length)]
            if self.n_channels is not None and length != self.n_channels:
                X = interpolated(X, self.n_channels)
            key = (X.shape[1], kind, measure)
            self.held.setdefault(key, []).append((X, rows[mine], axes[mine]))

    def ready(self, random: np.random.RandomState | None) -> Iterator[Collected]:
        """Yield the full batches, shuffled if ``random``, and keep the rest."""
        for key in sorted(self.held):
            X, rows, axes = self._joined(key)
            if random is not None:
                order = random.permutation(len(X))
                X, rows, axes = X[order], rows[order], axes[order]
            full = len(X) // self.batch_size * self.batch_size
            for first in range(0, full, self.batch_size):
                chosen = slice(first, first + self.batch_size)
                yield X[chosen], rows[chosen], axes[chosen], key[1], key[2]
            self.held[key] = [(X[full:], rows[full:], axes[full:])]

    def rest(self) -> Iterator[Collected]:
        """Yield what is left, in batches that are not full, and forget it."""
        for key in sorted(self.held):
            X, rows, axes = self._joined(key)
            if len(X):
                yield X, rows, axes, key[1], key[2]
        self.held = {}

    def n_held(self) -> int:
        """Return the number of spectra in memory."""
        return sum(len(rows) for held in self.held.values() for _, rows, _ in held)

    def _joined(self, key: Kind) -> tuple[NDArray, NDArray, NDArray]:
        held = self.held[key]
        if len(held) == 1:
            return held[0]
        X, rows, axes = (np.concatenate(columns) for columns in zip(*held, strict=True))
        return X, rows, axes


def interpolated(X: NDArray[np.floating], n_channels: int) -> NDArray[np.floating]:
    """Return curves on as many points, linearly between their neighbours.

    Spectra and their axes go through here alike, so that each point stays where it belongs on an
    uneven axis, too.
    """
    position = np.linspace(0, X.shape[1] - 1, n_channels)
    left = np.minimum(position.astype(np.intp), X.shape[1] - 2)
    share = (position - left).astype(X.dtype)
    return X[:, left] * (1 - share) + X[:, left + 1] * share
