"""What a model file may hold: the classes and functions that loading may bring to life.

A file names classes, and loading builds only those listed here, without calling their constructors.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..conformal._residual_lines import ridge_lines, slope_bias_lines

OURS = (
    "spectralfm.axis.",
    "spectralfm.conformal.",
    "spectralfm.foundation.",
    "spectralfm.transfer.",
)
"""Modules of this package all of whose classes are allowed."""

CLASSES: dict[str, tuple[str, ...]] = {
    "chemotools.adaptation": (
        "DirectStandardization", "PiecewiseDirectStandardization", "SpectralSpaceTransform",
        "XAxisInterpolator",
    ),
    "chemotools.baseline": (
        "AirPls", "ArPls", "AsLs", "ConstantBaselineCorrection", "CubicSplineCorrection",
        "LinearCorrection", "NonNegative", "PolynomialCorrection", "RubberbandCorrection",
        "SubtractReference",
    ),
    "chemotools.derivative": ("NorrisWilliams", "SavitzkyGolay"),
    "chemotools.feature_selection": ("IndexSelector", "RangeCut", "SRSelector", "VIPSelector"),
    "chemotools.physics": ("IntensityConversion",),
    "chemotools.projection": (
        "DirectOrthogonalization", "ExternalParameterOrthogonalization", "OrthogonalPLS",
        "OrthogonalSignalCorrection",
    ),
    "chemotools.regression": ("PLSRegression",),
    "chemotools.scale": (
        "BandScaler", "MinMaxScaler", "NormScaler", "ParetoScaler", "PointScaler",
    ),
    "chemotools.scatter": (
        "ExtendedMultiplicativeScatterCorrection", "MultiplicativeScatterCorrection",
        "RobustNormalVariate", "StandardNormalVariate",
    ),
    "chemotools.smooth": (
        "MeanFilter", "MedianFilter", "ModifiedSincFilter", "SavitzkyGolayFilter",
        "WhittakerSmooth",
    ),
    "sklearn.compose": ("TransformedTargetRegressor",),
    "sklearn.covariance": ("LedoitWolf",),
    "sklearn.cross_decomposition": ("CCA", "PLSCanonical", "PLSRegression"),
    "sklearn.decomposition": ("PCA", "TruncatedSVD"),
    "sklearn.dummy": ("DummyRegressor",),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.linear_model": (
        "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lasso", "LassoCV",
        "LinearRegression", "LogisticRegression", "LogisticRegressionCV", "Ridge", "RidgeCV",
    ),
    "sklearn.model_selection": (
        "GroupKFold", "KFold", "LeaveOneGroupOut", "LeaveOneOut", "PredefinedSplit",
        "RepeatedKFold", "ShuffleSplit", "StratifiedKFold",
    ),
    "sklearn.multioutput": ("MultiOutputRegressor",),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing": (
        "FunctionTransformer", "MaxAbsScaler", "MinMaxScaler", "Normalizer", "RobustScaler",
        "StandardScaler",
    ),
}  # fmt: skip
"""Classes of other packages, by the module that their documentation names."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        f"numpy.{name}": getattr(np, name)
        for name in (
            "abs", "asarray", "cbrt", "diff", "exp", "expm1", "gradient", "log", "log10", "log1p",
            "log2", "negative", "reciprocal", "sqrt", "square",
        )
    },
    "spectralfm.conformal.ridge_lines": ridge_lines,
    "spectralfm.conformal.slope_bias_lines": slope_bias_lines,
}  # fmt: skip
"""Functions by name: those of NumPy for a `FunctionTransformer`, ours for full conformal sets."""

METHODS = ("predict", "transform")
"""Methods of an allowed object that another may hold."""


def name_of(cls: type) -> str | None:
    """Return the name by which a file calls a class; None if it is not allowed."""
    if f"{cls.__module__}.".startswith(OURS):
        return f"{cls.__module__}.{cls.__qualname__}"
    for module, names in CLASSES.items():
        package = module.partition(".")[0]
        if cls.__name__ in names and cls.__module__.startswith(f"{package}."):
            name = f"{module}.{cls.__name__}"
            if class_of(name) is cls:
                return name
    return None


def class_of(name: str) -> type:
    """Return the class of a name.

    Parameters
    ----------
    name : str
        As `name_of` returned it.

    Returns
    -------
    type
        The class.

    Raises
    ------
    LookupError
        If it is not allowed, or no longer there.
    """
    module, _, attribute = name.rpartition(".")
    ours = f"{module}.".startswith(OURS)
    if not ours and attribute not in CLASSES.get(module, ()):
        raise LookupError(f"{name}, which is not on the list of what a model file may hold")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        raise LookupError(f"{name}, which is not installed here") from None
    if not isinstance(found, type) or (ours and found.__module__ != module):
        raise LookupError(f"{name}, which is not a class of that module")
    return found


def function_name(function: Any) -> str | None:
    """Return the name by which a file calls a function; None if it is not allowed."""
    return next((name for name, one in FUNCTIONS.items() if one is function), None)
