"""Weights that ship and training that resumes, in files that cannot lie or run code."""

from ._build import build_module
from ._container import CorruptWeightsError
from ._training import load_training_state, save_training_state
from ._versions import VersionSkewWarning
from ._weights import Weights, dump_weights, load_weights, parse_weights, save_weights

__all__ = [
    "CorruptWeightsError",
    "VersionSkewWarning",
    "Weights",
    "build_module",
    "dump_weights",
    "load_training_state",
    "load_weights",
    "parse_weights",
    "save_training_state",
    "save_weights",
]
