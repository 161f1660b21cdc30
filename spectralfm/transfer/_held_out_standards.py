"""Predictions of standards by models that have not seen them, for any regressor."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._averaging import AveragingRegressor
from ._base import TransferRegressor
from ._pairs import Pairs
from ._standards import Standards

Array = NDArray[np.float64]


def held_out_standards(member: TransferRegressor, pairs: Pairs, X_target: Array | None) -> Array:
    """Return predictions of standards on the target by models fitted without them.

    Parameters
    ----------
    member : TransferRegressor
        Fitted to everything. `AveragingRegressor` keeps such predictions; others are fitted again.
    pairs : Pairs
        Calibration set and standards.
    X_target : ndarray of shape (n_spectra, n_channels) or None
        Unlabelled spectra of the target.

    Returns
    -------
    ndarray of shape (n_standards, n_targets)
        Predictions; replicates of a standard, and its row in the calibration set, are left out too.
    """
    if isinstance(member, AveragingRegressor):
        return member.standards_prediction_
    # What the source reads in a spectrum is not a reference value: it must not be fitted.
    values = np.where(pairs.measured[:, None], pairs.y_standards, np.nan)
    predictions = np.empty_like(pairs.y_standards)
    for number in range(pairs.n_distinct):
        out = pairs.samples == number
        rows = ~np.isin(np.arange(len(pairs.X)), pairs.rows[out])
        rest = None
        if pairs.n_distinct > 1:
            rest = Standards(pairs.source[~out], pairs.target[~out], values[~out])
        model = clone(member).fit(pairs.X[rows], pairs.y[rows], standards=rest, X_target=X_target)
        predictions[out] = model.predict(pairs.target[out])
    return predictions
