"""Read a corpus: verified, in blocks of 64 spectra, shuffled by blocks."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ...axis import UNITS, convert_axis
from ._batches import Batcher, interpolated
from ._layout import LABELS, ROWS
from ._storage import Storage

MOST_HELD = 4
"""Buffers of spectra that wait for others of their kind before batches are no longer filled."""


class Batch(NamedTuple):
    """Spectra of one modality with equally many channels.

    Parameters
    ----------
    X : ndarray of shape (B, n_channels), float32
        Spectra.
    axis : ndarray of shape (B, n_channels), float64
        The axis of each, in its own unit.
    unit : str
        Unit of all of them.
    modality : str
        "NIR", "MIR", "Raman" or "unknown".
    rows : ndarray of shape (B,), int64
        Their numbers in the corpus.
    """

    X: NDArray[np.float32]
    axis: NDArray[np.float64]
    unit: str
    modality: str
    rows: NDArray[np.int64]


class SpectralCorpus:
    """A corpus of spectra in an HDF5 file, as `build_corpus` writes it.

    Parameters
    ----------
    path : str or path-like
        The file.
    verify : bool, default=True
        Compare the SHA-256 of all contents when the file is opened. False compares those of the
        tables then, and those of the spectra block by block when they are first read: for corpora
        that take minutes to read.

    Attributes
    ----------
    path : Path
        The file.
    attributes : dict
        ``n_spectra``, ``n_bad``, ``n_duplicates``, ``n_excluded``, ``digest``, ``spectralfm``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If h5py is not installed.
    CorruptCorpusError
        A ValueError: the file is cut off, no corpus, or its contents do not have the checksums
        written with them; the message names the place, the checksum expected and the one found.

    Examples
    --------
    See `build_corpus`; to stream batches for training::

        with SpectralCorpus("corpus.h5") as corpus:
            for batch in corpus.blocks(64, shuffle=True, random_state=0):
                step(batch.X, batch.axis)
    """

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = True) -> None:
        self.path = Path(path)
        self._stored = Storage(self.path)
        if verify:
            try:
                self.verify()
            except BaseException:
                self.close()
                raise

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file.

        Returns
        -------
        dict
            ``n_spectra``, ``n_bad``, ``n_duplicates``, ``n_excluded``, ``digest``, ``spectralfm``.
        """
        return self._stored.attributes

    def __len__(self) -> int:
        """Return the number of spectra."""
        return self._stored.n_spectra

    @property
    def n_blocks(self) -> int:
        """Number of blocks of 64 spectra; the last may be shorter.

        Returns
        -------
        int
            As many as there are checksums.
        """
        return self._stored.n_blocks

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of channels of each spectrum.

        Returns
        -------
        ndarray of shape (n_spectra,), int64
            All at least 2.
        """
        return np.diff(self._stored.offsets)

    def spectrum(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.float64], str]:
        """Return values, axis and unit of one spectrum.

        Parameters
        ----------
        row : int
            Its number, from 0.

        Returns
        -------
        values : ndarray of shape (n_channels,)
            The spectrum.
        axis : ndarray of shape (n_channels,)
            Its axis.
        unit : {"nm", "um", "cm-1"}
            Unit of the axis.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"The corpus has {len(self)} spectra, and no row {row}.")
        stored = self._stored
        start, end = stored.offsets[row : row + 2] - stored.offsets[row // ROWS * ROWS]
        values = stored.block(row // ROWS)[start:end]
        k = stored.row_axis[row]
        return values, stored.axis(k), stored.unit(k)

    def labels(self, kind: str) -> NDArray[np.str_]:
        """Return the label of each spectrum.

        Parameters
        ----------
        kind : {"modality", "quantity", "source", "licence"}
            Which.

        Returns
        -------
        ndarray of shape (n_spectra,), str
            The labels.
        """
        numbers, texts = self.numbered_labels(kind)
        return np.asarray(texts)[numbers]

    def numbered_labels(self, kind: str) -> tuple[NDArray[np.int32], list[str]]:
        """Return the label of each spectrum as a number, which takes less memory than `labels`.

        Parameters
        ----------
        kind : {"modality", "quantity", "source", "licence"}
            Which.

        Returns
        -------
        numbers : ndarray of shape (n_spectra,), int32
            Place of each spectrum's label among the texts.
        texts : list of str
            The labels.
        """
        if kind not in LABELS:
            raise ValueError(f"kind must be one of {', '.join(LABELS)}, not {kind!r}.")
        return self._stored.row_label[kind], self._stored.labels[kind]

    def modalities(self) -> list[str]:
        """Return the modalities in the corpus.

        Returns
        -------
        list of str
            Each once.
        """
        return list(self._stored.labels["modality"])

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the names of spectra.

        Parameters
        ----------
        start, stop : int, optional
            The first row, and the one after the last; all by default.

        Returns
        -------
        list of str
            The names.
        """
        return [self._stored.id(i) for i in range(*slice(start, stop).indices(len(self)))]

    def blocks(
        self,
        batch_size: int = ROWS,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_channels: int | None = None,
        buffer: int = 16,
        rows: NDArray[np.bool_] | None = None,
    ) -> Iterator[Batch]:
        """Yield every spectrum once, in batches of one modality, unit and number of channels.

        Parameters
        ----------
        batch_size : int, default=64
            Spectra a batch; the last of each kind may be smaller, and those of rare kinds.
        shuffle : bool, default=False
            Read the blocks in random order, and shuffle the spectra of ``buffer`` blocks.
        random_state : int, RandomState or None
            Of the shuffling.
        n_channels : int, optional
            Interpolate each spectrum, and its axis, linearly on this many points, so that spectra
            of all lengths share batches. It picks points and does not average: noise stays, bands
            narrower than the new step may vanish.
        buffer : int, default=16
            Blocks in memory.
        rows : ndarray of shape (n_spectra,), bool, optional
            Which spectra; all by default.

        Yields
        ------
        Batch
            Spectra, axes and their numbers.

        Raises
        ------
        CorruptCorpusError
            If a block read for the first time does not have its checksum.
        """
        if batch_size < 1 or buffer < 1:
            raise ValueError(f"batch_size={batch_size} and buffer={buffer} must be positive.")
        if n_channels is not None and n_channels < 2:
            raise ValueError(f"n_channels={n_channels} must be at least 2.")
        wanted = np.ones(len(self), dtype=bool) if rows is None else np.asarray(rows, dtype=bool)
        if wanted.shape != (len(self),):
            raise ValueError(f"rows has shape {wanted.shape}, but there are {len(self)} spectra.")
        random = check_random_state(random_state)
        order = random.permutation(self.n_blocks) if shuffle else np.arange(self.n_blocks)
        batcher = Batcher(batch_size, n_channels)
        for first in range(0, len(order), buffer):
            for block in order[first : first + buffer]:
                self._fill(batcher, int(block), wanted)
            for batch in batcher.ready(random if shuffle else None):
                yield self._batch(*batch)
            if batcher.n_held() > MOST_HELD * buffer * ROWS:
                for batch in batcher.rest():
                    yield self._batch(*batch)
        for batch in batcher.rest():
            yield self._batch(*batch)

    def verify(self) -> None:
        """Compare the SHA-256 of all spectra with those written with them.

        Raises
        ------
        CorruptCorpusError
            If one differs.
        """
        for block in range(self.n_blocks):
            self._stored.block(block)

    def close(self) -> None:
        """Close the file."""
        self._stored.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self, batcher: Batcher, block: int, wanted: NDArray[np.bool_]) -> None:
        """Sort the spectra of a block by modality, unit and length."""
        first, last = block * ROWS, min((block + 1) * ROWS, len(self))
        rows = first + np.flatnonzero(wanted[first:last])
        if not len(rows):
            return
        stored = self._stored
        starts = stored.offsets[rows] - stored.offsets[first]
        lengths = stored.offsets[rows + 1] - stored.offsets[rows]
        axes = stored.row_axis[rows]
        modality = stored.row_label["modality"][rows]
        batcher.add(
            stored.block(block), rows, starts, lengths, axes, modality, stored.axis_unit[axes]
        )

    def _batch(self, X: NDArray, rows: NDArray, axes: NDArray, modality: int, unit: int) -> Batch:
        """Return a batch with its axes."""
        known, position = np.unique(axes, return_inverse=True)
        points = X.shape[1]
        own = [self._stored.axis(k) for k in known]
        if any(len(axis) != points for axis in own):
            own = [interpolated(axis[None], points)[0] for axis in own]
        if len(own) == 1:
            axis = np.broadcast_to(own[0], X.shape)
        else:
            axis = np.stack(own)[position]
        return Batch(X, axis, UNITS[unit], self._stored.labels["modality"][modality], rows)


def in_wavenumbers(batch: Batch) -> NDArray[np.float64]:
    """Return the axes of a batch in cm-1, channels in the order of the spectra.

    Parameters
    ----------
    batch : Batch
        Of `SpectralCorpus.blocks`.

    Returns
    -------
    ndarray of shape (B, n_channels), or (1, n_channels) if all spectra share one axis
        Wavenumbers in cm-1.
    """
    shared = batch.axis.strides[0] == 0
    axes = batch.axis[:1] if shared else batch.axis
    if batch.unit == "cm-1":
        return axes
    return np.stack([convert_axis(axis, batch.unit, "cm-1") for axis in axes])
