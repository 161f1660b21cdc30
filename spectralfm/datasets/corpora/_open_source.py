"""Tell what kind of source a path is."""

import inspect
import os
from pathlib import Path
from typing import Any

from ._files import ArchiveSource, FolderSource
from ._npz import NpzSource
from ._parquet import ParquetSource
from ._record import Source
from ._sqlite import SQLiteSource

BEGINNINGS: dict[bytes, type] = {
    b"SQLite format 3\0": SQLiteSource,
    b"PAR1": ParquetSource,
    b"PK\x03\x04": ArchiveSource,
    b"PK\x05\x06": ArchiveSource,
}


def open_source(path: str | os.PathLike[str], **options: Any) -> Source:
    """Return the source that a path is: a folder, archive, database, or single file.

    Parameters
    ----------
    path : str or path-like
        A folder; a file of SQLite, Parquet, zip or ``.npz``; or any file `spectralfm.io` reads.
    **options
        Of `FolderSource`, `ArchiveSource`, `NpzSource`, `SQLiteSource` or `ParquetSource`; None is
        as if an option were not given.

    Returns
    -------
    source
        The source.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    ValueError
        If it is damaged, or an option is not one of this kind of source.
    """
    kind = source_kind(path)
    given = {key: value for key, value in options.items() if value is not None}
    unknown = set(given) - set(inspect.signature(kind).parameters)
    if unknown:
        raise ValueError(f"{path}: {min(unknown)} is no option of a {kind.__name__}.")
    return kind(path, **given)


def source_kind(path: str | os.PathLike[str]) -> type:
    """Return the class of the source that a path is, told by its first bytes.

    Parameters
    ----------
    path : str or path-like
        A folder or file.

    Returns
    -------
    type
        `FolderSource`, `ArchiveSource`, `NpzSource`, `SQLiteSource` or `ParquetSource`.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    if path.is_dir():
        return FolderSource
    with open(path, "rb") as file:
        head = file.read(16)
    kind = next((k for start, k in BEGINNINGS.items() if head.startswith(start)), FolderSource)
    return NpzSource if kind is ArchiveSource and path.suffix == ".npz" else kind
