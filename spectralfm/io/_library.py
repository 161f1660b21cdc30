"""Text files of public spectral libraries: RRUFF, ECOSTRESS (ASTER) and USGS."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ._spectra import Spectra, corrupt, decode_text, read_bytes
from ._text import Columns, column_spectra, parse_columns
from ._unit import units_in

DELETED = -1.23e34
"""What the USGS library writes for a channel that was deleted."""


def read_rruff(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    """Read a spectrum of the RRUFF project of minerals, infrared or Raman.

    Parameters
    ----------
    path : str or path-like
        The text file: labels ``##NAMES=`` to ``##URL=``, pairs of wavenumber and intensity,
        ``##END=``.
    unit : {"cm-1"}, optional
        Only for the sake of the other readers.

    Returns
    -------
    Spectra
        The labels in ``metadata``; ``modality`` is Raman if the name of the file says so, else
        MIR.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If a line is not valid, or ``##END=`` is missing; the message names the line.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_rruff
    >>> text = '''##NAMES=Quartz
    ... ##RRUFFID=R040031
    ... 100.5, 3
    ... 101.5, 4
    ... ##END=
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "Quartz__Raman__532.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     spectra = read_rruff(path)
    >>> spectra.axis, spectra.metadata["ids"], spectra.metadata["modality"]
    (array([100.5, 101.5]), ['R040031 Quartz'], 'Raman')
    """
    path = Path(path)
    return parse_rruff(read_bytes(path), path, unit=unit)


def parse_rruff(data: bytes, path: Path, *, unit: str | None = None) -> Spectra:
    """Parse the contents of a RRUFF file; the parameters are those of `read_rruff`."""
    text = decode_text(data, path)
    columns = parse_columns(text, path)
    lines = text.rstrip().splitlines()
    if not lines[-1].strip().upper().startswith("##END"):
        raise corrupt(path, f"line {len(lines)}", "the file ends without ##END=")
    labels = [line[2:].partition("=") for line in columns.header if line.startswith("##")]
    metadata: dict[str, Any] = {
        "format": "rruff",
        **{label.strip(): value.strip() for label, _, value in labels},
    }
    metadata["ids"] = [f"{metadata.get('RRUFFID', path.stem)} {metadata.get('NAMES', '')}".strip()]
    metadata["modality"] = "Raman" if "raman" in path.name.lower() else "MIR"
    return column_spectra(path, columns, metadata, unit=unit, allowed=("cm-1",))


def read_ecostress(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    """Read a spectrum of the ECOSTRESS (formerly ASTER) spectral library.

    Parameters
    ----------
    path : str or path-like
        The ``.spectrum.txt`` file: lines ``Name:`` to ``Additional Information:``, then pairs.
    unit : {"nm", "um", "cm-1"}, optional
        Must agree with the header.

    Returns
    -------
    Spectra
        Reflectance as recorded, mostly in percent: ``metadata["quantity"]`` says so.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If a line is not valid, or there are not as many as the header states.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_ecostress
    >>> text = '''Name: Oak
    ... X Units: Wavelength (micrometers)
    ... Y Units: Reflectance (percent)
    ... Number of X Values: 2
    ...
    ... 0.50 8.25
    ... 0.51 9.5
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "oak.spectrum.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     spectra = read_ecostress(path)
    >>> spectra.X, spectra.unit, spectra.metadata["quantity"]
    (array([[8.25, 9.5 ]]), 'um', 'Reflectance (percent)')
    """
    path = Path(path)
    columns = parse_columns(decode_text(read_bytes(path), path), path)
    pairs = [line.partition(":") for line in columns.header if ":" in line]
    header = {label.strip(): value.strip() for label, _, value in pairs}
    stated = header.get("Number of X Values", "")
    if not stated.isdigit() or int(stated) != len(columns.values):
        what = f"{len(columns.values)} values, but the header states {stated or 'no number'}"
        raise corrupt(path, f"line {columns.lines[-1]}", what)
    metadata: dict[str, Any] = {
        "format": "ecostress",
        "quantity": header.get("Y Units", ""),
        **header,
    }
    metadata["ids"] = [header.get("Name", path.stem)]
    allowed = units_in(header.get("X Units", ""))
    return column_spectra(path, columns, metadata, unit=unit, allowed=allowed)


def read_usgs(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    """Read a spectrum of the USGS library splib06 as text.

    Parameters
    ----------
    path : str or path-like
        The ``.asc`` file: header, title, then wavelength in um, reflectance, standard deviation.
    unit : {"um"}, optional
        Must agree with the format.

    Returns
    -------
    Spectra
        Without the channels marked as deleted (-1.23e34); ``metadata["n_deleted"]`` counts them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If a line is not valid.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_usgs
    >>> text = '''USGS Digital Spectral Library splib06a
    ... Quartz GDS31
    ... copy of a record
    ... 0.4 0.125 0.0
    ... 0.5 -1.23e34 0.0
    ... 0.6 0.25 0.0
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "quartz.asc")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     spectra = read_usgs(path)
    >>> spectra.X, spectra.axis, spectra.metadata["ids"]
    (array([[0.125, 0.25 ]]), array([0.4, 0.6]), ['Quartz GDS31'])
    """
    path = Path(path)
    columns = parse_columns(decode_text(read_bytes(path), path), path)
    if columns.values.shape[1] != 3:
        raise corrupt(path, f"line {columns.lines[0]}", "a line does not hold three numbers")
    kept = np.flatnonzero(columns.values[:, 1] > 0.99 * DELETED)
    metadata = {
        "format": "usgs",
        "quantity": "reflectance",
        "n_deleted": len(columns.values) - len(kept),
        "ids": [columns.header[-2] if len(columns.header) > 1 else path.stem],
    }
    lines = [columns.lines[k] for k in kept]
    columns = Columns(columns.header, columns.values[kept, :2], lines)
    return column_spectra(path, columns, metadata, unit=unit, allowed=("um",))
