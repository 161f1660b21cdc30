"""Every public estimator passes scikit-learn's checks entirely."""

import inspect

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectralfm import applicability, conformal, foundation, transfer

# Fitted without a source or standards, a standardizer warns that it is the identity; and those that
# read an axis warn that the one of the checks' data is not known.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Estimators whose constructor needs an argument, or that would load large weights; the others are
# made with their defaults.
NEED_ARGUMENTS: dict[str, BaseEstimator] = {
    "CalibrationTransfer": transfer.CalibrationTransfer(LinearRegression()),
    "ConformalRegressor": conformal.ConformalRegressor(LinearRegression()),
    "SlopeBiasCorrection": transfer.SlopeBiasCorrection(LinearRegression()),
    "SpectralFMClassifier": foundation.SpectralFMClassifier(None),
    "SpectralFMEncoder": foundation.SpectralFMEncoder(None),
    "SpectralFMRegressor": foundation.SpectralFMRegressor(None),
    "SpectralFMStandardizer": foundation.SpectralFMStandardizer(None),
    "UnequalAxesRegressor": transfer.UnequalAxesRegressor(transfer.DomainInvariantPLS()),
    "TestTimeAdapter": foundation.TestTimeAdapter(foundation.SpectralFMEncoder(None), n_steps=1),
}
# One has checks of its own, with a network that is small enough; the other has no ``fit``.
ELSEWHERE = {"SpectralFMPretrainer", "InstrumentPrior"}

PUBLIC = [
    getattr(part, name)
    for part in (transfer, foundation, conformal, applicability)
    for name in part.__all__
]
ESTIMATORS = [
    NEED_ARGUMENTS.get(cls.__name__) or cls()
    for cls in PUBLIC
    if inspect.isclass(cls) and issubclass(cls, BaseEstimator) and cls.__name__ not in ELSEWHERE
]


# Those of spectralfm.transfer; the foundation estimators have tests of their own for bad input.
CLASSICAL = [one for one in ESTIMATORS if type(one).__module__.startswith("spectralfm.transfer")]


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_check(estimator, check):
    check(estimator)
