r"""What instruments differ by to first order, in closed form.

.. math::
    d = \sum_{k=0}^{5} \frac{a_o z_{1k} + a_g z_{2k}\, x}{k + 1} c_k
        + \sum_{k=0}^{2} \frac{a_s z_{3k}}{k + 1} c_k\, x'
        + \frac{a_b^2 z_4}{16 \ln 2} x'', \qquad c_k(u) = \cos\frac{k \pi (u + 1)}{2}

with z standard normal, derivatives along the axis, and u from -1 to 1 over the spectrum's own
range: offset and gain are smooth fields, as those of `InstrumentSimulator` are. A wrong axis moves
a spectrum along its slope, a wider line shape along its curvature; a sharper one goes the other
way.

Glossary: n samples, L channels, E effects, I instruments.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..axis import convert_axis

Array = NDArray[np.float64]

AMPLITUDES = {
    "nir": {"shift": 1.0, "broadening": 10.0, "gain": 0.1, "offset": 0.1},
    "mir": {"shift": 1.0, "broadening": 4.0, "gain": 0.1, "offset": 0.1},
    "raman": {"shift": 2.0, "broadening": 6.0, "gain": 0.2, "offset": 0.1},
}
"""Standard deviations a: wavelength error and full width at half maximum in nm (NIR) or cm-1,
relative gain, offset in absorbance units or, in Raman spectra, their own range. In the middle
between qualified bench instruments (1 nm, 0.05 and 0.05, 6 to 10 nm) and handhelds (several nm, 0.2
to 0.3, 10 to 30 nm), whose sources stand beside the simulator's prior."""

N_FIELD, N_AXIS = 6, 3
"""Terms of offset and gain, and of the error of the axis."""


def first_order_effects(
    X: Array, axis: Array, modality: str, effects: Sequence[str] | None = None
) -> Array:
    """Return what one standard deviation of every effect adds to spectra.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra, absorbance units or Raman intensities.
    axis : ndarray of shape (n_channels,)
        Wavenumbers of the channels, cm-1, in any order.
    modality : {"nir", "mir", "raman"}
        Kind of spectra.
    effects : sequence of str, optional
        Some of "shift", "broadening", "gain" and "offset"; all by default.

    Returns
    -------
    ndarray of shape (n_effects, n_samples, n_channels)
        The terms of the sum, z = 1.

    Raises
    ------
    ValueError
        If an effect has no closed form, or there are fewer than three channels.
    """
    sizes = AMPLITUDES[modality]
    unknown = [name for name in effects or () if name not in sizes]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: no effect in closed form. Those are {', '.join(sizes)}; "
            'kind="simulator" has the others.'
        )
    if X.shape[1] < 3:
        raise ValueError(
            f"X has {X.shape[1]} channels: at least 3 are needed for slope and curvature."
        )
    place = convert_axis(axis, "cm-1", "nm") if modality == "nir" else axis
    order = np.argsort(place)
    x, place = X[:, order], place[order]
    u = (2 * place - place[0] - place[-1]) / (place[-1] - place[0])
    degree = np.arange(N_FIELD)[:, None]
    shapes = np.cos(degree * np.pi * (u + 1) / 2) / (degree + 1)  # (N_FIELD, L)
    slope = np.gradient(x, place, axis=1)
    level = np.ptp(x, axis=1)[:, None] if modality == "raman" else np.ones((len(x), 1))
    curvature = np.gradient(slope, place, axis=1) / (16 * np.log(2))
    terms = {
        "shift": sizes["shift"] * shapes[:N_AXIS, None] * slope,
        "broadening": sizes["broadening"] ** 2 * curvature[None],
        "gain": sizes["gain"] * shapes[:, None] * x,
        "offset": sizes["offset"] * shapes[:, None] * level,
    }
    found = np.concatenate([terms[name] for name in sizes if effects is None or name in effects])
    restored = np.empty_like(found)
    restored[..., order] = found
    return restored
