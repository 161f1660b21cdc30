"""Read spectra from files of instruments, spectral libraries and plain text.

Every reader returns `Spectra`: spectra in rows, their ascending axis, its unit ("nm", "um" or
"cm-1", as in `spectralfm.axis`) and what else the file says.
"""

from ._asd import read_asd
from ._jcamp import read_jcamp
from ._library import read_ecostress, read_rruff, read_usgs
from ._opus import read_opus
from ._read import read_spectra
from ._spc import read_spc
from ._spectra import CorruptSpectrumError, Spectra
from ._table import read_spectra_table
from ._text import read_text

__all__ = [
    "CorruptSpectrumError",
    "Spectra",
    "read_asd",
    "read_ecostress",
    "read_jcamp",
    "read_opus",
    "read_rruff",
    "read_spc",
    "read_spectra",
    "read_spectra_table",
    "read_text",
    "read_usgs",
]
