"""What every reader returns, and how it says that a file is damaged."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import LARGEST_VALUE, check_values
from ..axis import check_axis

LARGEST_FILE = 1 << 30
"""Bytes of the largest file read whole: 1 GiB."""

_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")


class Spectra(NamedTuple):
    """Spectra of one file, on one axis.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra as the file records them, one a row: ``metadata["quantity"]`` says what.
    axis : ndarray of shape (n_channels,)
        Positions of the channels, ascending.
    unit : {"nm", "um", "cm-1"}
        Unit of the axis.
    metadata : dict
        ``format``; where the file says so ``quantity``, ``modality`` ("Raman", "MIR", "NIR"),
        ``ids`` (one name a spectrum); and the file's own header under its own names.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.io import Spectra
    >>> spectra = Spectra(np.ones((2, 3)), np.asarray([1100.0, 1102.0, 1104.0]), "nm", {})
    >>> spectra.X.shape, spectra.unit
    ((2, 3), 'nm')
    """

    X: NDArray[np.float64]
    axis: NDArray[np.float64]
    unit: str
    metadata: dict[str, Any]


class CorruptSpectrumError(ValueError):
    r"""A file of spectra is damaged; the message names the file and the line or byte.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import CorruptSpectrumError, read_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "cut.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("nm,R\n1100,1\n1102\n")
    ...     try:
    ...         read_text(path)
    ...     except CorruptSpectrumError as error:
    ...         print(str(error).split("cut.csv: ")[1])
    line 3: '1102' is not 2 numbers. Copy or export the file again, or leave it out.
    """


def corrupt(path: str | os.PathLike[str], place: str, what: str) -> CorruptSpectrumError:
    """Return the error of a damaged file: where, what, and what to do."""
    return CorruptSpectrumError(
        f"{path}: {place}: {what}. Copy or export the file again, or leave it out."
    )


def missing_library(name: str) -> ImportError:
    """Return the error of a reader whose optional library is not installed."""
    return ImportError(f'Reading this format needs {name}: pip install "spectralfm[io]".')


def read_bytes(path: Path) -> bytes:
    """Return the contents of a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If it is empty, or so large that it holds no spectra for this reader.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    size = path.stat().st_size
    if not size:
        raise corrupt(path, "byte 0", "the file is empty")
    if size > LARGEST_FILE:
        raise corrupt(path, f"byte {LARGEST_FILE}", "the file is larger than 1 GiB")
    return path.read_bytes()


def decode_text(data: bytes, path: str | os.PathLike[str]) -> str:
    """Return text in UTF-8, UTF-16 with a mark, or Latin-1; refuse binary data."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise corrupt(path, f"byte {error.start}", "not UTF-16 text") from None
    binary = _BINARY.search(data)
    if binary:
        what = f"binary data (0x{data[binary.start()]:02x}) in a text file"
        raise corrupt(path, f"byte {binary.start()}", what)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def checked(
    path: str | os.PathLike[str],
    X: ArrayLike,
    axis: ArrayLike,
    unit: str,
    metadata: dict[str, Any],
    *,
    place: Callable[[int], str] = "channel {}".format,
) -> Spectra:
    """Return spectra on an ascending axis, or say where they are damaged.

    Parameters
    ----------
    path : str or path-like
        The file, for the message.
    X : array-like of shape (n_channels,) or (n_samples, n_channels)
        Spectra.
    axis : array-like of shape (n_channels,)
        Positions in the order of the file.
    unit : {"nm", "um", "cm-1"}
        Unit of the positions.
    metadata : dict
        What else the file says.
    place : callable
        Says where in the file a channel stands.

    Returns
    -------
    Spectra
        With ascending axis.

    Raises
    ------
    CorruptSpectrumError
        If there are fewer than two channels, a value is not finite or exceeds 1e6, all values of a
        spectrum are zero, or the axis turns or repeats a position.
    ValueError
        If the axis cannot be in its unit.
    """
    values = np.atleast_2d(np.asarray(X, dtype=np.float64))
    positions = np.asarray(axis, dtype=np.float64)
    if positions.size < 2 or not len(values):
        raise corrupt(path, "end", f"it holds {values.shape[0]} x {positions.size} values")
    for array, what in ((positions[None], "position"), (values, "value")):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise corrupt(path, place(bad[0][1]), f"a {what} is {array[tuple(bad[0])]}")
    huge = np.argwhere(np.abs(values) > LARGEST_VALUE)
    if len(huge):
        value = values[tuple(huge[0])]
        raise corrupt(path, place(huge[0][1]), f"{value:.3g} is no value of a spectrum (above 1e6)")
    try:
        check_values(values)
    except ValueError as error:
        raise CorruptSpectrumError(f"{path}: {error}") from None
    steps = np.diff(positions)
    turned = np.flatnonzero(np.sign(steps) != np.sign(steps[0]) if steps[0] else steps == 0)
    if len(turned):
        k = turned[0] + 1
        what = "repeats" if steps[k - 1] == 0 else "turns"
        raise corrupt(path, place(k), f"the axis {what} at {positions[k]:g}")
    try:
        check_axis(positions, unit=unit)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if steps[0] < 0:
        positions, values = positions[::-1].copy(), values[:, ::-1].copy()
    return Spectra(values, positions, unit, metadata)
