"""Hotelling's T2 and the residual Q of spectra in the latent space of the source model."""

from typing import Any

import numpy as np
from chemotools.outliers import HotellingT2, QResiduals
from numpy.typing import NDArray
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array

from ..transfer import PLSRegressionCV
from ..transfer._preprocessing import standard_normal_variates

Array = NDArray[np.float64]

N_COMPONENTS = 10
"""Principal components where there is no latent model, at most a third of the spectra."""

CONFIDENCE = 0.95
"""Share of the spectra of ``fit`` below the limits that T2 and Q are divided by."""


class LatentSpace:
    r"""Distances within and from a latent space, over their limits.

    .. math:: T^2 = \sum_a t_a^2 / s_a^2, \qquad Q = \lVert x - \hat x \rVert^2

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra in domain.
    model : fitted estimator or None
        PCA, PLS, a pipeline that ends with one of them, or a `PLSRegressionCV`, whose property of
        most LVs is taken; anything else is replaced by principal components of standard normal
        variates.
    y : ndarray of shape (n_samples, n_targets) or None
        Reference values, which a `PLSRegressionCV` is read with.
    """

    def __init__(self, X: Array, model: Any = None, y: Array | None = None) -> None:
        self.model = _latent_model(X, model, y)
        self.steps = self.model[:-1] if isinstance(self.model, Pipeline) else None
        self.last = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        self.t2: HotellingT2 | None = None
        if _n_components(self.last) > 0:
            self.t2 = HotellingT2(self.model).fit(X)
            self.q = QResiduals(self.model, method="percentile").fit(X)
        tiny = np.finfo(np.float64).tiny
        raw_t2, raw_q = self._raw(X)
        self.limits = tuple(max(float(np.quantile(v, CONFIDENCE)), tiny) for v in (raw_t2, raw_q))
        # Rounding errors of spectra that the space explains entirely are no distance.
        scale = np.square(self.preprocess(X)).sum(axis=1).mean()
        self.limits = (self.limits[0], max(self.limits[1], 1e-20 * scale, tiny))

    def distances(self, X: Array) -> tuple[Array, Array]:
        """Return T2 and Q of spectra over their limits, (n_samples,) each.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.
        """
        t2, q = self._raw(X)
        return t2 / self.limits[0], q / self.limits[1]

    def residuals(self, X: Array) -> Array:
        """Return what the latent space leaves of preprocessed spectra, (n_samples, n_channels_out).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.
        """
        values = self.preprocess(X)
        if self.t2 is None:
            return values - self.last.mean_
        return values - self.last.inverse_transform(self.last.transform(values))

    def preprocess(self, X: Array) -> Array:
        """Return spectra as the latent model reads them, (n_samples, n_channels_out).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.
        """
        values = self.steps.transform(X) if self.steps else X
        return check_array(values, dtype=np.float64, input_name="preprocessed X")

    def _raw(self, X: Array) -> tuple[Array, Array]:
        if self.t2 is None:
            return np.zeros(len(X)), np.square(self.residuals(X)).sum(axis=1)
        return self.t2.predict_residuals(X), self.q.predict_residuals(X)


def _latent_model(X: Array, model: Any, y: Array | None) -> Any:
    """Return a fitted PCA or PLS, or a pipeline that ends with one."""
    last = model[-1] if isinstance(model, Pipeline) else model
    if isinstance(last, PCA | PLSRegression):
        return model
    if isinstance(last, PLSRegressionCV) and last is model and y is not None:
        j = int(np.argmax(model.n_components_))
        pls = PLSRegression(int(model.n_components_[j]), scale=False)
        return make_pipeline(model.preprocessing_[j], pls).fit(X, y[:, j])
    variates = FunctionTransformer(standard_normal_variates)
    values = standard_normal_variates(X)
    largest = max(min(N_COMPONENTS, len(X) // 3, X.shape[1] - 1), 1)
    found = PCA(largest).fit(values)
    variance = found.explained_variance_
    kept = int(np.sum(variance > 1e-12 * max(np.square(values).mean(), 1e-300)))
    return make_pipeline(variates, PCA(min(largest, kept))).fit(X)


def _n_components(last: Any) -> int:
    return int(getattr(last, "n_components_", getattr(last, "n_components", 0)))
