"""Runs of the foundation model that leave one folder each, and a check that all of it works.

A folder holds ``arguments.json``, ``seed.json``, ``versions.json`` and ``metrics.json``, and what
the run made: ``model.joblib`` with ``weights.safetensors``, ``predictions.csv``, or, of
`pretrain_on_corpus`, ``weights.safetensors`` with ``history.jsonl``.

Importing this subpackage loads torch.
"""

from ._calibration import adapt, evaluate, finetune
from ._execute import execute
from ._folder import Run, read_run
from ._pretrain import pretrain_on_corpus
from ._smoke import Check, smoke

__all__ = [
    "Check",
    "Run",
    "adapt",
    "evaluate",
    "execute",
    "finetune",
    "pretrain_on_corpus",
    "read_run",
    "smoke",
]
