"""Move a spectroscopic calibration from one instrument to another.

Subpackages load on first use, so ``import spectralfm`` is quick and loads no torch.

Examples
--------
>>> import spectralfm
>>> sorted(set(spectralfm.__all__) - {"__version__"})
['axis', 'datasets', 'metrics', 'model_selection', 'plotting', 'transfer']
"""

import importlib
from types import ModuleType

__version__ = "0.1.0.dev0"

_SUBMODULES = ("axis", "datasets", "metrics", "model_selection", "plotting", "transfer")

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
