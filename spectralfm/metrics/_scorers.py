"""Metrics as scorers: greater is better, so errors are negated."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer

from ._errors import bias, r2, rmsep, sep, slope
from ._ratios import rer, rpd, rpiq


def _distance_of_bias(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean over properties of the absolute bias."""
    return float(np.mean(np.abs(bias(y_true, y_pred, multioutput="raw_values"))))


def _distance_of_slope(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean over properties of the distance of the slope from 1."""
    return float(np.mean(np.abs(slope(y_true, y_pred, multioutput="raw_values") - 1)))


rmsep_scorer = make_scorer(rmsep, greater_is_better=False)
sep_scorer = make_scorer(sep, greater_is_better=False)
bias_scorer = make_scorer(_distance_of_bias, greater_is_better=False)
slope_scorer = make_scorer(_distance_of_slope, greater_is_better=False)
r2_scorer = make_scorer(r2)
rpd_scorer = make_scorer(rpd)
rpiq_scorer = make_scorer(rpiq)
rer_scorer = make_scorer(rer)

SCORERS: dict[str, Any] = {
    "rmsep": rmsep_scorer,
    "sep": sep_scorer,
    "bias": bias_scorer,
    "slope": slope_scorer,
    "r2": r2_scorer,
    "rpd": rpd_scorer,
    "rpiq": rpiq_scorer,
    "rer": rer_scorer,
}
"""All of them, for ``cross_validate(..., scoring=SCORERS)``; bias and slope score ``-|bias|`` and
``-|slope - 1|``."""
