"""The views of a spectrum that the averaging regressors average over."""

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer

SMOOTHING_WINDOW = 15


def default_preprocessing(n_channels: int) -> list[TransformerMixin]:
    """Return no preprocessing, SNV and first derivative, as far as the channels allow.

    Parameters
    ----------
    n_channels : int
        Number of channels of the spectra.

    Returns
    -------
    list of transformer
        Unfitted transformers of chemotools; the derivative has a window of 15 channels and order
        2. Below 15 channels there is no derivative, below 10 no SNV.
    """
    views: list[TransformerMixin] = [FunctionTransformer()]
    if n_channels >= 10:
        views.append(StandardNormalVariate())
    if n_channels >= SMOOTHING_WINDOW:
        views.append(SavitzkyGolay(SMOOTHING_WINDOW, polyorder=2, deriv=1, mode="interp"))
    return views


def fitted_views(
    preprocessing: list[TransformerMixin] | None, X: NDArray[np.float64]
) -> list[TransformerMixin]:
    """Fit clones of the transformers, or of the default ones, to the source spectra."""
    views = default_preprocessing(X.shape[1]) if preprocessing is None else preprocessing
    return [clone(view).fit(X) for view in views]
