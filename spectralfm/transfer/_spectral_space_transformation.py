"""Spectral space transformation: correct the subspace that both instruments share."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from .._validation import check_enough, clip_components
from ._base import SpectraStandardizer


class SpectralSpaceTransformation(SpectraStandardizer):
    r"""Correct target spectra inside the subspace that the standards span jointly (SST).

    .. math::

        [X_s, X_t] \approx T\,[P_s, P_t], \qquad
        \hat x_s = x_t + x_t\, P_t^{+} (P_s - P_t)

    :math:`T` and :math:`[P_s, P_t]` come from the singular value decomposition of the standards
    on both instruments side by side. Spectra are centered (and scaled) per instrument first; the
    source mean and scale are restored at the end.

    Parameters
    ----------
    n_components : int, default=2
        Dimension of the joint subspace, at least 1. More than the standards span is clipped with
        a warning.
    center : bool, default=True
        Whether each instrument's mean over the standards is subtracted first.
    scale : bool, default=False
        Whether each channel is divided by its standard deviation over the standards first.
        Channels that are constant to rounding are left as they are.

    Attributes
    ----------
    source_loadings_ : ndarray of shape (n_components, n_source_channels)
        :math:`P_s`, the source half of the joint loadings.
    target_loadings_ : ndarray of shape (n_components, n_target_channels)
        :math:`P_t`, the target half.
    projection_ : ndarray of shape (n_target_channels, n_components)
        Turns target spectra into scores.
    correction_ : ndarray of shape (n_components, n_source_channels)
        What a unit score adds to a spectrum, absorbance units.
    offset_ : ndarray of shape (n_source_channels,)
        What is added to every spectrum, absorbance units.
    n_components_ : int
        Dimension of the joint subspace.
    source_mean_, source_scale_ : ndarray of shape (n_source_channels,)
        Mean and standard deviation over the standards, absorbance units; zeros without
        ``center``, ones without ``scale``.
    target_mean_, target_scale_ : ndarray of shape (n_target_channels,)
        The same of the target.

    Raises
    ------
    ValueError
        In ``fit``, if a single standard is to be centered.

    See Also
    --------
    DirectStandardization : Maps the whole spectrum and keeps no remainder.
    CanonicalCorrelationTransfer : Chooses the subspace by correlation instead of variance.

    Notes
    -----
    What a spectrum holds outside the subspace is carried over unchanged, which is why two
    components and few standards do so well. If the source has another number of channels there
    is no channel to carry it to, and the map becomes :math:`\hat x_s = x_t P_t^{+} P_s`: then the
    subspace must hold everything the calibration reads, so give it more components.

    Each further component follows smaller differences between the instruments and amplifies
    more noise.

    References
    ----------
    .. [1] Du, W., Chen, Z.-P., Zhong, L.-J., Wang, S.-X., Yu, R.-Q., Nordon, A., Littlejohn, D.,
       & Holden, M. (2011). Maintaining the predictive abilities of multivariate calibration models
       by spectral space transformation. Analytica Chimica Acta, 690(1), 64-70.
       https://doi.org/10.1016/j.aca.2011.02.014

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import SpectralSpaceTransformation
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.random((2, 100))
    >>> X_source = rng.random((8, 2)) @ pure
    >>> X_target = 0.9 * X_source + 0.1
    >>> sst = SpectralSpaceTransformation(n_components=2).fit(X_target, X_source=X_source)
    >>> np.allclose(sst.transform(X_target), X_source)
    True
    """

    affine = True

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "center": ["boolean"],
        "scale": ["boolean"],
    }

    def __init__(self, n_components: int = 2, *, center: bool = True, scale: bool = False) -> None:
        self.n_components = n_components
        self.center = center
        self.scale = scale

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        if self.center:
            check_enough(len(X), 2, what="standards to center", remedy="Use center=False.")
        self.target_mean_, self.target_scale_ = self._mean_and_scale(X)
        self.source_mean_, self.source_scale_ = self._mean_and_scale(X_source)
        joint = np.hstack(
            [
                (X_source - self.source_mean_) / self.source_scale_,
                (X - self.target_mean_) / self.target_scale_,
            ]
        )
        # LAPACK factors tall matrices faster than wide ones.
        loadings = np.linalg.svd(joint.T, full_matrices=False)[0].T
        # Centering costs one direction; the last singular vector is then arbitrary.
        allowed = min(len(X) - self.center, joint.shape[1])
        self.n_components_ = clip_components(
            self.n_components, allowed, why=f"{len(X)} standards span no more directions"
        )
        self.source_loadings_, self.target_loadings_ = np.split(
            loadings[: self.n_components_], [X_source.shape[1]], axis=1
        )
        change = self.source_loadings_
        if X.shape[1] == X_source.shape[1]:
            change = change - self.target_loadings_
        inverse = np.linalg.pinv(self.target_loadings_)
        self.projection_ = inverse / self.target_scale_[:, None]
        self.correction_ = change * self.source_scale_
        self.offset_ = self.source_mean_ - self._without_offset(self.target_mean_)

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        mapped = self._without_offset(X)
        mapped += self.offset_
        return mapped

    def _without_offset(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        mapped = X @ self.projection_ @ self.correction_
        if X.shape[-1] == mapped.shape[-1]:
            mapped += X * (self.source_scale_ / self.target_scale_) if self.scale else X
        return mapped

    def _mean_and_scale(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is subtracted from the channels of one instrument and what divides them."""
        mean = X.mean(axis=0)
        scale = np.ones(X.shape[1])
        if self.scale:
            deviation = X.std(axis=0)
            varies = deviation > 10 * np.finfo(np.float64).eps * np.abs(mean)
            scale[varies] = deviation[varies]
        return mean if self.center else np.zeros(X.shape[1]), scale
