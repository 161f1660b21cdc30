"""Sources: folders of files, and zip archives of them."""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from ...axis import UNITS
from ...io import Spectra, read_spectra
from .._download import inner_path, refuse_bomb
from ._record import UNSTATED, Item, Record, Source

UNPACKING = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises on damaged, encrypted or exotic members."""

LARGEST_GROWTH = 1000
"""Ratio beyond which an archive is made to fill the memory."""


class FolderSource(Source):
    """All files of a folder and the folders in it, or a single file, read by `spectralfm.io`.

    Parameters
    ----------
    path : str or path-like
        The folder, or a file.
    name, licence, modality : str, optional
        As in `Source`.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the axes of files that do not state it.
    pattern : str
        Which files, as ``"*.jdx"``; others are not looked at.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If no file fits the pattern.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
        unit: str | None = None,
        pattern: str = "*",
    ) -> None:
        super().__init__(path, name=name, licence=licence, modality=modality)
        self.unit = check_unit(unit)
        self.pattern = pattern
        if self.path.is_file():
            self._files = [self.path]
        else:
            self._files = sorted(_files(self.path, pattern))
        if not self._files:
            raise ValueError(f"{self.path} holds no file {pattern}.")

    def __len__(self) -> int:
        return len(self._files)

    def _items(self, start: int) -> Iterator[Item]:
        """Yield what the files hold, in the order of their names."""
        for i in range(start, len(self)):
            file = self._files[i]
            yield file_item(self, file, self._label(file), i + 1)

    def _options(self) -> str:
        listing = "\n".join(f"{self._label(f)} {f.lstat().st_size}" for f in self._files)
        return f"{self.unit} {self.pattern} {len(self)} {zlib.crc32(os.fsencode(listing)):08x}"

    def leave_out(self, *paths: Path) -> None:
        """Leave out files and folders: what the corpus itself is written to.

        Parameters
        ----------
        *paths : Path
            They may not exist.
        """
        resolved = [path.resolve() for path in paths]
        self._files = [
            file
            for file in self._files
            if not any(file.resolve().is_relative_to(path) for path in resolved)
        ]

    def _label(self, file: Path) -> str:
        return file.name if self.path.is_file() else file.relative_to(self.path).as_posix()


class ArchiveSource(Source):
    """All files of a zip archive, such as those of RRUFF, read by `spectralfm.io`.

    Parameters
    ----------
    path : str or path-like
        The archive. Its files are unpacked one by one under their bare names.
    name, licence, modality : str, optional
        As in `Source`.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the axes of files that do not state it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no zip archive, or one that names paths outside of itself or grows a thousandfold;
        nothing of it is then unpacked.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        licence: str = UNSTATED,
        modality: str | None = None,
        unit: str | None = None,
    ) -> None:
        super().__init__(path, name=name, licence=licence, modality=modality)
        self.unit = check_unit(unit)
        self._members = _members(self.path)

    def _options(self) -> str:
        return f"{self.unit}"

    def __len__(self) -> int:
        return len(self._members)

    def _items(self, start: int) -> Iterator[Item]:
        """Yield what the files hold, in the order of their names."""
        with zipfile.ZipFile(self.path) as archive, tempfile.TemporaryDirectory() as folder:
            for i in range(start, len(self)):
                info = self._members[i]
                file = Path(folder) / inner_path(info).name
                try:
                    file.write_bytes(archive.read(info))
                except UNPACKING as error:
                    yield Item(info.filename, None, f"cannot be unpacked ({error})", i + 1)
                    continue
                item = file_item(self, file, info.filename, i + 1)
                yield item._replace(reason=item.reason.replace(str(file), info.filename))
                file.unlink()


def file_item(source: FolderSource | ArchiveSource, file: Path, label: str, following: int) -> Item:
    """Read one file; what is wrong with it becomes the reason why it is bad."""
    try:
        spectra = read_with_unit(file, source.unit)
    except (ValueError, OSError) as error:
        return Item(label, None, str(error), following)
    metadata = spectra.metadata
    ids = [f"{label} {each}".strip() for each in metadata.get("ids", [""] * len(spectra.X))]
    record = Record(
        spectra.X,
        spectra.axis,
        spectra.unit,
        source.modality or metadata.get("modality"),
        metadata.get("quantity") or UNSTATED,
        source.name,
        ids,
    )
    return Item(label, record, "", following)


def read_with_unit(file: Path, unit: str | None) -> Spectra:
    """Read a file; the unit is only for those that do not state theirs."""
    if unit is None:
        return read_spectra(file)
    try:
        return read_spectra(file)
    except ValueError as error:
        if "pass unit=" not in str(error):
            raise
        return read_spectra(file, unit=unit)


def check_unit(unit: str | None) -> str | None:
    """Return a unit, or say which there are."""
    if unit is not None and unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(map(repr, UNITS))}, not {unit!r}.")
    return unit


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield all that is no folder, broken links included; links to folders are not followed."""

    def give_up(error: OSError) -> None:
        raise error

    for root, _, names in os.walk(folder, onerror=give_up):
        yield from (Path(root) / name for name in names if fnmatch(name, pattern))


def _members(path: Path) -> list[zipfile.ZipInfo]:
    """Return the files of an archive in the order of their names, or refuse it as a whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except UNPACKING as error:
        raise ValueError(f"{path} is damaged or not a zip archive ({error}).") from None
    try:
        for info in infos:
            inner_path(info)
            refuse_bomb(info)
    except ValueError as error:
        raise ValueError(f"{path}: {error} Nothing of it was unpacked.") from None
    total = sum(info.file_size for info in infos)
    if total > LARGEST_GROWTH * path.stat().st_size:
        raise ValueError(f"{path} would grow to {total} bytes: nothing of it was unpacked.")
    return sorted((i for i in infos if not i.is_dir()), key=lambda info: info.filename)
