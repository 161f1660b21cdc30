"""A fitted estimator as JSON and tensors.

The JSON is a table of nodes. A node is an array, a container, or an object with its class and its
attributes; a value is plain JSON or the number of a node. So what is shared stays shared, and an
estimator whose parts refer back to it, as the stack of `SpectralFMRegressor` does, is no problem.
Arrays are tensors named by the first attribute that holds them.
"""

import math
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_array
from sklearn.utils import Bunch
from torch import Tensor

from ..foundation._torch_estimator import EncoderMixin
from ._types import METHODS, function_name, name_of

REMEDY = (
    "Estimators of spectralfm, and the transformers and linear models of scikit-learn and "
    "chemotools, can be saved; for anything else use skops or pickle, or take it out."
)

Node = dict[str, Any]

SHORT = 64
"""Bytes that stand in the JSON; more are a tensor."""


class Disassembler:
    """Take an estimator apart.

    Parameters
    ----------
    owner : object, optional
        What parts refer to but what is not to be taken apart with them.

    Attributes
    ----------
    nodes : list of dict
        The table.
    tensors : dict of str to Tensor
        Arrays and bytes by name.
    """

    def __init__(self, owner: Any = None) -> None:
        self.owner = owner
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
        if value is self.owner:
            return {"owner": True}
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
        # Not the state of a subclass, which may be bytes: a file shows all that is in it.
        whole = isinstance(value, EncoderMixin)
        state = (EncoderMixin.__getstate__(value) if whole else value.__getstate__()) or {}
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
