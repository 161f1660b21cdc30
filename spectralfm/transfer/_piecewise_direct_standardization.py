"""Piecewise direct standardization: each source channel from a window of target channels."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array
from sklearn.utils._param_validation import Interval, StrOptions

from .._validation import check_enough, clip_components
from ._base import SpectraStandardizer
from ._local_regression import LocalLeftOutRidge, fit_pcr, fit_pls, fit_ridge
from ._windows import channel_windows, find_centres, local_sets


class PiecewiseDirectStandardization(SpectraStandardizer):
    r"""Predict each source channel from a window of target channels (PDS).

    .. math:: \hat x_{s,j} = \bar x_{s,j} + \sum_{k=-w}^{w} (x_{t,\,c_j + k} - \bar
        x_{t,\,c_j + k})\, f_{jk}

    The window of half width :math:`w` around the target channel :math:`c_j` that corresponds to
    source channel :math:`j` is shortened where it leaves the spectrum. The coefficients
    :math:`f_j` come from a regression on the standards.

    Parameters
    ----------
    window_length : int, default=5
        Half width :math:`w` of the window in channels, at least 0: a window covers
        ``2 * window_length + 1`` channels. Name and meaning are those of chemotools.
    n_components : int, default=1
        Number of LVs (``"pls"``) or principal components (``"pcr"``) of the local models, at least
        1. More than window or standards allow is clipped with a warning; the shorter windows at
        the edges use as many as they have channels. Unused by ``"ridge"``.
    regression : {"pls", "pcr", "ridge"}, default="pls"
        Local model.
    scale : bool, default=True
        Whether channels are divided by their standard deviation over the standards before the
        regression. Channels that are constant to rounding predict nothing.
    alpha : float, default=0.1
        Penalty of ``"ridge"``, positive, relative to the mean sum of squares of the window's
        channels (centered, and scaled if ``scale``). Unused otherwise.
    towards_identity : bool, default=False
        Whether the local models describe the *difference* from the centre channel,
        :math:`x_{s,j} - x_{t,c_j}`, so that what they leave out (further LVs, or what a ridge
        shrinks) leads to the identity instead of the mean spectrum. With ``"ridge"`` it is the
        distance of the coefficients from the identity that is penalised.
    source_window_length : int, default=0
        Half width :math:`b` of a second window on the source, at least 0. With :math:`b > 0`
        (double window) the model of channel :math:`j` is fitted to the channels
        :math:`j - b, \dots, j + b` together, each with its own target window, which multiplies
        the number of rows by up to :math:`2b + 1`.
    wavelengths : array-like of shape (n_target_channels,), default=None
        Axis of the target in nm.
    source_wavelengths : array-like of shape (n_source_channels,), default=None
        Axis of the source in nm. With both axes, :math:`c_j` is the target channel nearest in
        wavelength. With neither, channel numbers correspond, in proportion if the instruments have
        unequal numbers of channels: right only if both cover the same range evenly.

    Attributes
    ----------
    transfer_matrix_ : scipy.sparse.csc_array of shape (n_target_channels, n_source_channels)
        Coefficients, one band: column ``j`` holds :math:`f_j`.
    offset_ : ndarray of shape (n_source_channels,)
        Added after the product, absorbance units:
        ``X @ transfer_matrix_ + offset_`` is the corrected spectrum.
    centres_ : ndarray of shape (n_source_channels,)
        Index :math:`c_j` of the target channel at the centre of each window.
    n_components_ : int
        Number of LVs or principal components after clipping. Not for ``"ridge"``.

    Raises
    ------
    ValueError
        In ``fit``, if there is a single standard, one axis comes without the other or does not
        fit the spectra, or a source channel lies outside the range of the target.

    See Also
    --------
    DirectStandardization : The window is the whole spectrum.
    SpectralSpaceTransformation : Corrects a subspace of whole spectra.

    Notes
    -----
    Neighbouring channels are nearly collinear, so from the second LV on the coefficients can be
    large with alternating signs (up to 47 on 30 corn standards with the settings usual in
    textbooks, two LVs and 11 channels) and amplify the target's noise into a sharp calibration.
    One LV is safe and little more than an offset and a gain a channel; ``regression="ridge",
    towards_identity=True`` follows shifts and widths as well without breaking down. Choose
    settings by the error of predictions, not of spectra.

    At equal settings coefficients are those of chemotools 0.5. The double window is that of
    PLS_Toolbox [3]_, except that neighbours whose window leaves the spectrum are left out.

    References
    ----------
    .. [1] Wang, Y., Veltkamp, D. J., & Kowalski, B. R. (1991). Multivariate instrument
       standardization. Analytical Chemistry, 63(23), 2750-2756.
       https://doi.org/10.1021/ac00023a016
    .. [2] Bouveresse, E., & Massart, D. L. (1996). Improvement of the piecewise direct
       standardisation procedure for the transfer of NIR spectra for multivariate calibration.
       Chemometrics and Intelligent Laboratory Systems, 32(2), 201-213.
       https://doi.org/10.1016/0169-7439(95)00074-7
    .. [3] Eigenvector Research, documentation of ``stdgen``.
       https://wiki.eigenvector.com/index.php?title=Stdgen

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import PiecewiseDirectStandardization
    >>> rng = np.random.default_rng(0)
    >>> X_source = rng.random((10, 4)) @ np.sin(np.outer(np.arange(1, 5), np.linspace(0, 3, 60)))
    >>> X_target = 0.9 * np.roll(X_source, 1, axis=1) + 0.1
    >>> pds = PiecewiseDirectStandardization(window_length=2, n_components=4)
    >>> pds = pds.fit(X_target, X_source=X_source)
    >>> np.allclose(pds.transform(X_target)[:, 3:-3], X_source[:, 3:-3])
    True
    """

    affine = True

    _parameter_constraints: dict = {
        "window_length": [Interval(Integral, 0, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "regression": [StrOptions({"pls", "pcr", "ridge"})],
        "scale": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "towards_identity": ["boolean"],
        "source_window_length": [Interval(Integral, 0, None, closed="left")],
        "wavelengths": ["array-like", None],
        "source_wavelengths": ["array-like", None],
    }

    def __init__(
        self,
        window_length: int = 5,
        n_components: int = 1,
        *,
        regression: str = "pls",
        scale: bool = True,
        alpha: float = 0.1,
        towards_identity: bool = False,
        source_window_length: int = 0,
        wavelengths: ArrayLike | None = None,
        source_wavelengths: ArrayLike | None = None,
    ) -> None:
        self.window_length = window_length
        self.n_components = n_components
        self.regression = regression
        self.scale = scale
        self.alpha = alpha
        self.towards_identity = towards_identity
        self.source_window_length = source_window_length
        self.wavelengths = wavelengths
        self.source_wavelengths = source_wavelengths

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        ((self.transfer_matrix_, self.offset_),) = self._fit_maps(X, X_source)

    def _fit_maps(
        self, X: NDArray[np.float64], X_source: NDArray[np.float64], *, every: bool = False
    ) -> list[tuple[csc_array, NDArray[np.float64]]]:
        """Return matrix and offset, or those of ``every`` number of LVs up to ``n_components``."""
        check_enough(
            len(X), 2, what="standards", remedy="One shows an offset at most: use MeanShift."
        )
        self.centres_ = find_centres(
            X.shape[1], X_source.shape[1], self.wavelengths, self.source_wavelengths
        )
        if self.regression != "ridge":
            width = min(2 * self.window_length + 1, X.shape[1])
            self.n_components_ = clip_components(
                self.n_components,
                min(width, (len(X) - 1) * (2 * self.source_window_length + 1)),
                why=f"windows have {width} channels and there are {len(X)} standards",
            )
        mean, source_mean = X.mean(axis=0), X_source.mean(axis=0)
        target, response = X - mean, X_source - source_mean
        if self.towards_identity:
            response -= target[:, self.centres_]
        # One more row of zeros at the end stands for every channel outside the spectrum.
        target_rows, target_scale = self._rows(target, mean)
        response_rows, response_scale = self._rows(response, source_mean)

        channels = channel_windows(self.centres_, self.window_length, X.shape[1])
        coefs = np.empty((self.n_components_ if every else 1, *channels.shape))
        for block, windows, values in local_sets(
            target_rows,
            response_rows,
            self.centres_,
            channels,
            pooled=self.source_window_length,
        ):
            coefs[:, block] = self._fit_local(windows, values)[-len(coefs) :]
        coefs *= response_scale[:-1, None] / target_scale[channels]
        if self.towards_identity:
            coefs[:, :, self.window_length] += 1.0
        inside = channels < X.shape[1]
        ends = np.concatenate([[0], np.cumsum(inside.sum(axis=1))])
        shape = (X.shape[1], X_source.shape[1])
        matrices = [
            csc_array((coef[inside], channels[inside], ends), shape=shape) for coef in coefs
        ]
        return [(matrix, source_mean - mean @ matrix) for matrix in matrices]

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X @ self.transfer_matrix_ + self.offset_

    def _left_out(
        self,
        X: NDArray[np.float64],
        X_source: NDArray[np.float64],
        shared: dict[Any, Any],
    ) -> NDArray[np.float64] | None:
        if self.regression != "ridge" or self.scale or self.source_window_length:
            return None
        key = (type(self), self.window_length, self.towards_identity, self.centres_.tobytes())
        if key not in shared:
            target, source = X - X.mean(axis=0), X_source - X_source.mean(axis=0)
            if self.towards_identity:
                source -= target[:, self.centres_]
            rows, responses = (np.pad(part.T, ((0, 1), (0, 0))) for part in (target, source))
            channels = channel_windows(self.centres_, self.window_length, X.shape[1])
            shared[key] = [
                (block, LocalLeftOutRidge(windows, values))
                for block, windows, values in local_sets(rows, responses, self.centres_, channels)
            ]
        corrected = X_source.copy()
        for block, ridge in shared[key]:
            corrected[:, block] -= ridge.residuals(self.alpha).T
        return corrected

    def _fit_local(
        self, windows: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return coefficients (n_models, P, m) of many local models; PLS has all numbers of LVs."""
        if self.regression == "pls":
            return fit_pls(windows, y, self.n_components_)
        if self.regression == "pcr":
            return fit_pcr(windows, y, self.n_components_)[None]
        return fit_ridge(windows, y, self.alpha)[None]

    def _rows(
        self, centered: NDArray[np.float64], mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return channels as rows, scaled, a row of zeros after them, and the divisors."""
        rows = np.zeros((centered.shape[1] + 1, len(centered)))
        rows[:-1] = centered.T
        divisors = np.ones(len(rows))
        if self.scale:
            variance = np.einsum("cs,cs->c", rows[:-1], rows[:-1]) / (len(centered) - 1)
            deviation = np.sqrt(variance)
            varies = deviation > 10 * np.finfo(np.float64).eps * np.abs(mean)
            divisors[:-1][varies] = deviation[varies]
            rows /= divisors[:, None]
            rows[:-1][~varies] = 0.0
        return rows, divisors
