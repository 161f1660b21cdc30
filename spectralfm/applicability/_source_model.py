"""The source model, without knowledge of the spectra that p-values compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

Array = NDArray[np.float64]


def source_model(estimator: Any, X: Array, y: Array | None, rows: NDArray[np.intp]) -> Any:
    """Return the estimator fitted to some rows, or as it is if it is frozen.

    Parameters
    ----------
    estimator : estimator or None
        The source model.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    y : ndarray of shape (n_samples, n_targets) or None
        Reference values.
    rows : ndarray of shape (n_rows,)
        Those it may be fitted to.

    Returns
    -------
    estimator or None
        Fitted, without `FrozenEstimator` around it.

    Raises
    ------
    ValueError
        If reference values are missing, or a frozen PLS was fitted to these very spectra.
    """
    if estimator is None:
        return None
    if not isinstance(estimator, FrozenEstimator):
        if y is None and hasattr(estimator, "predict"):
            raise ValueError(
                f"y is needed: {type(estimator).__name__} is fitted anew without the held-out "
                "spectra. Pass y, or FrozenEstimator(model) and spectra it has not seen."
            )
        if y is None:
            return clone(estimator).fit(X[rows])
        return clone(estimator).fit(X[rows], y[rows, 0] if y.shape[1] == 1 else y[rows])
    model = estimator
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    check_is_fitted(model)
    last = model[-1] if isinstance(model, Pipeline) else model
    seen = getattr(last, "x_scores_", None)
    if seen is not None and len(seen) == len(X) and np.allclose(model.transform(X), seen):
        raise ValueError(
            "The frozen model was fitted to these very spectra, whose T2 and Q it has made small. "
            "Pass spectra it has not seen, or the model without FrozenEstimator, and y."
        )
    return model
