"""Which versions wrote a file or a pickle, and a warning where those here are others."""

import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import safetensors
import torch

from .. import __version__

NUMERIC = ("scikit-learn", "scipy", "chemotools")
"""Packages whose arithmetic is part of a saved model, beside those of every file."""


class VersionSkewWarning(UserWarning):
    """What is loaded was written with other versions of a package that computes with it.

    Examples
    --------
    >>> from spectralfm.checkpoint import VersionSkewWarning
    >>> issubclass(VersionSkewWarning, UserWarning)
    True
    """


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of this package, torch, NumPy and safetensors, and of others.

    Parameters
    ----------
    *packages : str
        Names of distributions; those not installed are left out.

    Returns
    -------
    dict of str to str
        Versions by name.
    """
    found = {
        "spectralfm": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
    }
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def warn_of_skew(what: str, written: Mapping[str, str], *, n_parts: int = 2) -> None:
    """Warn if versions differ from those here.

    Parameters
    ----------
    what : str
        What was written, as the beginning of a sentence: "model.safetensors was written with".
    written : mapping of str to str
        Versions by package; packages that are not installed here are passed over.
    n_parts : int
        How many parts of a version must be equal: 1 for the major version, 2 for major and minor.

    Warns
    -----
    VersionSkewWarning
        If one differs.
    """
    here = versions(*written)
    skew = [
        f"{name} {written[name]} (here {here[name]})"
        for name in sorted(written.keys() & here.keys())
        if written[name].split(".")[:n_parts] != here[name].split(".")[:n_parts]
    ]
    if skew:
        warnings.warn(
            f"{what} {', '.join(skew)}. Check its results on known samples, or install those "
            "versions.",
            VersionSkewWarning,
        )
