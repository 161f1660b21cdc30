"""The matrix and offset of a map that is a matrix and an offset, found by asking it."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from chemotools.scatter import StandardNormalVariate
from numpy.typing import NDArray

from ..foundation._torch_estimator import EncoderMixin
from ..transfer import OptimalTransportStandardization
from ..transfer._source_domain import SourceDomain

Array = NDArray[np.float64]

ROUNDING = 1e-8
"""Largest deviation, over the largest result, of a map that is affine but for rounding."""

CHUNK = 512
"""Unit steps asked for at a time."""


class Affine(NamedTuple):
    """``x @ matrix + offset``."""

    matrix: Array
    """(n_channels, n_outputs)."""
    offset: Array
    """(n_outputs,)."""


def never_affine(objects: Iterable[Any]) -> list[str]:
    """Say which parts of a model are no matrix, also where few spectra do not show it.

    Parameters
    ----------
    objects : iterable of object
        Parts of a model.

    Returns
    -------
    list of str
        What they do, in words; empty if there is none.
    """
    found = []
    for one in objects:
        if isinstance(one, EncoderMixin):
            found.append(f"the network of {type(one).__name__}")
        elif isinstance(one, StandardNormalVariate):
            found.append("SNV, which divides by the deviation of each spectrum")
        elif isinstance(one, SourceDomain) and one.views:
            found.append("caution about spectra unlike those of the source")
        elif isinstance(one, OptimalTransportStandardization) and one.method != "linear":
            found.append(f"the transport plan ({one.method})")
    return sorted(set(found))


def find_affine(function: Callable[[Array], Array], n_channels: int) -> tuple[Affine, float]:
    """Return matrix and offset of a map around an ordinary spectrum, and how far it is from them.

    Parameters
    ----------
    function : callable
        From spectra (n, n_channels) to results (n, n_outputs) or (n,).
    n_channels : int
        Channels of the spectra.

    Returns
    -------
    affine : Affine
        From one step a channel, of 1 absorbance unit.
    deviation : float
        Largest difference on spectra of several sizes and shapes, over the largest result; a map
        is affine if it is below `ROUNDING`.

    Notes
    -----
    A map that is affine on all spectra tried but not on others, a switch, is not noticed.
    """
    place = np.linspace(0, 1, n_channels)
    origin = 0.5 + 0.3 * np.cos(5 * place) + 0.1 * place

    def read(X: Array) -> Array:
        with np.errstate(all="ignore"):  # of the logarithm of a negative number
            return np.asarray(function(X), dtype=np.float64).reshape(len(X), -1)

    at_origin = read(origin[None])
    rows = [
        read(origin + np.eye(n_channels)[start : start + CHUNK]) - at_origin
        for start in range(0, n_channels, CHUNK)
    ]
    matrix = np.vstack(rows)
    affine = Affine(matrix, at_origin[0] - origin @ matrix)
    random = np.random.default_rng(0)
    smooth = 0.2 * random.normal(size=(4, n_channels)).cumsum(axis=1) / np.sqrt(n_channels)
    noise = random.random((3, n_channels))
    tried = np.vstack([origin + smooth, 3 * origin + 1, 0.1 * origin, noise, noise - 0.5])
    try:
        expected = read(tried)
    except ValueError:  # a later step does not take what became of negative numbers
        return affine, float("inf")
    found = tried @ affine.matrix + affine.offset
    scale = np.abs(expected).max(initial=np.finfo(np.float64).tiny)
    scale = max(scale, np.abs(np.abs(tried) @ np.abs(matrix)).max(initial=0.0))
    return affine, float(np.abs(found - expected).max(initial=0.0) / scale)
