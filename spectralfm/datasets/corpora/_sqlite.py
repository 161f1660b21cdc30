"""Source: computed spectra in an SQLite database, such as those of ChEMBL."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ._columns import SPECTRUM_WORDS, Columns, TableSource, words
from ._record import UNSTATED, Item
from ._unpickle import load_numbers


class SQLiteSource(TableSource):
    """Spectra in an SQLite database, as zlib-compressed pickles: the form of ChEMBL IR and Raman.

    Only arrays and lists of numbers are unpickled, by stand-ins: nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        The database; it is opened for reading only.
    table : str, optional
        By default the only table with a column named like a spectrum.
    axis : str, optional
        Column of the wavenumbers in cm-1. Without one, the spectra must be pairs of wavenumbers
        and intensities.
    spectra : list of str, optional
        Columns of spectra; by default those named ir, raman, spectrum or intensity.
    id : str, optional
        Column of names.
    name, licence, modality : str, optional
        As in `Source`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no database, or table and columns cannot be told.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        table: str | None = None,
        axis: str | None = None,
        spectra: list[str] | None = None,
        id: str | None = None,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
    ) -> None:
        super().__init__(path, name=name, licence=licence, modality=modality)
        try:
            with closing(self._connection()) as connection:
                self.table, names = self._find_table(connection, table)
                self.columns = Columns(self.path, names, axis=axis, spectra=spectra, id=id)
                count = f"SELECT count(*) FROM {_quoted(self.table)}"
                self._n_rows = int(connection.execute(count).fetchone()[0])
        except sqlite3.Error as error:
            raise ValueError(f"{self.path} is damaged or no SQLite database ({error}).") from None

    def _options(self) -> str:
        return f"{self.table} {super()._options()}"

    def _items(self, start: int) -> Iterator[Item]:
        """Yield the spectra of the rows from a row id on."""
        used = self.columns.used()
        listed = ", ".join(_quoted(name) for name in used)
        query = f"SELECT rowid, {listed} FROM {_quoted(self.table)} WHERE rowid >= ? ORDER BY rowid"
        number = start
        try:
            with closing(self._connection()) as connection:
                for number, *values in connection.execute(query, (start,)):
                    yield from self._row_items(number, dict(zip(used, values, strict=True)))
        except sqlite3.Error as error:
            reason = f"the database is damaged from row {number} on: {error}"
            yield Item(f"row {number}", None, reason, number + 1)

    def _numbers(self, value: Any) -> Any:
        """Return the numbers in a compressed pickle."""
        return load_numbers(value)

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _find_table(
        self, connection: sqlite3.Connection, table: str | None
    ) -> tuple[str, list[str]]:
        """Return the table of the spectra and its columns."""
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]
            for (name,) in connection.execute(query).fetchall()
        }
        if table is None:
            fitting = [
                name
                for name, columns in tables.items()
                if any(words(column) & SPECTRUM_WORDS for column in columns)
            ]
            if len(fitting) != 1:
                listed = "; ".join(f"{name} ({', '.join(c)})" for name, c in tables.items())
                raise ValueError(f"{self.path}: pass table=. It holds {listed or 'no table'}.")
            table = fitting[0]
        if table not in tables:
            raise ValueError(f"{self.path} has no table {table!r}, but {', '.join(tables)}.")
        return table, tables[table]


def _quoted(name: str) -> str:
    """Return a name of SQL."""
    return '"' + name.replace('"', '""') + '"'
