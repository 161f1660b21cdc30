"""A fitted estimator as JSON and tensors, and back, without running what a file says.

The JSON is a table of nodes. A node is an array, a container, or an object with its class and its
attributes; a value is plain JSON or the number of a node. So what is shared stays shared, and an
estimator whose parts refer back to it, as the stack of `SpectralFMRegressor` does, is no problem.
Arrays are tensors named by the first attribute that holds them.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csc_array
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from torch import Tensor

from ._types import FUNCTIONS, METHODS, class_of, function_name, name_of

REMEDY = (
    "Estimators of spectralfm, and the transformers and linear models of scikit-learn and "
    "chemotools, can be saved; for anything else use skops or pickle, or take it out."
)

Node = dict[str, Any]

SHORT = 64
"""Bytes that stand in the JSON; more are a tensor."""

KINDS = frozenset({
    "array", "bunch", "bytes", "csc", "dict", "function", "hex", "list", "method", "object",
    "objects", "partial", "path", "random_state", "record", "scalar", "text", "tuple",
})  # fmt: skip
"""Kinds of nodes."""


class Disassembler:
    """Take an estimator apart.

    Attributes
    ----------
    nodes : list of dict
        The table.
    tensors : dict of str to Tensor
        Arrays and bytes by name.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self._seen: dict[int, tuple[int, Any]] = {}  # the object as well: its id stays its own

    def value(self, value: Any, where: str) -> Any:
        """Return a value as plain JSON or as a reference to its node.

        Parameters
        ----------
        value : object
            What to take apart.
        where : str
            Its place, such as ``"pipeline_.steps[0]"``, for names and messages.

        Returns
        -------
        object
            Plain JSON.

        Raises
        ------
        ValueError
            If a part is of a type that no file may hold; the message says where.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if id(value) not in self._seen:
            number = len(self.nodes)
            self._seen[id(value)] = (number, value)
            self.nodes.append({})
            self.nodes[number] = self._node(value, where)
        return {"node": self._seen[id(value)][0]}

    def _node(self, value: Any, where: str) -> Node:
        if isinstance(value, np.generic):
            return {"scalar": value.dtype.str, "value": self.value(value.item(), where)}
        if type(value) is np.ndarray:
            return self._array(value, where)
        if type(value) is bytes:
            if len(value) <= SHORT:
                return {"hex": value.hex()}
            content = np.frombuffer(value, np.uint8).copy()
            return {"bytes": self._named(torch.from_numpy(content), where)}
        if isinstance(value, csc_array):
            parts = [value.data, value.indices, value.indptr]
            names = ("data", "indices", "indptr")
            pairs = zip(parts, names, strict=True)
            return {
                "csc": [self.value(part, f"{where}.{name}") for part, name in pairs],
                "shape": list(value.shape),
            }
        if type(value) in (list, tuple):
            items = [self.value(item, f"{where}[{i}]") for i, item in enumerate(value)]
            return {type(value).__name__: items}
        if type(value) in (dict, Bunch):
            items = [
                [self.value(key, f"a key of {where}"), self.value(item, f"{where}[{key!r}]")]
                for key, item in value.items()
            ]
            return {type(value).__name__.lower(): items}
        if isinstance(value, Path):
            return {"path": str(value)}
        if isinstance(value, np.random.RandomState):
            return {"random_state": self.value(value.get_state(legacy=False), where)}
        if (name := function_name(value)) is not None:
            return {"function": name}
        if type(value) is partial and not value.keywords:
            bound = [self.value(item, f"{where}.args[{i}]") for i, item in enumerate(value.args)]
            return {"partial": self.value(value.func, f"{where}.func"), "args": bound}
        if type(value) is MethodType and value.__name__ in METHODS:
            return {"method": self.value(value.__self__, where), "name": value.__name__}
        return self._object(value, where)

    def _object(self, value: Any, where: str) -> Node:
        name = None if isinstance(value, type) else name_of(type(value))
        if name is None:
            kind = value if isinstance(value, type) else type(value)
            what = f"{kind.__module__}.{kind.__qualname__}"
            if callable(value) and hasattr(value, "__qualname__"):
                what = f"the function {value.__module__}.{value.__qualname__}"
            raise ValueError(f"{where} is {what}, which no model file holds. {REMEDY}")
        if isinstance(value, tuple):  # a NamedTuple
            fields = zip(type(value)._fields, value, strict=True)  # type: ignore[attr-defined]
            return {
                "record": name,
                "fields": [self.value(item, f"{where}.{field}") for field, item in fields],
            }
        state = value.__getstate__() or {}
        attributes = {
            attribute: self.value(item, f"{where}.{attribute}" if where else attribute)
            for attribute, item in state.items()
            if attribute not in ("_versions", "_sklearn_version")  # the header has them
        }
        return {"object": name, "attributes": attributes}

    def _array(self, value: np.ndarray, where: str) -> Node:
        if value.dtype.kind == "U":
            text, shape = value.ravel().tolist(), list(value.shape)
            return {"text": text, "dtype": value.dtype.str, "shape": shape}
        if value.dtype.kind == "O":
            items = [self.value(item, f"{where}[{i}]") for i, item in enumerate(value.ravel())]
            return {"objects": items, "shape": list(value.shape)}
        columns = value.flags.f_contiguous and not value.flags.c_contiguous
        # Products of arrays in another order differ in the last bit: the order is kept.
        ordered = np.array(value.T if columns else value, order="C")
        try:
            tensor = torch.from_numpy(ordered)
        except TypeError:
            raise ValueError(
                f"{where} is an array of {value.dtype}, which no model file holds. {REMEDY}"
            ) from None
        return {"array": self._named(tensor, where), "columns": columns}

    def _named(self, tensor: Tensor, where: str) -> str:
        self.tensors[where] = tensor
        return where


class Assembler:
    """Put an estimator together again.

    Parameters
    ----------
    nodes : list of dict
        The table.
    tensors : dict of str to Tensor
        Arrays and bytes by name.

    Attributes
    ----------
    objects : list of object
        All objects with attributes, as far as they are built.
    """

    def __init__(self, nodes: list[Node], tensors: dict[str, Tensor]) -> None:
        self.nodes, self.tensors = nodes, tensors
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


def assemble(root: Any, nodes: list[Node], tensors: dict[str, Tensor]) -> Parts:
    """Put an estimator together.

    Parameters
    ----------
    root : object
        What `Disassembler.value` returned.
    nodes, tensors
        Those of the disassembler.

    Returns
    -------
    Parts
        The estimator and its parts.

    Raises
    ------
    LookupError
        If a class is not allowed.
    """
    assembler = Assembler(nodes, tensors)
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
