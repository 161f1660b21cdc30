"""Source: computed spectra in a Parquet file, such as those of the USPTO set."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._columns import Columns, TableSource
from ._record import UNSTATED, Item, check_modality

ROWS_AT_ONCE = 64


class ParquetSource(TableSource):
    """Spectra in a Parquet file, as lists of numbers: the form of the computed spectra of USPTO.

    Parameters
    ----------
    path : str or path-like
        The file, with a column of wavenumbers in cm-1 and one of intensities.
    axis, id : str, optional
        Columns of the wavenumbers and of names; by default told by the words in their names.
    spectra : list of str, optional
        Columns of spectra.
    name, licence, modality
        As in `FolderSource`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pyarrow is not installed.
    ValueError
        If it is no Parquet file, or the columns cannot be told.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        axis: str | None = None,
        spectra: list[str] | None = None,
        id: str | None = None,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = name or self.path.stem
        self.licence = licence
        self.modality = check_modality(modality)
        if not self.path.is_file():
            raise FileNotFoundError(f"There is no file {self.path}.")
        with self._open() as file:
            names = file.schema_arrow.names
            self._n_rows = file.metadata.num_rows
        self.columns = Columns(self.path, names, axis=axis, spectra=spectra, id=id)

    def fingerprint(self) -> str:
        """Return size, time and options of the file."""
        return f"parquet {self.options()}"

    def __len__(self) -> int:
        """Return the number of spectra."""
        return self._n_rows * len(self.columns.spectra)

    def items(self, start: int = 0) -> Iterator[Item]:
        """Yield the spectra of the rows from one on."""
        number = 0
        try:
            with self._open() as file:
                for group in range(file.num_row_groups):
                    n_rows = file.metadata.row_group(group).num_rows
                    if number + n_rows <= start:
                        number += n_rows
                        continue
                    batches = file.iter_batches(
                        ROWS_AT_ONCE, row_groups=[group], columns=self.columns.used()
                    )
                    for batch in batches:
                        for row in range(batch.num_rows):
                            if number >= start:
                                values = {
                                    column: batch.column(column)[row].as_py()
                                    for column in batch.schema.names
                                }
                                yield from self.row_items(number, values)
                            number += 1
        except (OSError, ValueError) as error:
            reason = f"the file is damaged from row {number} on: {error}"
            yield Item(f"row {number}", None, reason, number + 1)

    def _open(self) -> Any:
        """Return the opened file."""
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError:
            what = 'Reading Parquet needs pyarrow: pip install "spectralfm[corpus]".'
            raise ImportError(what) from None
        try:
            return ParquetFile(self.path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path} is damaged or no Parquet file ({error}).") from None
