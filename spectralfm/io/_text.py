"""Plain text: positions in the first column, one or more spectra in the others."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._spectra import Spectra, checked, corrupt, decode_text, read_bytes
from ._table import CHANNEL, read_spectra_table
from ._unit import resolve_unit, units_in

FEWEST_NAMED = 10
"""A first line of this many increasing numbers names channels."""

_ABOUT_X = re.compile(r"\W*(x.?(axis|units?|values?)|wave|raman|first column)", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?|[+-]?\d+")
_CLOSING = ("#", ">>>>>", "$$")


class Columns(NamedTuple):
    """The header of a text, and the columns of numbers below with the line of each row."""

    header: list[str]
    values: np.ndarray
    lines: list[int]


def read_text(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    r"""Read spectra from a text file: CSV, tab-separated, ``.dpt``, ``.txt``.

    Either one position a line with one or more spectra beside it, below any header; or, if the
    first line names ten or more channels, one spectrum a line (`read_spectra_table`). Separators
    are commas, semicolons, tabs or blanks; with all but commas, numbers may have decimal commas.

    Parameters
    ----------
    path : str or path-like
        The file.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the positions; needed unless the header states it or only one is possible.

    Returns
    -------
    Spectra
        ``ids`` are the names of the columns, if the line above the numbers has them; the header is
        ``metadata["header"]``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If a line below the header holds another number of numbers, a value is not finite, or the
        axis turns or repeats a position; the message names the line.
    ValueError
        If the unit is not clear.

    Notes
    -----
    A text says nowhere how long it is: one cut off between two lines reads as a shorter spectrum.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "leaf.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write("Wavelength (nm)\tleaf\n1100\t0,25\n1102\t0,5\n")
    ...     spectra = read_text(path)
    >>> spectra.X, spectra.axis, spectra.unit, spectra.metadata["ids"]
    (array([[0.25, 0.5 ]]), array([1100., 1102.]), 'nm', ['leaf'])
    """
    path = Path(path)
    text = decode_text(read_bytes(path), path)
    if _names_channels(text):
        return read_spectra_table(path, unit=unit)
    columns = parse_columns(text, path)
    above = columns.header[-1] if columns.header else ""
    names = [] if re.search("[=:]", above) else cells(above)
    width = columns.values.shape[1]
    about = [names[0]] if len(names) == width else []
    about += [line for line in columns.header if _ABOUT_X.match(line)]
    allowed = next((units for units in map(units_in, about) if units), ())
    metadata: dict[str, Any] = {"format": "text", "header": columns.header}
    if len(names) == width:
        metadata["ids"] = names[1:]
    return column_spectra(path, columns, metadata, unit=unit, allowed=allowed)


def column_spectra(
    path: Path,
    columns: Columns,
    metadata: dict[str, Any],
    *,
    unit: str | None,
    allowed: tuple[str, ...],
) -> Spectra:
    """Return the spectra beside the first column, which holds their positions.

    Parameters
    ----------
    path : Path
        The file, for the message.
    columns : Columns
        What it holds.
    metadata : dict
        What it says.
    unit : {"nm", "um", "cm-1"}, optional
        Unit that the caller states.
    allowed : tuple of str
        Units that the file allows; all if empty.

    Returns
    -------
    Spectra
        One row a column.

    Raises
    ------
    CorruptSpectrumError
        If a value or the axis is not valid; the message names the line.
    ValueError
        If the unit is not clear.
    """
    axis = columns.values[:, 0]
    found = resolve_unit(path, axis, unit=unit, allowed=allowed)
    X = columns.values[:, 1:].T
    return checked(path, X, axis, found, metadata, place=lambda k: f"line {columns.lines[k]}")


def cells(line: str) -> list[str]:
    """Split a line at its separators."""
    for mark in (";", "\t"):
        if mark in line:
            return [cell.strip() for cell in line.strip().split(mark)]
    words = line.split()
    if "," in line and not (len(words) > 1 and all(map(_COMMA_NUMBER.fullmatch, words))):
        return [cell.strip() for cell in line.strip().rstrip(",").split(",")]
    return words


def numbers(line: str) -> list[float] | None:
    """Return the numbers of a line, None if a cell holds none."""
    try:
        return [float(cell.replace(",", ".")) for cell in cells(line)]
    except ValueError:
        return None


def parse_columns(text: str, path: Path) -> Columns:
    """Find the columns of numbers below a header.

    Parameters
    ----------
    text : str
        The text.
    path : Path
        The file, for the message.

    Returns
    -------
    Columns
        At least two of them.

    Raises
    ------
    CorruptSpectrumError
        If there are none, or a line below the first of them differs.
    """
    header: list[str] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.strip() == "\x1a":
            continue
        found = numbers(line)
        if not rows and (found is None or len(found) < 2):
            header.append(line.strip())
        elif found is not None and (not rows or len(found) == len(rows[0])):
            rows.append(found)
            lines.append(number)
        elif not line.startswith(_CLOSING):
            what = f"{line.strip()[:30]!r} is not {len(rows[0])} numbers"
            raise corrupt(path, f"line {number}", what)
    if not rows:
        raise corrupt(path, "end", "no line holds two numbers")
    return Columns(header, np.asarray(rows), lines)


def _names_channels(text: str) -> bool:
    """Tell whether the first line names channels."""
    first, _, rest = text.lstrip().partition("\n")
    if "\n" not in text.strip() or not rest.strip():
        return False
    mark = next((mark for mark in (";", "\t") if mark in first), ",")
    names = [CHANNEL.fullmatch(name.strip().strip('"')) for name in first.split(mark)]
    positions = np.asarray([float(match[1].replace(",", ".")) for match in names if match])
    if len(positions) < FEWEST_NAMED:
        return False
    steps = np.abs(np.diff(positions))
    return len(positions) < len(names) or bool(steps.max() <= 50 * steps.min())
