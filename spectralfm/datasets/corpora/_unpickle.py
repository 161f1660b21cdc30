"""Numbers out of zlib-compressed pickles from strangers, with nothing executed.

A pickle may name any function of any module. Here it may name only those NumPy writes for plain
arrays of numbers, and gets harmless stand-ins for them.
"""

import io
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_BLOB = 64 << 20
"""Bytes of the largest unpacked blob: 64 MiB."""

MOST_NUMBERS = 1 << 21
"""Numbers in all arrays and lists together; spectra have some thousand."""

DEEPEST = 3
"""Levels of lists and dicts in one another."""

NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}

UNPICKLING = (
    pickle.UnpicklingError, ValueError, TypeError, AttributeError, IndexError, KeyError, EOFError,
    OverflowError, MemoryError, RecursionError, UnicodeDecodeError,
)  # fmt: skip
"""What a damaged or malicious pickle raises."""


class _Named:
    """A name that a pickle may call or mention, and do nothing else with."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the pickle changes a function")

    def __reduce__(self) -> Any:
        raise pickle.PicklingError("not for pickling")


class _Type:
    """Stands for a NumPy dtype of numbers."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or code not in NUMBERS:
            raise pickle.UnpicklingError(f"an array of {code!r} holds no numbers")
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def numpy(self) -> np.dtype:
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for a NumPy array while it is put together."""

    __slots__ = ("values",)

    def __init__(self, *_: Any) -> None:
        self.values: NDArray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.values = _filled(data, dtype, shape, "F" if fortran else "C")


def _filled(data: Any, dtype: Any, shape: Any, order: Any = "C") -> NDArray:
    """Return an array of bytes that are there."""
    if not isinstance(dtype, _Type) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array holds no numbers")
    order = "F" if order == "F" else "C"
    return np.frombuffer(data, dtype.numpy()).reshape(shape, order=order)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> _Array:
    array = _Array()
    array.values = _filled(data, dtype, shape, order)
    return array


def _scalar(dtype: Any, data: Any) -> float:
    return float(_filled(data, dtype, (1,))[0])


def _latin1(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("an encoding other than latin1")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _latin1,
    **{
        (f"numpy.{core}.{module}", name): call
        for core in ("core", "_core")
        for module, name, call in (
            ("multiarray", "_reconstruct", lambda *_: _Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    """Finds only what NumPy writes for arrays of numbers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}: not executed")
        return _Named(_ALLOWED[module, name])

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("the pickle refers to something outside of it")


def load_numbers(blob: bytes) -> Any:
    """Return the arrays, lists, dicts and numbers in a pickle, compressed with zlib or not.

    Parameters
    ----------
    blob : bytes
        The pickle.

    Returns
    -------
    ndarray of float64, float, or list, tuple or dict of them
        What it holds.

    Raises
    ------
    ValueError
        If it is damaged, grows beyond 64 MiB, or asks for anything but plain arrays of numbers.
    """
    if not isinstance(blob, bytes):
        raise ValueError(f"holds {type(blob).__name__}, not bytes")
    if blob[:1] != b"\x80":
        unpacking = zlib.decompressobj()
        try:
            blob = unpacking.decompress(blob, LARGEST_BLOB)
        except zlib.error as error:
            raise ValueError(f"is not compressed with zlib ({error})") from None
        if not unpacking.eof:
            what = "grows beyond 64 MiB" if unpacking.unconsumed_tail else "is cut off"
            raise ValueError(f"the compressed blob {what}")
    try:
        return _plain(_Unpickler(io.BytesIO(blob)).load(), [MOST_NUMBERS])
    except UNPICKLING as error:
        raise ValueError(f"the pickle is refused: {error}") from None


def _plain(value: Any, left: list[int], depth: int = 0) -> Any:
    """Return arrays for their stand-ins; refuse anything but numbers, and too many of them.

    ``left`` is how many numbers there may still be: a list may hold the same list a thousand times.
    """
    if isinstance(value, _Array) and value.values is not None:
        _spend(left, value.values.size)
        return value.values.astype(np.float64)
    if isinstance(value, bool | int | float):
        _spend(left, 1)
        return float(value)
    if depth < DEEPEST and isinstance(value, list | tuple):
        if all(isinstance(each, int | float) for each in value):
            _spend(left, len(value))
            return np.asarray(value, dtype=np.float64)
        return [_plain(each, left, depth + 1) for each in value]
    if depth < DEEPEST and isinstance(value, dict):
        return {str(key): _plain(each, left, depth + 1) for key, each in value.items()}
    raise ValueError(f"a {type(value).__name__} is no number")


def _spend(left: list[int], count: int) -> None:
    left[0] -= max(count, 1)
    if left[0] < 0:
        raise ValueError("it repeats its numbers too often")
