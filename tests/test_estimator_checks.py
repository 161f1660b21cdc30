"""Every public estimator passes scikit-learn's checks entirely."""

import inspect

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectralfm import transfer

# Fitted without a source or standards, a standardizer warns that it is the identity.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Estimators whose constructor needs an argument; the others are made with their defaults.
NEED_ARGUMENTS: dict[str, BaseEstimator] = {
    "CalibrationTransfer": transfer.CalibrationTransfer(LinearRegression()),
    "SlopeBiasCorrection": transfer.SlopeBiasCorrection(LinearRegression()),
}

PUBLIC = [getattr(transfer, name) for name in transfer.__all__]
ESTIMATORS = [
    NEED_ARGUMENTS.get(cls.__name__) or cls()
    for cls in PUBLIC
    if inspect.isclass(cls) and issubclass(cls, BaseEstimator)
]


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_check(estimator, check):
    check(estimator)
