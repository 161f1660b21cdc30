"""Corpora for pretraining: spectra of many sources in one file, streamed in and out.

`build_corpus` reads sources (`open_source`) into an HDF5 file; `SpectralCorpus` reads that.
"""

from ._build import CorpusSummary, build_corpus
from ._corpus import Batch, SpectralCorpus, in_wavenumbers
from ._files import ArchiveSource, FolderSource
from ._layout import CorruptCorpusError
from ._npz import NpzSource
from ._open_source import open_source, source_kind
from ._parquet import ParquetSource
from ._reader import BlockReader
from ._record import Item, Record, Source
from ._sqlite import SQLiteSource

__all__ = [
    "ArchiveSource",
    "Batch",
    "BlockReader",
    "CorpusSummary",
    "CorruptCorpusError",
    "FolderSource",
    "Item",
    "NpzSource",
    "ParquetSource",
    "Record",
    "SQLiteSource",
    "Source",
    "SpectralCorpus",
    "build_corpus",
    "in_wavenumbers",
    "open_source",
    "source_kind",
]
