"""Spectra of your own, from CSV files."""

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._validation import check_matrix
from ..axis import convert_axis
from ..io._table import CHANNEL, Table, channel_axis, channel_values, number, read_table

MISSING = ("", "na", "n/a", "nan")


def load_spectra_csv(path: str | os.PathLike[str], *, unit: str | None = None) -> Bunch:
    r"""Load spectra, with what is known of the samples, from a CSV file.

    The first line names the columns. The first column holds the sample id. Columns named by a
    number are channels, and the number is their position: ``1100``, ``1100.5``, ``1100 nm``,
    ``X1100``. Of the others, columns of numbers are properties (reference values; empty where
    unknown), columns of text are kept as they are::

        sample,moisture,1100,1102,1104
        corn 1,10.4,0.0445,0.0444,0.0443
        corn 2,,0.0465,0.0463,0.0461

    Columns are separated by commas, semicolons or tabs. With semicolons and tabs, numbers may have
    decimal commas.

    Parameters
    ----------
    path : str or path-like
        The file, in UTF-8.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the channel positions; needed unless the names state it or only one is possible.

    Returns
    -------
    Bunch
        ``X`` (n_samples, n_channels); ``wavelengths`` in nm or ``wavenumbers`` in cm-1
        (n_channels,), ascending, the other None; ``y`` (n_samples, n_properties), NaN where
        unknown, or None; ``target_names``; ``sample_ids`` (n_samples,), text; ``metadata``: dict of
        name to text column; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line, a number or the axis is not valid; the message names file, line and column.

    Warns
    -----
    UserWarning
        If the channels descend: they are sorted.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.datasets import load_spectra_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "corn.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("sample;moisture;1100 nm;1102 nm\ncorn 1;10,4;0,0445;0,0444\n")
    ...     corn = load_spectra_csv(path)
    >>> corn.X, corn.wavelengths, corn.target_names, corn.y
    (array([[0.0445, 0.0444]]), array([1100., 1102.]), ['moisture'], array([[10.4]]))
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        return _spectra(read_table(path), unit, path.name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _spectra(table: Table, unit: str | None, name: str) -> Bunch:
    """Sort the columns into ids, channels, properties and text."""
    header, rows, lines, decimal_comma = table
    matches = [CHANNEL.fullmatch(column) for column in header]
    if matches[0]:
        raise ValueError(
            f"the first column is named {header[0]!r}, but it must hold the sample id. The first "
            "line names the columns, and the first column the samples."
        )
    channels = [k for k, match in enumerate(matches) if match]
    if len(channels) < 2:
        raise ValueError(
            "fewer than two columns are named by a number, so there are no spectra. Name each "
            "channel by its position, for example 1100."
        )
    axis, unit = channel_axis([match for match in matches if match], unit)
    X = channel_values(table, channels)
    if unit == "um":
        axis, unit = convert_axis(axis, "um", "nm"), "nm"
    if axis[0] > axis[-1]:
        warnings.warn(f"{name}: the channels descend; they are sorted.")
        axis, X = axis[::-1].copy(), X[:, ::-1].copy()
    properties, metadata = {}, {}
    for k in range(1, len(header)):
        if not matches[k]:
            cells = [row[k] for row in rows]
            values = _property(cells, lines, header[k], decimal_comma)
            if values is None:
                metadata[header[k]] = np.asarray(cells)
            else:
                properties[header[k]] = values
    return Bunch(
        X=check_matrix(X, name="X"),
        wavelengths=None if unit == "cm-1" else axis,
        wavenumbers=axis if unit == "cm-1" else None,
        y=np.column_stack(list(properties.values())) if properties else None,
        target_names=list(properties),
        sample_ids=np.asarray([row[0] for row in rows]),
        metadata=metadata,
        DESCR=f"{name}: {len(X)} spectra of {len(axis)} channels; {len(properties)} properties.",
    )


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
