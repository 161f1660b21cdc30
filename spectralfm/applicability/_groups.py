"""Whether a strange group of spectra is of another instrument or of another chemistry."""

import numpy as np
from numpy.typing import NDArray

from ._kinds import KindOfStrangeness
from ._latent_space import LatentSpace
from ._report import OTHER_CHEMISTRY, OTHER_INSTRUMENT

Array = NDArray[np.float64]

COMMON_EXCESS = (3.0, 10.0)
"""Q over its limit, of a group moved to the calibration's mean: up to the first it is likely alike,
beyond the second it is not, whatever its spectra look like one by one."""

CERTAIN = 0.9
"""Probability from which its spectra are another chemistry although the group is likely alike."""

FEWEST_GROUP = 5
"""Spectra whose mean is the group's rather than their own."""


def common_excess(latent: LatentSpace, kinds: KindOfStrangeness, X: Array) -> float:
    """Return the median Q over its limit of spectra moved to the mean of the calibration.

    Parameters
    ----------
    latent : LatentSpace
        Of the calibration spectra.
    kinds : KindOfStrangeness
        Knows directions that standards differ by, which do not count.
    X : ndarray of shape (n_samples, n_channels)
        The group.

    Returns
    -------
    float
        0 for a single spectrum.
    """
    residuals = latent.residuals(X)
    centred = kinds.without_standards(residuals - residuals.mean(axis=0))
    unbiased = len(X) / max(len(X) - 1, 1)
    return float(np.median(np.square(centred).sum(axis=1)) * unbiased / latent.limits[1])


def kind_of_group(excess: float, chemistry: Array) -> int:
    """Return the flag of a strange group.

    Parameters
    ----------
    excess : float
        As `common_excess` returns it.
    chemistry : ndarray of shape (n_samples,)
        Probability of another chemistry, spectrum by spectrum.

    Returns
    -------
    int
        ``OTHER_INSTRUMENT`` or ``OTHER_CHEMISTRY``.
    """
    few = len(chemistry) < FEWEST_GROUP
    if not few and excess > COMMON_EXCESS[1]:
        return OTHER_CHEMISTRY
    needed = CERTAIN if not few and excess <= COMMON_EXCESS[0] else 0.5
    return OTHER_CHEMISTRY if float(np.median(chemistry)) > needed else OTHER_INSTRUMENT
