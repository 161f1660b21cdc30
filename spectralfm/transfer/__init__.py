"""Classical calibration transfer: NumPy and SciPy only, one method a file.

Words: the *source* instrument is where the calibration was made, the *target* is where it must
work, *standards* are samples measured on both.
"""

from ._averaged_pls import AveragedPLS
from ._calibration_transfer import CalibrationTransfer
from ._canonical_correlation import CanonicalCorrelationTransfer
from ._difference_penalized_ridge import DifferencePenalizedRidge
from ._direct_standardization import DirectStandardization
from ._domain_invariant_pls import DomainInvariantPLS
from ._external_parameter_orthogonalization import ExternalParameterOrthogonalization
from ._generalized_least_squares_weighting import GeneralizedLeastSquaresWeighting
from ._instrument_effects import InstrumentEffects, instrument_effects
from ._mean_shift import MeanShift
from ._optimal_transport import OptimalTransportStandardization
from ._piecewise_direct_standardization import PiecewiseDirectStandardization
from ._pls_regression_cv import PLSRegressionCV
from ._ridge_direct_standardization import RidgeDirectStandardization
from ._sample_domain import from_sample_domain
from ._slope_bias_correction import SlopeBiasCorrection
from ._spectral_space_transformation import SpectralSpaceTransformation
from ._standards import Standards, Unpaired
from ._transfer_ensemble import TransferEnsemble
from ._unequal_axes import UnequalAxesRegressor

__all__ = [
    "AveragedPLS",
    "CalibrationTransfer",
    "CanonicalCorrelationTransfer",
    "DifferencePenalizedRidge",
    "DirectStandardization",
    "DomainInvariantPLS",
    "ExternalParameterOrthogonalization",
    "GeneralizedLeastSquaresWeighting",
    "InstrumentEffects",
    "MeanShift",
    "OptimalTransportStandardization",
    "PLSRegressionCV",
    "PiecewiseDirectStandardization",
    "RidgeDirectStandardization",
    "SlopeBiasCorrection",
    "SpectralSpaceTransformation",
    "Standards",
    "TransferEnsemble",
    "UnequalAxesRegressor",
    "Unpaired",
    "from_sample_domain",
    "instrument_effects",
]
