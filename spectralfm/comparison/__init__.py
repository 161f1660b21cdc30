"""All methods side by side on one calibration to be moved: table, curves and figure.

Examples
--------
>>> from spectralfm.comparison import compare_methods, figures_of_merit, simulated_set
>>> task = simulated_set(n_samples=50, n_channels=60).task()
>>> chosen = ["no transfer", "mean shift", "full recalibration"]
>>> predictions = compare_methods(task, 5, methods=chosen)
>>> [row["method"] for row in figures_of_merit(task, predictions)]
['no transfer', 'mean shift', 'full recalibration']
"""

from ._calibration import SourceCalibration, correct_spectra
from ._compare import (
    RECALIBRATION,
    Comparison,
    compare_methods,
    figures_of_merit,
    standards_curves,
)
from ._csv_files import CSVFiles
from ._figure import check_figure_path, draw_figure
from ._methods import METHODS
from ._npz_file import npz_set
from ._paired_set import PairedSet, corn_set, simulated_set, tablets_set
from ._table import format_table, write_table
from ._task import TransferTask

__all__ = [
    "METHODS",
    "RECALIBRATION",
    "CSVFiles",
    "Comparison",
    "PairedSet",
    "SourceCalibration",
    "TransferTask",
    "check_figure_path",
    "compare_methods",
    "corn_set",
    "correct_spectra",
    "draw_figure",
    "figures_of_merit",
    "format_table",
    "npz_set",
    "simulated_set",
    "standards_curves",
    "tablets_set",
    "write_table",
]
