"""Classical calibration transfer: NumPy and SciPy only, one method a file.

Words: the *source* instrument is where the calibration was made, the *target* is where it must
work, *standards* are samples measured on both.
"""

from ._canonical_correlation import CanonicalCorrelationTransfer
from ._direct_standardization import DirectStandardization
from ._domain_invariant_pls import DomainInvariantPLS
from ._external_parameter_orthogonalization import ExternalParameterOrthogonalization
from ._generalized_least_squares_weighting import GeneralizedLeastSquaresWeighting
from ._mean_shift import MeanShift
from ._optimal_transport import OptimalTransportStandardization
from ._piecewise_direct_standardization import PiecewiseDirectStandardization
from ._slope_bias_correction import SlopeBiasCorrection
from ._spectral_space_transformation import SpectralSpaceTransformation
from ._standards import Standards, Unpaired

__all__ = [
    "CanonicalCorrelationTransfer",
    "DirectStandardization",
    "DomainInvariantPLS",
    "ExternalParameterOrthogonalization",
    "GeneralizedLeastSquaresWeighting",
    "MeanShift",
    "OptimalTransportStandardization",
    "PiecewiseDirectStandardization",
    "SlopeBiasCorrection",
    "SpectralSpaceTransformation",
    "Standards",
    "Unpaired",
]
