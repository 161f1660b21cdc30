"""ASD FieldSpec, ``.asd``: a header of 484 bytes, the spectrum, the white reference."""

import os
import struct
from pathlib import Path

import numpy as np

from ._spectra import Spectra, checked, corrupt, read_bytes
from ._unit import resolve_unit

HEADER = 484
REFERENCE_HEADER = 20
"""Bytes between spectrum and reference, before the description: flag, two times, its length."""

QUANTITIES = {
    0: "raw counts", 1: "reflectance", 2: "radiance", 3: "no unit", 4: "irradiance",
    5: "quality index", 6: "transmittance", 7: "unknown", 8: "absorbance",
}  # fmt: skip
NUMBERS = {0: "<f4", 1: "<i4", 2: "<f8"}


def read_asd(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    r"""Read a spectrum of an ASD spectroradiometer, file versions 1 to 8.

    Where the file holds a white reference :math:`w` and its data are raw counts :math:`s` or
    reflectance, the result is the reflectance :math:`s / w`; both are recorded as counts at the
    same gain and integration time.

    Parameters
    ----------
    path : str or path-like
        The file.
    unit : {"nm"}, optional
        Must agree with the format.

    Returns
    -------
    Spectra
        ``metadata``: ``quantity``, ``version``, ``instrument`` (its number), ``comment``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If the header is not one of ASD or contradicts itself, or the file is too short; the message
        names the byte.

    References
    ----------
    .. [1] ASD Inc., "ASD File Format: version 8", document 600596 (2011).

    Examples
    --------
    >>> import os, struct, tempfile
    >>> import numpy as np
    >>> from spectralfm.io import read_asd
    >>> data = bytearray(484)
    >>> data[:3], data[186], data[199] = b"as7", 2, 2  # version 7, radiance, 8-byte numbers
    >>> struct.pack_into("<2f", data, 191, 350.0, 1.0)
    >>> struct.pack_into("<H", data, 204, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "leaf.asd")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(data + np.asarray([0.25, 0.5, 0.75]).tobytes())
    ...     spectra = read_asd(path)
    >>> spectra.X, spectra.axis, spectra.metadata["quantity"]
    (array([[0.25, 0.5 , 0.75]]), array([350., 351., 352.]), 'radiance')
    """
    path = Path(path)
    data = read_bytes(path)
    if not is_asd(data):
        raise corrupt(path, "byte 0", "it does not begin with 'ASD' or 'as' and a version")
    if len(data) < HEADER:
        raise corrupt(path, f"byte {len(data)}", f"the header of {HEADER} bytes is cut off")
    version = 1 if data[:3] == b"ASD" else data[2] - ord("0")
    kind, start, step = data[186], *struct.unpack_from("<2f", data, 191)
    coding, n_channels = data[199], struct.unpack_from("<H", data, 204)[0]
    if coding not in NUMBERS:
        raise corrupt(path, "byte 199", f"{coding} is no format of numbers")
    if kind not in QUANTITIES:
        raise corrupt(path, "byte 186", f"{kind} is no type of data")
    if not (n_channels > 1 and np.isfinite([start, step]).all() and step > 0):
        what = f"{n_channels} channels from {start:g} by {step:g} nm are no axis"
        raise corrupt(path, "byte 191", what)
    dtype = np.dtype(NUMBERS[coding])
    spectrum = _array(data, HEADER, dtype, n_channels, path)
    quantity = QUANTITIES[kind]
    at = HEADER + n_channels * dtype.itemsize
    if version > 1 and kind in (0, 1):
        if len(data) < at + REFERENCE_HEADER:
            raise corrupt(path, f"byte {len(data)}", "the header of the reference is cut off")
        if struct.unpack_from("<H", data, at)[0]:
            length = struct.unpack_from("<H", data, at + 18)[0]
            at += REFERENCE_HEADER + length
            reference = _array(data, at, dtype, n_channels, path)
            if not reference.all():
                zero = at + int(np.flatnonzero(reference == 0)[0]) * dtype.itemsize
                raise corrupt(path, f"byte {zero}", "the white reference is zero")
            spectrum, quantity = spectrum / reference, "reflectance"
    axis = start + step * np.arange(n_channels)
    metadata = {
        "format": "asd",
        "quantity": quantity,
        "version": version,
        "instrument": struct.unpack_from("<H", data, 400)[0],
        "comment": data[3:160].split(b"\0")[0].decode("latin-1"),
    }
    found = resolve_unit(path, axis, unit=unit, allowed=("nm",))
    return checked(
        path, spectrum, axis, found, metadata,
        place=lambda k: f"byte {HEADER + k * dtype.itemsize}",
    )  # fmt: skip


def is_asd(data: bytes) -> bool:
    """Tell whether a file begins like one of ASD; text that begins with these letters does not."""
    begins = data[:3] in (b"ASD", *(b"as%d" % version for version in range(2, 9)))
    return begins and b"\0" in data[:HEADER]


def _array(data: bytes, at: int, dtype: np.dtype, n: int, path: Path) -> np.ndarray:
    """Return numbers at a byte, or say that the file ends before."""
    if len(data) < at + n * dtype.itemsize:
        what = f"{n} numbers from byte {at} on are cut off"
        raise corrupt(path, f"byte {len(data)}", what)
    return np.frombuffer(data, dtype, n, at).astype(np.float64)
