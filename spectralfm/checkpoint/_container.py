"""The one file format: safetensors, with a JSON header and a SHA-256 over header and tensors.

Nothing is ever unpickled, so no file can run code. The SHA-256 finds damage and careless edits, not
malice: who writes a file on purpose writes its SHA-256 as well.
"""

import hashlib
import json
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ._versions import versions, warn_of_skew

FORMAT = 1
"""Raised when an older spectralfm can no longer read the files; the SHA-256 stays as defined."""

_HEADER = "spectralfm"


class CorruptWeightsError(ValueError):
    """A file does not hold what it should.

    Parameters
    ----------
    file : str
        The file.
    expected : str
        What it should hold.
    found : str
        What it holds.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> print(CorruptWeightsError("a.safetensors", "finite weights", "NaN in 'bias'", "Fetch it."))
    a.safetensors: expected finite weights, found NaN in 'bias'. Fetch it.
    """

    def __init__(self, file: str, expected: str, found: str, remedy: str) -> None:
        super().__init__(file, expected, found, remedy)  # all four, so that it survives a pickle
        self.file, self.expected, self.found, self.remedy = file, expected, found, remedy

    def __str__(self) -> str:
        return f"{self.file}: expected {self.expected}, found {self.found}. {self.remedy}"


def pack(
    kind: str,
    fields: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    packages: Collection[str] = (),
) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    kind : str
        What the file is, so that no file is taken for another kind.
    fields : mapping of str
        What the header holds besides, plain JSON.
    tensors : mapping of str to Tensor
        Tensors on any device, contiguous or not; those that share memory are written twice.
    packages : collection of str
        Packages whose versions the header holds besides.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        If a field is not plain JSON, or a tensor is of a type that safetensors lacks.
    """
    for name, value in fields.items():
        _check_json(value, name)
    header = {"kind": kind, "format": FORMAT, "versions": versions(*packages), **fields}
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    header["sha256"] = _digest(header, copies)
    try:
        return safetensors.torch.save(copies, {_HEADER: json.dumps(header)})
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(f"The tensors fit no safetensors file: {error}.") from error


def unpack(
    kind: str,
    data: bytes,
    *,
    file: str,
    fields: Collection[str],
    remedy: str,
    n_parts: int = 1,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file, or say what is wrong with it.

    Parameters
    ----------
    kind : str
        What the file must be.
    data : bytes
        The file.
    file : str
        Its name, for messages.
    fields : collection of str
        What the header must hold besides.
    remedy : str
        What to do about a damaged file.
    n_parts : int
        How many parts of the versions must be those here for there to be no warning.

    Returns
    -------
    header : dict
        The fields.
    tensors : dict of str to Tensor
        Tensors on the CPU, in memory of their own.

    Raises
    ------
    CorruptWeightsError
        If the bytes are not a file that `pack` made of this kind, down to the last bit.

    Warns
    -----
    VersionSkewWarning
        If the file was written with other versions.
    """
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, KeyError) as error:
        found = f"{len(data)} bytes that are not one, or not all of one ({error})"
        if data.startswith(b"PK\x03\x04") or (data[:1] == b"\x80" and data.endswith(b".")):
            found = "a pickle, which was not opened because it can run code"
        raise CorruptWeightsError(file, "a safetensors file", found, remedy) from None
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_HEADER])
        stated = header.pop("sha256")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CorruptWeightsError(
            file, "the header of a spectralfm file", "none, or a damaged one", remedy
        ) from None
    actual = _digest(header, tensors)
    if stated != actual:
        raise CorruptWeightsError(file, f"SHA-256 {stated}", f"{actual}: it was altered", remedy)
    if header.get("kind") != kind:
        raise CorruptWeightsError(file, kind, str(header.get("kind")), "Give another file.")
    missing = sorted({"format", "versions", *fields} - header.keys())
    if missing:
        upgrade = "It may need a newer spectralfm: upgrade."
        raise CorruptWeightsError(file, f"{', '.join(missing)} in the header", "none", upgrade)
    warn_of_skew(f"{file} was written with", header["versions"], n_parts=n_parts)
    if header["format"] > FORMAT:
        warnings.warn(
            f"{file} has the format {header['format']}, newer than {FORMAT}, the newest that this "
            "spectralfm knows: upgrade, or check its results on known samples."
        )
    return header, dict(sorted(tensors.items()))


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of header, and names, types, shapes and bytes of the tensors by name."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _check_json(value: Any, name: str) -> None:
    try:
        changed = json.loads(json.dumps(value, allow_nan=False)) != value
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be plain JSON: {error}.") from None
    if changed:
        raise ValueError(
            f"{name} = {value!r} is not plain JSON and would come back changed: write lists for "
            "tuples, and strings for the keys of a dict."
        )


def some(names: list[str], limit: int = 3) -> str:
    """List the first of many names."""
    shown = ", ".join(names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
