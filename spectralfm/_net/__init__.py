"""Training of any network on any loss; the only door to skorch."""

from ._divergence import DivergenceError
from ._fit import Fit, fit_module
from ._isolation import isolated, seed_of
from ._processes import is_first, process_group

__all__ = [
    "DivergenceError",
    "Fit",
    "fit_module",
    "is_first",
    "isolated",
    "process_group",
    "seed_of",
]
