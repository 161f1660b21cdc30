"""Fetch a file from the network, open the zip archive it comes in, and store it."""

import io
import os
import secrets
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

LARGEST_FILE = 100 * 2**20
"""Bytes; the real files have 1 to 7 MB."""

LARGEST_RATIO = 1000
"""Spectra compress by 1 to 10; a larger ratio is an archive made to fill the memory."""

BYTES_AT_ONCE = 2**16
SECONDS_TO_WAIT = 8
"""For an answer and for each piece of the file: where there is no network, it must show soon."""


def download(url: str, *, label: str) -> bytes:
    """Return what is at the address, with a progress bar on a terminal.

    Parameters
    ----------
    url : str
        The address.
    label : str
        What the progress bar says.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    OSError
        If the address cannot be reached, or the connection breaks.
    ValueError
        If the file is larger than 100 MB.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "spectralfm"})
    content = bytearray()
    with urllib.request.urlopen(request, timeout=SECONDS_TO_WAIT) as answer:
        total = int(answer.headers.get("Content-Length") or 0) or None
        with tqdm(total=total, desc=label, unit="B", unit_scale=True, disable=None) as bar:
            while chunk := answer.read(BYTES_AT_ONCE):
                content += chunk
                bar.update(len(chunk))
                if len(content) > LARGEST_FILE:
                    raise ValueError(f"{url} is larger than {LARGEST_FILE >> 20} MB: not the file.")
    if total is not None and len(content) < total:
        raise OSError(f"the connection broke after {len(content)} of {total} bytes")
    return bytes(content)


def unzip(archive: bytes, member: str) -> bytes:
    """Return one file of a zip archive; nothing is ever written to a path the archive names.

    Parameters
    ----------
    archive : bytes
        The archive.
    member : str
        Name of the file, in whatever folder.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        If the archive is damaged, names a path outside of itself, does not hold the file, or would
        grow beyond 100 MB or a thousandfold.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            for info in files.infolist():
                inside = inner_path(info)
                if inside.name != member or inside.parts[0] == "__MACOSX":
                    continue
                refuse_bomb(info)
                return files.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(
            f"The archive with {member} is damaged or not a zip file ({error}). Download it again; "
            "a login page of the network looks like this, too."
        ) from None
    raise ValueError(f"The archive does not hold {member}. The publisher may have changed it.")


def inner_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """Return the path of a file in an archive; raise if it leads out of the archive."""
    inside = PurePosixPath(info.filename.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        raise ValueError(f"The archive names a path outside of it: {info.filename!r}.")
    return inside


def refuse_bomb(info: zipfile.ZipInfo, largest: int = LARGEST_FILE) -> None:
    """Raise if a file of an archive would grow beyond ``largest`` bytes or a thousandfold."""
    if info.file_size > min(largest, LARGEST_RATIO * max(info.compress_size, 1)):
        raise ValueError(
            f"{info.filename} grows from {info.compress_size} to {info.file_size} "
            "bytes when unpacked: the archive is not the one expected."
        )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whenever the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
