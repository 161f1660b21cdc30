"""Put a fitted model next to an instrument: files that run no code, ONNX, regression vectors."""

from ._model_file import load, save

__all__ = ["load", "save"]
