"""Read spectra of a corpus by their rows, block by block, in bounded memory."""

import time
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from ...axis import convert_axis
from ._corpus import SpectralCorpus
from ._layout import ROWS


class BlockReader:
    """Spectra by row; the blocks used last stay in memory.

    Parameters
    ----------
    corpus : SpectralCorpus
        An open corpus.
    memory : int, default=2**28
        Bytes of blocks to keep. One block is kept in any case.

    Attributes
    ----------
    seconds : float
        Time spent reading so far.
    n_read : int
        Blocks read from the file so far.

    Notes
    -----
    Rows of few blocks are fast: a block is read and verified as a whole.

    Examples
    --------
    ::

        with SpectralCorpus("corpus.h5", verify=False) as corpus:
            X = BlockReader(corpus).take(np.arange(64))
    """

    def __init__(self, corpus: SpectralCorpus, memory: int = 2**28) -> None:
        self.corpus, self.memory = corpus, memory
        self.seconds, self.n_read = 0.0, 0
        self._kept: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._size = 0

    @staticmethod
    def blocks(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the block of each spectrum.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Numbers of spectra in the corpus.

        Returns
        -------
        ndarray of shape (n,)
            Numbers of their blocks.
        """
        return rows // ROWS

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return spectra.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Their numbers in the corpus, in any order; all have equally many channels.

        Returns
        -------
        ndarray of shape (n, n_channels)
            The spectra, in the order of the rows.

        Raises
        ------
        CorruptCorpusError
            If a block read for the first time does not have its checksum.
        """
        started = time.perf_counter()
        offsets = self.corpus._stored.offsets
        length = int(offsets[rows[0] + 1] - offsets[rows[0]])
        X = np.empty((len(rows), length), dtype=np.float32)
        blocks = rows // ROWS
        for block in np.unique(blocks):
            mine = np.flatnonzero(blocks == block)
            starts = offsets[rows[mine]] - offsets[block * ROWS]
            X[mine] = self._block(int(block))[starts[:, None] + np.arange(length)]
        self.seconds += time.perf_counter() - started
        return X

    def wavenumbers(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the axes of spectra in cm-1.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Their numbers in the corpus; all have axes of one unit and length.

        Returns
        -------
        ndarray of shape (n_channels,) if all share one axis, else (n, n_channels)
            Wavenumbers, in the order of the channels.
        """
        stored = self.corpus._stored
        numbers, place = np.unique(stored.row_axis[rows], return_inverse=True)
        axes = [convert_axis(stored.axis(k), stored.unit(k), "cm-1") for k in numbers]
        return axes[0] if len(axes) == 1 else np.stack(axes)[place]

    def reach(self, rows: NDArray[np.int64]) -> tuple[float, float]:
        """Return how far the axes of spectra reach.

        Parameters
        ----------
        rows : ndarray of shape (n,)
            Their numbers in the corpus; all have axes of one unit.

        Returns
        -------
        lowest, highest : float
            Wavenumbers in cm-1.
        """
        stored = self.corpus._stored
        numbers = np.unique(stored.row_axis[rows])
        ends = [(axis.min(), axis.max()) for axis in map(stored.axis, numbers)]
        lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
        found = convert_axis([lowest, highest], stored.unit(numbers[0]), "cm-1")
        return float(found.min()), float(found.max())

    def _block(self, block: int) -> NDArray[np.float32]:
        values = self._kept.get(block)
        if values is None:
            values = self._kept[block] = self.corpus._stored.block(block)
            self._size += values.nbytes
            self.n_read += 1
            while self._size > self.memory and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].nbytes
        self._kept.move_to_end(block)
        return values
