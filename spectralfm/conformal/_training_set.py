"""What a model was fitted to: to tell its samples from others, and to fit again without some."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from ..transfer import Standards, Unpaired

Array = NDArray[np.float64]


def row_keys(X: Array) -> list[bytes]:
    """Return what equal spectra share: a hash of their values in single precision.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.

    Returns
    -------
    list of bytes
        One a row; those of float32 and float64 copies of a spectrum are equal.
    """
    rows = np.ascontiguousarray(X, dtype=np.float32) + np.float32(0)  # -0 is 0
    return [blake2b(row.tobytes(), digest_size=16).digest() for row in rows]


def matrices(value: Any) -> Iterator[Array]:
    """Yield the groups of spectra in an argument of ``fit``.

    Parameters
    ----------
    value : Standards, Unpaired, array, or a list or dict of them
        The argument; of others nothing is yielded.

    Yields
    ------
    ndarray of shape (n_spectra, n_channels)
        Spectra.
    """
    if isinstance(value, Standards):
        yield from (value.source, value.target)
    elif isinstance(value, Unpaired):
        yield value.target
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from matrices(part)
    elif len(getattr(value, "shape", ())) == 2:
        yield np.asarray(value, dtype=np.float64)


class TrainingSet:
    """The arguments of ``fit``.

    Parameters
    ----------
    given : array-like or DataFrame of shape (n_samples, n_channels)
        Spectra as they were given.
    X : ndarray of shape (n_samples, n_channels)
        The same as an array.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), or None
        Reference values.
    fit_params : dict
        The other arguments.
    """

    def __init__(self, given: Any, X: Array, y: Array | None, fit_params: dict[str, Any]) -> None:
        # Copies: what the caller does to the arrays later must not reach the fits to come.
        self.given, self.y = _copied(given), _copied(y)
        self.fit_params = {name: _copied(value) for name, value in fit_params.items()}
        self.keys = row_keys(X)

    @property
    def labelled(self) -> set[bytes]:
        """Keys of calibration samples and of standards on either instrument."""
        standards = [one for one in self.fit_params.values() if isinstance(one, Standards)]
        return {*self.keys, *(key for X in matrices(standards) for key in row_keys(X))}

    @property
    def all(self) -> set[bytes]:
        """Keys of all spectra, unlabelled ones included."""
        others = matrices(list(self.fit_params.values()))
        return {*self.keys, *(key for X in others for key in row_keys(X))}

    def keys_of(self, X: Array) -> list[bytes]:
        """Return the keys of conformal samples, which must be among those fitted to.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Conformal samples.

        Returns
        -------
        list of bytes
            One a row.

        Raises
        ------
        ValueError
            If one is neither a row of ``X`` nor a standard of ``fit``.
        """
        keys, known = row_keys(X), self.labelled
        others = np.flatnonzero([key not in known for key in keys])
        if others.size:
            raise ValueError(
                f"{others.size} of {len(X)} conformal samples (first: row {others[0]}) did not "
                "serve in fit, and models fitted without them cannot be compared with the one "
                'fitted with them. Give them to fit, or use method="split".'
            )
        return keys

    def without(self, keys: set[bytes]) -> tuple[Any, Array | None, dict[str, Any]]:
        """Return the arguments of ``fit`` without some samples, on whatever instrument.

        Parameters
        ----------
        keys : set of bytes
            `row_keys` of the samples. A standard goes with both of its spectra, and takes the row
            of ``X`` along that is one of them.

        Returns
        -------
        X : array-like or DataFrame of shape (n_left, n_channels)
            Spectra, of the type that was given.
        y : ndarray of shape (n_left,) or (n_left, n_targets), or None
            Reference values.
        fit_params : dict
            The other arguments; standards or unlabelled spectra of which none is left are None.
        """
        gone = set(keys)
        for standards in self.fit_params.values():
            if isinstance(standards, Standards):
                pairs = zip(row_keys(standards.source), row_keys(standards.target), strict=True)
                gone.update(key for pair in pairs if gone.intersection(pair) for key in pair)
        rows = _left(self.keys, gone)
        params = {
            name: self._cut(name, value, rows, gone) for name, value in self.fit_params.items()
        }
        y = None if self.y is None else self.y[rows]
        return _safe_indexing(self.given, rows), y, params

    def _cut(self, name: str, value: Any, rows: NDArray[np.intp], gone: set[bytes]) -> Any:
        """Return an argument of ``fit`` for some rows of ``X``."""
        if isinstance(value, Standards):
            left = _left(row_keys(value.target), gone)
            return value.take(left) if left.size else None
        if isinstance(value, Unpaired):
            left = _left(row_keys(value.target), gone)
            return Unpaired(value.target[left]) if left.size else None
        if name == "X_target" and value is not None:  # other samples than X, whatever their number
            if isinstance(value, list | tuple):
                left_of_each = [self._cut(name, part, rows, gone) for part in value]
                return [part for part in left_of_each if part is not None]
            return self._cut(name, Unpaired(value), rows, gone)
        same_length = hasattr(value, "__len__") and not isinstance(value, str | dict)
        if same_length and len(value) == len(self.keys):
            return _safe_indexing(value, rows)
        return value


def _copied(value: Any) -> Any:
    """Return a copy of an array or data frame, anything else as it is."""
    return value.copy() if hasattr(value, "shape") and hasattr(value, "copy") else value


def _left(keys: list[bytes], gone: set[bytes]) -> NDArray[np.intp]:
    return np.flatnonzero([key not in gone for key in keys])


def refuse_reused(training: TrainingSet, X: Array, method: str) -> None:
    """Raise if the model has seen a conformal sample.

    Parameters
    ----------
    training : TrainingSet
        What the model was fitted to.
    X : ndarray of shape (n_samples, n_channels)
        Conformal samples.
    method : str
        Name of the method, for the message.

    Raises
    ------
    ValueError
        If it has.
    """
    seen = training.all
    rows = np.flatnonzero([key in seen for key in row_keys(X)])
    if rows.size:
        raise ValueError(
            f"{rows.size} of {len(X)} conformal samples (first: row {rows[0]}) served in fit, as "
            "calibration samples, standards or unlabelled spectra. The model errs less there than "
            f'on new samples, so that intervals of method="{method}" would be too narrow. Keep '
            'samples apart for conformalize, or use method="full" or "jackknife+", which allow '
            "the same samples."
        )


def refuse_others(training: TrainingSet, X: Array, y: Array) -> None:
    """Raise unless the conformal samples are those that the model was fitted to.

    Parameters
    ----------
    training : TrainingSet
        What the model was fitted to.
    X : ndarray of shape (n_samples, n_channels)
        Conformal samples.
    y : ndarray of shape (n_samples, n_targets)
        Their reference values.

    Raises
    ------
    ValueError
        If spectra or values differ, or ``fit`` had weights or standards as well.
    """
    same = training.y is not None and np.array_equal(training.y.reshape(len(training.y), -1), y)
    if not same or training.keys != row_keys(X):
        raise ValueError(
            'method="full" conformalizes on the samples of fit: pass conformalize the X and y of '
            'fit, in the same order. For samples kept apart use method="split".'
        )
    others = sorted({*training.fit_params} - {"X_source"})
    if others:
        raise ValueError(
            f'method="full" has a closed form for X and y alone, not with {", ".join(others)}. Use '
            'method="jackknife+".'
        )
