"""A calibration to be moved, from three CSV files."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..axis import convert_axis, matched_channels, resample, same_channels
from ..datasets import load_csv_pair
from ..transfer import Standards
from ._task import Array, TransferTask, choose


class CSVFiles(NamedTuple):
    """Calibration, test spectra and standards, read with `spectralfm.datasets.load_csv_pair`.

    Samples of ``target`` whose value is known and that the calibration does not know are tested.
    """

    source: Bunch
    target: Bunch
    standards: Bunch
    names: tuple[str, str]
    """Names of source and target file."""

    @classmethod
    def load(
        cls,
        source_csv: str | os.PathLike[str],
        target_csv: str | os.PathLike[str],
        standards_csv: str | os.PathLike[str],
        *,
        unit: str | None = None,
        references_csv: str | os.PathLike[str] | None = None,
    ) -> "CSVFiles":
        """Read the files.

        Parameters
        ----------
        source_csv, target_csv, standards_csv : str or path-like
            As of `spectralfm.datasets.load_csv_pair`.
        unit : {"nm", "um", "cm-1"}, optional
            Unit of the channel positions.
        references_csv : str or path-like, optional
            As of `spectralfm.datasets.load_csv_pair`.

        Returns
        -------
        CSVFiles
            What they hold.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If a file is not valid or the samples do not match.
        """
        pair = load_csv_pair(
            source_csv, target_csv, standards_csv, unit=unit, references_csv=references_csv
        )
        names = (Path(source_csv).name, Path(target_csv).name)
        return cls(pair.source, pair.target, pair.standards, names)

    @property
    def property_names(self) -> list[str]:
        """Properties the source was calibrated for."""
        return self.source.target_names

    def task(self, property_name: str | None = None, *, labelled: bool = True) -> TransferTask:
        """Return one calibration to be moved.

        Parameters
        ----------
        property_name : str, optional
            Which property; by default the first.
        labelled : bool, default=True
            Whether there must be samples to test on. Without, a target file of no reference values
            gives a task of no test samples.

        Returns
        -------
        TransferTask
            On the source channels in the range that both instruments recorded; samples of the
            source without reference value left out, those of the target in ``X_unlabelled``.

        Raises
        ------
        ValueError
            If there is no such property, or, where ``labelled``, no sample to test on.
        """
        name = choose(property_name, self.property_names, what="property")
        column = self.property_names.index(name)
        (X, target, standards), wavenumbers, remarks = self._on_one_axis()
        y, rows = self.source.y[:, column], self.standards.rows
        known, known_rows = np.isfinite(y), np.isfinite(y[rows])
        for all_known, what in ((known, "calibration samples"), (known_rows, "standards")):
            if not all_known.all():
                remarks.append(f"{(~all_known).sum()} {what} of unknown {name} are left out.")
        unlabelled = np.ones(len(target), dtype=bool)
        if self.target.y is not None:
            unlabelled = ~np.isfinite(self.target.y[:, column])
        test = np.zeros(0, dtype=np.intp)
        if labelled or not unlabelled.all():
            test, remark = self._test_rows(~unlabelled, name)
            remarks += remark
        return TransferTask(
            dataset="own files",
            source=self.names[0],
            target=self.names[1],
            property_name=name,
            unit=None,
            X=X[known],
            y=y[known],
            pairs=Standards(X[rows[known_rows]], standards[known_rows], y[rows[known_rows]]),
            X_test=target[test],
            y_test=np.zeros(0) if self.target.y is None else self.target.y[test, column],
            remarks=tuple(remarks),
            wavenumbers=wavenumbers,
            X_unlabelled=target[unlabelled] if unlabelled.any() else None,
        )

    def _test_rows(self, known: NDArray[np.bool_], name: str) -> tuple[NDArray[np.intp], list[str]]:
        """Return the rows of the target to test on, and how many were left out."""
        file = self.names[1]
        if not known.any():
            raise ValueError(
                f"{file} holds no values of {name}, so predictions cannot be compared with any. "
                f"Add a column {name!r} with the reference values of some samples."
            )
        calibrated = np.isin(self.target.sample_ids, self.source.sample_ids)
        test = np.flatnonzero(known & ~calibrated)
        if not test.size:
            raise ValueError(
                f"All {known.sum()} samples of {file} with known {name} have ids of calibration "
                f"samples, and would flatter the result. Take test samples out of {self.names[0]}."
            )
        left_out = int((known & calibrated).sum())
        if not left_out:
            return test, []
        return test, [f"{left_out} target samples are calibration samples, and are not tested."]

    def _on_one_axis(self) -> tuple[list[Array], Array, list[str]]:
        """Return source, target and standards on one axis, it, and a remark if it is a new one."""
        groups = [self.source.X, self.target.X, self.standards.target]
        unit = "cm-1" if self.source.wavelengths is None else "nm"
        source = self.source.wavenumbers if unit == "cm-1" else self.source.wavelengths
        target = self.target.wavelengths
        if target is None:
            target = convert_axis(self.target.wavenumbers, "cm-1", unit)
        elif unit == "cm-1":
            target = convert_axis(target, "nm", unit)
        same = same_channels(source, np.sort(target))
        axis, spacing = (source, None) if same else matched_channels(source, target, unit=unit)
        axes = (source, target, target)
        groups = [
            resample(X, old, axis, unit=unit, spacing=spacing)
            for X, old in zip(groups, axes, strict=True)
        ]
        wavenumbers = convert_axis(axis, unit, "cm-1")
        if same:
            return groups, wavenumbers, []
        return (
            groups,
            wavenumbers,
            [
                f"The instruments have different axes: all spectra are resampled to {len(axis)}\n"
                f"channels of the source from {axis[0]:g} to {axis[-1]:g} {unit}, at the coarser "
                "of both resolutions."
            ],
        )
