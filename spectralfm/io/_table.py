"""Tables of spectra as text: one spectrum a line, channels in columns named by their positions."""

import csv
import io
import math
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..axis import check_axis
from ._spectra import Spectra, checked, decode_text, read_bytes
from ._unit import possible_units

CHANNEL = re.compile(r"(?:X|band)?(-?\d+(?:[.,]\d+)?)\s*(nm|um|µm|cm-1)?")


class Table(NamedTuple):
    """Column names, rows of text, the line of each row, and whether numbers have decimal commas."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool


def read_table(path: Path) -> Table:
    """Read the cells of a CSV file in UTF-8.

    Raises
    ------
    ValueError
        If the text is not UTF-8, or as `parse_table`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason}). Save it as CSV UTF-8.") from None
    return parse_table(text)


def parse_table(text: str) -> Table:
    """Split a table into its cells.

    Parameters
    ----------
    text : str
        Separated by commas, semicolons or tabs; its first line names the columns.

    Returns
    -------
    Table
        Its cells, stripped; empty lines left out.

    Raises
    ------
    ValueError
        If a line has more or fewer cells than the first, or two columns have one name.
    """
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


def channel_values(table: Table, channels: list[int]) -> NDArray[np.float64]:
    """Return the columns of spectra as numbers, or name the first cell that holds none."""
    X = np.empty((len(table.rows), len(channels)))
    for i, row in enumerate(table.rows):
        for j, k in enumerate(channels):
            value = number(row[k], table.decimal_comma)
            if value is None:
                raise ValueError(
                    f"line {table.lines[i]}, column {table.header[k]}: {row[k]!r} is no "
                    "absorbance. Write numbers without thousands separators, and remove incomplete "
                    "spectra."
                )
            X[i, j] = value
    return X


def channel_axis(matches: list[re.Match[str]], unit: str | None) -> tuple[NDArray[np.float64], str]:
    """Return the positions in the names of columns and their unit, or ask for the unit."""
    positions = np.asarray([float(match[1].replace(",", ".")) for match in matches])
    stated = {match[2].replace("µ", "u") for match in matches if match[2]}
    if unit is not None:
        stated.add(unit)
    if len(stated) > 1:
        raise ValueError(f"the channels are in {' and in '.join(sorted(stated))}: state one unit.")
    if not stated:
        stated = set(possible_units(positions))
    if len(stated) > 1:
        raise ValueError(
            f"the channels, {positions[0]:g} to {positions[-1]:g}, could be in "
            f"{' or '.join(sorted(stated))}: pass unit=, or write it after each ('1100 nm')."
        )
    found = stated.pop() if stated else "nm"
    return check_axis(positions, unit=found, name="the axis of the channels"), found


def read_spectra_table(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    """Read a table with one spectrum a line and its channels in columns.

    Columns named by a number are channels (``1100``, ``1100.5 nm``, ``X1100``, ``band740``), the
    others are metadata.

    Parameters
    ----------
    path : str or path-like
        The file.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the channels; needed unless the names state it or only one is possible.

    Returns
    -------
    Spectra
        The other columns, as text, are lists in ``metadata``; the first of them is ``ids``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line, a number or the axis is not valid; the message names file, line and column.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_spectra_table
    >>> text = '''sample,1100 nm,1102 nm
    ... oak,0.25,0.5
    ... ash,0.75,1.0
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "leaves.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     spectra = read_spectra_table(path)
    >>> spectra.X, spectra.unit, spectra.metadata["ids"]
    (array([[0.25, 0.5 ], [0.75, 1. ]]), 'nm', ['oak', 'ash'])
    """
    path = Path(path)
    text = decode_text(read_bytes(path), path)
    try:
        table = parse_table(text)
        matches = [CHANNEL.fullmatch(name) for name in table.header]
        channels = [k for k, match in enumerate(matches) if match]
        axis, found = channel_axis([match for match in matches if match], unit)
        X = channel_values(table, channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    others = {
        name: [row[k] for row in table.rows]
        for k, name in enumerate(table.header)
        if not matches[k]
    }
    ids = next(iter(others.values()), [str(line) for line in table.lines])
    return checked(path, X, axis, found, {"format": "table", "ids": ids, **others})
