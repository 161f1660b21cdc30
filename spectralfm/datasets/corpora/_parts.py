"""What a build has read so far, in files that are written whole or not at all.

A killed build leaves a folder of parts. Each holds the spectra read since the part before, and
where to go on; so the next build starts where the last part ends.
"""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._download import write_atomically
from ._record import Record

PLAN = "plan.json"
COLUMNS = ("modality", "quantity", "source", "licence")
HASH_BYTES = 16


class Cursor(NamedTuple):
    """Where to go on: which source, and where in it."""

    source: int = 0
    start: int = 0


class Part:
    """Spectra being collected; ``add`` them, then ``save``.

    The axes, of which there are few, are kept once a part.
    """

    def __init__(self) -> None:
        self.values: list[NDArray[np.float32]] = []
        self.axes: dict[tuple[str, bytes], int] = {}
        self.rows: dict[str, list[Any]] = {key: [] for key in ("axis", "length", *COLUMNS, "id")}
        self.hashes: list[bytes] = []
        self.bad: list[dict[str, str]] = []
        self.counts = {"items": 0, "duplicates": 0, "excluded": 0}
        self.n_values = 0

    def add(self, record: Record, row: int, modality: str, licence: str, checksum: bytes) -> None:
        """Add one spectrum of a record."""
        values = np.ascontiguousarray(record.X[row], dtype=np.float32)
        key = (record.unit, np.ascontiguousarray(record.axis, dtype=np.float64).tobytes())
        self.values.append(values)
        self.hashes.append(checksum)
        self.n_values += len(values)
        entry = (
            self.axes.setdefault(key, len(self.axes)), len(values), modality, record.quantity,
            record.source, licence, record.ids[row],
        )  # fmt: skip
        for column, value in zip(self.rows, entry, strict=True):
            self.rows[column].append(value)

    def save(self, path: Path, cursor: Cursor) -> None:
        """Write the part, whole or not at all."""
        meta = {
            "cursor": cursor,
            "rows": self.rows,
            "units": [unit for unit, _ in self.axes],
            "bad": self.bad,
            "counts": self.counts,
        }
        axes = [np.frombuffer(data, np.float64) for _, data in self.axes]
        buffer = io.BytesIO()
        np.savez(
            buffer,
            meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
            hashes=np.frombuffer(b"".join(self.hashes), np.uint8).reshape(-1, HASH_BYTES),
            values=np.concatenate([*self.values, np.empty(0, np.float32)]),
            axes=np.concatenate([*axes, np.empty(0)]),
            axis_lengths=np.asarray([len(axis) for axis in axes], dtype=np.int64),
        )
        write_atomically(path, buffer.getvalue())


class Parts:
    """The folder of parts of a build.

    Parameters
    ----------
    folder : Path
        The folder; made when missing.
    plan : dict
        What is built; kept with the parts.

    Raises
    ------
    ValueError
        If the folder belongs to another build.
    """

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.part"):  # what a killed build was writing
            left.unlink()
        content = json.dumps(plan, indent=1).encode()
        file = folder / PLAN
        if file.exists() and file.read_bytes() != content:
            raise ValueError(
                f"{folder} holds the beginning of another corpus: its sources, their options or "
                "their contents differ. Delete that folder to start anew."
            )
        write_atomically(file, content)
        self.paths = sorted(folder.glob("part-*.npz"))

    def meta(self, path: Path) -> dict[str, Any]:
        """Return what a part says of its spectra."""
        with np.load(path, allow_pickle=False) as part:
            return json.loads(part["meta"].tobytes())

    def cursor(self) -> Cursor:
        """Return where to go on."""
        return Cursor(*self.meta(self.paths[-1])["cursor"]) if self.paths else Cursor()

    def hashes(self) -> set[bytes]:
        """Return the checksums of all spectra so far."""
        found: set[bytes] = set()
        for path in self.paths:
            with np.load(path, allow_pickle=False) as part:
                found.update(row.tobytes() for row in part["hashes"])
        return found

    def append(self, part: Part, cursor: Cursor) -> None:
        """Write the next part."""
        path = self.folder / f"part-{len(self.paths):06d}.npz"
        part.save(path, cursor)
        self.paths.append(path)

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)


def checksum(unit: str, axis: NDArray[np.float64], values: NDArray[np.float32]) -> bytes:
    """Return what tells one spectrum from another: SHA-256 of axis and values, cut to 16 bytes."""
    digest = hashlib.sha256(unit.encode())
    digest.update(np.ascontiguousarray(axis, dtype=np.float64).data)
    digest.update(np.ascontiguousarray(values, dtype=np.float32).data)
    return digest.digest()[:HASH_BYTES]
