"""A simulated pair of instruments, small and exact: no interpolation, known truth."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import voigt_profile
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

FIRST, LAST = 1100.0, 2498.0
"""Range of the axis, nm."""

BANDS_PER_COMPONENT = 6

NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_channels": [Interval(Integral, 2, None, closed="left")],
        "n_components": [Interval(Integral, 2, None, closed="left")],
        "shift": [Real],
        "stretch": [Real],
        "broadening": NOT_NEGATIVE,
        "gain": [Interval(Real, 0, None, closed="neither")],
        "offset": [Real],
        "scatter": NOT_NEGATIVE,
        "noise": NOT_NEGATIVE,
        "target_noise": NOT_NEGATIVE,
        "n_target_channels": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_instrument_pair(
    n_samples: int = 80,
    n_channels: int = 200,
    *,
    n_components: int = 4,
    shift: float = 1.0,
    stretch: float = 1e-3,
    broadening: float = 8.0,
    gain: float = 1.05,
    offset: float = 0.03,
    scatter: float = 0.05,
    noise: float = 5e-4,
    target_noise: float = 1e-3,
    n_target_channels: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Simulate the spectra of one set of samples on two NIR spectrometers.

    Sample i of component concentrations c and path length p has on the source and the target

    .. math:: x_s(\lambda) &= p_i \sum_k c_{ik} \sum_b a_{kb} V(\lambda - \lambda_{kb};
                              \sigma_{kb}, \gamma_{kb}) + e_s

              x_t(\lambda) &= g\, p_i \sum_k c_{ik} \sum_b a_{kb} V(\lambda' - \lambda_{kb};
                              \sqrt{\sigma_{kb}^2 + w^2}, \gamma_{kb}) + o + e_t

              \lambda' &= \lambda - \mathrm{shift} - \mathrm{stretch} (\lambda - \bar\lambda)

    with Voigt bands V. The target is computed from the bands, not from the source's spectra.

    Parameters
    ----------
    n_samples : int, default=80
        Number of samples, at least 1.
    n_channels : int, default=200
        Channels from 1100 to 2498 nm, at least 2.
    n_components : int, default=4
        Chemical components, at least 2. Their concentrations sum to 100 %, so they are correlated.
    shift : float, default=1.0
        Wavelength shift of the target, nm.
    stretch : float, default=1e-3
        Wavelength error of the target per nm from the middle of the axis.
    broadening : float, default=8.0
        Standard deviation w of the target's additional Gaussian line shape, nm, >= 0.
    gain : float, default=1.05
        Photometric gain of the target, > 0.
    offset : float, default=0.03
        Photometric offset of the target, absorbance units.
    scatter : float, default=0.05
        Relative standard deviation of the path length, the same on both instruments, >= 0.
    noise, target_noise : float, default=5e-4 and 1e-3
        Standard deviation of the noise of source and target, absorbance units, >= 0.
    n_target_channels : int, optional
        Channels of the target from 1100 to 2498 nm, by default as many as the source has.
    random_state : int, RandomState instance or None, default=None
        Seed of bands, concentrations and noise.

    Returns
    -------
    Bunch
        ``spectra``: dict of "source", "target" to ndarray (n_samples, n_channels); ``wavelengths``
        (n_channels,), nm, a dict of instrument to axis if the channels differ; ``y`` (n_samples,
        n_components), percent; ``target_names``; ``sample_ids``; ``splits``: empty; ``DESCR``.

    See Also
    --------
    fetch_corn : Real instruments, whose differences are less regular.

    Examples
    --------
    >>> from spectralfm.datasets import make_instrument_pair
    >>> pair = make_instrument_pair(n_samples=30, random_state=0)
    >>> pair.spectra["source"].shape, pair.y.sum(axis=1).round(6)[:2]
    ((30, 200), array([100., 100.]))
    """
    rng = check_random_state(random_state)
    bands = _bands(rng, n_components)
    y = 100 * rng.dirichlet(np.full(n_components, 8.0), size=n_samples)
    path = np.exp(scatter * rng.standard_normal((n_samples, 1)))
    axes = {
        "source": np.linspace(FIRST, LAST, n_channels),
        "target": np.linspace(FIRST, LAST, n_target_channels or n_channels),
    }
    middle = (FIRST + LAST) / 2
    moved = axes["target"] - shift - stretch * (axes["target"] - middle)
    pure_source = _pure_spectra(axes["source"], bands, 0.0)
    pure_target = _pure_spectra(moved, bands, broadening)
    source = path * (y / 100) @ pure_source
    target = gain * path * (y / 100) @ pure_target + offset
    same = axes["source"].shape == axes["target"].shape
    return Bunch(
        spectra={
            "source": source + noise * rng.standard_normal(source.shape),
            "target": target + target_noise * rng.standard_normal(target.shape),
        },
        wavelengths=axes["source"] if same else axes,
        y=y,
        target_names=[f"component {k + 1}" for k in range(n_components)],
        sample_ids=np.arange(n_samples),
        splits={},
        DESCR=(
            f"Simulated pair: {n_samples} samples of {n_components} components. The target is "
            f"shifted by {shift:g} nm, stretched by {stretch:g}, broadened by {broadening:g} nm, "
            f"its gain is {gain:g}, its offset {offset:g}."
        ),
    )


def _bands(rng: np.random.RandomState, n_components: int) -> dict[str, NDArray[np.float64]]:
    """Draw centre, width and height of the bands, each (n_components, n_bands)."""
    shape = (n_components, BANDS_PER_COMPONENT)
    return {
        "centre": rng.uniform(FIRST, LAST, shape),
        "sigma": rng.uniform(15, 60, shape),
        "gamma": rng.uniform(1, 15, shape),
        "height": rng.uniform(0.2, 1.0, shape),
    }


def _pure_spectra(
    axis: NDArray[np.float64], bands: dict[str, NDArray[np.float64]], broadening: float
) -> NDArray[np.float64]:
    """Return the spectra (n_components, n_channels) of the pure components.

    Heights are those on an instrument without broadening: a slit conserves the area of a band.
    """
    sigma, gamma = bands["sigma"][..., None], bands["gamma"][..., None]
    distance = axis - bands["centre"][..., None]
    profile = voigt_profile(distance, np.hypot(sigma, broadening), gamma)
    area = bands["height"][..., None] / voigt_profile(0.0, sigma, gamma)
    return (area * profile).sum(axis=1)
