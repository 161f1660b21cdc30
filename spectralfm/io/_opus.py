"""Bruker OPUS: ``.0``, ``.1`` ..., read with brukeropus once the blocks are known to be whole."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ._spectra import Spectra, checked, corrupt, missing_library, read_bytes
from ._unit import resolve_unit

MAGIC = b"\n\n\xfe\xfe"
HEADER, ENTRY = 24, 12

RESULTS = ("a", "t", "r", "km", "logr", "atr", "ra", "pas", "e", "pw", "arit", "dir", "sm", "rf")
"""Blocks that hold a spectrum, a result before what it was computed from."""

UNITS = {"WN": "cm-1", "MI": "um"}


def read_opus(
    path: str | os.PathLike[str], *, unit: str | None = None, block: str | None = None
) -> Spectra:
    """Read the spectrum of an OPUS file.

    Parameters
    ----------
    path : str or path-like
        The file.
    unit : {"cm-1", "um"}, optional
        Must agree with the file.
    block : str, optional
        Which data to read, by the name brukeropus gives them: ``"a"`` absorbance, ``"t"``
        transmittance, ``"r"`` reflectance, ``"ra"`` Raman, ``"sm"`` single beam of the sample ...
        By default the result that was stored last, or the single beam if there is none.

    Returns
    -------
    Spectra
        ``metadata``: ``quantity``, ``blocks`` (all data in the file), ``sample``, ``instrument``,
        and ``modality`` for Raman.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If brukeropus is not installed.
    CorruptSpectrumError
        If the file is cut off or a block contradicts itself; the message names the byte.
    ValueError
        If the file holds no spectrum, or not the one asked for.

    Examples
    --------
    A file that is no OPUS file is told:

    >>> import os, tempfile
    >>> from spectralfm.io import read_opus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "soil.0")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(b"something else")
    ...     try:
    ...         read_opus(path)
    ...     except ValueError as error:
    ...         print(str(error).split(": ")[2].split(".")[0])
    it does not begin like an OPUS file (0a 0a fe fe)
    """
    try:
        from brukeropus import read_opus as parse
    except ImportError:
        raise missing_library("brukeropus") from None
    path = Path(path)
    _check_blocks(read_bytes(path), path)
    file = parse(path)
    if file.parse_error_blocks:
        bad = file.parse_error_blocks[0]
        raise corrupt(path, f"byte {bad.start}", f"the block is not valid ({bad.parse_error})")
    found = {key: getattr(file, key) for key in file.all_data_keys}
    spectra = [key for key, data in found.items() if _is_spectrum(data)]
    if block is None:
        ranked = [key for result in RESULTS for key in spectra if key.split("_")[0] == result]
        block = ranked[0] if ranked else None
    if block is None or block not in spectra:
        names = ", ".join(spectra) or "none"
        raise ValueError(f"{path} holds no spectrum {block or ''}; its spectra are: {names}.")
    data = found[block]
    y = np.atleast_2d(np.asarray(data.y, dtype=np.float64))
    if block in file.series_keys:
        y = y * data.params.csf
    metadata: dict[str, Any] = {
        "format": "opus",
        "quantity": data.label.lower(),
        "block": block,
        "blocks": list(found),
        "sample": file.snm,
        "instrument": file.ins,
    }
    if block.split("_")[0] == "ra":
        metadata["modality"] = "Raman"
    stated = UNITS[data.params.dxu]
    return checked(
        path, y, data.x, resolve_unit(path, data.x, unit=unit, allowed=(stated,)), metadata
    )


def _is_spectrum(data: Any) -> bool:
    """Tell whether a block lies on an axis of wavenumbers or wavelengths."""
    return "dxu" in data.params.keys() and data.params.dxu in UNITS  # noqa: SIM118


def _check_blocks(data: bytes, path: Path) -> None:
    """Raise unless all blocks of the directory lie in the file and their parameters in them."""
    if data[:4] != MAGIC:
        raise corrupt(path, "byte 0", "it does not begin like an OPUS file (0a 0a fe fe)")
    if len(data) < HEADER:
        raise corrupt(path, f"byte {len(data)}", "the header is cut off")
    start, most, n_blocks = struct.unpack_from("<3i", data, 12)
    if not (start >= HEADER and 0 < n_blocks <= most and start + ENTRY * n_blocks <= len(data)):
        raise corrupt(
            path, "byte 12", f"a directory of {n_blocks} blocks at byte {start} is not in it"
        )
    for k in range(n_blocks):
        kind, words, at = struct.unpack_from("<3i", data, start + ENTRY * k)
        if at <= 0:
            break
        if words < 0 or at + 4 * words > len(data):
            what = f"block {k}, {4 * words} bytes from byte {at} on, is cut off"
            raise corrupt(path, f"byte {len(data)}", what)
        if kind >> 4 & 63:
            _check_parameters(data[: at + 4 * words], at, path)


def _check_parameters(data: bytes, at: int, path: Path) -> None:
    """Raise if a block of parameters would run in circles or out of its bounds."""
    while at + 8 <= len(data) and data[at : at + 3] != b"END":
        size = struct.unpack_from("<h", data, at + 6)[0]
        if size < 0 or at + 8 + 2 * size > len(data):
            raise corrupt(path, f"byte {at}", f"a parameter of {2 * size} bytes leaves its block")
        at += 8 + 2 * size
