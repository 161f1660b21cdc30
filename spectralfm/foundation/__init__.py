"""Estimators around the pretrained encoder of vibrational spectra.

Importing this subpackage loads torch; ``import spectralfm`` does not.
"""

from ._classifier import SpectralFMClassifier
from ._encoder import SpectralFMEncoder
from ._instrument_prior import InstrumentPrior
from ._pretrain import pretrain
from ._pretrainer import SpectralFMPretrainer
from ._regressor import SpectralFMRegressor
from ._spectra_groups import SpectraGroup, SpectraSource
from ._standardizer import SpectralFMStandardizer
from ._test_time import TestTimeAdapter

__all__ = [
    "InstrumentPrior",
    "SpectraGroup",
    "SpectraSource",
    "SpectralFMClassifier",
    "SpectralFMEncoder",
    "SpectralFMPretrainer",
    "SpectralFMRegressor",
    "SpectralFMStandardizer",
    "TestTimeAdapter",
    "pretrain",
]
