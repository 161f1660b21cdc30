"""The HDF5 file of a corpus: which arrays it holds, and their checksums.

::

    values         (n_values,) float32     all spectra, one after the other
    offsets        (n + 1,) int64          where each spectrum begins
    rows/axis      (n,) int32              number of its axis
    rows/modality, quantity, source, licence  (n,) int32   numbers of labels
    labels/...     texts, in UTF-8, as JSON
    ids/bytes, ids/offsets                 names of the spectra, in UTF-8
    axes/values, axes/offsets, axes/unit   all axes, one after the other, and their units
    digests        (n_blocks, 32) uint8    SHA-256 of the values of each block of 64 spectra

The attribute ``digest`` is the SHA-256 of all arrays but ``values``, whose checksums are in
``digests``.
"""

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "spectralfm corpus 1"
ROWS = 64
"""Spectra of a block."""

LABELS = ("modality", "quantity", "source", "licence")
TABLES = (
    "offsets", "rows/axis", *(f"rows/{label}" for label in LABELS),
    *(f"labels/{label}" for label in LABELS), "ids/bytes", "ids/offsets",
    "axes/values", "axes/offsets", "axes/unit", "digests",
)  # fmt: skip


class CorruptCorpusError(ValueError):
    """A corpus is damaged; the message names the file, the place and what was expected there."""


def import_h5py() -> Any:
    """Return h5py, or say how to install it."""
    try:
        import h5py
    except ImportError:
        what = 'A corpus is an HDF5 file, which needs h5py: pip install "spectralfm[corpus]".'
        raise ImportError(what) from None
    return h5py


def damaged(path: str | os.PathLike[str], what: str) -> CorruptCorpusError:
    """Return the error of a damaged corpus."""
    return CorruptCorpusError(f"{path}: {what}. Copy the file again, or build it again.")


def table_digest(tables: dict[str, NDArray]) -> str:
    """Return the SHA-256 of all arrays but the values, with their names and shapes."""
    digest = hashlib.sha256()
    for name in TABLES:
        array = np.ascontiguousarray(tables[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def packed_texts(texts: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return texts as bytes one after the other, and where each begins."""
    encoded = [text.encode("utf-8", "replace") for text in texts]  # names of files may be no text
    offsets = np.concatenate([[0], np.cumsum([len(data) for data in encoded], dtype=np.int64)])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets.astype(np.int64)


def read_array(file: Any, name: str, path: str | os.PathLike[str]) -> Any:
    """Return a dataset that lies in this file; links to other files are refused."""
    h5py = import_h5py()
    group = file
    *groups, last = name.split("/")
    for step in (*groups, last):
        if not isinstance(group, h5py.Group) or step not in group:
            raise damaged(path, f"it has no {name}")
        if not isinstance(group.get(step, getlink=True), h5py.HardLink):
            raise damaged(path, f"{name} is a link")
        group = group[step]
    if not isinstance(group, h5py.Dataset) or group.external or group.is_virtual:
        raise damaged(path, f"{name} does not lie in this file")
    return group
