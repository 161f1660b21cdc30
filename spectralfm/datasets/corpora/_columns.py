"""What tables of computed spectra, one molecule a row, have in common."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._record import Item, Record, Source

AXIS_WORDS = {"wavenumber", "wavenumbers", "frequency", "frequencies", "freq", "freqs"}
SPECTRUM_WORDS = {"ir", "raman", "spectrum", "spectra", "intensity", "intensities"}
KINDS = {"ir": "MIR", "raman": "Raman"}
ID_WORDS = {"id", "chembl", "smiles", "molecule", "name"}


class Columns:
    """Which columns of a table hold spectra, their axes and the names of the rows.

    Parameters
    ----------
    path : Path
        The file, for the messages.
    names : list of str
        All columns.
    axis, spectra, id
        What the caller says of them; None for what the names tell.

    Raises
    ------
    ValueError
        If there is no column of spectra, or none of a name given.
    """

    def __init__(
        self,
        path: Path,
        names: list[str],
        *,
        axis: str | None,
        spectra: list[str] | None,
        id: str | None,
    ) -> None:
        for name in [axis, id, *(spectra or [])]:
            if name is not None and name not in names:
                listed = ", ".join(names)
                raise ValueError(f"{path} has no column {name!r}. Its columns are {listed}.")
        axes = [name for name in names if words(name) & AXIS_WORDS]
        if spectra is None:
            spectra = [name for name in names if words(name) & SPECTRUM_WORDS and name not in axes]
        if not spectra:
            raise ValueError(
                f"{path} has no column named like a spectrum (ir, raman ...): pass spectra=. "
                f"Its columns are {', '.join(names)}."
            )
        self.spectra = spectra
        self.axes = {name: axis or _axis_of(name, axes) for name in spectra}
        self.id = id or next((name for name in names if words(name) & ID_WORDS), None)

    def used(self) -> list[str]:
        """Return the columns to read, each once."""
        axes = [name for name in self.axes.values() if name is not None]
        return list(dict.fromkeys([*self.spectra, *axes, *([self.id] if self.id else [])]))


def words(name: str) -> set[str]:
    """Return the words in the name of a column, in lower case."""
    return set(re.split(r"[^a-z]+", name.lower()))


def kind_of(name: str) -> str | None:
    """Return the modality that the name of a column tells."""
    return next((kind for word, kind in KINDS.items() if word in words(name)), None)


def _axis_of(spectrum: str, axes: list[str]) -> str | None:
    """Return the axis of a column of spectra: one of the same kind, else one of no kind."""
    same = [name for name in axes if kind_of(name) == kind_of(spectrum)]
    return next(iter(same + [name for name in axes if kind_of(name) is None]), None)


def spectrum_of(value: Any, axis: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return intensities and wavenumbers in ascending order.

    Parameters
    ----------
    value : array-like, or a pair or dict of two
        Intensities; or wavenumbers and intensities.
    axis : array-like, optional
        Wavenumbers in cm-1, if ``value`` does not hold them.

    Raises
    ------
    ValueError
        If there are not as many of one as of the other.
    """
    if isinstance(value, dict):
        keys = {key: words(key) & AXIS_WORDS or key.lower() == "x" for key in value}
        axis = next((value[key] for key, is_axis in keys.items() if is_axis), axis)
        value = next((value[key] for key, is_axis in keys.items() if not is_axis), None)
    y = np.asarray(value, dtype=np.float64)
    if axis is None:
        if y.ndim != 2 or 2 not in y.shape:
            raise ValueError(f"an array of shape {y.shape} has no wavenumbers")
        axis, y = y if y.shape[0] == 2 else y.T
    x = np.asarray(axis, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"{x.shape} wavenumbers do not fit {y.shape} intensities")
    order = np.argsort(x, kind="stable")
    return y[order], x[order]


class TableSource(Source):
    """What both sources do with a row."""

    columns: Columns
    _n_rows: int

    def __len__(self) -> int:
        return self._n_rows * len(self.columns.spectra)

    def _options(self) -> str:
        return f"{self.columns.spectra} {self.columns.axes} {self.columns.id}"

    def _row_items(self, number: int, row: dict[str, Any]) -> Iterator[Item]:
        """Yield an item a spectrum of a row; the source can go on only after the last of them."""
        id = str(row[self.columns.id]) if self.columns.id else f"row {number}"
        for column in self.columns.spectra:
            last = column == self.columns.spectra[-1]
            label = f"{id} {column}" if len(self.columns.spectra) > 1 else id
            following = number + 1 if last else None
            axis_column = self.columns.axes[column]
            try:
                axis = None if axis_column is None else self._numbers(row[axis_column])
                y, x = spectrum_of(self._numbers(row[column]), axis)
            except (ValueError, TypeError) as error:
                yield Item(label, None, f"row {number}, column {column}: {error}", following)
                continue
            modality = self.modality or kind_of(column)
            record = Record(y[None], x, "cm-1", modality, column, self.name, [label])
            yield Item(label, record, "", following)

    def _numbers(self, value: Any) -> Any:
        """Return the numbers in a cell."""
        return value
