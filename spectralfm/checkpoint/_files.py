"""Write a file so that it is there whole or not at all, whenever the power fails."""

import errno
import os
import secrets
import shutil
from pathlib import Path

_being_written: set[Path] = set()
"""Temporary files of this process, in any thread; all others are what a killed one left."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, force it to disk, then take the place of the file in one step.

    Parameters
    ----------
    path : Path
        The file. Its folder is made when missing.
    data : bytes
        What it shall hold.

    Raises
    ------
    OSError
        If the disk is full or refuses; the file is then as it was.
    """
    part = path.absolute().with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    _being_written.add(part)
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _force_to_disk(path.parent)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror or error} while writing {len(data) / 2**20:.3g} MB "
            f"({_room(path.parent)}). What was there before is intact: make room, or go elsewhere",
            str(path),
        ) from error
    finally:
        part.unlink(missing_ok=True)
        _being_written.discard(part)


def sweep(folder: Path, pattern: str = "*") -> None:
    """Delete the temporary files that killed processes left.

    Parameters
    ----------
    folder : Path
        Where to look; it may not exist.
    pattern : str
        Glob pattern of the names of the files they would have become.
    """
    for part in folder.absolute().glob(f".{pattern}.{'[0-9a-f]' * 8}.part"):
        if part not in _being_written:
            part.unlink(missing_ok=True)


def _force_to_disk(folder: Path) -> None:
    """Make the new name survive a power cut, which forcing the file alone does not."""
    if os.name == "nt":
        return  # Windows opens no folders, and writes names with the file.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems know no such thing
            raise
    finally:
        os.close(handle)


def _room(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 2**20:.3g} MB free"
    except OSError:
        return "free space unknown"
