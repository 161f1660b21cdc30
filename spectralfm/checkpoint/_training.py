"""Training that resumes exactly: the whole state of a run in one file, without pickle."""

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._container import CorruptWeightsError, pack, unpack
from ._files import sweep, write_atomically

_KIND = "training state"
_STRUCTURE = "structure"
_NAME = re.compile(r"step-(\d+)\.safetensors")


def save_training_state(
    folder: str | os.PathLike[str], step: int, state: dict[Any, Any], *, keep: int = 2
) -> Path:
    """Write all that a run needs to go on as if it had never stopped.

    Parameters
    ----------
    folder : str or path-like
        Folder of this run alone, made when missing.
    step : int
        Optimizer steps done, >= 0. States of later steps, left by a run that has gone back to an
        earlier one, are deleted.
    state : dict
        Dicts, lists and tuples of tensors, NumPy arrays and scalars, numbers, strings, bytes and
        None, nested in any way: state dicts of network, optimizer, scheduler and average, states of
        the random number generators, position of the sampler.
    keep : int
        How many states to keep, >= 1. With 2 a damaged newest leaves one to go back to.

    Returns
    -------
    Path
        The file, complete and forced to disk.

    Raises
    ------
    ValueError
        If ``step`` or ``keep`` is out of range.
    TypeError
        If the state holds anything else; the message says where.
    OSError
        If the disk is full or refuses; earlier states are then intact.

    Notes
    -----
    What comes back is equal, of the same types and order, except that dicts of any class come back
    as dict, parameters as tensors, and everything on the CPU.

    Examples
    --------
    >>> import tempfile
    >>> from spectralfm.checkpoint import load_training_state, save_training_state
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_training_state(folder, 100, {"net": {"bias": torch.ones(2)}, "best": 0.25})
    ...     load_training_state(folder)
    (100, {'net': {'bias': tensor([1., 1.])}, 'best': 0.25})
    """
    if step < 0 or keep < 1:
        raise ValueError(f"step must be >= 0 and keep >= 1, got {step} and {keep}.")
    folder = Path(folder)
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_take_apart(state, tensors, "state"))
    tensors[_STRUCTURE] = _as_tensor(structure.encode())
    data = pack(_KIND, {"step": int(step)}, tensors)
    sweep(folder, "step-*")
    path = folder / f"step-{step:09d}.safetensors"
    write_atomically(path, data)
    saved = _saved(folder)
    earlier = [file for file in saved if saved[file] <= step]
    for file in set(saved) - set(earlier[-keep:]):
        file.unlink(missing_ok=True)
    return path


def load_training_state(folder: str | os.PathLike[str]) -> tuple[int, dict[Any, Any]] | None:
    """Read the newest state of a run.

    Parameters
    ----------
    folder : str or path-like
        Folder given to `save_training_state`.

    Returns
    -------
    tuple of int and dict, or None
        Steps done and the state; None if the folder holds no state or does not exist.

    Raises
    ------
    CorruptWeightsError
        If there are states, but all are damaged.

    Warns
    -----
    UserWarning
        If the newest state is damaged and an earlier one is taken, or if it was written by another
        major version of spectralfm, torch, NumPy or safetensors.
    """
    files = list(reversed(_saved(Path(folder))))
    remedy = "Delete the file; an earlier state is used, or the training begins anew."
    for position, file in enumerate(files):
        try:
            header, tensors = unpack(
                _KIND, file.read_bytes(), file=str(file), fields=["step"], remedy=remedy
            )
        except CorruptWeightsError as error:
            if position == len(files) - 1:
                raise
            warnings.warn(f"{error} Going back to {files[position + 1].name}.")
            continue
        structure = json.loads(_as_bytes(tensors[_STRUCTURE]))
        return header["step"], _put_together(structure, tensors)
    return None


def _saved(folder: Path) -> dict[Path, int]:
    """Return the states of a folder and their steps, earliest first."""
    named = ((file, _NAME.fullmatch(file.name)) for file in folder.glob("step-*"))
    steps = {file: int(match[1]) for file, match in named if match}
    return dict(sorted(steps.items(), key=lambda item: item[1]))


def _take_apart(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    """Return the structure of a value as JSON, its tensors replaced by their names."""

    def named(tensor: Tensor) -> str:
        name = str(len(tensors))
        tensors[name] = tensor
        return name

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        return {"tensor": named(value)}
    if type(value) is bytes:
        return {"bytes": named(_as_tensor(value))}
    if type(value) is np.ndarray or isinstance(value, np.generic):
        if value.dtype.hasobject or value.dtype.names:
            raise TypeError(f"{where} is an array of {value.dtype}: save its columns.")
        content = [value.dtype.str, value.shape, named(_as_tensor(value.tobytes()))]
        return {"array" if type(value) is np.ndarray else "scalar": content}
    if type(value) in (list, tuple):
        parts = [_take_apart(part, tensors, f"{where}[{i}]") for i, part in enumerate(value)]
        return parts if type(value) is list else {"tuple": parts}
    if isinstance(value, dict):
        keys = [_take_apart(key, tensors, f"a key of {where}") for key in value]
        parts = [_take_apart(part, tensors, f"{where}[{key!r}]") for key, part in value.items()]
        return {"dict": [list(pair) for pair in zip(keys, parts, strict=True)]}
    raise TypeError(
        f"{where} is a {type(value).__name__}: a state holds dicts, lists and tuples of tensors, "
        "arrays, numbers, strings, bytes and None. Save its state_dict(), or what rebuilds it."
    )


def _put_together(node: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo `_take_apart`."""
    if isinstance(node, list):
        return [_put_together(part, tensors) for part in node]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "bytes":
        return _as_bytes(tensors[content])
    if kind == "tuple":
        return tuple(_put_together(content, tensors))
    if kind == "dict":
        return {_put_together(k, tensors): _put_together(v, tensors) for k, v in content}
    dtype, shape, name = content
    array = np.frombuffer(_as_bytes(tensors[name]), dtype).reshape(shape).copy()
    return array if kind == "array" else array[()]


def _as_tensor(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())


def _as_bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()
