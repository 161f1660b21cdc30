"""Figures of merit of a calibration, as functions and as scorers.

Residuals are predicted minus reference, so a positive bias means predictions too high; the slope
is that of reference on predicted. Every function takes ``multioutput`` as scikit-learn's metrics
do: ``"uniform_average"`` (default), ``"raw_values"`` or one weight a property.
"""

from ._errors import bias, r2, rmsep, sep, slope
from ._intervals import coverage, mean_interval_width
from ._ratios import rer, rpd, rpiq
from ._scorers import (
    SCORERS,
    bias_scorer,
    r2_scorer,
    rer_scorer,
    rmsep_scorer,
    rpd_scorer,
    rpiq_scorer,
    sep_scorer,
    slope_scorer,
)

__all__ = [
    "SCORERS",
    "bias",
    "bias_scorer",
    "coverage",
    "mean_interval_width",
    "r2",
    "r2_scorer",
    "rer",
    "rer_scorer",
    "rmsep",
    "rmsep_scorer",
    "rpd",
    "rpd_scorer",
    "rpiq",
    "rpiq_scorer",
    "sep",
    "sep_scorer",
    "slope",
    "slope_scorer",
]
