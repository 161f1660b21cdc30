"""What a source of a corpus yields, and what all sources have in common."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._validation import LARGEST_VALUE
from ...axis import check_axis, convert_axis, guess_modality

MODALITIES = ("unknown", "NIR", "MIR", "Raman")
"""Kinds of spectra, numbered as in `spectralfm.nn.embedding`."""

UNSTATED = "not stated"


class Record(NamedTuple):
    """Spectra on one axis, with what is known of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    axis : ndarray of shape (n_channels,)
        Ascending or descending.
    unit : {"nm", "um", "cm-1"}
        Unit of the axis.
    modality : {"NIR", "MIR", "Raman", "unknown"}, optional
        None where it is to be guessed from the axis.
    quantity : str
        What was recorded, in the words of the source.
    source : str
        Where it comes from.
    ids : list of str
        Names of the spectra.
    """

    X: NDArray
    axis: NDArray[np.float64]
    unit: str
    modality: str | None
    quantity: str
    source: str
    ids: list[str]


class Item(NamedTuple):
    """One file or row of a source.

    Parameters
    ----------
    label : str
        Names it in the list of bad files.
    record : Record or None
        Its spectra; None if it is bad or left out.
    reason : str
        Why it is bad; empty if it was left out on request.
    next : int or None
        Where the source can go on after it; None if it cannot, since more of the same row follows.
    """

    label: str
    record: Record | None
    reason: str
    next: int | None


class Source(ABC):
    """What `build_corpus` reads: an ordered series of items, which can start anywhere in it.

    To write another source, implement ``_items``, ``__len__``, and ``_options``.

    Parameters
    ----------
    path : str or path-like
        File or folder.
    name : str, optional
        Name of the source, unique in a corpus; by default that of the file without suffix.
    licence : str
        Licence of the spectra.
    modality : {"NIR", "MIR", "Raman", "unknown"}, optional
        Kind of spectra; by default what the source says, else guessed from the axis.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    ValueError
        If there is no such modality.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
    ) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f"There is no file or folder {self.path}.")
        if modality is not None and modality not in MODALITIES:
            names = ", ".join(map(repr, MODALITIES))
            raise ValueError(f"modality must be one of {names}, not {modality!r}.")
        self.name = name or (self.path.absolute().name if self.path.is_dir() else self.path.stem)
        self.licence = licence
        self.modality = modality

    def fingerprint(self) -> str:
        """Return what tells this source from another, or from another version of itself.

        Returns
        -------
        str
            It is compared when a build goes on.
        """
        stat = self.path.stat()
        version = "" if self.path.is_dir() else f"{stat.st_size} {stat.st_mtime_ns} "
        return f"{type(self).__name__} {version}{self.modality} {self._options()}"

    def items(self, start: int = 0) -> Iterator[Item]:
        """Yield the items from a position on.

        Parameters
        ----------
        start : int, default=0
            0, or the ``next`` of an item.

        Yields
        ------
        Item
            What was read, or why it could not be.
        """
        yield from self._items(start)

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of items."""

    @abstractmethod
    def _items(self, start: int) -> Iterator[Item]:
        """Yield the items from a position on."""

    @abstractmethod
    def _options(self) -> str:
        """Return the options that change what is read."""


def modality_of(axis: NDArray[np.float64], unit: str) -> str:
    """Return the kind of spectra that lie on such an axis."""
    if unit == "cm-1":
        return guess_modality(axis)
    return guess_modality(convert_axis(axis, unit, "cm-1"))


def check_record_axis(record: Record) -> None:
    """Raise unless the axis of a record is valid; as `spectralfm.axis.check_axis`."""
    check_axis(record.axis, unit=record.unit, n_channels=record.X.shape[1])
    if record.X.shape[1] < 2:
        raise ValueError("a spectrum of one channel is none.")


def reasons(X: NDArray) -> list[str]:
    """Say of each spectrum why it cannot be used, an empty text if it can."""
    found = [""] * len(X)
    finite = np.isfinite(X).all(axis=1)
    largest = np.abs(X).max(axis=1, initial=0.0, where=np.isfinite(X))
    for i in np.flatnonzero(~finite | (largest > LARGEST_VALUE) | (largest == 0)):
        if not finite[i]:
            channel = np.flatnonzero(~np.isfinite(X[i]))[0]
            found[i] = f"channel {channel} is {X[i, channel]}"
        elif largest[i] > LARGEST_VALUE:
            channel = np.abs(X[i]).argmax()
            found[i] = f"channel {channel} is {X[i, channel]:.3g}, no value of a spectrum"
        else:
            found[i] = "all values are zero"
    return found
