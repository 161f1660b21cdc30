"""Weights as users load them: tensors, what rebuilds the network, and where they come from."""

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._container import CorruptWeightsError, pack, some, unpack
from ._files import sweep, write_atomically

SHIPPED = Path(__file__).parents[1] / "weights"
_SUFFIX = ".safetensors"
_KIND = "weights"
_FETCH = "Fetch the file again, or reinstall spectralfm if it came with it."


class Weights(NamedTuple):
    """All that rebuilds a network.

    Attributes
    ----------
    state_dict : dict of str to Tensor
        Tensors on the CPU.
    config : dict
        Keyword arguments of the constructor.
    architecture : str
        Name of the class.
    axis_range : tuple of two floats
        Lowest and highest wavenumber the network reads, cm-1.
    provenance : dict
        Data, licences, seed, steps and what else was said about the training.
    file : str
        Where they were read, for messages.
    """

    state_dict: dict[str, Tensor]
    config: dict[str, Any]
    architecture: str
    axis_range: tuple[float, float]
    provenance: dict[str, Any]
    file: str = "weights in memory"


def save_weights(
    path: str | os.PathLike[str],
    state_dict: Mapping[str, Tensor],
    *,
    config: Mapping[str, Any],
    architecture: str,
    axis_range: tuple[float, float],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write one file that holds all a user needs to run the network.

    Parameters
    ----------
    path : str or path-like
        The file, ending in ``.safetensors``. It is replaced in one step, or not at all.
    state_dict, config, architecture, axis_range, provenance
        As in `dump_weights`.

    Raises
    ------
    ValueError
        As `dump_weights`, or if the name of the file ends otherwise.
    OSError
        If the disk is full or refuses.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> from spectralfm.checkpoint import build_module, load_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(
    ...         f"{folder}/line.safetensors",
    ...         nn.Linear(3, 1).state_dict(),
    ...         config={"in_features": 3, "out_features": 1},
    ...         architecture="Linear",
    ...         axis_range=(4000, 12000),
    ...         provenance={"data": "none", "seed": 0},
    ...     )
    ...     weights = load_weights(f"{folder}/line.safetensors")
    >>> weights.provenance["seed"], weights.axis_range
    (0, (4000.0, 12000.0))
    >>> build_module(nn.Linear, weights)
    Linear(in_features=3, out_features=1, bias=True)
    """
    path = Path(path)
    if path.suffix != _SUFFIX:
        raise ValueError(f"{path}: the name of a weights file ends in {_SUFFIX}.")
    data = dump_weights(
        state_dict,
        config=config,
        architecture=architecture,
        axis_range=axis_range,
        provenance=provenance,
    )
    sweep(path.parent, glob.escape(path.name))
    write_atomically(path, data)


def dump_weights(
    state_dict: Mapping[str, Tensor],
    *,
    config: Mapping[str, Any],
    architecture: str,
    axis_range: tuple[float, float],
    provenance: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the bytes of a weights file: what an estimator's pickle holds.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        Tensors on any device. Those that share memory are written once a name.
    config : mapping
        Keyword arguments of the constructor: plain JSON, so lists rather than tuples.
    architecture : str
        Name of the class that they rebuild.
    axis_range : tuple of two floats
        Lowest and highest wavenumber the network reads, cm-1.
    provenance : mapping, optional
        Data, licences, seed, steps, hardware: plain JSON.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        If a weight is not finite, the axis range is not increasing, or an argument is not JSON.

    Examples
    --------
    >>> from torch import nn
    >>> from spectralfm.checkpoint import dump_weights, parse_weights
    >>> data = dump_weights(
    ...     nn.Linear(3, 1).state_dict(),
    ...     config={"in_features": 3, "out_features": 1},
    ...     architecture="Linear",
    ...     axis_range=(4000, 12000),
    ... )
    >>> parse_weights(data).config
    {'in_features': 3, 'out_features': 1}
    """
    for name, tensor in state_dict.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"state_dict[{name!r}] is a {type(tensor).__name__}, not a tensor.")
    if unfinite := _not_finite(state_dict):
        raise ValueError(f"{unfinite}: the training diverged, there is nothing worth saving.")
    low, high = (float(end) for end in axis_range)
    if not 0 <= low < high < float("inf"):
        raise ValueError(f"axis_range must be increasing wavenumbers in cm-1, got {axis_range}.")
    fields = {
        "architecture": architecture,
        "config": dict(config),
        "axis_range": [low, high],
        "provenance": dict(provenance or {}),
    }
    return pack(_KIND, fields, state_dict)


def load_weights(
    path_or_name: str | os.PathLike[str], *, architecture: str | None = None
) -> Weights:
    """Read weights from a file, or those of a name that came with the package.

    Parameters
    ----------
    path_or_name : str or path-like
        A file; or a bare name such as ``"base"``, without separator and suffix, for
        ``spectralfm/weights/base.safetensors``.
    architecture : str, optional
        Refuse weights of any other class.

    Returns
    -------
    Weights
        Verified: SHA-256, finite values.

    Raises
    ------
    FileNotFoundError
        If there is no such file or name; the message lists those there are.
    CorruptWeightsError
        If the file is damaged, edited, not finite, or of another architecture.

    Warns
    -----
    UserWarning
        If the file has a newer format, or comes from another major version of spectralfm, torch,
        NumPy or safetensors.

    Examples
    --------
    >>> from spectralfm.checkpoint import load_weights
    >>> load_weights("bass")
    Traceback (most recent call last):
    ...
    FileNotFoundError: No weights called 'bass' come with spectralfm; there are: ...
    """
    path = _locate(path_or_name)
    return parse_weights(path.read_bytes(), file=str(path), architecture=architecture)


def parse_weights(
    data: bytes, *, file: str = "weights in memory", architecture: str | None = None
) -> Weights:
    """Read weights from the bytes that `dump_weights` returned.

    Parameters
    ----------
    data : bytes
        The file.
    file : str
        What to call it in messages.
    architecture : str, optional
        Refuse weights of any other class.

    Returns
    -------
    Weights
        Verified: SHA-256, finite values.

    Raises
    ------
    CorruptWeightsError
        As `load_weights`.
    """
    fields = ("architecture", "config", "axis_range", "provenance")
    header, state = unpack(_KIND, data, file=file, fields=fields, remedy=_FETCH)
    found, config, (low, high), provenance = (header[field] for field in fields)
    if unfinite := _not_finite(state):
        raise CorruptWeightsError(file, "finite weights", unfinite, _FETCH)
    if architecture is not None:
        check_architecture(architecture, found, file)
    return Weights(state, config, found, (low, high), provenance, file)


def _locate(path_or_name: str | os.PathLike[str]) -> Path:
    path = Path(path_or_name)
    bare = isinstance(path_or_name, str) and path.name == path_or_name and path.suffix != _SUFFIX
    if bare:
        path = SHIPPED / f"{path_or_name}{_SUFFIX}"
    if path.is_file():
        return path
    there = ", ".join(sorted(file.stem if bare else file.name for file in _beside(path))) or "none"
    if bare:
        raise FileNotFoundError(
            f"No weights called {path_or_name!r} come with spectralfm; there are: {there}. Give "
            f"one of these names, or the path of a {_SUFFIX} file."
        )
    raise FileNotFoundError(f"There is no file {path}; weights in this folder: {there}.")


def _beside(path: Path) -> list[Path]:
    return list(path.parent.glob(f"[!.]*{_SUFFIX}"))


def _not_finite(state_dict: Mapping[str, Tensor]) -> str:
    """Return which tensors hold NaN or infinity, or an empty string."""
    names = [name for name, tensor in state_dict.items() if not torch.isfinite(tensor).all()]
    return f"NaN or infinity in {some(names)}" if names else ""


def check_architecture(expected: str, found: str, file: str) -> None:
    """Refuse weights of another class."""
    if found != expected:
        raise CorruptWeightsError(
            file, f"weights of {expected}", f"weights of {found}", "Give another file."
        )
