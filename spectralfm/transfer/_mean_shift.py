"""Mean shift: the correction every other method must beat."""

import numpy as np
from numpy.typing import NDArray

from ._base import SpectraStandardizer


class MeanShift(SpectraStandardizer):
    r"""Add the mean difference between the instruments to every target spectrum.

    .. math:: \hat x_s = x_t + (\bar x_s - \bar x_t)

    Attributes
    ----------
    shift_ : ndarray of shape (n_channels,)
        Mean source spectrum minus mean target spectrum, absorbance units.

    See Also
    --------
    SlopeBiasCorrection : Correct predictions instead of spectra.
    PiecewiseDirectStandardization : Also corrects gain, wavelength shift and band width.

    Notes
    -----
    The rows need not be paired: the mean of any target spectra is moved onto the mean of any source
    spectra. That is right only if both groups come from the same population of samples; otherwise a
    difference in composition is removed together with the instrument's.

    References
    ----------
    .. [1] Feudale, R. N., Woody, N. A., Tan, H., Myles, A. J., Brown, S. D., & Ferre, J. (2002).
       Transfer of multivariate calibration models: a review. Chemometrics and Intelligent
       Laboratory Systems, 64(2), 181-192. https://doi.org/10.1016/S0169-7439(02)00085-0

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import MeanShift
    >>> X_source = np.random.default_rng(0).random((5, 100))
    >>> X_target = X_source + 0.2
    >>> np.allclose(MeanShift().fit_transform(X_target, X_source=X_source), X_source)
    True
    """

    affine = True

    paired = False

    _parameter_constraints: dict = {}

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        self._require_same_channels(X, X_source)
        self.shift_ = X_source.mean(axis=0) - X.mean(axis=0)

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X + self.shift_
