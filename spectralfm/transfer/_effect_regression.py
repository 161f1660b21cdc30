r"""Regression of target spectra on source spectra and their derivatives, in one region.

Letters: n standards, m channels of a region, L channels of a spectrum. Coefficients come in the
order offset o, gain g, shift d, variance v of the additional line shape, slope of the offset, slope
of the gain; the slopes only keep the others straight.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SUPPORT = 3.5
"""Standard deviations of a kernel that must lie within the spectrum."""

FEWEST = 8
"""Channels of a region at least, more than the six coefficients."""

ROUNDS, TOLERANCE = 30, 1e-6
"""Linearizations at most, and the change of all coefficients, relative, that ends them."""

HUBER, BISQUARE = 1.345, 4.685
"""Cutoffs of 95 % efficiency on normal errors, in standard deviations."""

CONVEX_ROUNDS = 8
"""Rounds with Huber's weights, before the bisquare is near enough not to reject good spectra."""

DETERMINED = 1e-9
"""Least eigenvalue of the correlations of the columns: below it they cannot be told apart."""

TAIL = 6.0
"""Standard deviations beyond which a Gaussian is nothing: 2e-8 of its height."""

ROUNDING = 1e-20
"""Squared difference of two instruments, over the squared spectra, that is none."""

SHARPEST = 0.75
"""Share of the smoothing that a source spectrum may lose to be as sharp as the target."""


class Spectra(NamedTuple):
    """Spectra of one instrument on an ascending axis."""

    values: Array
    """Spectra (n, L)."""
    axis: Array
    """Positions (L,)."""
    widths: Array
    """What each channel stands for (L,), in units of the axis."""


class RegionFit(NamedTuple):
    """Effects in one region."""

    effects: Array
    """o, g, d, v (4,)."""
    deviations: Array
    """Their standard errors (4,), NaN from a single standard."""
    explained: float
    """Share of the squared difference of the instruments that they explain, NaN without any."""


def smooth(spectra: Spectra, places: Array, variance: float) -> tuple[Array, Array, Array]:
    """Return spectra averaged by a Gaussian, and the first two derivatives of the averages.

    Weights are those of the Gaussian times the distance between channels, divided by their sum,
    and derivatives are exact derivatives of that quotient: a constant has none.

    Parameters
    ----------
    spectra : Spectra
        What was recorded.
    places : ndarray of shape (m,)
        Where averages are wanted, ascending.
    variance : float
        Variance of the Gaussian, in squared units of the axis.

    Returns
    -------
    value, first, second : ndarray of shape (n, m)
        Averages and derivatives with respect to the place.
    """
    tail = TAIL * np.sqrt(variance)
    ends = np.searchsorted(spectra.axis, [places[0] - tail, places[-1] + tail])
    near = slice(*ends)  # N of the L channels
    distance = places[:, None] - spectra.axis[near]  # (m, N)
    weight = np.exp(-(distance**2) / (2 * variance)) * spectra.widths[near]
    slope = -distance / variance
    kernels = weight, slope * weight, (slope**2 - 1 / variance) * weight
    zero, one, two = (kernel.sum(axis=1) for kernel in kernels)  # (m,)
    value, first, second = (spectra.values[:, near] @ kernel.T for kernel in kernels)  # (n, m)
    value = value / zero
    first = (first - value * one) / zero
    second = (second - 2 * first * one - value * two) / zero
    return value, first, second


def inside(places: Array, axis: Array, variance: float) -> NDArray[np.bool_]:
    """Tell which places are so far from both ends that the Gaussian is not cut off."""
    margin = SUPPORT * np.sqrt(variance)
    return (places - margin >= axis[0]) & (places + margin <= axis[-1])


def fit_region(source: Spectra, target: Spectra, places: Array, variance: float) -> RegionFit:
    """Estimate what the target did to the source's spectra at some channels.

    The source is moved by d and broadened by v as estimated so far, and linearized again there.

    Parameters
    ----------
    source, target : Spectra
        The same n samples on both instruments.
    places : ndarray of shape (m,)
        Channels of the region on the target's axis.
    variance : float
        Variance of the Gaussian that smooths both.

    Returns
    -------
    RegionFit
        All NaN if the region does not determine the effects.
    """
    start = smooth(source, places, variance)[0]
    goal = smooth(target, places, variance)[0]
    effects = np.array([0.0, 1.0, 0.0, 0.0])
    weights = _weights(goal - start, slice(None), HUBER)
    reach = np.ptp(places)
    slope = (places - places[0]) * (2 / reach) - 1  # -1 to 1
    size = np.array([np.abs(goal).max(), 1.0, reach, reach**2])
    for round_ in range(ROUNDS):
        base = np.array([effects[2], max(effects[3], -SHARPEST * variance)])
        moved = places - base[0]
        kept = inside(moved, source.axis, variance + base[1])
        if kept.sum() < FEWEST:
            return _undetermined()
        value, first, second = smooth(source, moved, variance + base[1])
        one = np.ones_like(value)
        columns = np.stack(
            [one, value, -first, second / 2, slope * one, slope * value], axis=2
        )  # (n, m, 6)
        normal, right = _normal_equations(columns, goal, weights * kept)
        if not _is_determined(normal.sum(axis=0)):
            return _undetermined()
        coefs = np.linalg.solve(normal.sum(axis=0), right.sum(axis=0))
        previous, effects = effects, _effects(coefs, base)
        if not abs(effects[2]) < reach:
            return _undetermined()
        residuals = goal - columns @ coefs
        weights = _weights(residuals, kept, HUBER if round_ < CONVEX_ROUNDS else BISQUARE)
        if round_ > CONVEX_ROUNDS and (np.abs(effects - previous) < TOLERANCE * size).all():
            break
    left = (residuals[:, kept] ** 2).sum()
    difference = ((goal - start)[:, kept] ** 2).sum()
    differ = difference > ROUNDING * (goal[:, kept] ** 2).sum()
    explained = 1 - left / difference if differ else np.nan
    return RegionFit(effects, _deviations(normal, right, base), float(explained))


def _effects(coefs: Array, base: Array) -> Array:
    """Return o, g, d, v (..., 4) from coefficients (..., 6) about d and v applied before."""
    offset, gain, shift, broadening = np.moveaxis(coefs, -1, 0)[:4]
    return np.stack([offset, gain, base[0] + shift / gain, base[1] + broadening / gain], axis=-1)


def _normal_equations(columns: Array, goal: Array, weights: Array) -> tuple[Array, Array]:
    """Return the matrices (n, 6, 6) and right sides (n, 6) of each standard."""
    weighted = (columns * weights[:, :, None]).transpose(0, 2, 1)  # (n, 6, m)
    return weighted @ columns, (weighted @ goal[:, :, None])[:, :, 0]


def _is_determined(normal: Array) -> bool:
    """Tell whether the columns differ enough, all but the constant centered."""
    size = normal[0, 0]
    if size <= 0:
        return False
    centered = normal[1:, 1:] - np.outer(normal[0, 1:], normal[0, 1:]) / size
    spread = np.sqrt(np.clip(np.diag(centered), 0, None))
    if (spread <= DETERMINED * np.sqrt(np.diag(normal)[1:])).any():
        return False
    return bool(np.linalg.eigvalsh(centered / np.outer(spread, spread))[0] > DETERMINED)


def _weights(residuals: Array, kept: NDArray[np.bool_] | slice, cutoff: float) -> Array:
    """Return Huber's weights, or Tukey's bisquare, in median deviations of the channels kept."""
    scale = np.median(np.abs(residuals[:, kept])) / 0.6745
    if scale <= 0:
        return np.ones_like(residuals)
    ratio = np.abs(residuals) / (cutoff * scale)
    if cutoff == HUBER:
        return 1 / np.maximum(ratio, 1.0)
    return np.clip(1 - ratio**2, 0, None) ** 2


def _deviations(normal: Array, right: Array, base: Array) -> Array:
    """Return the jackknife's standard errors (4,): each standard left out, weights kept."""
    n = len(normal)
    if n < 2:
        return np.full(4, np.nan)
    without = normal.sum(axis=0) - normal
    if not all(_is_determined(matrix) for matrix in without):
        return np.full(4, np.nan)
    coefs = np.linalg.solve(without, (right.sum(axis=0) - right)[:, :, None])[:, :, 0]
    effects = _effects(coefs, base)
    return np.sqrt((n - 1) / n * ((effects - effects.mean(axis=0)) ** 2).sum(axis=0))


def _undetermined() -> RegionFit:
    return RegionFit(np.full(4, np.nan), np.full(4, np.nan), np.nan)
