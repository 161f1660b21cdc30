"""Which samples to measure on both instruments, how many, and how to split paired spectra."""

from ._paired_split import PairedSplit
from ._selectors import DUPLEX, SPXY, KennardStone
from ._sequential import duplex, kennard_stone, spxy
from ._standards_curve import standards_budget, standards_curve

__all__ = [
    "DUPLEX",
    "SPXY",
    "KennardStone",
    "PairedSplit",
    "duplex",
    "kennard_stone",
    "spxy",
    "standards_budget",
    "standards_curve",
]
