"""Groups of spectra that pretraining reads: in memory, or wherever they are stored."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class SpectraGroup(NamedTuple):
    """One set of spectra to pretrain on.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Finite spectra: absorbance, -log10 of reflectance, or Raman intensities of any scale.
    wavenumbers : ndarray of shape (n_channels,) or (n_samples, n_channels)
        Where they were recorded, cm-1; at least 4 channels, in any order.
    modality : {"NIR", "MIR", "Raman", "unknown"}
        Kind of the spectra.
    instruments : ndarray of shape (n_samples,), int, or None
        Which instrument recorded each, numbered from 0 over all groups; negative where unknown.
    """

    X: NDArray[Any]
    wavenumbers: NDArray[Any]
    modality: str = "unknown"
    instruments: NDArray[Any] | None = None


class SpectraSource(Protocol):
    """One set of spectra, read a few at a time.

    Attributes
    ----------
    modality : str
        Kind of the spectra.
    labels : Tensor of shape (n_samples,), int64
        Their instruments, numbered from 0 over all sources; negative where unknown.
    totals : Tensor of shape (n_samples,), float64
        Sum of each: it tells other spectra when a run is resumed.
    blocks : Tensor of shape (n_samples,), int64, or None
        Where each is stored: those of one block are read together. None where all are in memory.
    """

    modality: str
    labels: Tensor
    totals: Tensor
    blocks: Tensor | None

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectra (n, L), float32, and their axis (L,) or (n, L) in cm-1, float64."""
        ...

    def candidates(self, n: int, generator: torch.Generator) -> Tensor:
        """Return up to n rows at random, in random order, that are cheap to read together."""
        ...


class SpectraInMemory:
    """A group of spectra as tensors.

    Parameters
    ----------
    group : SpectraGroup
        The spectra.
    """

    def __init__(self, group: SpectraGroup) -> None:
        self.x = torch.as_tensor(np.asarray(group.X), dtype=torch.float32)
        self.axis = torch.as_tensor(np.asarray(group.wavenumbers, dtype=np.float64))
        self.modality = group.modality
        self.labels = torch.full((len(self.x),), -1)
        if group.instruments is not None:
            self.labels = torch.as_tensor(np.asarray(group.instruments).astype(np.int64))
        self.totals = self.x.double().sum(1)
        self.blocks: Tensor | None = None

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectra (n, L) and their axis (L,) or (n, L)."""
        return self.x[rows], self.axis if self.axis.ndim == 1 else self.axis[rows]

    def candidates(self, n: int, generator: torch.Generator) -> Tensor:
        """Return up to n rows at random."""
        return torch.randperm(len(self.x), generator=generator)[:n]
