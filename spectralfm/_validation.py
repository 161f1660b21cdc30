"""Every error about data is worded here: scikit-learn's words first, then the remedy."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

LARGEST_VALUE = 1e6
"""Absorbances, reflectances and Raman counts stay below; a larger value is a fill value."""

SMALLEST_VALUE = 1e-100
"""Spectra and reference values that all are smaller, zeros aside, have squares that vanish."""

LARGEST_REFERENCE = 1e100
"""Reference values that are larger have squares that overflow."""

FEWEST_CHANNELS = 10
"""With fewer channels than this, zeros in all of them can be centred data."""

_REMEDIES = {
    "NaN": "Remove the spectrum, or cut all spectra to the channels every instrument recorded.",
    "infinity": "Infinite absorbance means zero transmittance: cut the saturated channels.",
    "Complex data": "Pass the real part or the magnitude of the spectra.",
    "dim 3": "Put one spectrum in a row: average or stack repeated scans first.",
    "features, but": "Spectra must lie on the axis seen in fit: resample with "
    "spectralfm.axis.resample.",
}


def _with_remedy(error: ValueError) -> ValueError:
    """Append what to do about it to an error of scikit-learn."""
    message = str(error)
    remedies = [text for mark, text in _REMEDIES.items() if mark in message]
    return ValueError("\n".join([message, *remedies]))


def check_values(X: NDArray[np.float64], *, name: str = "X") -> None:
    """Refuse values no spectrometer records.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Finite spectra.
    name : str
        What the caller calls ``X``.

    Raises
    ------
    ValueError
        If a value exceeds 1e6 in magnitude, all are below 1e-100 but not zero, or all of ten or
        more channels of a row are zero.
    """
    largest = np.abs(X).max(initial=0.0)
    if largest > LARGEST_VALUE:
        row, channel = np.unravel_index(np.abs(X).argmax(), X.shape)
        raise ValueError(
            f"{name} holds {largest:.3g} at row {row}, channel {channel}; spectra stay below "
            f"{LARGEST_VALUE:.0e}. Mask fill values, or divide raw counts by a reference."
        )
    _refuse_tiny(largest, name=name)
    empty = np.flatnonzero(~X.any(axis=1))
    if empty.size and X.shape[1] >= FEWEST_CHANNELS:
        raise ValueError(
            f"{name} has all-zero spectra at row(s) {_some(empty)}: "
            "nothing was recorded there. Remove these rows."
        )


def _refuse_tiny(largest: float, *, name: str) -> None:
    """Raise if the largest magnitude is too small to be squared, and not zero."""
    if 0 < largest < SMALLEST_VALUE:
        raise ValueError(
            f"{name} holds no value beyond {largest:.3g}, whose square is zero in double "
            "precision. Check how it was read, or multiply it by a constant."
        )


def check_spectra(
    estimator: Any, X: ArrayLike, *, reset: bool = False, ensure_min_samples: int = 1
) -> NDArray[np.float64]:
    """Return the spectra as float64, or say what is wrong with them.

    Parameters
    ----------
    estimator : estimator
        Remembers channel count and feature names when ``reset``, compares them otherwise.
    X : array-like of shape (n_samples, n_channels)
        Spectra, one a row.
    reset : bool
        True in ``fit``, False in ``predict`` and ``transform``.
    ensure_min_samples : int
        Fewest rows accepted.

    Returns
    -------
    ndarray of shape (n_samples, n_channels)
        The spectra as float64.

    Raises
    ------
    ValueError
        If ``X`` is not a finite, real, two-dimensional array of the expected width, holds a
        masked or absurd value or an all-zero row, or has no or other column names than in ``fit``.
    """
    refuse_masked(X)
    refuse_text(X)
    fitted_names = None if reset else getattr(estimator, "feature_names_in_", None)
    positions = _numeric_names(X)
    if reset:
        estimator._positions_in_ = positions
    elif fitted_names is None:
        fitted_names = getattr(estimator, "_positions_in_", None)
    if fitted_names is not None and not hasattr(X, "columns"):
        raise ValueError(
            f"X has no column names, but {type(estimator).__name__} was fitted on a DataFrame with "
            "them, so a shifted axis would go unnoticed. Pass a DataFrame, or fit on an array."
        )
    try:
        spectra = validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_min_samples=ensure_min_samples
        )
    except ValueError as error:
        raise _with_remedy(error) from None
    _check_positions(None if reset else getattr(estimator, "_positions_in_", None), positions)
    check_values(spectra)
    return spectra


def _numeric_names(X: ArrayLike) -> NDArray[np.float64] | None:
    """Return column names that are positions, which scikit-learn neither keeps nor compares."""
    names = list(getattr(X, "columns", ()))
    if not all(isinstance(name, Real) for name in names) or names == list(range(len(names))):
        return None
    return np.array(names, dtype=np.float64)


def _check_positions(fitted: NDArray[np.float64] | None, given: NDArray[np.float64] | None) -> None:
    """Refuse columns named by other numbers, or in another order, than in ``fit``."""
    if fitted is None or (given is not None and np.allclose(given, fitted, rtol=1e-6, atol=0)):
        return
    if given is None:
        raise ValueError(
            "The feature names should match those that were passed during fit: these are not "
            "positions of channels. Pass the DataFrame with the columns of fit."
        )
    first = int(np.argmax(~np.isclose(given, fitted, rtol=1e-6, atol=0)))
    raise ValueError(
        f"The feature names should match those that were passed during fit: column {first} is "
        f"{given[first]:.6g}, but was {fitted[first]:.6g}. Put the columns in the order of fit, or "
        "resample with spectralfm.axis.resample."
    )


def check_matrix(X: ArrayLike, *, name: str) -> NDArray[np.float64]:
    """Return spectra that belong to no fitted axis (a source, standards) as float64.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_channels)
        Spectra, one a row.
    name : str
        What the caller calls them, for the message.

    Returns
    -------
    ndarray of shape (n_samples, n_channels)
        The spectra as float64.

    Raises
    ------
    ValueError
        As `check_spectra`, except for the comparison with ``fit``.
    """
    refuse_masked(X, name=name)
    refuse_text(X, name=name)
    try:
        spectra = check_array(X, dtype=np.float64, input_name=name)
    except ValueError as error:
        raise _with_remedy(error) from None
    check_values(spectra, name=name)
    return spectra


def refuse_masked(X: ArrayLike, *, name: str = "X") -> None:
    """Raise if ``X`` is a masked array with masked entries, which scikit-learn would unmask."""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(X)} masked values. "
            "Cut the masked channels or fill them before passing X.filled()."
        )


def refuse_text(X: ArrayLike, *, name: str = "X") -> None:
    """Raise if ``X`` holds text, also text that spells numbers, which NumPy would convert."""
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUS":
        return
    try:
        values = np.asarray(X)
    except ValueError:
        return  # Ragged rows: scikit-learn has its own words for them.
    text = values.dtype.kind in "US"
    if values.dtype.kind == "O":
        text = any(isinstance(value, str | bytes) for value in values.ravel())
    if text:
        raise ValueError(
            f"could not convert string to float: {name} holds text. Drop the text columns; if they "
            "are numbers read as text, a decimal comma or a header row may be the cause."
        )


def check_paired(
    X: NDArray[np.float64], X_source: NDArray[np.float64], *, name: str = "X_source"
) -> None:
    """Raise unless both hold the same number of spectra, row ``i`` of each the same sample."""
    if len(X) != len(X_source):
        raise ValueError(
            f"{name} has {len(X_source)} spectra but the target has {len(X)}: standards are "
            "paired, row i of both is the same sample. Align the rows by sample name."
        )


def check_same_channels(
    n_channels: int,
    expected: int,
    *,
    name: str,
    of: str,
    remedy: str = "resample one onto the other's axis (spectralfm.axis.resample).",
) -> None:
    """Raise unless two groups of spectra have the same number of channels."""
    if n_channels != expected:
        raise ValueError(
            f"{name} has {n_channels} channels, but {of} has {expected}. This method compares "
            f"channel with channel: {remedy}"
        )


def check_enough(n: float, needed: int, *, what: str, remedy: str) -> None:
    """Raise if fewer than ``needed`` of ``what`` were given.

    scikit-learn's checks look for ``n_samples = 1`` in the message about a single row.
    """
    if n < needed:
        raise ValueError(f"n_samples = {n} is too few {what}: at least {needed} needed. {remedy}")


def _some(rows: NDArray[np.intp], limit: int = 5) -> str:
    """List the first rows of many."""
    shown = ", ".join(str(row) for row in rows[:limit])
    return shown + (f" and {len(rows) - limit} more" if len(rows) > limit else "")


def check_targets(
    estimator: Any, X: ArrayLike, y: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return calibration spectra and their reference values as float64, one row a sample.

    Parameters
    ----------
    estimator : estimator
        Remembers channel count and feature names.
    X : array-like of shape (n_samples, n_channels)
        Spectra, at least two.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, in the property's own unit.

    Returns
    -------
    X : ndarray of shape (n_samples, n_channels)
        The spectra as float64.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The reference values as float64.

    Raises
    ------
    ValueError
        As `check_spectra`; or if ``y`` has another length, is not finite, or is constant.
    """
    spectra = check_spectra(estimator, X, reset=True, ensure_min_samples=2)
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. "
            "A calibration needs the reference values of its spectra."
        )
    values = check_reference_values(y, spectra)
    constant = np.flatnonzero(np.ptp(values.reshape(len(values), -1), axis=0) == 0)
    if constant.size:
        raise ValueError(
            f"y is constant in column(s) {_some(constant)}: there is nothing to calibrate. "
            "Choose samples that differ in the property, or leave the column out."
        )
    return spectra, values


def check_reference_values(y: ArrayLike, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return reference values as float64, in their shape.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values, in the property's own unit.
    X : ndarray of shape (n_samples, n_channels)
        The spectra they belong to.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_targets)
        The reference values as float64.

    Raises
    ------
    ValueError
        If they are masked, not finite numbers, beyond 1e100 or all below 1e-100 but not zero, or
        not as many as the spectra.
    """
    refuse_masked(y, name="y")
    refuse_text(y, name="y")
    values = check_array(y, dtype=np.float64, ensure_2d=False, allow_nd=False, input_name="y")
    check_consistent_length(X, values)
    check_magnitude(values, name="y")
    return values


def check_magnitude(values: NDArray[np.float64], *, name: str) -> None:
    """Raise if reference values, NaN aside, are so large or small that squares are not numbers."""
    largest = np.fmax.reduce(np.abs(values), axis=None, initial=0.0)
    if largest > LARGEST_REFERENCE:
        raise ValueError(
            f"{name} holds {largest:.3g}, whose square is not a number in double precision. Mask "
            "fill values, or choose another unit."
        )
    _refuse_tiny(largest, name=name)


def forget(estimator: Any) -> None:
    """Delete what an earlier ``fit`` learned, so that a failed refit leaves no old model behind."""
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)


def forget_names(estimator: Any) -> None:
    """Delete the column names seen in ``fit``: spectra to come are of another instrument."""
    estimator.__dict__.pop("feature_names_in_", None)
    estimator._positions_in_ = None


def clip_components(n_components: int, allowed: int, *, why: str) -> int:
    """Return ``n_components``, or as many as the data allow, with a warning that names both.

    It does not raise: the widest setting of a grid search must not end the search.
    """
    if n_components <= allowed:
        return n_components
    warnings.warn(f"n_components={n_components} is clipped to {allowed}: {why}.")
    return allowed


def refuse_flat(X: NDArray[np.float64], *, name: str = "X") -> None:
    """Raise if a row is constant up to rounding: SNV would divide by its standard deviation."""
    mean = np.abs(X.mean(axis=1))
    flat = np.flatnonzero(X.std(axis=1) <= 10 * np.finfo(np.float64).eps * mean)
    if flat.size:
        raise ValueError(
            f"{name} has constant spectra at row(s) {_some(flat)}: SNV divides by the standard "
            "deviation of a spectrum, here zero. Remove these rows, or preprocess otherwise."
        )


def require_finite(estimator: Any, *learned: NDArray[np.float64]) -> None:
    """Raise if what ``fit`` learned holds a NaN or infinity, instead of predicting with it."""
    if not all(np.isfinite(values).all() for values in learned):
        raise ValueError(
            f"{type(estimator).__name__} found no finite solution. Check the spectra for constant "
            "or collinear groups of channels, or regularise more."
        )
