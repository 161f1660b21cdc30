"""Source: spectra as NumPy archives, the form of this project's pretraining sets."""

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._download import refuse_bomb
from .._npz import UNREADABLE
from ._record import MODALITIES, UNSTATED, Item, Record, Source

LARGEST_ARRAY = 4 << 30
"""Bytes of the largest array: 4 GiB."""

ID_COLUMNS = ("id", "rruff_id", "name")


class NpzSource(Source):
    """Spectra of an ``.npz`` file.

    The file holds ``values`` or ``X`` (n_samples, n_channels); ``axis`` (n_channels,), or
    ``axis_min`` and ``axis_max`` (n_samples,) of evenly spaced channels; ``axis_unit``; and
    optionally ``modality``, ``quantity``, ``name``, ``id``, ``source``, each one text or one a row.

    Parameters
    ----------
    path : str or path-like
        The file. Nothing in it is unpickled.
    name, licence, modality : str, optional
        As in `Source`. A ``source`` a row is appended to the name.
    exclude : dict of str to sequence of str, optional
        Rows to leave out: array of one text a row, and the values to leave out, for example
        ``{"source": ["prosail"]}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, an array is missing, or nothing fits what is to be left out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
        exclude: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(path, name=name, licence=licence, modality=modality)
        self.exclude = {column: sorted(values) for column, values in (exclude or {}).items()}
        self._arrays = _load(self.path)
        self._check()

    def __len__(self) -> int:
        return len(self._arrays["values"])

    def _items(self, start: int) -> Iterator[Item]:
        """Yield the rows from one on."""
        arrays, unit = self._arrays, str(self._arrays["axis_unit"])
        excluded = self._excluded()
        texts = [self._column(key) for key in ("modality", "quantity", "source")]
        named = next((self._column(key) for key in ID_COLUMNS if key in arrays), None)
        ids = named or [f"{self.name} {i}" for i in range(len(self))]
        n_channels = arrays["values"].shape[1]
        shared = arrays["axis"].astype(np.float64) if "axis" in arrays else None
        for i in range(start, len(self)):
            if excluded[i]:
                yield Item(ids[i], None, "", i + 1)
                continue
            axis = shared
            if axis is None:
                low, high = float(arrays["axis_min"][i]), float(arrays["axis_max"][i])
                axis = np.linspace(low, high, n_channels)
            modality, quantity, source = (column[i] if column else "" for column in texts)
            record = Record(
                arrays["values"][i : i + 1],
                axis,
                unit,
                self.modality or modality or None,
                quantity or UNSTATED,
                f"{self.name}/{source}" if source else self.name,
                [ids[i]],
            )
            yield Item(ids[i], record, "", i + 1)

    def _options(self) -> str:
        return f"{self.exclude}"

    def having(self, exclude: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Return the part of ``exclude`` that fits rows of this file.

        Parameters
        ----------
        exclude : dict of str to sequence of str
            As in the constructor.

        Returns
        -------
        dict of str to list of str
            Columns and values that the file has.
        """
        found = {
            column: sorted(set(values) & set(self._column(column) or []))
            for column, values in exclude.items()
        }
        return {column: values for column, values in found.items() if values}

    def _column(self, key: str) -> list[str] | None:
        """Return one text a row."""
        if key not in self._arrays:
            return None
        values = np.asarray(self._arrays[key]).astype(str)
        return [str(value) for value in np.broadcast_to(values, len(self))]

    def _excluded(self) -> NDArray[np.bool_]:
        """Tell which rows are left out."""
        excluded = np.zeros(len(self), dtype=bool)
        for column, values in self.exclude.items():
            excluded |= np.isin(np.asarray(self._arrays[column]).astype(str), values)
        return excluded

    def _check(self) -> None:
        """Raise unless all arrays are there and have one entry a row."""
        arrays = self._arrays
        values = arrays.get("values")
        if values is None or values.ndim != 2 or values.dtype.kind not in "fiu":
            raise ValueError(f"{self.path} holds no numbers values or X (n_samples, n_channels).")
        if "axis_unit" not in arrays:
            raise ValueError(f"{self.path} holds no axis_unit.")
        n, n_channels = values.shape
        if "axis" in arrays:
            shapes = {"axis": (n_channels,)}
        else:
            shapes = {"axis_min": (n,), "axis_max": (n,)}
        for key, shape in shapes.items():
            if key not in arrays or arrays[key].shape != shape:
                raise ValueError(f"{self.path} holds no {key} of shape {shape}.")
        for key in ("modality", "quantity", "source", *ID_COLUMNS):
            if key in arrays and arrays[key].shape not in ((), (n,)):
                raise ValueError(f"{self.path}: {key} has shape {arrays[key].shape}, not ({n},).")
        unknown = set(self._column("modality") or []) - set(MODALITIES)
        if unknown and self.modality is None:
            names = ", ".join(MODALITIES)
            raise ValueError(
                f"{self.path}: modality {min(unknown)!r} is none of {names}. Pass modality=."
            )
        for column, wanted in self.exclude.items():
            if column not in arrays or arrays[column].shape != (n,):
                raise ValueError(f"{self.path} holds no {column} a row to leave rows out by.")
            absent = set(wanted) - set(np.unique(arrays[column]).astype(str))
            if absent:
                raise ValueError(f"{self.path}: no row has {column}={sorted(absent)[0]!r}.")


def _load(path: Path) -> dict[str, NDArray]:
    """Return all arrays of the file, none of which may be pickled or grow a thousandfold."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                refuse_bomb(info, LARGEST_ARRAY)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise ValueError(f"{path} is damaged or not an .npz file ({error}).") from None
    if "values" not in arrays and "X" in arrays:
        arrays["values"] = arrays.pop("X")
    return arrays
