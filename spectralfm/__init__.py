"""Move a spectroscopic calibration from one instrument to another.

Subpackages load on first use, so ``import spectralfm`` is quick and loads no torch.

Examples
--------
>>> import spectralfm
>>> spectralfm.transfer.MeanShift()
MeanShift()
"""

import importlib
import pkgutil
from typing import Any

__version__ = "0.1.0.dev0"

_SUBMODULES = sorted(
    module.name
    for module in pkgutil.iter_modules(__path__)
    if not module.name.startswith("_") and module.name != "cli"
)

_FUNCTIONS = ("load", "save", "to_b_vector", "to_onnx")
"""Those of `spectralfm.deployment`."""

__all__ = ["__version__", *_FUNCTIONS, *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.deployment"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
