"""The standards as a regressor uses them: which are calibration samples, which values are known."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from ._standards import Standards

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


class Pairs(NamedTuple):
    """Calibration set and standards, rows cross-referenced."""

    X: Array
    """Calibration spectra on the source, with standards of known value (n_samples, n_channels)."""
    y: Array
    """Their reference values (n_samples, n_targets)."""
    source: Array
    """Standards on the source (n_standards, n_channels); no rows without standards."""
    target: Array
    """The same on the target (n_standards, n_channels)."""
    y_standards: Array
    """Values of the standards: measured, or else what the source reads (n_standards, n_targets)."""
    measured: NDArray[np.bool_]
    """Whether all values of a standard were measured (n_standards,)."""
    rows: Rows
    """Row of ``X`` that is the same measurement as each standard, -1 if none (n_standards,)."""
    samples: Rows
    """Sample that each standard is, counted from 0; replicates share a number (n_standards,)."""

    @property
    def n_distinct(self) -> int:
        """Number of samples among the standards."""
        return int(self.samples.max(initial=-1)) + 1


def pair_up(X: Array, y: Array, standards: Standards | None) -> Pairs:
    """Find standards among the calibration samples and add those that are not.

    A standard whose source spectrum is a row of ``X`` is that sample: its value is known, and
    leaving the standard out leaves the row out. One that is not, but has all values, becomes a
    calibration sample. Standards of equal source spectrum are replicates of one sample.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra on the source.
    y : ndarray of shape (n_samples, n_targets)
        Reference values.
    standards : Standards or None
        Samples measured on both instruments; NaN in their ``y`` is an unknown value.

    Returns
    -------
    Pairs
        Calibration set and standards.

    Raises
    ------
    ValueError
        If ``standards.y`` has another number of properties than ``y``.
    """
    if standards is None:
        none = np.empty((0, X.shape[1]))
        none_y, no_rows = np.empty((0, y.shape[1])), np.empty(0, dtype=np.intp)
        return Pairs(X, y, none, none, none_y, no_rows > 0, no_rows, no_rows)
    row_of = {spectrum.tobytes(): row for row, spectrum in reversed(list(enumerate(X)))}
    rows = np.array([row_of.get(s.tobytes(), -1) for s in standards.source], dtype=np.intp)
    number_of: dict[bytes, int] = {}
    numbers = [number_of.setdefault(s.tobytes(), len(number_of)) for s in standards.source]
    samples = np.array(numbers, dtype=np.intp)
    values = np.full((len(rows), y.shape[1]), np.nan)
    if standards.y is not None:
        values = standards.y.reshape(len(rows), -1)
        if values.shape[1] != y.shape[1]:
            raise ValueError(
                f"standards.y has {values.shape[1]} properties but y has {y.shape[1]}: "
                "give the same properties in the same order."
            )
    for i in np.flatnonzero((rows < 0) & np.isfinite(values).all(axis=1)):
        if rows[i] < 0:  # else a replicate of it was added already
            rows[samples == samples[i]] = len(X)
            X, y = np.vstack([X, standards.source[i]]), np.vstack([y, values[i]])
    values = np.where(np.isnan(values) & (rows >= 0)[:, None], y[rows], values)
    unknown = np.isnan(values)
    if unknown.any():
        values = np.where(unknown, _read_by_source(X, y, standards.source), values)
    measured = ~unknown.any(axis=1)
    return Pairs(X, y, standards.source, standards.target, values, measured, rows, samples)


def _read_by_source(X: Array, y: Array, spectra: Array) -> Array:
    """Predict values the standards lack with a ridge calibration of the source instrument."""
    variance = np.square(X - X.mean(axis=0)).sum() or 1.0
    model = RidgeCV(alphas=variance * np.logspace(-10, 0, 21), alpha_per_target=True)
    return model.fit(X, y).predict(spectra).reshape(len(spectra), -1)
