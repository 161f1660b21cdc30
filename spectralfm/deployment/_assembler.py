"""An estimator put together from JSON and tensors, without running what a file says."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from torch import Tensor

from ._disassembler import Disassembler, Node
from ._types import FUNCTIONS, METHODS, class_of

KINDS = frozenset({
    "array", "bunch", "bytes", "csc", "dict", "function", "hex", "list", "method", "object",
    "objects", "partial", "path", "random_state", "record", "scalar", "text", "tuple",
})  # fmt: skip
"""Kinds of nodes."""


class Assembler:
    """Put an estimator together again.

    Parameters
    ----------
    nodes : list of dict
        The table.
    tensors : dict of str to Tensor
        Arrays and bytes by name.
    owner : object, optional
        What stands for the owner that was left out.

    Attributes
    ----------
    objects : list of object
        All objects with attributes, as far as they are built.
    """

    def __init__(self, nodes: list[Node], tensors: dict[str, Tensor], owner: Any = None) -> None:
        self.nodes, self.tensors, self.owner = nodes, tensors, owner
        self.objects: list[Any] = []
        self._built: dict[int, Any] = {}

    def value(self, value: Any) -> Any:
        """Return what `Disassembler.value` took apart.

        Parameters
        ----------
        value : object
            What it returned.

        Returns
        -------
        object
            An equal one.

        Raises
        ------
        LookupError
            If a class is not allowed.
        """
        if not isinstance(value, dict):
            return value
        if "float" in value:
            return float(value["float"])
        if "owner" in value:
            return self.owner
        number = value["node"]
        if number not in self._built:
            self._built[number] = self._build(number, self.nodes[number])
        return self._built[number]

    def _build(self, number: int, node: Node) -> Any:
        kind, content = next(iter(node.items()))
        if kind not in KINDS:
            raise LookupError(f"a node of kind {kind}, which does not exist")
        if kind in ("object", "list", "dict", "bunch"):  # known before their parts are built
            self._built[number] = {
                "object": lambda: _blank(content), "list": list, "dict": dict, "bunch": Bunch,
            }[kind]()  # fmt: skip
        return getattr(self, f"_{kind}")(number, node, content)

    def _object(self, number: int, node: Node, content: str) -> Any:
        built = self._built[number]
        self.objects.append(built)
        state = {name: self.value(item) for name, item in node["attributes"].items()}
        restore = getattr(type(built), "__setstate__", None)
        if restore in (None, BaseEstimator.__setstate__):
            vars(built).update(state)
        else:
            restore(built, state)
        return built

    def _record(self, number: int, node: Node, content: str) -> Any:
        cls = class_of(content)
        if not issubclass(cls, tuple):
            raise LookupError(f"{content}, which is no record")
        return tuple.__new__(cls, [self.value(item) for item in node["fields"]])

    def _list(self, number: int, node: Node, content: list[Any]) -> list[Any]:
        self._built[number].extend(self.value(item) for item in content)
        return self._built[number]

    def _tuple(self, number: int, node: Node, content: list[Any]) -> tuple[Any, ...]:
        return tuple(self.value(item) for item in content)

    def _dict(self, number: int, node: Node, content: list[Any]) -> Any:
        self._built[number].update((self.value(key), self.value(item)) for key, item in content)
        return self._built[number]

    _bunch = _dict

    def _array(self, number: int, node: Node, content: str) -> np.ndarray:
        array = np.array(self.tensors[content].numpy(), order="C")  # aligned memory of its own
        return array.T if node["columns"] else array

    def _bytes(self, number: int, node: Node, content: str) -> bytes:
        return self.tensors[content].numpy().tobytes()

    def _hex(self, number: int, node: Node, content: str) -> bytes:
        return bytes.fromhex(content)

    def _text(self, number: int, node: Node, content: list[str]) -> np.ndarray:
        return np.array(content, dtype=node["dtype"]).reshape(node["shape"])

    def _objects(self, number: int, node: Node, content: list[Any]) -> np.ndarray:
        array = np.empty(len(content), dtype=object)
        array[:] = [self.value(item) for item in content]
        return array.reshape(node["shape"])

    def _scalar(self, number: int, node: Node, content: str) -> Any:
        return np.dtype(content).type(self.value(node["value"]))

    def _csc(self, number: int, node: Node, content: list[Any]) -> csc_array:
        data, indices, indptr = (self.value(part) for part in content)
        return csc_array((data, indices, indptr), shape=tuple(node["shape"]))

    def _path(self, number: int, node: Node, content: str) -> Path:
        return Path(content)

    def _random_state(self, number: int, node: Node, content: Any) -> np.random.RandomState:
        random_state = np.random.RandomState()
        random_state.set_state(self.value(content))
        return random_state

    def _function(self, number: int, node: Node, content: str) -> Callable[..., Any]:
        if content not in FUNCTIONS:
            raise LookupError(f"the function {content}, which is not on the list")
        return FUNCTIONS[content]

    def _partial(self, number: int, node: Node, content: Any) -> partial:
        return partial(self.value(content), *(self.value(item) for item in node["args"]))

    def _method(self, number: int, node: Node, content: Any) -> Callable[..., Any]:
        if node["name"] not in METHODS:
            raise LookupError(f"the method {node['name']}, which is not on the list")
        return getattr(self.value(content), node["name"])


class Parts(NamedTuple):
    """An estimator put together, and all its objects."""

    estimator: Any
    objects: list[Any]


def assemble(root: Any, nodes: list[Node], tensors: dict[str, Tensor], owner: Any = None) -> Parts:
    """Put an estimator together.

    Parameters
    ----------
    root : object
        What `Disassembler.value` returned.
    nodes, tensors
        Those of the disassembler.
    owner : object, optional
        What stands for its owner.

    Returns
    -------
    Parts
        The estimator and its parts.

    Raises
    ------
    LookupError
        If a class is not allowed.
    """
    assembler = Assembler(nodes, tensors, owner)
    return Parts(assembler.value(root), assembler.objects)


def copied(estimator: Any) -> Parts:
    """Return a copy of an estimator, made as a file would make it, and all its objects."""
    parts = Disassembler()
    return assemble(parts.value(estimator, ""), parts.nodes, parts.tensors)


def _blank(name: str) -> Any:
    """Return an instance whose constructor did not run."""
    cls = class_of(name)
    if issubclass(cls, tuple) or not hasattr(cls, "__dict__"):
        raise LookupError(f"{name}, which has no attributes")
    return object.__new__(cls)
