"""Calibration, new spectra and standards of two instruments, from three CSV files."""

import os

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._csv import load_spectra_csv, with_references


def load_csv_pair(
    source_csv: str | os.PathLike[str],
    target_csv: str | os.PathLike[str],
    standards_csv: str | os.PathLike[str],
    *,
    unit: str | None = None,
    references_csv: str | os.PathLike[str] | None = None,
) -> Bunch:
    r"""Load what a transfer needs: calibration of the source, spectra of the target, standards.

    Parameters
    ----------
    source_csv : str or path-like
        Calibration spectra of the source instrument with their reference values, in the format of
        `load_spectra_csv`.
    target_csv : str or path-like
        Spectra of the target instrument to predict; with reference values, where known, to score
        the predictions.
    standards_csv : str or path-like
        Spectra that the target instrument recorded of samples in ``source_csv``: a row here and
        the row there with the same sample id are one standard. Other columns are not needed.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the channel positions in all three files, as in `load_spectra_csv`.
    references_csv : str or path-like, optional
        Reference values of samples of the source and, where known, of the target, by sample id, as
        in `load_spectra_csv`.

    Returns
    -------
    Bunch
        ``source`` and ``target``: what `load_spectra_csv` returns, ``target.y`` with the
        properties of the source in its order, NaN where not known, or None if the file has none of
        them; ``standards``: Bunch of ``source`` and ``target`` spectra (n_standards, n_channels),
        ``y`` (n_standards, n_properties), ``sample_ids``, and ``rows``, where in the source.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is not valid, the source has no properties, sample ids do not match or repeat,
        or standards and target spectra have different axes.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.datasets import load_csv_pair
    >>> files = {
    ...     "source": "sample;moisture;1100 nm;1102 nm\na;10,4;0,04;0,05\nb;11,0;0,06;0,08\n",
    ...     "target": "sample;1100 nm;1102 nm\nc;0,07;0,09\n",
    ...     "standards": "sample;1100 nm;1102 nm\nb;0,07;0,10\n",
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"{name}.csv") for name in files]
    ...     for path, text in zip(paths, files.values()):
    ...         with open(path, "w") as file:
    ...             _ = file.write(text)
    ...     pair = load_csv_pair(*paths)
    >>> pair.standards.source, pair.standards.target, pair.standards.y
    (array([[0.06, 0.08]]), array([[0.07, 0.1 ]]), array([[11.]]))
    """
    source = load_spectra_csv(source_csv, unit=unit, references_csv=references_csv)
    target = load_spectra_csv(target_csv, unit=unit)
    standards = load_spectra_csv(standards_csv, unit=unit)
    if source.y is None:
        raise ValueError(f"{source_csv}: no column of reference values, nothing to calibrate.")
    for axis in ("wavelengths", "wavenumbers"):
        if not _equal(target[axis], standards[axis]):
            raise ValueError(
                f"{standards_csv} and {target_csv} have different channels, but both hold spectra "
                "of the target instrument. Export them on one axis."
            )
    if references_csv is not None:
        target = with_references(target, references_csv, target_csv, needed=False)
    rows = _match(standards.sample_ids, source.sample_ids, str(standards_csv), str(source_csv))
    target.y = _columns(target, source.target_names)
    target.target_names = source.target_names
    paired = Bunch(
        source=source.X[rows],
        target=standards.X,
        y=source.y[rows],
        sample_ids=standards.sample_ids,
        rows=rows,
    )
    return Bunch(source=source, target=target, standards=paired)


def _equal(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> bool:
    """Whether both are the same axis, or both None."""
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _match(
    wanted: NDArray[np.str_], known: NDArray[np.str_], wanted_file: str, known_file: str
) -> NDArray[np.intp]:
    """Return where each sample id is among the known ones."""
    for ids, file in ((wanted, wanted_file), (known, known_file)):
        names, counts = np.unique(ids, return_counts=True)
        if counts.max() > 1:
            raise ValueError(
                f"{file}: sample id {str(names[counts.argmax()])!r} appears {counts.max()} times. "
                "Average repeated scans, so that spectra can be paired."
            )
    position = {sample: row for row, sample in enumerate(known.tolist())}
    unmatched = [sample for sample in wanted.tolist() if sample not in position]
    if unmatched:
        raise ValueError(
            f"{wanted_file}: {len(unmatched)} of {len(wanted)} sample ids are not in {known_file}: "
            f"{', '.join(map(repr, unmatched[:5]))}. Standards are samples both instruments "
            "measured; write their ids alike."
        )
    return np.asarray([position[sample] for sample in wanted.tolist()], dtype=np.intp)


def _columns(data: Bunch, names: list[str]) -> NDArray[np.float64] | None:
    """Return the properties named, NaN for those the file does not hold."""
    if not set(names) & set(data.target_names):
        return None
    y = np.full((len(data.X), len(names)), np.nan)
    for k, name in enumerate(names):
        if name in data.target_names:
            y[:, k] = data.y[:, data.target_names.index(name)]
    return y
