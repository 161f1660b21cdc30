"""Samples measured on several instruments, from one .npz file."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ..axis import coarsest_spacing, common_axis, convert_axis, resample
from ..datasets import load_npz_pair
from ._paired_set import PairedSet, Rows, random_split
from ._task import Array


def npz_set(path: str | os.PathLike[str]) -> PairedSet:
    """Return what a file holds, in the layout of `spectralfm.datasets.load_npz_pair`.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    PairedSet
        The first instrument to the second by default, on the axis that all recorded, at the
        coarsest resolution among them. Samples of the
        split "test" are the test, or 3/8 of all are drawn for it if there is no such split.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not valid, holds no reference values, or has instruments that differ in
        channels without saying where these lie.

    Examples
    --------
    >>> from spectralfm.comparison import npz_set
    >>> npz_set("corn.npz").task("Protein", source="mp5", target="mp6")  # doctest: +SKIP
    """
    path = Path(path)
    pair = load_npz_pair(path)
    if pair.y is None:
        raise ValueError(f"{path} holds no reference values (array Y): nothing to calibrate.")
    try:
        spectra, wavenumbers = _on_one_axis(pair)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    instruments = list(spectra)
    split = random_split(len(pair.y))
    if "test" in pair.splits:
        test: Rows = pair.splits["test"]
        others = np.setdiff1d(np.arange(len(pair.y)), test)

        def split(seed: int) -> tuple[Rows, Rows]:
            return others, test

    return PairedSet(
        path.stem,
        spectra,
        pair.y,
        pair.target_names,
        [None] * len(pair.target_names),
        (instruments[0], instruments[1]),
        split,
        wavenumbers,
    )


def _on_one_axis(pair: Bunch) -> tuple[dict[str, Array], Array | None]:
    """Return the spectra on the axis that all instruments recorded, and it in cm-1."""
    unit = "cm-1" if pair.wavelengths is None else "nm"
    axis = pair.wavenumbers if pair.wavelengths is None else pair.wavelengths
    if isinstance(axis, dict):
        shared = common_axis(*axis.values(), unit=unit)
        spacing = coarsest_spacing(shared, *axis.values())
        spectra = {
            i: resample(X, axis[i], shared, unit=unit, spacing=spacing)
            for i, X in pair.spectra.items()
        }
        return spectra, convert_axis(shared, unit, "cm-1")
    if len({X.shape[1] for X in pair.spectra.values()}) > 1:
        raise ValueError(
            "the instruments differ in channels, and the file does not say where these lie. Add "
            "axis_<instrument> and axis_unit."
        )
    return pair.spectra, None if axis is None else convert_axis(axis, unit, "cm-1")
