"""Spectra of your own, from CSV files."""

import os
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._validation import check_matrix
from ..axis import convert_axis
from ..io._table import CHANNEL, Table, channel_axis, channel_values
from ._csv_cells import described, read_cells


def load_spectra_csv(
    path: str | os.PathLike[str],
    *,
    unit: str | None = None,
    references_csv: str | os.PathLike[str] | None = None,
) -> Bunch:
    r"""Load spectra, with what is known of the samples, from a CSV file.

    The first line names the columns. The first column holds the sample id. Columns named by a
    number are channels, and the number is their position: ``1100``, ``1100.5``, ``1100 nm``,
    ``X1100``. Of the others, columns of numbers are properties (reference values; empty where
    unknown), columns of text are kept as they are::

        sample,moisture,1100,1102,1104
        corn 1,10.4,0.0445,0.0444,0.0443
        corn 2,,0.0465,0.0463,0.0461

    Columns are separated by commas, semicolons or tabs. With semicolons and tabs, numbers may have
    decimal commas. Reference values may stand in a file of their own, in the same format without
    channels.

    Parameters
    ----------
    path : str or path-like
        The file, in UTF-8.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the channel positions; needed unless the names state it or only one is possible.
    references_csv : str or path-like, optional
        A file whose first column holds sample ids, and whose others are added to those of ``path``,
        by sample: NaN, or empty text, where it does not have one.

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
        If a line, a number or the axis is not valid; the message names file, line and column. If
        ``references_csv`` has none of the samples, one of them twice, or a column of ``path``.

    Warns
    -----
    UserWarning
        If the channels descend: they are sorted. If an unnamed first column counts the rows, as
        pandas and R write it, and the sample ids stand beside it: it is left out.

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
    table, place = read_cells(path), Path(path)
    try:
        data = _spectra(table, unit, place.name)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return data if references_csv is None else with_references(data, references_csv, place)


def with_references(
    data: Bunch,
    references_csv: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    needed: bool = True,
) -> Bunch:
    """Return spectra with the columns of a file of reference values, as `load_spectra_csv`.

    Unless they are ``needed``, the file may have none of the samples.
    """
    table, place = read_cells(references_csv), Path(references_csv)
    row_of = {row[0]: k for k, row in enumerate(table.rows)}
    if len(row_of) < len(table.rows):
        twice = next(row[0] for k, row in enumerate(table.rows) if row_of[row[0]] != k)
        raise ValueError(
            f"{place}: sample id {twice!r} appears more than once. Average repeated values."
        )
    found = [row_of.get(sample) for sample in data.sample_ids.tolist()]
    if not any(k is not None for k in found):
        if not needed:
            return data
        raise ValueError(
            f"{place}: the first column, {table.header[0]!r}, holds none of the sample ids of "
            f"{path}: {table.rows[0][0]!r} here, {str(data.sample_ids[0])!r} there. Write them "
            "alike."
        )
    known = set(data.target_names) | set(data.metadata)
    repeated = [column for column in table.header[1:] if column in known]
    if repeated:
        raise ValueError(f"{place}: column {repeated[0]!r} is in {path}, too. Keep one of them.")
    try:
        properties, metadata = described(table, range(1, len(table.header)))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    columns = [] if data.y is None else [data.y]
    columns += [
        np.array([[np.nan if k is None else values[k]] for k in found])
        for values in properties.values()
    ]
    data.y = np.hstack(columns) if columns else None
    data.target_names = [*data.target_names, *properties]
    data.DESCR += f" With {len(properties)} properties of {place.name}."
    for column, cells in metadata.items():
        data.metadata[column] = np.asarray(["" if k is None else cells[k] for k in found])
    return data


def _spectra(table: Table, unit: str | None, name: str) -> Bunch:
    """Sort the columns into ids, channels, properties and text."""
    header, rows = table.header, table.rows
    matches = [CHANNEL.fullmatch(column) for column in header]
    if matches[0]:
        raise ValueError(
            f"the first column is named {header[0]!r}, but it must hold the sample id. The first "
            "line names the columns, and the first column the samples: add one in front, for "
            "example 1, 2, 3, if the file has none."
        )
    channels = [k for k, match in enumerate(matches) if match]
    if len(channels) < 2:
        raise ValueError(
            "fewer than two columns are named by a number, so there are no spectra. Name each "
            "channel by its position, for example 1100. Where each spectrum is a column, read the "
            "file with spectralfm.io.read_spectra."
        )
    axis, unit = channel_axis([match for match in matches if match], unit)
    X = channel_values(table, channels)
    if unit == "um":
        axis, unit = convert_axis(axis, "um", "nm"), "nm"
    if axis[0] > axis[-1]:
        warnings.warn(f"{name}: the channels descend; they are sorted.")
        axis, X = axis[::-1].copy(), X[:, ::-1].copy()
    properties, metadata = described(table, [k for k in range(1, len(header)) if not matches[k]])
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
