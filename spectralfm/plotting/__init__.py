"""Displays: what a transfer did, drawn with matplotlib (extra ``plot``).

As in scikit-learn, ``from_...`` draws and returns a display, whose ``ax_`` and ``figure_`` can be
changed afterwards; drawing several displays on one ``ax`` compares methods.
"""

from ._predicted_reference import PredictedReferenceDisplay
from ._standards_curve import StandardsCurveDisplay

__all__ = ["PredictedReferenceDisplay", "StandardsCurveDisplay"]
