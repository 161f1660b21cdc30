"""The cells of a CSV file: which column counts rows, which hold numbers, which text."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..io._table import CHANNEL, Table, number, read_table

MISSING = ("", "na", "n/a", "nan")

NAMES_OF_IDS = ("id", "ids", "sample", "sample id", "sample_id", "sampleid", "name", "code")


def read_cells(path: str | os.PathLike[str]) -> Table:
    """Return the cells of a file, without a column that only counts its rows."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        return _without_row_numbers(read_table(path), path.name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _without_row_numbers(table: Table, name: str) -> Table:
    """Leave out an unnamed first column that counts the rows, if the next one holds ids."""
    header, rows, lines, decimal_comma = table
    counts = [row[0] for row in rows]
    numbered = any(counts == [str(k + first) for k in range(len(rows))] for first in (0, 1))
    if header[0] or not numbered or len(header) < 2 or CHANNEL.fullmatch(header[1]):
        return table
    ids = [row[1] for row in rows]
    named = header[1].lower() in NAMES_OF_IDS
    text = all(number(cell, decimal_comma) is None and cell.lower() not in MISSING for cell in ids)
    if len(set(ids)) < len(ids) or not (named or text):
        return table
    warnings.warn(
        f"{name}: the first column has no name and counts the rows: it is left out, and the sample "
        f"ids are those of column {header[1]!r}."
    )
    return Table(header[1:], [row[1:] for row in rows], lines, decimal_comma)


def described(
    table: Table, columns: Iterable[int]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.str_]]]:
    """Sort columns into properties and text."""
    properties, metadata = {}, {}
    for k in columns:
        cells = [row[k] for row in table.rows]
        values = _property(cells, table.lines, table.header[k], table.decimal_comma)
        if values is None:
            metadata[table.header[k]] = np.asarray(cells)
        else:
            properties[table.header[k]] = values
    return properties, metadata


def _property(
    cells: list[str], lines: list[int], name: str, decimal_comma: bool
) -> NDArray[np.float64] | None:
    """Return a column of numbers, NaN where unknown; None for a column of text."""
    known = [i for i, cell in enumerate(cells) if cell.lower() not in MISSING]
    numbers = {i: number(cells[i], decimal_comma) for i in known}
    text = [i for i in known if numbers[i] is None]
    if 2 * len(text) > len(known) or not known:
        return None
    if text:
        raise ValueError(
            f"line {lines[text[0]]}, column {name}: {cells[text[0]]!r} is no number. Leave it "
            "empty if it is not known."
        )
    return np.asarray([numbers.get(i, np.nan) for i in range(len(cells))], dtype=np.float64)
