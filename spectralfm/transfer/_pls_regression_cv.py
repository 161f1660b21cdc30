"""PLS calibration of one instrument, LVs and preprocessing chosen by cross-validation."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._savable import SavableMixin
from .._validation import check_spectra, check_targets, forget
from ._folds import joint_folds
from ._pls_path import PLSPath
from ._preprocessing import fitted_views, preprocess


class PLSRegressionCV(SavableMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""PLS regression, each property with the preprocessing and number of LVs of least RMSECV.

    .. math:: \hat y = \bar y + (f(x) - \bar x)^\top b_A, \qquad
        (f, A) = \arg\min \mathrm{RMSECV}(f, A)

    Parameters
    ----------
    max_components : int, default=15
        Largest number of LVs, at least 1; fewer where the samples do not support them.
    preprocessing : list of transformers, default=None
        Candidates for f, fitted on the spectra. None means none, SNV and first derivative
        (Savitzky-Golay, 15 channels, order 2).
    cv : int, default=10
        Folds, at least 2, dealt in a fixed random order.

    Attributes
    ----------
    rmsecv_ : ndarray of shape (n_preprocessings, n_components, n_targets)
        Cross-validated RMSE of 1 to ``max_components`` LVs in the unit of ``y``; infinite where
        the samples do not support them.
    n_components_ : ndarray of shape (n_targets,)
        Chosen numbers of LVs.
    preprocessing_ : list of transformer
        Chosen preprocessing of each property.
    coef_ : list of ndarray of shape (n_channels_out,)
        Regression vector of each property for spectra after its ``preprocessing_``.
    intercept_ : ndarray of shape (n_targets,)
        Intercepts.

    See Also
    --------
    AveragedPLS : Averages over the settings, which is safer when the instrument changes.

    Notes
    -----
    Each property is a model of its own (PLS1). The refits of the cross-validation run in the row
    space of the spectra, so they cost as many dimensions as there are samples, not channels.

    References
    ----------
    .. [1] Wold, S., Sjostrom, M., & Eriksson, L. (2001). PLS-regression: a basic tool of
       chemometrics. Chemometrics and Intelligent Laboratory Systems, 58(2), 109-130.
       https://doi.org/10.1016/S0169-7439(01)00155-1

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import PLSRegressionCV
    >>> rng = np.random.default_rng(0)
    >>> pure = np.exp(-0.5 * ((np.arange(100) - np.array([[30], [60]])) / 9) ** 2)
    >>> y = rng.random((40, 2))
    >>> X = y @ pure + 1e-3 * rng.normal(size=(40, 100))
    >>> model = PLSRegressionCV(max_components=5).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "preprocessing": [list, tuple, None],
        "cv": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        max_components: int = 15,
        *,
        preprocessing: list[Any] | None = None,
        cv: int = 10,
    ) -> None:
        self.max_components = max_components
        self.preprocessing = preprocessing
        self.cv = cv

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Calibrate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Calibration spectra, at least two.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.

        Returns
        -------
        self : PLSRegressionCV
            The fitted calibration.

        Raises
        ------
        ValueError
            If spectra or reference values are not finite, constant, or of unequal length.
        """
        forget(self)
        self._validate_params()
        spectra, values = check_targets(self, X, y)
        targets = values.reshape(len(values), -1)
        views = fitted_views(self.preprocessing, spectra)
        none = np.empty(0, dtype=np.intp)
        folds, _ = joint_folds(len(spectra), none, none, self.cv)
        kept = folds != np.arange(folds.max() + 1)[:, None]
        smallest = int(kept.sum(axis=1).min())
        paths = [
            PLSPath(
                preprocess(view, spectra),
                targets,
                max_components=self.max_components,
                smallest=smallest,
            )
            for view in views
        ]
        self.rmsecv_ = np.full((len(views), self.max_components, targets.shape[1]), np.inf)
        everything = np.ones((1, len(spectra)), dtype=bool)
        models = []
        for view_error, path in zip(self.rmsecv_, paths, strict=True):
            fits = path.fit(np.vstack([kept, everything]))
            models.append(fits.vectors[-1])
            predicted = np.empty((path.n_components, *targets.shape))
            for fold, keep in enumerate(kept):
                predicted[:, ~keep] = fits.predict(fold, path.X[~keep])
            view_error[: path.n_components] = np.sqrt(np.square(predicted - targets).mean(axis=1))
        self.coef_, self.preprocessing_ = [], []
        self.intercept_ = np.empty(targets.shape[1])
        self.n_components_ = np.empty(targets.shape[1], dtype=np.intp)
        for j in range(targets.shape[1]):
            errors = self.rmsecv_[:, :, j]
            best, k = np.unravel_index(errors.argmin(), errors.shape)
            coef = models[best][k, j] @ paths[best].directions
            self.coef_.append(coef)
            self.intercept_[j] = targets[:, j].mean() - coef @ paths[best].origin
            self.n_components_[j] = k + 1
            self.preprocessing_.append(views[best])
        self.one_target_ = values.ndim == 1
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the properties.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra of the instrument of the calibration.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions in the unit of the reference values.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        columns = [
            preprocess(view, spectra) @ coef + intercept
            for view, coef, intercept in zip(
                self.preprocessing_, self.coef_, self.intercept_, strict=True
            )
        ]
        return columns[0] if self.one_target_ else np.column_stack(columns)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "one_target_")
