"""Source: computed spectra in a Parquet file, such as those of the USPTO set."""

import os
from collections.abc import Iterator
from typing import Any

from ._columns import Columns, TableSource
from ._record import UNSTATED, Item

ROWS_AT_ONCE = 64


class ParquetSource(TableSource):
    """Spectra in a Parquet file, as lists of numbers: the form of the computed spectra of USPTO.

    Parameters
    ----------
    path : str or path-like
        The file, with a column of wavenumbers in cm-1 and one of intensities.
    axis : str, optional
        Column of the wavenumbers; by default told by the words in its name.
    spectra : list of str, optional
        Columns of spectra, told likewise.
    id : str, optional
        Column of names, told likewise.
    name, licence, modality : str, optional
        As in `Source`.

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
        super().__init__(path, name=name, licence=licence, modality=modality)
        with self._open() as file:
            names = file.schema_arrow.names
            self._n_rows = file.metadata.num_rows
        self.columns = Columns(self.path, names, axis=axis, spectra=spectra, id=id)

    def _items(self, start: int) -> Iterator[Item]:
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
                                yield from self._row_items(number, values)
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
