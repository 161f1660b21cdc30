"""Prediction intervals that hold on the instrument where they were conformalized.

An interval is made from the errors of labelled samples measured on the *target*, and covers new
samples of the same kind at the stated level whatever the distribution of the errors. The methods
differ in what those samples may have served for before: see `ConformalRegressor`.
"""

from ._regressor import ConformalRegressor
from ._small_samples import conformal_quantile, fewest_samples, undercoverage_risk

__all__ = ["ConformalRegressor", "conformal_quantile", "fewest_samples", "undercoverage_risk"]
