"""Thermo Galactic ``.spc``: a header and subfiles, each with 32 bytes before its numbers."""

import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._spectra import Spectra, checked, corrupt, read_bytes
from ._unit import resolve_unit

NEW, REVERSED, OLD = 0x4B, 0x4C, 0x4D
HEADER = {NEW: 512, REVERSED: 512, OLD: 224}
SUBHEADER = 32
SHORT, MULTI, OWN_X, LISTED_X = 0x01, 0x04, 0x40, 0x80
FLOATS = -128
"""Exponent that marks floating-point ordinates."""

X_TYPES = {0: (), 1: ("cm-1",), 2: ("um",), 3: ("nm",), 13: ("cm-1",)}
RAMAN_SHIFT = 13
Y_TYPES = {
    0: "arbitrary intensity", 1: "interferogram", 2: "absorbance", 3: "Kubelka-Munk", 4: "counts",
    10: "log(1/R)", 11: "percent", 12: "intensity", 13: "relative intensity", 128: "transmission",
    129: "reflectance", 130: "single beam", 131: "emission",
}  # fmt: skip


class Header(NamedTuple):
    """What the header says."""

    order: str
    flags: int
    exponent: int
    n_points: int
    first: float
    last: float
    n_subfiles: int
    x_type: int
    y_type: int
    comment: str


def read_spc(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    r"""Read spectra from an SPC file.

    Integer ordinates :math:`m` stand for :math:`m\,2^{e - 32}` (short ones for
    :math:`m\,2^{e - 16}`); the exponent :math:`e` is that of the file, or of the subfile where
    there are several.

    Parameters
    ----------
    path : str or path-like
        The file: version 0x4B (little-endian), 0x4C (big-endian) or 0x4D (before 1996).
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the axis, for files with an arbitrary one.

    Returns
    -------
    Spectra
        One row a subfile, in the order of the file; ``metadata``: ``quantity``, ``comment``,
        ``modality`` for Raman shifts.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If the file is cut off or its header contradicts itself; the message names the byte.
    ValueError
        If the axis is none of wavelength or wavenumber, or the subfiles have different axes.

    Notes
    -----
    Shimadzu and OceanView use the same suffix for other formats, which are not read. Version 0x4D
    does not say how many subfiles there are: one cut off between two of them reads as fewer.

    References
    ----------
    .. [1] Galactic Industries, "The Universal Data Format Specification" (1997).

    Examples
    --------
    >>> import os, struct, tempfile
    >>> import numpy as np
    >>> from spectralfm.io import read_spc
    >>> head = struct.pack("<4bI2dI2B", 0, 0x4B, 0, -128, 3, 400.0, 402.0, 1, 1, 2)
    >>> y = np.asarray([0.25, 0.5, 0.75], dtype="<f4")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "film.spc")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(head.ljust(512 + 32, b"\0") + y.tobytes())
    ...     spectra = read_spc(path)
    >>> spectra.X, spectra.axis, spectra.unit, spectra.metadata["quantity"]
    (array([[0.25, 0.5 , 0.75]]), array([400., 401., 402.]), 'cm-1', 'absorbance')
    """
    path = Path(path)
    data = read_bytes(path)
    if not is_spc(data):
        raise corrupt(path, "byte 1", "it is no SPC file of version 0x4B, 0x4C or 0x4D")
    header = _header(data, path)
    if header.x_type not in X_TYPES:
        raise ValueError(f"{path}: its axis is of type {header.x_type}: no vibrational spectrum.")
    axes, rows = _subfiles(header, data, path)
    if any(not np.array_equal(axis, axes[0]) for axis in axes):
        raise ValueError(f"{path} holds {len(axes)} spectra on different axes. Split the file.")
    metadata: dict[str, Any] = {
        "format": "spc",
        "quantity": Y_TYPES.get(header.y_type, f"type {header.y_type}"),
        "comment": header.comment,
    }
    if header.x_type == RAMAN_SHIFT:
        metadata["modality"] = "Raman"
    found = resolve_unit(path, axes[0], unit=unit, allowed=X_TYPES[header.x_type])
    return checked(path, np.vstack(rows), axes[0], found, metadata)


def is_spc(data: bytes) -> bool:
    """Tell whether a file begins like an SPC file; text may, too."""
    return data[1:2] in (b"\x4b", b"\x4c", b"\x4d") and any(
        byte < 9 for byte in data[: HEADER[OLD]]
    )


def _header(data: bytes, path: Path) -> Header:
    """Parse and check the header."""
    version = data[1]
    if len(data) < HEADER[version] + SUBHEADER:
        raise corrupt(path, f"byte {len(data)}", "the header is cut off")
    if version == OLD:
        exponent, points, first, last, x_type, y_type = struct.unpack_from("<h3f2B", data, 2)
        n_points = int(points) if np.isfinite(points) else 0
        order, n_subfiles, comment = "<", 0, data[64:194]
    else:
        order = "<" if version == NEW else ">"
        layout = f"{order}bI2dI2B"
        exponent, n_points, first, last, n_subfiles, x_type, y_type = struct.unpack_from(
            layout, data, 3
        )
        comment = data[88:218]
    if not data[0] & MULTI:
        n_subfiles = 1
    listed = data[0] & (LISTED_X | OWN_X)
    if not listed and not (n_points > 1 and np.isfinite([first, last]).all() and first != last):
        raise corrupt(path, "byte 4", f"{n_points} points from {first:g} to {last:g} are no axis")
    if not data[0] & OWN_X and 2 * n_points > len(data):  # no coding takes less than two bytes
        raise corrupt(path, f"byte {len(data)}", f"{n_points} points are stated")
    text = comment.split(b"\0")[0].decode("latin-1").strip()
    return Header(order, data[0], exponent, n_points, first, last, n_subfiles, x_type, y_type, text)


def _subfiles(header: Header, data: bytes, path: Path) -> tuple[list, list]:
    """Return the axis and the ordinates of each subfile."""
    at = HEADER[data[1]]
    shared = np.linspace(
        header.first, header.last, header.n_points if not header.flags & OWN_X else 2
    )
    real = np.dtype(f"{header.order}f4")
    if header.flags & LISTED_X and not header.flags & OWN_X:
        shared, at = _array(data, at, real, header.n_points, path)
    axes: list[NDArray] = []
    rows: list[NDArray] = []
    while len(rows) < header.n_subfiles if header.n_subfiles else at < len(data):
        if len(data) < at + SUBHEADER:
            what = f"subfile {len(rows)} of {header.n_subfiles or 'several'} is cut off"
            raise corrupt(path, f"byte {len(data)}", what)
        exponent = header.exponent
        own_exponent, own_points = struct.unpack_from(f"{header.order}xb14xI", data, at)
        if header.flags & MULTI and exponent != FLOATS:
            exponent = own_exponent
        at += SUBHEADER
        axis = shared
        if header.flags & OWN_X:
            axis, at = _array(data, at, real, own_points, path)
        coding = "f4" if exponent == FLOATS else "i2" if header.flags & SHORT else "i4"
        y, at = _array(data, at, np.dtype(header.order + coding), len(axis), path)
        if coding == "i4" and data[1] == OLD:
            y = y.view("<u2").reshape(-1, 2)[:, ::-1].copy().view("<i4").ravel()
        scale = 1.0 if coding == "f4" else 2.0 ** (exponent - 8 * y.itemsize)
        axes.append(axis.astype(np.float64))
        rows.append(scale * y.astype(np.float64))
    if not rows:
        raise corrupt(path, f"byte {at}", "there is no subfile")
    return axes, rows


def _array(data: bytes, at: int, dtype: np.dtype, n: int, path: Path) -> tuple[NDArray, int]:
    """Return numbers at a byte and the byte after them, or say that the file ends before."""
    end = at + n * dtype.itemsize
    if len(data) < end:
        raise corrupt(path, f"byte {len(data)}", f"{n} numbers from byte {at} on are cut off")
    return np.frombuffer(data, dtype, n, at), end
