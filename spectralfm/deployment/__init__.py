"""Put a fitted model next to an instrument: files that run no code, ONNX, regression vectors."""

from ._b_vector import BVector, Fidelity, to_b_vector
from ._model_file import load, save
from ._onnx_export import to_onnx

__all__ = ["BVector", "Fidelity", "load", "save", "to_b_vector", "to_onnx"]
