"""When not to believe a prediction: spectra, batches and streams unlike the calibration.

`InstrumentGuard` flags spectra of another instrument or of another chemistry, at a known rate of
false alarms; `DriftMonitor` watches a stream of spectra and raises at most so many false alarms
ever; `advise_standards` says how many standards to measure then.
"""

from ._advice import Advice, advise_standards
from ._exchangeable import conformal_pvalues
from ._guard import InstrumentGuard
from ._monitor import DriftMonitor, DriftState
from ._report import FLAGS, ApplicabilityReport

__all__ = [
    "FLAGS",
    "Advice",
    "ApplicabilityReport",
    "DriftMonitor",
    "DriftState",
    "InstrumentGuard",
    "advise_standards",
    "conformal_pvalues",
]
