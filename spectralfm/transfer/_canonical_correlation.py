"""Transfer through the canonical variates of the standards."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from .._validation import check_enough, clip_components
from ._base import SpectraStandardizer


class CanonicalCorrelationTransfer(SpectraStandardizer):
    r"""Map target onto source spectra through their canonical variates (CTCCA).

    Canonical correlation analysis finds the weights :math:`W_t, W_s` whose variates
    :math:`L_t = (X_t - \bar x_t) W_t` and :math:`L_s = (X_s - \bar x_s) W_s` correlate most:

    .. math::

        \max_{w_t, w_s} w_t^\top C_{ts} w_s \quad \text{subject to} \quad
        w_t^\top (C_{tt} + \gamma_t I) w_t = w_s^\top (C_{ss} + \gamma_s I) w_s = 1

    with :math:`\gamma` = ``regularization`` times the largest eigenvalue of :math:`C_{tt}` or
    :math:`C_{ss}`. Then

    .. math:: \hat x_s = \bar x_s + (x_t - \bar x_t)\, W_t F_1 F_2 + e, \qquad
        F_1 = L_t^{+} L_s, \quad F_2 = L_s^{+} (X_s - \bar x_s)

    where :math:`e` is what the variates do not explain of :math:`x_t - \bar x_t`.

    Parameters
    ----------
    n_components : int, default=2
        Number of pairs of canonical variates, at least 1. More than the standards span is clipped
        with a warning.
    regularization : float, default=1e-3
        Ridge on both covariances relative to their largest eigenvalue, at least 0. With more
        channels than standards and 0, all canonical correlations are 1 whatever the spectra are,
        unless ``n_principal_components`` is well below the number of standards.
    n_principal_components : int, default=None
        Number of principal components to which the spectra of each instrument are compressed
        first, at least 1. None keeps all that are not zero to rounding. More than the standards
        span means all.
    keep_remainder : bool, default=True
        Whether :math:`e` is added. False is the published method. It is dropped as well if the
        source has another number of channels: there is no channel to carry it to.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components,)
        Singular values of the whitened cross-covariance, descending, between 0 and 1: the
        canonical correlations, shrunk by the regularization.
    target_weights_ : ndarray of shape (n_target_channels, n_components)
        :math:`W_t`; without regularization the variates of the standards have unit sample
        variance.
    source_weights_ : ndarray of shape (n_source_channels, n_components)
        :math:`W_s`.
    target_loadings_ : ndarray of shape (n_components, n_target_channels)
        Least squares loadings of the target spectra on :math:`L_t`.
    source_loadings_ : ndarray of shape (n_components, n_source_channels)
        :math:`F_1 F_2`, what a unit of each target variate is on the source.
    n_components_ : int
        Number of pairs of variates.
    target_mean_ : ndarray of shape (n_target_channels,)
        Mean target spectrum of the standards, absorbance units.
    source_mean_ : ndarray of shape (n_source_channels,)
        Mean source spectrum of the standards, absorbance units.

    Raises
    ------
    ValueError
        In ``fit``, if there is a single standard.

    See Also
    --------
    SpectralSpaceTransformation : Chooses the subspace by joint variance.
    DirectStandardization : Uses all directions.

    Notes
    -----
    Departures from [1]_ and [2]_: the ridge, without which canonical correlation analysis is void
    with fewer standards than channels, and the remainder, which keeps the detail of a new spectrum
    that a few standards cannot show. Without the remainder everything outside the variates is
    lost, and a calibration on natural products does not survive 20 standards.

    With as many variates as principal components the variates only rotate them and the method is
    a regression on principal components.

    References
    ----------
    .. [1] Fan, W., Liang, Y., Yuan, D., & Wang, J. (2008). Calibration model transfer for
       near-infrared spectra based on canonical correlation analysis. Analytica Chimica Acta,
       623(1), 22-29.
    .. [2] Zheng, K., Zhang, X., Iqbal, J., Fan, W., Wu, T., Du, Y., & Liang, Y. (2014). Calibration
       transfer of near-infrared spectra for extraction of informative components from spectra with
       canonical correlation analysis. Journal of Chemometrics, 28(10), 773-784.
       https://doi.org/10.1002/cem.2637

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import CanonicalCorrelationTransfer
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.random((2, 100))
    >>> X_source = rng.random((8, 2)) @ pure
    >>> X_target = 0.9 * X_source + 0.1
    >>> cca = CanonicalCorrelationTransfer(regularization=0.0)
    >>> cca = cca.fit(X_target, X_source=X_source)
    >>> cca.canonical_correlations_.round(6)
    array([1., 1.])
    >>> np.allclose(cca.transform(X_target), X_source)
    True
    """

    affine = True

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "n_principal_components": [Interval(Integral, 1, None, closed="left"), None],
        "keep_remainder": ["boolean"],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        regularization: float = 1e-3,
        n_principal_components: int | None = None,
        keep_remainder: bool = True,
    ) -> None:
        self.n_components = n_components
        self.regularization = regularization
        self.n_principal_components = n_principal_components
        self.keep_remainder = keep_remainder

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        check_enough(len(X), 2, what="standards", remedy="A single one correlates with nothing.")
        self.target_mean_ = X.mean(axis=0)
        self.source_mean_ = X_source.mean(axis=0)
        target, source = X - self.target_mean_, X_source - self.source_mean_
        target_scores, target_whitening = self._whiten(target, X)
        source_scores, source_whitening = self._whiten(source, X_source)
        left, correlations, right = np.linalg.svd(
            target_scores.T @ source_scores, full_matrices=False
        )
        kept = clip_components(
            self.n_components,
            len(correlations),
            why=f"{len(X)} standards compressed to {target_scores.shape[1]} target and "
            f"{source_scores.shape[1]} source components have no more pairs",
        )
        self.n_components_ = kept
        self.canonical_correlations_ = correlations[:kept]
        self.target_weights_ = target_whitening @ left[:, :kept]
        self.source_weights_ = source_whitening @ right[:kept].T
        target_variates = target @ self.target_weights_
        source_variates = source @ self.source_weights_
        between = np.linalg.lstsq(target_variates, source_variates, rcond=None)[0]
        self.target_loadings_ = np.linalg.lstsq(target_variates, target, rcond=None)[0]
        self.source_loadings_ = between @ np.linalg.lstsq(source_variates, source, rcond=None)[0]

    def _whiten(
        self, centered: NDArray[np.float64], X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return regularized whitened scores over sqrt(n - 1) and the matrix that makes them."""
        # LAPACK factors tall matrices faster than wide ones.
        right, values, left = np.linalg.svd(centered.T, full_matrices=False)
        # Rounding errors are those of the spectra, not of what is left after centering.
        floor = max(X.shape) * np.finfo(np.float64).eps * np.linalg.norm(X)
        rank = max(int((values > floor).sum()), 1)
        kept = min(rank, len(X) - 1)
        if self.n_principal_components is not None:
            kept = min(kept, self.n_principal_components)
        right, values, left = right[:, :kept], values[:kept], left[:kept]
        length = np.sqrt(values**2 + self.regularization * values[0] ** 2)
        length[length == 0] = 1.0
        return left.T * (values / length), right * (np.sqrt(len(X) - 1) / length)

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        centered = X - self.target_mean_
        variates = centered @ self.target_weights_
        mapped = variates @ self.source_loadings_ + self.source_mean_
        if self.keep_remainder and self.n_channels_out_ == X.shape[1]:
            mapped += centered - variates @ self.target_loadings_
        return mapped
