"""Estimators around the pretrained encoder of vibrational spectra.

Importing this subpackage loads torch; ``import spectralfm`` does not.
"""

from ._encoder import SpectralFMEncoder

__all__ = ["SpectralFMEncoder"]
