"""Runs of the foundation model that leave one folder each, and a check that all of it works.

A folder holds ``arguments.json``, ``seed.json``, ``versions.json`` and ``metrics.json``, and what
the run made: ``model.joblib`` with ``weights.safetensors``, or ``predictions.csv``.

Importing this subpackage loads torch.
"""

from ._calibration import adapt, evaluate, finetune
from ._execute import execute
from ._folder import Run, read_run
from ._smoke import Check, smoke

__all__ = ["Check", "Run", "adapt", "evaluate", "execute", "finetune", "read_run", "smoke"]
