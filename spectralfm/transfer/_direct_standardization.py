"""Direct standardization: one linear map between whole spectra."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from .._validation import check_enough, clip_components
from ._base import SpectraStandardizer


class DirectStandardization(SpectraStandardizer):
    r"""Map whole target spectra onto whole source spectra by least squares (DS).

    .. math:: \hat x_s = \bar x_s + (x_t - \bar x_t) F, \qquad F = (X_t - \bar x_t)^{+} (X_s -
        \bar x_s)

    where :math:`^{+}` is the pseudo-inverse, cut off after ``n_components`` singular values, and
    both means are zero unless ``center``.

    Parameters
    ----------
    n_components : int, default=None
        Number of singular vectors of the standards' target spectra that the map may use, at least
        1. None keeps all that are not zero to rounding. More than the standards span is clipped
        with a warning.
    center : bool, default=False
        Whether each instrument's mean over the standards is subtracted first and the source mean
        added back, known as additive background correction. False is the original method.

    Attributes
    ----------
    target_components_ : ndarray of shape (n_components, n_target_channels)
        Right singular vectors of the standards' target spectra, the only directions that pass.
    source_components_ : ndarray of shape (n_components, n_source_channels)
        What they become on the source: ``F = target_components_.T @ source_components_``.
    n_components_ : int
        Number of directions kept.
    target_mean_ : ndarray of shape (n_target_channels,)
        Mean target spectrum of the standards, absorbance units; zeros unless ``center``.
    source_mean_ : ndarray of shape (n_source_channels,)
        Mean source spectrum of the standards, absorbance units; zeros unless ``center``.
    offset_ : ndarray of shape (n_source_channels,)
        ``source_mean_ - target_mean_ @ F``, absorbance units.

    Raises
    ------
    ValueError
        In ``fit``, if ``center`` and there is a single standard.

    See Also
    --------
    PiecewiseDirectStandardization : Local maps, which need fewer standards.
    SpectralSpaceTransformation : Corrects a subspace and keeps the rest of the spectrum.

    Notes
    -----
    What a new sample holds outside the span of the standards is lost, so the map needs about as
    many standards as the calibration has phenomena, often more than 20, however well it
    reproduces the standards themselves. With fewer prefer the methods named above.

    ``n_components`` is not part of [1]_. Fewer components amplify less noise and lose more
    detail; with few standards the detail is the scarcer.

    References
    ----------
    .. [1] Wang, Y., Veltkamp, D. J., & Kowalski, B. R. (1991). Multivariate instrument
       standardization. Analytical Chemistry, 63(23), 2750-2756.
       https://doi.org/10.1021/ac00023a016

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import DirectStandardization
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.random((3, 100))
    >>> X_source = rng.random((8, 3)) @ pure
    >>> X_target = 1.1 * X_source[:, ::2]
    >>> ds = DirectStandardization(n_components=3).fit(X_target, X_source=X_source)
    >>> new = rng.random((2, 3)) @ pure
    >>> np.allclose(ds.transform(1.1 * new[:, ::2]), new)
    True
    """

    affine = True

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "center": ["boolean"],
    }

    def __init__(self, n_components: int | None = None, *, center: bool = False) -> None:
        self.n_components = n_components
        self.center = center

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        target, source = X, X_source
        self.target_mean_ = np.zeros(X.shape[1])
        self.source_mean_ = np.zeros(X_source.shape[1])
        if self.center:
            check_enough(len(X), 2, what="standards to center", remedy="Use center=False.")
            self.target_mean_, self.source_mean_ = X.mean(axis=0), X_source.mean(axis=0)
            target, source = X - self.target_mean_, X_source - self.source_mean_
        # LAPACK factors tall matrices faster than wide ones.
        directions, values, left = np.linalg.svd(target.T, full_matrices=False)
        rank = int((values > max(X.shape) * np.finfo(np.float64).eps * values[0]).sum())
        kept = rank
        if self.n_components is not None:
            kept = clip_components(
                self.n_components, rank, why=f"{len(X)} standards span {rank} directions"
            )
        self.n_components_ = kept
        self.target_components_ = directions.T[:kept]
        self.source_components_ = (left[:kept] / values[:kept, None]) @ source
        mapped_mean = self.target_mean_ @ self.target_components_.T @ self.source_components_
        self.offset_ = self.source_mean_ - mapped_mean

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        mapped = X @ self.target_components_.T @ self.source_components_
        if self.center:
            mapped += self.offset_
        return mapped
