"""Spectra of a corpus as pretraining reads them: from the file, as absorbance on wavenumbers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets.corpora import BlockReader
from ._absorbance import from_reflectance

FEW = 1024
"""Spectra of a group among which any are cheap to read: their blocks stay in memory."""

RUN = 64
"""Neighbours in a larger group that are read together."""


class StoredSpectra:
    """Spectra of one source, quantity, modality, unit and number of channels.

    It is a `spectralfm.foundation.SpectraSource`: batches of it are read when they are needed.

    Parameters
    ----------
    reader : BlockReader
        Of the corpus; all groups share it.
    rows : ndarray of shape (n,)
        Numbers of the spectra in the corpus, ascending.
    totals : ndarray of shape (n,)
        Sum of each as it is stored.
    modality : str
        Kind of the spectra.
    full_scale : float or None
        Reflectance or transmittance of a perfect reflector, 1 or 100; None for what is stored as
        absorbance or intensity.

    Attributes
    ----------
    reach : tuple of float
        Lowest and highest wavenumber, cm-1.
    """

    def __init__(
        self,
        reader: BlockReader,
        rows: NDArray[np.int64],
        totals: NDArray[np.float64],
        modality: str,
        full_scale: float | None,
    ) -> None:
        self.reader, self.rows, self.modality, self.full_scale = reader, rows, modality, full_scale
        self.totals = torch.from_numpy(totals)
        self.labels = torch.full((len(rows),), -1)
        self.blocks: Tensor | None = torch.from_numpy(reader.blocks(rows))
        self.reach = reader.reach(rows)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectra (n, L) and their axis (L,), or (n, L) where they have several."""
        numbers = self.rows[rows.numpy()]
        X = self.reader.take(numbers)
        if self.full_scale is not None:
            X = from_reflectance(X.astype(np.float64) / self.full_scale).astype(np.float32)
        return torch.from_numpy(X), torch.from_numpy(self.reader.wavenumbers(numbers))

    def candidates(self, n: int, generator: torch.Generator) -> Tensor:
        """Return up to n rows in random order; in large groups, of random runs of neighbours."""
        n_rows = len(self.rows)
        if n_rows <= FEW:
            return torch.randperm(n_rows, generator=generator)[:n]
        starts = torch.randperm(n_rows // RUN, generator=generator)[: n // RUN] * RUN
        rows = (starts[:, None] + torch.arange(RUN)).flatten()
        return rows[torch.randperm(len(rows), generator=generator)]
