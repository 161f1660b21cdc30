"""Put the parts of a build together into the HDF5 file of a corpus."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...axis import UNITS
from ._layout import FORMAT, LABELS, ROWS, import_h5py, packed_texts, table_digest
from ._parts import Parts

SMALLEST_CHUNK, LARGEST_CHUNK = 1 << 10, 1 << 20


def assemble(path: Path, parts: Parts, metas: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the corpus, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    parts : Parts
        The parts.
    metas : list of dict
        What each of them says of its spectra.

    Returns
    -------
    dict
        Attributes of the file.

    Raises
    ------
    OSError
        If the disk is full; the parts stay, and nothing is at ``path``.
    """
    h5py = import_h5py()
    lengths = np.asarray([n for meta in metas for n in meta["rows"]["length"]], dtype=np.int64)
    tables = _tables(metas, lengths)
    n_values = int(lengths.sum())
    hasher = _BlockHasher()
    axes = _Axes()
    chunk = ROWS * int(np.median(lengths)) if len(lengths) else SMALLEST_CHUNK
    chunk = min(max(chunk, SMALLEST_CHUNK), LARGEST_CHUNK, n_values)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with h5py.File(temporary, "x", libver="latest", track_order=False) as file:
            values = file.create_dataset(
                "values", (n_values,), np.float32, chunks=(chunk,), track_times=False
            )
            at, row_axes = 0, []
            for part, meta in zip(parts.paths, metas, strict=True):
                with np.load(part, allow_pickle=False) as arrays:
                    data, part_axes = arrays["values"], arrays["axes"]
                    numbers = axes.add(part_axes, arrays["axis_lengths"], meta["units"])
                values[at : at + len(data)] = data
                at += len(data)
                hasher.update(data, np.asarray(meta["rows"]["length"], dtype=np.int64))
                row_axes.append(numbers[np.asarray(meta["rows"]["axis"], dtype=np.int64)])
            tables["rows/axis"] = np.concatenate([*row_axes, np.empty(0, np.int32)]).astype("i4")
            tables |= axes.tables()
            tables["digests"] = hasher.digests()
            for name, array in tables.items():
                file.create_dataset(name, data=array, track_times=False)
            attributes = {
                "format": FORMAT,
                "spectralfm": __version__,
                "n_spectra": len(lengths),
                "n_bad": sum(len(meta["bad"]) for meta in metas),
                "n_duplicates": sum(meta["counts"]["duplicates"] for meta in metas),
                "n_excluded": sum(meta["counts"]["excluded"] for meta in metas),
                "digest": table_digest(tables),
            }
            file.attrs.update(attributes)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return attributes


def _tables(metas: list[dict[str, Any]], lengths: NDArray[np.int64]) -> dict[str, NDArray]:
    """Return what is known of the rows."""
    tables: dict[str, NDArray] = {"offsets": np.concatenate([[0], np.cumsum(lengths)]).astype("i8")}
    for label in LABELS:
        texts = [text for meta in metas for text in meta["rows"][label]]
        known = {text: k for k, text in enumerate(dict.fromkeys(texts))}
        tables[f"rows/{label}"] = np.asarray([known[text] for text in texts], dtype=np.int32)
        encoded = json.dumps(list(known), ensure_ascii=False).encode()
        tables[f"labels/{label}"] = np.frombuffer(encoded, np.uint8)
    ids = [text for meta in metas for text in meta["rows"]["id"]]
    tables["ids/bytes"], tables["ids/offsets"] = packed_texts(ids)
    return tables


class _Axes:
    """All axes, each once."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, bytes], int] = {}

    def add(self, flat: NDArray, lengths: NDArray, units: list[str]) -> NDArray[np.int32]:
        """Return the numbers of the axes of a part."""
        axes = np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []
        return np.asarray(
            [
                self.known.setdefault((unit, axis.tobytes()), len(self.known))
                for unit, axis in zip(units, axes, strict=True)
            ],
            dtype=np.int32,
        )

    def tables(self) -> dict[str, NDArray]:
        """Return them as arrays."""
        axes = [np.frombuffer(data, np.float64) for _, data in self.known]
        ends = np.cumsum([len(axis) for axis in axes], dtype=np.int64)
        return {
            "axes/values": np.concatenate([*axes, np.empty(0)]),
            "axes/offsets": np.concatenate([[0], ends]).astype("i8"),
            "axes/unit": np.asarray([UNITS.index(unit) for unit, _ in self.known], dtype=np.uint8),
        }


class _BlockHasher:
    """SHA-256 of the values of every 64 spectra, whatever parts they come in."""

    def __init__(self) -> None:
        self.found: list[bytes] = []
        self.current = hashlib.sha256()
        self.n_rows = 0

    def update(self, values: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        """Go on with the spectra of a part."""
        ends = np.concatenate([[0], np.cumsum(lengths)])
        row = 0
        while row < len(lengths):
            following = min(row + ROWS - self.n_rows, len(lengths))
            self.current.update(np.ascontiguousarray(values[ends[row] : ends[following]]).data)
            self.n_rows += following - row
            row = following
            if self.n_rows == ROWS:
                self._close()

    def digests(self) -> NDArray[np.uint8]:
        """Return a digest a block."""
        if self.n_rows:
            self._close()
        return np.frombuffer(b"".join(self.found), np.uint8).reshape(-1, 32)

    def _close(self) -> None:
        self.found.append(self.current.digest())
        self.current, self.n_rows = hashlib.sha256(), 0
