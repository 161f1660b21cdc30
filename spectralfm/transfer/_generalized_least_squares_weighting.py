"""Generalized least squares weighting: shrink the instrument difference subspace."""

from numbers import Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from ._difference_filter import DifferenceFilter


class GeneralizedLeastSquaresWeighting(DifferenceFilter):
    r"""Down-weight the directions in which the instruments differ (GLSW).

    .. math::
        \hat X = X G, \qquad G = V \left(\frac{\Lambda}{\alpha^2} + I\right)^{-1/2} V^\top,
        \qquad \frac{D^\top D}{n - 1} = V \Lambda V^\top, \qquad D = X_t - X_s

    with all eigenvectors in :math:`V`, so that directions without a difference keep weight 1.

    Parameters
    ----------
    alpha : float, default=1e-3
        Standard deviation of the differences at which a direction keeps half its variance, above 0;
        smaller values remove more, towards `ExternalParameterOrthogonalization`. Its unit is set
        by ``relative``.
    relative : bool, default=True
        Whether ``alpha`` is a fraction of the largest standard deviation
        :math:`\sqrt{\lambda_1}`, so that one value serves raw and derivative spectra alike. False:
        ``alpha`` is in absorbance units, as in the literature (1 to 0.0001).
    center : bool, default=False
        Whether the mean difference is subtracted from :math:`D` first. False: the mean shift
        between the instruments counts as a direction and is down-weighted. True: only the scatter
        of the differences is, and the offset stays.

    Attributes
    ----------
    components_ : ndarray of shape (n_directions, n_channels)
        Orthonormal difference directions, largest first.
    singular_values_ : ndarray of shape (n_directions,)
        Singular values of :math:`D`, absorbance units.
    shrinkage_ : ndarray of shape (n_directions,)
        Factor from 0 to 1 by which each direction is multiplied.
    n_standards_ : int
        Number of pairs the directions were learned from.

    See Also
    --------
    ExternalParameterOrthogonalization : Remove the leading directions altogether.
    DifferencePenalizedRidge : Penalise them in the regression vector.

    Notes
    -----
    The source calibration must be refitted on filtered spectra; a frozen model cannot use GLSW.
    It never removes a direction wholly, so that it is milder than EPO when the property shares a
    direction with the difference, and leaves more of a large difference. Directions that no
    standard shows keep weight 1, however noisy the target is there.

    A tenth of the largest direction can still hide the property: for moisture of corn, m5 to mp6
    with 10 standards, ``alpha=0.1`` leaves an RMSEP of 12.0 times that of a full recalibration,
    as no transfer does (12.1), and ``alpha=1e-3`` one of 1.5 times.

    References
    ----------
    .. [1] Martens, H., Hoy, M., Wise, B. M., Bro, R., & Brockhoff, P. B. (2003). Pre-whitening of
       data by covariance-weighted pre-processing. Journal of Chemometrics, 17(3), 153-165.
       https://doi.org/10.1002/cem.780

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import GeneralizedLeastSquaresWeighting
    >>> rng = np.random.default_rng(0)
    >>> X_source = rng.random((5, 40))
    >>> X_target = X_source + rng.random((5, 1)) * np.linspace(0, 1, 40)
    >>> glsw = GeneralizedLeastSquaresWeighting().fit(X_target, X_source=X_source)
    >>> left = glsw.transform(X_target) - glsw.transform(X_source)
    >>> bool(np.abs(left).max() < 0.002 * np.abs(X_target - X_source).max())
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "relative": ["boolean"],
        "center": ["boolean"],
    }

    def __init__(self, alpha: float = 1e-3, *, relative: bool = True, center: bool = False) -> None:
        self.alpha = alpha
        self.relative = relative
        self.center = center

    def _shrinkage(self, singular_values: NDArray[np.float64]) -> NDArray[np.float64]:
        deviations = singular_values / np.sqrt(max(self.n_standards_ - 1, 1))
        alpha = self.alpha * deviations.max(initial=0.0) if self.relative else self.alpha
        return 1.0 / np.sqrt((deviations / alpha) ** 2 + 1.0)
