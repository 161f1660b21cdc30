"""Absorbance from what corpora hold: absorbance, reflectance, transmittance, intensities."""

import numpy as np
from numpy.typing import NDArray

LEAST_REFLECTANCE, LARGEST_REFLECTANCE = 1e-3, 2.0
"""Reflectances that are believed; spectra that go beyond at more than one channel of a hundred are
left out."""

PERCENT = 2.0
"""Median above which reflectances are percents."""


def as_absorbance(
    X: NDArray[np.float64], quantity: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    r"""Turn reflectance and transmittance into absorbance, and tell which spectra are sound.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    quantity : str
        What they are, in words: those of reflectance and transmittance, as fractions or percents,
        are turned; all others are taken as they are.

    Returns
    -------
    X : ndarray of shape (n_samples, n_channels)
        Absorbance, :math:`-\log_{10}` of reflectance or transmittance, or as it was.
    sound : ndarray of shape (n_samples,), bool
        False for spectra that are not finite, flat, or no reflectance.
    """
    sound = is_varied(X)
    if not is_reflectance(quantity):
        return X, sound
    if np.nanmedian(X) > PERCENT:
        X = X / 100
    return from_reflectance(X), sound & (believed(X) > 0.99)


def is_reflectance(quantity: str) -> bool:
    """Return whether the words of a quantity mean reflectance or transmittance."""
    words = quantity.lower()
    return "reflect" in words or "transmi" in words


def is_varied(X: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which spectra (n, L) are finite and not flat."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(X).all(axis=1) & (np.ptp(X, axis=1) > 1e-4 * np.abs(X).max(axis=1))


def believed(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share of the channels (n,) at which reflectance can be true."""
    return ((X > LEAST_REFLECTANCE) & (X < LARGEST_REFLECTANCE)).mean(axis=1)


def from_reflectance(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return absorbance of reflectance or transmittance, cut where it cannot be true."""
    return -np.log10(np.clip(X, LEAST_REFLECTANCE, LARGEST_REFLECTANCE))
