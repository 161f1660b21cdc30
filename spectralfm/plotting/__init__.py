"""Displays: what a transfer did, drawn with matplotlib (extra ``plot``).

As in scikit-learn, ``from_...`` draws and returns a display, whose ``ax_`` and ``figure_`` can be
changed afterwards; drawing several displays on one ``ax`` compares methods. Displays of several
panels have them in ``axes_``, and take as many as ``ax``.
"""

from ._applicability import ApplicabilityDisplay
from ._embedding import EmbeddingDisplay
from ._instrument_report import InstrumentReportDisplay
from ._leaderboard import LeaderboardDisplay
from ._predicted_reference import PredictedReferenceDisplay
from ._spectra_transfer import SpectraTransferDisplay
from ._standards_curve import StandardsCurveDisplay

__all__ = [
    "ApplicabilityDisplay",
    "EmbeddingDisplay",
    "InstrumentReportDisplay",
    "LeaderboardDisplay",
    "PredictedReferenceDisplay",
    "SpectraTransferDisplay",
    "StandardsCurveDisplay",
]
