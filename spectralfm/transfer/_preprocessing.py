"""The views of a spectrum that the averaging regressors average over."""

from collections.abc import Sequence

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array

from .._validation import FEWEST_CHANNELS, refuse_flat

Array = NDArray[np.float64]

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
    views: list[TransformerMixin] = [FunctionTransformer(feature_names_out="one-to-one")]
    if n_channels >= FEWEST_CHANNELS:
        views.append(StandardNormalVariate())
    if n_channels >= SMOOTHING_WINDOW:
        views.append(SavitzkyGolay(SMOOTHING_WINDOW, polyorder=2, deriv=1, mode="interp"))
    return views


def fitted_views(
    preprocessing: Sequence[TransformerMixin] | None, X: Array
) -> list[TransformerMixin]:
    """Fit clones of the transformers, or of the default ones, to the source spectra.

    Parameters
    ----------
    preprocessing : sequence of transformers or None
        Unfitted transformers; None means `default_preprocessing`.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.

    Returns
    -------
    list of transformer
        The fitted clones.

    Raises
    ------
    ValueError
        If there is none.
    """
    views = default_preprocessing(X.shape[1]) if preprocessing is None else preprocessing
    if not views:
        raise ValueError("preprocessing is empty: give one transformer or more, or None.")
    return [clone(view).fit(X) for view in views]


def preprocess(view: TransformerMixin, X: Array, *, name: str = "X") -> Array:
    """Return preprocessed spectra (n_samples, n_channels_out).

    Parameters
    ----------
    view : transformer
        Fitted transformer.
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    name : str
        What the caller calls ``X``.

    Returns
    -------
    ndarray of shape (n_samples, n_channels_out)
        Finite values, also where scikit-learn is set to return data frames.

    Raises
    ------
    ValueError
        If a spectrum is constant and the transformer is SNV, or the result is not finite.
    """
    if isinstance(view, StandardNormalVariate):
        refuse_flat(X, name=name)
    return check_array(view.transform(X), dtype=np.float64, input_name=f"preprocessed {name}")


def standard_normal_variates(X: Array) -> Array:
    """Return spectra less their mean, over their deviation; flat ones stay flat.

    For diagnoses, which must have an answer for every spectrum: SNV before a calibration refuses
    flat ones.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.

    Returns
    -------
    ndarray of shape (n_samples, n_channels)
        Their variates.
    """
    centred = X - X.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    smallest = 10 * np.finfo(np.float64).eps * np.abs(X).max(axis=1, keepdims=True)
    return centred / np.where(deviation > smallest, deviation, 1.0)
