"""Pass the methods of an estimator on to the fitted one that takes its place."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def _offers(method: str) -> Callable[[Any], bool]:
    """Return a check that the estimator has a method, for `available_if`."""
    return lambda self: hasattr(thawed(self.estimator), method)


class DelegatingMixin:
    """Has the methods that ``estimator`` has, and lets ``estimator_`` answer them."""

    estimator: Any
    estimator_: Any

    if TYPE_CHECKING:

        def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self: ...

    @available_if(_offers("predict"))
    def predict(self, X: ArrayLike) -> Any:
        """Predict with the adapted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray
            What the estimator returns.
        """
        return self._fitted().predict(X)

    @available_if(_offers("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> Any:
        """Return the probability of each class with the adapted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray
            What the estimator returns.
        """
        return self._fitted().predict_proba(X)

    @available_if(_offers("decision_function"))
    def decision_function(self, X: ArrayLike) -> Any:
        """Return the decision function of the adapted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray
            What the estimator returns.
        """
        return self._fitted().decision_function(X)

    @available_if(_offers("transform"))
    def transform(self, X: ArrayLike) -> Any:
        """Transform with the adapted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.

        Returns
        -------
        ndarray
            What the estimator returns.
        """
        return self._fitted().transform(X)

    @available_if(_offers("transform"))
    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None) -> Any:
        """Adapt to spectra and transform them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Unlabelled spectra of the target instrument.
        y : array-like, optional
            As in ``fit``.

        Returns
        -------
        ndarray
            What the adapted estimator returns.
        """
        return self.fit(X, y).transform(X)

    @available_if(_offers("score"))
    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Score the adapted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values or classes.

        Returns
        -------
        float
            What the estimator returns.
        """
        return self._fitted().score(X, y)

    @available_if(_offers("get_feature_names_out"))
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the outputs of the adapted estimator.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the channels.

        Returns
        -------
        ndarray of str
            What the estimator returns.
        """
        return self._fitted().get_feature_names_out(input_features)

    @property
    def classes_(self) -> NDArray[Any]:
        """Classes of an adapted classifier."""
        return self.estimator_.classes_

    def _fitted(self) -> Any:
        check_is_fitted(self)
        return self.estimator_


def thawed(estimator: Any) -> Any:
    """Return an estimator without `FrozenEstimator` around it."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator
