"""Spectra to transfer calibrations on: original sets, files of your own, simulated pairs."""

from . import corpora
from ._campaign import make_instrument_campaign
from ._corn import fetch_corn
from ._csv import load_spectra_csv
from ._csv_pair import load_csv_pair
from ._npz import load_npz_pair
from ._simulated import make_instrument_pair
from ._tablets import fetch_tablets

__all__ = [
    "corpora",
    "fetch_corn",
    "fetch_tablets",
    "load_csv_pair",
    "load_npz_pair",
    "load_spectra_csv",
    "make_instrument_campaign",
    "make_instrument_pair",
]
