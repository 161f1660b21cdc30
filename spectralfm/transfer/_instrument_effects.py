"""What a target instrument does to spectra, region by region, from standards."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t
from sklearn.utils._param_validation import Interval, validate_params

from ..axis._stated import stated_axes
from ._effect_regression import FEWEST, Spectra, fit_region, inside
from ._standards import Standards

Array = NDArray[np.float64]

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian over its standard deviation."""


class InstrumentEffects(NamedTuple):
    """What a target instrument does to the source's spectra in R regions of the axis.

    Parameters
    ----------
    edges : ndarray of shape (R + 1,)
        Ends of the regions, ascending, in ``unit``.
    unit : {"nm", "cm-1", "channel"}
        Unit of axis, shift and broadening.
    shift : ndarray of shape (R,)
        How far bands lie towards higher values of the axis on the target.
    gain : ndarray of shape (R,)
        Photometric gain, 1 without any.
    offset : ndarray of shape (R,)
        Photometric offset, in the unit of the spectra.
    broadening : ndarray of shape (R,)
        Full width at half maximum of the Gaussian that makes the source's line shape the target's.
        Negative where the target is the sharper one: its line shape needs that Gaussian.
    limits : dict of str to ndarray of shape (R, 2)
        Confidence limits of each of these four, NaN from a single standard.
    explained : ndarray of shape (R,)
        Share of the squared difference of the instruments that the effects explain, at most 1;
        NaN where they record the same.

    Examples
    --------
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import Standards, instrument_effects
    >>> pair = make_instrument_pair(shift=2.0, stretch=0.0, random_state=0)
    >>> standards = Standards(pair.spectra["source"][:10], pair.spectra["target"][:10])
    >>> effects = instrument_effects(standards, wavelengths=pair.wavelengths, regions=3)
    >>> effects.edges.round()
    array([1100., 1566., 2032., 2498.])
    """

    edges: Array
    unit: str
    shift: Array
    gain: Array
    offset: Array
    broadening: Array
    limits: dict[str, Array]
    explained: Array


@validate_params(
    {
        "standards": [Standards],
        "wavelengths": ["array-like", None],
        "wavenumbers": ["array-like", None],
        "source_wavelengths": ["array-like", None],
        "source_wavenumbers": ["array-like", None],
        "regions": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "smoothing": [Interval(Real, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def instrument_effects(
    standards: Standards,
    *,
    wavelengths: ArrayLike | None = None,
    wavenumbers: ArrayLike | None = None,
    source_wavelengths: ArrayLike | None = None,
    source_wavenumbers: ArrayLike | None = None,
    regions: int | ArrayLike = 8,
    smoothing: float = 2.0,
    confidence_level: float = 0.95,
) -> InstrumentEffects:
    r"""Estimate shift, gain, offset and broadening of a target instrument from standards.

    In each region of the axis the spectra :math:`x_t` of all standards are explained by

    .. math:: x_t(\lambda) &= o + g\, (G_v * x_s)(\lambda - d) \\
              &\approx o + g\, x_s(\lambda) - g\, d\, x_s'(\lambda)
              + \tfrac12 g\, (v + d^2)\, x_s''(\lambda)

    with a Gaussian line shape :math:`G_v` of variance v: a robust regression on a constant, the
    source's spectra and their first two derivatives, linearized anew about the shift and the
    variance it finds until both stay. Offset and gain may slope within the region, and are those
    of its middle. Source and target are smoothed by the same Gaussian first, which commutes with
    the effects.

    Parameters
    ----------
    standards : Standards
        Samples measured on both instruments; or spectra as a correction takes and makes them
        (see Notes).
    wavelengths, wavenumbers : array-like of shape (n_target_channels,), optional
        Axis of the target in nm or in cm-1; with neither, shift and broadening are in channels.
    source_wavelengths, source_wavenumbers : array-like of shape (n_source_channels,), optional
        Axis of the source in the same unit, by default that of the target.
    regions : int or array-like of shape (n_regions + 1,), default=8
        Number of regions of equal width over the range that both record, or their ends, ascending,
        in the unit of the axis.
    smoothing : float, default=2.0
        Standard deviation of the Gaussian that smooths both, in mean distances of target channels,
        at least 1. Take more for noisy spectra: noise in the derivatives shrinks shift and
        broadening towards none.
    confidence_level : float, default=0.95
        Of the limits, between 0 and 1, both excluded.

    Returns
    -------
    InstrumentEffects
        Estimates with limits, NaN in regions whose spectra do not tell the four effects apart.

    Raises
    ------
    ValueError
        If an axis does not fit the spectra, the two are in different units, the instruments share
        no range, or a region has fewer than eight channels that the smoothing does not cut off.

    See Also
    --------
    spectralfm.plotting.InstrumentReportDisplay : Draw them.

    Notes
    -----
    Limits are from the jackknife over standards and Student's t: they tell the scatter of samples.
    A systematic misfit, such as an offset that bends within a region, is not in them, and more
    standards do not remove it. Slopes that are left out would pass for shifts: simulated fields of
    gain and offset made errors of some nm. Weights are Huber's and then Tukey's bisquare of
    residuals, so that a standard whose rows are not the same sample, or a band that saturates,
    counts little as long as most others agree.

    What a fitted correction takes the instrument for is estimated in the same way from target
    spectra and what it makes of them: ``Standards(source=pds.transform(X), target=X)``.

    It fails where regions are narrower than their bands, or flat: gain and offset, or shift and
    broadening, can then be told apart by noise alone, which wide limits show. Slits average
    transmittance, not absorbance: 20 nm of broadening in mixtures of up to one absorbance unit read
    as 19.3 to 19.8 nm, with up to 0.3 nm of shift and 2 % of gain, and twice that at two units.
    Stray light, saturation and steps between detectors are none of the four effects and are read
    as the nearest of them. The outermost 3.5 deviations of the smoothing are lost.

    References
    ----------
    .. [1] Witjes, H., van den Brink, M., Melssen, W. J., & Buydens, L. M. C. (2000). Automatic
       correction of peak shifts in Raman spectra before PLS regression. Chemometrics and
       Intelligent Laboratory Systems, 52(1), 105-116.
       https://doi.org/10.1016/S0169-7439(00)00085-X
    .. [2] Holland, P. W., & Welsch, R. E. (1977). Robust regression using iteratively reweighted
       least-squares. Communications in Statistics - Theory and Methods, 6(9), 813-827.
       https://doi.org/10.1080/03610927708827533

    Examples
    --------
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import Standards, instrument_effects
    >>> pair = make_instrument_pair(shift=2.0, stretch=0.0, random_state=0)
    >>> standards = Standards(pair.spectra["source"][:10], pair.spectra["target"][:10])
    >>> effects = instrument_effects(standards, wavelengths=pair.wavelengths, regions=3)
    >>> effects.shift.round(), effects.gain.round(2)  # nm, 1
    (array([2., 2., 2.]), array([1.05, 1.05, 1.05]))
    """
    n_target, n_source = standards.target.shape[1], standards.source.shape[1]
    axis, source_axis, unit = stated_axes(
        n_target,
        n_source,
        wavelengths=wavelengths,
        wavenumbers=wavenumbers,
        source_wavelengths=source_wavelengths,
        source_wavenumbers=source_wavenumbers,
    )
    if min(n_target, n_source) < FEWEST:
        raise ValueError(f"Spectra of at least {FEWEST} channels are needed.")
    target, source = _ascending(standards.target, axis), _ascending(standards.source, source_axis)
    spacing = np.ptp(target.axis) / (len(target.axis) - 1)
    variance = (smoothing * spacing) ** 2
    edges = _edges(regions, target.axis, source.axis)
    usable = inside(target.axis, target.axis, variance) & inside(target.axis, source.axis, variance)
    fits = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        last = high == edges[-1]
        within = (target.axis >= low) & ((target.axis <= high) if last else (target.axis < high))
        places = target.axis[within & usable]
        if len(places) < FEWEST:
            raise ValueError(
                f"The region from {low:g} to {high:g} {unit} has {len(places)} channels clear of "
                f"the ends: at least {FEWEST} needed. Take fewer regions or less smoothing."
            )
        fits.append(fit_region(source, target, places, variance))
    return _effects(edges, unit, fits, standards.n_standards, confidence_level)


def _ascending(values: Array, axis: Array) -> Spectra:
    if axis[0] > axis[-1]:
        values, axis = values[:, ::-1], axis[::-1]
    return Spectra(values, axis, np.gradient(axis))


def _edges(regions: Any, axis: Array, source_axis: Array) -> Array:
    """Return the ends of the regions, ascending."""
    low, high = max(axis[0], source_axis[0]), min(axis[-1], source_axis[-1])
    if low >= high:
        raise ValueError(
            f"The target records {axis[0]:g} to {axis[-1]:g} and the source {source_axis[0]:g} to "
            f"{source_axis[-1]:g}: they share no range. Check the unit of both axes."
        )
    if isinstance(regions, Integral):
        return np.linspace(low, high, int(regions) + 1)
    edges = np.asarray(regions, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError("regions must be a number, or the ascending ends of at least one region.")
    return edges


def _effects(
    edges: Array, unit: str, fits: list[Any], n_standards: int, confidence_level: float
) -> InstrumentEffects:
    """Return estimates with limits; those of the broadening are taken of its variance."""
    effects = np.array([fit.effects for fit in fits])  # (R, 4)
    deviations = np.array([fit.deviations for fit in fits])
    width = t.ppf((1 + confidence_level) / 2, max(n_standards - 1, 1)) * deviations
    limits = np.stack([effects - width, effects + width], axis=-1)  # (R, 4, 2)
    offset, gain, shift, variance = effects.T
    return InstrumentEffects(
        edges,
        unit,
        shift,
        gain,
        offset,
        _fwhm(variance),
        {
            "shift": limits[:, 2],
            "gain": limits[:, 1],
            "offset": limits[:, 0],
            "broadening": _fwhm(limits[:, 3]),
        },
        np.array([fit.explained for fit in fits]),
    )


def _fwhm(variance: Array) -> Array:
    """Return full widths at half maximum of Gaussians; negative for a negative variance."""
    return np.sign(variance) * np.sqrt(np.abs(variance)) * FWHM
