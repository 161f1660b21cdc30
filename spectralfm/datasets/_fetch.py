"""Find an original set on this machine or download it, and prove that it is the right one."""

import hashlib
import http.client
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ._download import download, unzip, write_atomically
from ._npz import load_npz_pair


def fetch(
    name: str,
    *,
    url: str,
    member: str,
    parse: Callable[[bytes], Bunch],
    digest: str,
    data_home: str | os.PathLike[str] | None,
    download_if_missing: bool,
) -> Bunch:
    """Return a set from ``SPECTRALFM_DATA``, else from the cache, else from the network.

    Parameters
    ----------
    name : str
        Name of the set: ``SPECTRALFM_DATA/transfer/<name>.npz`` holds it.
    url : str
        Address of the zip archive of the original file.
    member : str
        Name of the original file in the archive and in the cache.
    parse : callable
        Makes the set of the bytes of the original file.
    digest : str
        What `array_digest` of the set must be.
    data_home : path-like, optional
        Cache folder.
    download_if_missing : bool
        Whether the network may be used.

    Returns
    -------
    Bunch
        The set.

    Raises
    ------
    FileNotFoundError
        If the set is nowhere; the message lists every place searched.
    ValueError
        If a file is damaged or holds other values than the original.
    """
    searched = []
    folder = os.environ.get("SPECTRALFM_DATA", "")
    if folder:
        npz = Path(folder) / "transfer" / f"{name}.npz"
        if npz.is_file():
            return _proven(load_npz_pair(npz), digest, npz)
        searched.append(f"{npz} (SPECTRALFM_DATA)")
    else:
        searched.append("SPECTRALFM_DATA (not set)")
    cached = cache_folder(data_home) / member
    if cached.is_file():
        return _proven(_parsed(parse, cached.read_bytes(), cached), digest, cached)
    searched.append(f"{cached} (cache)")
    if os.environ.get("SPECTRALFM_OFFLINE", "0") not in ("", "0"):
        searched.append(f"{url} (not tried: SPECTRALFM_OFFLINE is set)")
    elif not download_if_missing:
        searched.append(f"{url} (not tried: download_if_missing is False)")
    else:
        try:
            archive = download(url, label=member)
        except (OSError, http.client.HTTPException) as error:
            searched.append(f"{url} (failed: {error})")
        else:
            original = unzip(archive, member)
            found = _proven(_parsed(parse, original, url), digest, url)
            _keep(cached, original)
            return found
    raise FileNotFoundError(
        f"The {name} set was not found. Searched:\n- "
        + "\n- ".join(searched)
        + f"\nDownload {url} on another machine and put {member} from it at {cached}."
    )


def cache_folder(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return ``data_home``, else ``SPECTRALFM_CACHE``, else ``~/.cache/spectralfm``."""
    return Path(
        data_home or os.environ.get("SPECTRALFM_CACHE") or Path.home() / ".cache" / "spectralfm"
    ).expanduser()


def array_digest(data: Bunch) -> str:
    """Return the SHA-256 of spectra, axis and reference values as little-endian float32.

    Parameters
    ----------
    data : Bunch
        With ``spectra``, ``wavelengths`` and ``y``.

    Returns
    -------
    str
        Hexadecimal digest, the same for every file format that holds the same values.
    """
    digest = hashlib.sha256()
    arrays = [*sorted(data.spectra.items()), ("wavelengths", data.wavelengths), ("y", data.y)]
    for name, array in arrays:
        digest.update(f"{name} {np.shape(array)}".encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()


def _parsed(parse: Callable[[bytes], Bunch], content: bytes, where: object) -> Bunch:
    """Return the set, or say where the bytes that hold none come from."""
    try:
        return parse(content)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _keep(path: Path, content: bytes) -> None:
    """Write to the cache; a full or read-only disk costs a warning, not the data."""
    try:
        write_atomically(path, content)
    except OSError as error:
        warnings.warn(
            f"{path} could not be written ({error}), so the file will be downloaded again next "
            "time. Free the disk, or set SPECTRALFM_CACHE to a folder you may write to."
        )


def _proven(data: Bunch, expected: str, where: object) -> Bunch:
    """Return the set if its values are those of the original."""
    found = array_digest(data)
    if found != expected:
        raise ValueError(
            f"{where} holds other values than the original: SHA-256 of the arrays is {found}, "
            f"expected {expected}. Delete the file and fetch it again."
        )
    return data
