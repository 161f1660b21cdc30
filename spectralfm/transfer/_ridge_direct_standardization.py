"""Direct standardization drawn towards the identity."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from ._base import SpectraStandardizer
from ._left_out_ridge import LeftOutRidge, left_out_squares


class RidgeDirectStandardization(SpectraStandardizer):
    r"""Add to each spectrum what a ridge regression expects the instruments to differ by.

    .. math:: \hat x_s = x_t + (\bar x_s - \bar x_t) + (x_t - \bar x_t) F, \qquad
        F = \arg\min_F \lVert (X_s - X_t)_c - X_{t,c} F \rVert_F^2 + n \rho \sigma^2 \lVert F
        \rVert_F^2

    where the index c means centred over the ``n`` standards and
    :math:`\sigma^2 = \lVert X_{t,c} \rVert_F^2 / n` is the mean squared distance of a standard
    from their mean.

    Parameters
    ----------
    ridge : float, default=1e-3
        :math:`\rho > 0`, without unit. Near 0 the map reproduces the standards, at infinity it is
        the mean shift.

    Attributes
    ----------
    shift_ : ndarray of shape (n_channels,)
        Mean source minus mean target spectrum of the standards, absorbance units.
    target_mean_ : ndarray of shape (n_channels,)
        Mean target spectrum of the standards, absorbance units.
    standards_ : ndarray of shape (n_standards, n_channels)
        Centred target spectra of the standards, absorbance units.
    dual_coef_ : ndarray of shape (n_standards, n_channels)
        ``F = standards_.T @ dual_coef_``.

    See Also
    --------
    DirectStandardization : Least squares, which loses what the standards do not span.
    PiecewiseDirectStandardization : Local maps, which see wavelength shift and band width.

    Notes
    -----
    What a new sample holds outside the span of the standards passes with the mean shift only,
    where `DirectStandardization` deletes it; so a handful of standards is enough to do no harm.
    With one standard it is the mean shift. It is Tikhonov regularisation of [1]_ with the identity
    as the prior guess.

    It fails where the instruments record different detail (width of lines, noise): no map restores
    what the target does not see.

    References
    ----------
    .. [1] Wang, Y., Veltkamp, D. J., & Kowalski, B. R. (1991). Multivariate instrument
       standardization. Analytical Chemistry, 63(23), 2750-2756.
       https://doi.org/10.1021/ac00023a016

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import RidgeDirectStandardization
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.random((3, 100))
    >>> X_source = rng.random((8, 3)) @ pure
    >>> X_target = 1.1 * X_source + 0.05
    >>> rds = RidgeDirectStandardization(ridge=1e-9).fit(X_target, X_source=X_source)
    >>> new = rng.random((2, 3)) @ pure
    >>> np.allclose(rds.transform(1.1 * new + 0.05), new, atol=1e-6)
    True
    """

    affine = True

    _parameter_constraints: dict = {"ridge": [Interval(Real, 0, None, closed="neither")]}

    def __init__(self, ridge: float = 1e-3) -> None:
        self.ridge = ridge

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        self._require_same_channels(X, X_source)
        self.target_mean_ = X.mean(axis=0)
        self.shift_ = X_source.mean(axis=0) - self.target_mean_
        self.standards_ = X - self.target_mean_
        left, sizes, _ = np.linalg.svd(self.standards_, full_matrices=False)
        # One standard, or copies of one, span nothing: only the shift is known.
        spanned = sizes > 10 * np.finfo(np.float64).eps * np.linalg.norm(X)
        left, squares = left[:, spanned], sizes[spanned] ** 2
        inverse = 1 / (squares + self.ridge * squares.sum())
        self.dual_coef_ = left * inverse @ (left.T @ (X_source - X))

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        deviation = (X - self.target_mean_) @ self.standards_.T
        return X + self.shift_ + deviation @ self.dual_coef_

    def _left_out(
        self, X: NDArray[np.float64], X_source: NDArray[np.float64], shared: dict[Any, Any]
    ) -> NDArray[np.float64] | None:
        centred = (X - X.mean(axis=0)).T
        squares = left_out_squares(centred).sum(axis=0)
        rounding = 10 * np.finfo(np.float64).eps * np.linalg.norm(X)
        if squares.min() <= rounding**2:  # copies of one standard are left: they span nothing
            return None
        response = X_source - X
        response -= response.mean(axis=0)
        residuals = LeftOutRidge(centred[None]).residuals(
            response[None], self.ridge * squares[None]
        )
        return X_source - residuals[0]
