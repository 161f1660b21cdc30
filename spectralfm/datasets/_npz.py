"""Sets of spectra that several instruments recorded of the same samples, as NumPy archives."""

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._validation import check_matrix
from ..axis import UNITS, check_axis, convert_axis

UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises on a damaged archive."""


def load_npz_pair(path: str | os.PathLike[str]) -> Bunch:
    """Load spectra of the same samples on two or more instruments from an ``.npz`` file.

    The file holds ``X_<instrument>`` (n_samples, n_channels) for each instrument, and optionally
    ``axis`` or ``axis_<instrument>`` with ``axis_unit`` ("nm", "um" or "cm-1"), ``Y`` with
    ``y_names``, ``sample_id`` and ``split``. Row i is the same sample in all of them.

    Parameters
    ----------
    path : str or path-like
        The file. Nothing in it is unpickled.

    Returns
    -------
    Bunch
        ``spectra``: dict of instrument to ndarray (n_samples, n_channels); ``wavelengths``
        (n_channels,) in nm, or ``wavenumbers`` in cm-1, as a dict of instrument to axis if the
        instruments differ, None if the file does not say; ``y`` (n_samples, n_targets) or None;
        ``target_names``; ``sample_ids`` (n_samples,); ``splits``: dict of name to rows;
        ``extras``: dict of all other arrays; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds no paired spectra, or a spectrum or an axis is not valid; the
        message names the file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from spectralfm.datasets import load_npz_pair
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "pair.npz")
    ...     np.savez(path, X_a=np.ones((2, 3)), X_b=np.ones((2, 4)), Y=[[1.0], [2.0]])
    ...     pair = load_npz_pair(path)
    >>> {name: X.shape for name, X in pair.spectra.items()}
    {'a': (2, 3), 'b': (2, 4)}
    """
    path = Path(path)
    arrays = _read(path)
    try:
        return _pair(arrays, path.name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, NDArray]:
    """Return every array of the file."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it holds a single array")
            with archive:
                return {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged or not an .npz file ({error}). Copy or download it again."
        ) from None


def _pair(arrays: dict[str, NDArray], name: str) -> Bunch:
    """Make the Bunch, taking the known arrays out of ``arrays``."""
    instruments = [key[2:] for key in arrays if key.startswith("X_")]
    if len(instruments) < 2:
        raise ValueError(
            f"holds spectra X_<instrument> of {len(instruments)} instruments, but a pair needs "
            f"two. Its arrays are {', '.join(arrays) or 'none'}."
        )
    spectra = {i: check_matrix(arrays.pop(f"X_{i}"), name=f"X_{i}") for i in instruments}
    rows = {i: len(X) for i, X in spectra.items()}
    n = rows[instruments[0]]
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{count} on {i}" for i, count in rows.items())
        raise ValueError(f"the instruments recorded different samples ({counts}): no pairs.")
    per_row = {
        key: arrays.pop(key) if key in arrays else None for key in ("Y", "sample_id", "split")
    }
    for key, values in per_row.items():
        if values is not None and len(values) != n:
            raise ValueError(f"{key} has {len(values)} rows, but there are {n} samples.")
    y = per_row["Y"]
    if y is not None:
        y = np.asarray(y, dtype=np.float64).reshape(n, -1)
    target_names = [str(target) for target in arrays.pop("y_names", [])]
    if y is not None and len(target_names) != y.shape[1]:
        target_names = [f"y{k}" for k in range(y.shape[1])]
    split = per_row["split"]
    splits = {} if split is None else {str(s): np.flatnonzero(split == s) for s in _in_order(split)}
    sample_ids = per_row["sample_id"]
    wavelengths, wavenumbers = _axes(arrays, spectra)
    shapes = ", ".join(f"{i} {X.shape[1]} channels" for i, X in spectra.items())
    return Bunch(
        spectra=spectra,
        wavelengths=wavelengths,
        wavenumbers=wavenumbers,
        y=y,
        target_names=target_names,
        sample_ids=np.arange(n) if sample_ids is None else sample_ids,
        splits=splits,
        extras=arrays,
        DESCR=f"{name}: {n} samples; {shapes}; {len(target_names)} reference values a sample.",
    )


def _in_order(labels: NDArray) -> list:
    """Return the distinct labels in the order they appear."""
    return list(dict.fromkeys(labels.tolist()))


def _axes(arrays: dict[str, NDArray], spectra: dict[str, NDArray]) -> tuple:
    """Return wavelengths and wavenumbers, None for the one the file does not hold."""
    unit = str(arrays.pop("axis_unit", "")).split(" ")[0]
    shared = arrays.pop("axis", None)
    axes = {i: arrays.pop(f"axis_{i}") if f"axis_{i}" in arrays else shared for i in spectra}
    if any(axis is None for axis in axes.values()):
        return None, None
    if unit not in UNITS:
        raise ValueError(f"axis_unit must be one of {UNITS}, not {unit!r}.")
    checked = {}
    for i, axis in axes.items():
        n_channels = spectra[i].shape[1]
        values = check_axis(np.asarray(axis), unit=unit, n_channels=n_channels, name=f"axis of {i}")
        checked[i] = convert_axis(values, unit, "nm") if unit == "um" else values
    first, *others = checked.values()
    same = all(np.array_equal(first, other) for other in others)
    found = first if same else checked
    return (None, found) if unit == "cm-1" else (found, None)
