"""Cubic spline resampling of spectra onto another axis."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from .._validation import check_matrix
from ._axis import check_axis, convert_axis

NARROW = 1e-2
"""Below this share of a channel, the mean over a width is the value in its middle."""


def resample(
    X: ArrayLike,
    axis: ArrayLike,
    new_axis: ArrayLike,
    *,
    unit: str = "nm",
    new_unit: str | None = None,
    margin: float = 0.5,
    spacing: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Write spectra on another axis by a cubic spline, interpolated or averaged over channels.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_channels)
        Spectra.
    axis : array-like of shape (n_channels,)
        Where they were recorded, ascending or descending.
    new_axis : array-like of shape (n_new_channels,)
        Where they are wanted, ascending or descending; the result follows its order.
    unit : {"nm", "um", "cm-1"}, default="nm"
        Unit of ``axis``.
    new_unit : {"nm", "um", "cm-1"}, optional
        Unit of ``new_axis``, by default the same.
    margin : float, default=0.5
        How far ``new_axis`` may reach beyond ``axis``, in channel spacings at that end, >= 0.
    spacing : array-like of shape (n_new_channels,), optional
        Width of a channel of the instrument to be matched at each new position, in ``unit``, > 0.
        Where the recorded channels are narrower, they are averaged; None interpolates everywhere.

    Returns
    -------
    ndarray of shape (n_samples, n_new_channels)
        Spectra on the new axis.

    Raises
    ------
    ValueError
        If an axis is not valid (`check_axis`), the new one reaches beyond the margin, or
        ``spacing`` does not hold one positive number a new channel.

    See Also
    --------
    matched_channels : The new axis and the spacing for two instruments.

    Notes
    -----
    The not-a-knot spline reproduces cubic polynomials exactly. Interpolated on a much coarser
    axis, noise stays as it was in single channels and detail narrower than the new spacing aliases.
    Beyond the end of the axis the last polynomial is continued; half a channel out, that amplifies
    the noise of the last channels about threefold.

    With ``spacing`` h, spectra recorded at the spacing g < h are read as channels of width h would
    have recorded them, by the mean of the spline over

    .. math:: w = \sqrt{h^2 - g^2}

    about the new position: variances of widths add up, and a channel as wide as its spacing has
    :math:`h^2 / 12`. Towards the ends of the recorded range w shrinks, so that nothing beyond is
    averaged.

    Examples
    --------
    >>> from spectralfm.axis import resample
    >>> resample([[1.0, 4.0, 9.0, 16.0]], [1000, 2000, 3000, 4000], [3000, 1500])
    array([[9.  , 2.25]])
    """
    X = check_matrix(X, name="X")
    axis = check_axis(axis, unit=unit, n_channels=X.shape[1], name="axis")
    new_unit = unit if new_unit is None else new_unit
    wanted = convert_axis(check_axis(new_axis, unit=new_unit, name="new_axis"), new_unit, unit)
    if not margin >= 0:
        raise ValueError(f"margin must be at least 0 channel spacings, not {margin}.")
    if spacing is None and axis.shape == wanted.shape and (axis == wanted).all():
        return X.copy()
    if len(axis) < 2:
        raise ValueError("Spectra of one channel cannot be resampled.")
    if axis[0] > axis[-1]:
        axis, X = axis[::-1], X[:, ::-1]
    _check_range(axis, wanted, unit, margin)
    spline = CubicSpline(axis, X, axis=1)
    if spacing is None:
        return spline(wanted)
    return _means(spline, wanted, _widths(axis, wanted, spacing))


def covered_channels(
    axis: ArrayLike, new_axis: ArrayLike, *, margin: float = 0.5
) -> NDArray[np.bool_]:
    """Say where spectra on one axis can be resampled to another.

    Parameters
    ----------
    axis : array-like of shape (n_channels,)
        Where spectra were recorded, ascending or descending.
    new_axis : array-like of shape (n_new_channels,)
        Where they are wanted, in the same unit.
    margin : float, default=0.5
        As in `resample`.

    Returns
    -------
    ndarray of shape (n_new_channels,), bool
        Which of the new channels `resample` would take.

    Examples
    --------
    >>> from spectralfm.axis import covered_channels
    >>> covered_channels([1000, 1010, 1020], [990, 1000, 1015, 1024, 1030])
    array([False,  True,  True,  True, False])
    """
    first, last = _reach(np.sort(np.asarray(axis, dtype=np.float64)), margin)
    wanted = np.asarray(new_axis, dtype=np.float64)
    return (wanted >= first) & (wanted <= last)


def _widths(
    axis: NDArray[np.float64], wanted: NDArray[np.float64], spacing: ArrayLike
) -> NDArray[np.float64]:
    """Return over what width of an ascending axis to average about each wanted channel."""
    widest = np.asarray(spacing, dtype=np.float64)
    if widest.shape != wanted.shape or not (widest > 0).all():
        raise ValueError(
            f"spacing must hold {len(wanted)} positive numbers, the width of a channel at each of "
            "new_axis, as spectralfm.axis.matched_channels returns it."
        )
    recorded = np.interp(wanted, axis, np.gradient(axis))
    width = np.sqrt(np.maximum(widest**2 - recorded**2, 0.0))
    inside = 2 * np.minimum(wanted - axis[0], axis[-1] - wanted)
    width = np.minimum(width, np.maximum(inside, 0.0))
    return np.where(width > NARROW * recorded, width, 0.0)


def _means(
    spline: CubicSpline, centres: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return means of the spline over intervals, and its values where these have no width."""
    values = spline(centres)
    wide = widths > 0
    if wide.any():
        integral, centre, half = spline.antiderivative(), centres[wide], widths[wide] / 2
        values[:, wide] = (integral(centre + half) - integral(centre - half)) / (2 * half)
    return values


def _reach(axis: NDArray[np.float64], margin: float) -> tuple[float, float]:
    """Return how far an ascending axis may be left on either side."""
    first_step, last_step = (axis[1] - axis[0], axis[-1] - axis[-2]) if len(axis) > 1 else (0, 0)
    return axis[0] - margin * first_step, axis[-1] + margin * last_step


def _check_range(
    axis: NDArray[np.float64], wanted: NDArray[np.float64], unit: str, margin: float
) -> None:
    """Raise if the wanted channels lie outside an ascending axis."""
    low, high = wanted.min(), wanted.max()
    first, last = _reach(axis, margin)
    if low >= first and high <= last:
        return
    told = (
        f"new_axis runs from {low:g} to {high:g} {unit}, but the spectra were recorded from "
        f"{axis[0]:g} to {axis[-1]:g} {unit}"
    )
    shared = (max(low, axis[0]), min(high, axis[-1]))
    if shared[0] < shared[1]:
        raise ValueError(
            f"{told}: they overlap only from {shared[0]:g} to {shared[1]:g} {unit}, and nothing is "
            "extrapolated. Resample both instruments onto spectralfm.axis.common_axis."
        )
    raise ValueError(f"{told}: they do not overlap. Check the unit of both axes.")
