"""The open file of a corpus: its tables in memory, its spectra on disk, all checked."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...axis import UNITS
from ._layout import FORMAT, LABELS, ROWS, TABLES, damaged, import_h5py, read_array, table_digest


class Storage:
    """A corpus, opened for reading.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    attributes : dict
        Those of the file.
    offsets : ndarray of shape (n_spectra + 1,)
        Where each spectrum begins.
    labels : dict of str to list of str
        The texts that ``rows/...`` number.
    row_axis, row_label, axis_unit
        Numbers of the axis and the labels of each spectrum, and of the unit of each axis.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptCorpusError
        If the file is cut off, no corpus, or its tables do not have their checksum.
    """

    _file: Any
    _values: Any

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()
        try:
            self._load_tables()
        except BaseException:
            self.close()
            raise
        self._verified = np.zeros(self.n_blocks, dtype=bool)

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return len(self.offsets) - 1

    @property
    def n_blocks(self) -> int:
        """Number of blocks of 64 spectra; the last may be shorter."""
        return -(-self.n_spectra // ROWS)

    def block(self, block: int) -> NDArray[np.float32]:
        """Return the values of a block; its checksum is compared when it is first read.

        Raises
        ------
        CorruptCorpusError
            If it cannot be read, or its checksum differs.
        """
        first, last = block * ROWS, min((block + 1) * ROWS, self.n_spectra)
        try:
            values = self._values[self.offsets[first] : self.offsets[last]]
        except (OSError, RuntimeError) as error:
            raise damaged(self.path, f"block {block} cannot be read ({error})") from None
        if not self._verified[block]:
            found, expected = hashlib.sha256(values).digest(), self._digests[block].tobytes()
            if found != expected:
                raise damaged(
                    self.path,
                    f"block {block} (spectra {first} to {last - 1}) has SHA-256 {found.hex()}, but "
                    f"{expected.hex()} was written with it",
                )
            self._verified[block] = True
        return values

    def axis(self, k: int) -> NDArray[np.float64]:
        """Return an axis."""
        return self._axes[self._axis_offsets[k] : self._axis_offsets[k + 1]]

    def unit(self, k: int) -> str:
        """Return the unit of an axis."""
        return UNITS[self.axis_unit[k]]

    def id(self, row: int) -> str:
        """Return the name of a spectrum."""
        return self._ids[self._id_offsets[row] : self._id_offsets[row + 1]].tobytes().decode()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_values": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        h5py = import_h5py()
        if not self.path.is_file():
            raise FileNotFoundError(f"There is no file {self.path}.")
        self._file = None
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise damaged(self.path, f"it is cut off or no HDF5 file ({error})") from None
        if self._file.attrs.get("format") != FORMAT:
            self.close()
            raise damaged(self.path, f"it is no {FORMAT}")
        self._values = read_array(self._file, "values", self.path)

    def _load_tables(self) -> None:
        """Load all but the spectra, and compare the checksum."""
        try:
            tables = {name: read_array(self._file, name, self.path)[()] for name in TABLES}
            self.attributes = dict(self._file.attrs)
        except (OSError, RuntimeError) as error:
            raise damaged(self.path, f"its tables cannot be read ({error})") from None
        found, expected = table_digest(tables), self.attributes.get("digest")
        if found != expected:
            what = f"the tables have SHA-256 {found}, but {expected} was written with them"
            raise damaged(self.path, what)
        self.offsets: NDArray[np.int64] = tables["offsets"]
        self.labels = {name: json.loads(tables[f"labels/{name}"].tobytes()) for name in LABELS}
        self.row_label = {name: tables[f"rows/{name}"] for name in LABELS}
        self.row_axis: NDArray[np.int32] = tables["rows/axis"]
        self.axis_unit: NDArray[np.uint8] = tables["axes/unit"]
        self._axes, self._axis_offsets = tables["axes/values"], tables["axes/offsets"]
        self._ids, self._id_offsets = tables["ids/bytes"], tables["ids/offsets"]
        self._digests = tables["digests"]
        if self._values.shape != (self.offsets[-1],) or self._values.dtype != np.float32:
            raise damaged(self.path, f"values have shape {self._values.shape}")
