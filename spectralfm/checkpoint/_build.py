"""Rebuild a network from its weights, as it was and without a random number."""

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ._container import CorruptWeightsError, some
from ._weights import Weights, check_architecture

AnyModule = TypeVar("AnyModule", bound=nn.Module)

_one_at_a_time = threading.RLock()
"""PyTorch keeps a flag of active modes for the whole process, and threads would mix it up."""


def build_module(factory: Callable[..., AnyModule], weights: Weights) -> AnyModule:
    """Rebuild a network, drawing no random numbers.

    Parameters
    ----------
    factory : callable
        The class, or a function that returns the network, called with ``**weights.config``.
    weights : Weights
        Copied, so that training the network leaves them as they are.

    Returns
    -------
    Module
        The network on the CPU, in training mode, its tensors of the type they were saved in.

    Raises
    ------
    CorruptWeightsError
        If the weights belong to another class, its constructor does not take their configuration,
        or names or shapes of the tensors differ.

    Notes
    -----
    PyTorch's usual way, the ``meta`` device, leaves buffers that are not saved (windows, filters)
    without values. Here the constructor runs on the CPU, except that what would be random is zero:
    about as fast, such buffers have their values, and the random number generators of all threads
    stay as they are. A constructor that computes with random numbers other than those it saves
    would be rebuilt differently; let it draw them from a generator of its own, with a fixed seed.

    Examples
    --------
    >>> from spectralfm.checkpoint import build_module, dump_weights, parse_weights
    >>> config = {"in_features": 3, "out_features": 1}
    >>> layer = nn.Linear(**config)
    >>> data = dump_weights(
    ...     layer.state_dict(), config=config, architecture="Linear", axis_range=(4000, 12500)
    ... )
    >>> torch.equal(build_module(nn.Linear, parse_weights(data)).weight, layer.weight)
    True
    """
    if isinstance(factory, type):
        check_architecture(factory.__name__, weights.architecture, weights.file)
    remedy = "Load them into the class and the version of spectralfm that wrote them."
    try:
        inspect.signature(factory).bind(**weights.config)
    except TypeError as error:
        raise CorruptWeightsError(
            weights.file, f"arguments of {weights.architecture}", str(error), remedy
        ) from None
    with _one_at_a_time, _NoRandomNumbers(), torch.device("cpu"):
        module = factory(**weights.config)
    tied: dict[nn.Parameter, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        tied.setdefault(parameter, []).append(name)
    if differences := _differences(module.state_dict(), weights.state_dict):
        expected = f"the tensors of {weights.architecture}"
        raise CorruptWeightsError(weights.file, expected, differences, remedy)
    copies = {name: tensor.clone() for name, tensor in weights.state_dict.items()}
    module.load_state_dict(copies, strict=True, assign=True)
    for first, *others in tied.values():
        for name in others:
            owner, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(owner), leaf, module.get_parameter(first))
    return module


class _NoRandomNumbers(TorchDispatchMode):
    """While active in a thread, random tensors are zero, unless drawn from an own generator."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True, the default, imports the compiler: 1.6 s for nothing at the first load

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        random = torch.Tag.nondeterministic_seeded in func.tags
        if not random or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        if func._schema.is_mutable:
            return args[0].zero_()
        shapes = [arg.to("meta") if isinstance(arg, Tensor) else arg for arg in args]
        if any(argument.name == "device" for argument in func._schema.arguments):
            kwargs = {**kwargs, "device": "meta"}
        return torch.zeros_like(func(*shapes, **kwargs), device="cpu")


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return what is missing, not expected, or of another shape, or an empty string."""
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    shapes = [
        f"{name} {tuple(found[name].shape)} for {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    groups = {"missing": missing, "not expected": extra, "of another shape": shapes}
    return "; ".join(f"{what}: {some(names)}" for what, names in groups.items() if names)
