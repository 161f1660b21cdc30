"""The stack of a regressor as bytes: its pickles have no cycle, and skops one type to trust."""

import zlib
from typing import Any

from ..checkpoint._container import CorruptWeightsError, pack, unpack

_KIND = "stack"
_FILE, _REMEDY = "the stack of a SpectralFMRegressor", "Copy the file again."


def dump_stack(stack: Any, owner: Any) -> bytes:
    """Return the bytes of a fitted ensemble.

    Parameters
    ----------
    stack : TransferEnsemble
        Fitted.
    owner : SpectralFMRegressor
        The regressor whose encoder the stack reads; it is left out.

    Returns
    -------
    bytes
        Safetensors and JSON, as in a model file, compressed: the settings repeat themselves.
    """
    from ..deployment._disassembler import Disassembler

    parts = Disassembler(owner)
    root = parts.value(stack, "")
    return zlib.compress(pack(_KIND, {"root": root, "nodes": parts.nodes}, parts.tensors))


def load_stack(data: bytes, owner: Any) -> Any:
    """Return the ensemble of the bytes, which reads the encoder of ``owner``.

    Parameters
    ----------
    data : bytes
        What `dump_stack` returned.
    owner : SpectralFMRegressor
        The regressor that the ensemble belongs to.

    Returns
    -------
    TransferEnsemble
        The ensemble.

    Raises
    ------
    CorruptWeightsError
        If the bytes were altered.
    """
    from ..deployment._assembler import assemble

    try:
        packed = zlib.decompress(data)
    except zlib.error as error:
        raise CorruptWeightsError(_FILE, "compressed bytes", str(error), _REMEDY) from error
    header, tensors = unpack(_KIND, packed, file=_FILE, fields=("root", "nodes"), remedy=_REMEDY)
    return assemble(header["root"], header["nodes"], tensors, owner).estimator
