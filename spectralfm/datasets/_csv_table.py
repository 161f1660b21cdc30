"""Read a CSV file as text: separators, decimal commas, line numbers for the messages."""

import csv
import io
import math
from pathlib import Path
from typing import NamedTuple


class Table(NamedTuple):
    """Column names, rows of text, the line of each row, and whether numbers have decimal commas."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool


def read_table(path: Path) -> Table:
    """Read the cells of a CSV file.

    Parameters
    ----------
    path : Path
        A file in UTF-8, separated by commas, semicolons or tabs; its first line names the columns.

    Returns
    -------
    Table
        Its cells, stripped; empty lines left out.

    Raises
    ------
    ValueError
        If a line has more or fewer cells than the first, or two columns have one name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason}). Save it as CSV UTF-8.") from None
    first = text.split("\n", 1)[0]
    delimiter = next((mark for mark in (";", "\t") if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}.") from None
    if len(rows) < 2:
        raise ValueError("needs a line of column names and at least one line of values.")
    header = rows[0]
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) != len(header):
            raise ValueError(f"line {line} has {len(row)} columns, the first has {len(header)}.")
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise ValueError(f"column {repeated[0]!r} appears {header.count(repeated[0])} times.")
    return Table(header, rows[1:], lines[1:], delimiter != ",")


def number(cell: str, decimal_comma: bool) -> float | None:
    """Return the number in a cell, None if there is none or it is not finite."""
    try:
        value = float(cell.replace(",", ".") if decimal_comma else cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
