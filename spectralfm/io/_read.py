"""Recognise the format of a file, and read it."""

import os
from collections.abc import Callable
from pathlib import Path

from ._asd import is_asd, read_asd
from ._jcamp import read_jcamp
from ._library import read_ecostress, read_rruff, read_usgs
from ._opus import MAGIC, read_opus
from ._spc import is_spc, read_spc
from ._spectra import Spectra, corrupt
from ._text import read_text

READERS: dict[str, Callable[..., Spectra]] = {
    "jcamp": read_jcamp,
    "spc": read_spc,
    "opus": read_opus,
    "asd": read_asd,
    "rruff": read_rruff,
    "ecostress": read_ecostress,
    "usgs": read_usgs,
    "text": read_text,
}

NOT_READ = {
    b"WDF1": "Renishaw WDF",
    b"\xd0\xcf\x11\xe0": "JASCO .jws or another OLE file",
    b"PEPE": "PerkinElmer .sp",
    b"Spectral Data File": "Thermo OMNIC (.spa, .spg)",
    b"Spectral Exte File": "Thermo OMNIC (.spa, .spg)",
    b"/*** Spectra Vista": "Spectra Vista .sig",
    b"PK\x03\x04": "zip, an archive",
    b"\x89HDF": "HDF5",
    b"PAR1": "Parquet",
    b"SQLite format 3": "SQLite",
    b"<?xml": "XML",
    b"\x80": "pickle, or another binary",
    b"%PDF": "PDF",
}
"""Beginnings of files that no reader takes."""

HEAD = 4096


def read_spectra(
    path: str | os.PathLike[str], *, format: str = "auto", unit: str | None = None
) -> Spectra:
    r"""Read spectra from a file of an instrument, a library or plain text.

    Parameters
    ----------
    path : str or path-like
        The file. Nothing in it is ever executed or unpickled.
    format : {"auto", "jcamp", "spc", "opus", "asd", "rruff", "ecostress", "usgs", "text"}
        Format; ``"auto"`` recognises it by the contents, since suffixes are shared.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the axis. Needed where the file does not state it and more than one is possible.

    Returns
    -------
    Spectra
        ``X`` (n_samples, n_channels), ``axis`` (n_channels,), ascending, ``unit``, ``metadata``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        A ValueError: the file is cut off or damaged; the message names file and line or byte.
    ValueError
        If the format is not read, the file holds no vibrational spectrum, or the unit is not clear.
    ImportError
        If the format needs a library that is not installed: ``pip install "spectralfm[io]"``.

    Notes
    -----
    Values stay as recorded: transmittance, percent reflectance and absorbance are not converted,
    ``metadata["quantity"]`` names them. Not read: WDF, OMNIC (.spa, .spg), .jws, .sp, .sig, XML and
    .nir files; export them as JCAMP-DX, SPC or text.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_spectra
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "quartz.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("wavenumber,absorbance\n4000,0.125\n3998,0.25\n3996,0.5\n")
    ...     spectra = read_spectra(path)
    >>> spectra.X, spectra.axis, spectra.unit
    (array([[0.5  , 0.25 , 0.125]]), array([3996., 3998., 4000.]), 'cm-1')
    """
    path = Path(path)
    if format == "auto":
        format = recognise(path)
    if format not in READERS:
        names = ", ".join(map(repr, READERS))
        raise ValueError(f"format must be 'auto' or one of {names}, not {format!r}.")
    return READERS[format](path, unit=unit)


def recognise(path: str | os.PathLike[str]) -> str:
    """Return the format of a file, by its first bytes.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    str
        One of the formats of `read_spectra`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, or of a format that is not read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if not head:
        raise corrupt(path, "byte 0", "the file is empty")
    if head[:4] == MAGIC:
        return "opus"
    if is_asd(head):
        return "asd"
    for beginning, name in NOT_READ.items():
        if head.startswith(beginning):
            raise ValueError(f"{path} is {name}: not read. Export it as JCAMP-DX, SPC or text.")
    if is_spc(head):
        return "spc"
    return _text_format(head.decode("latin-1"))


def _text_format(head: str) -> str:
    """Return the format of a text."""
    upper = head.upper()
    if "##JCAMP" in upper or upper.lstrip("\ufeffï»¿ \r\n").startswith("##TITLE"):
        return "jcamp"
    if "##RRUFFID" in upper or "##NAMES=" in upper:
        return "rruff"
    if "NUMBER OF X VALUES" in upper and "X UNITS" in upper:
        return "ecostress"
    if "USGS DIGITAL SPECTRAL LIBRARY" in upper[:200]:
        return "usgs"
    return "text"
