r"""Low-rank adapters: fine-tune a network by adding a thin product to some of its weights.

.. math:: y = W x + b + \frac{\alpha}{r} B A x

with W frozen and B zero at the start. The scale :math:`\alpha / r` is that of [1]_.

Names in a state dict: an adapted layer keeps ``weight`` and ``bias`` and adds ``lora_down`` and
``lora_up``, so that a plain checkpoint loads before `inject_lora`, or after it with
``strict=False``. A merged layer saves ``weight`` and ``bias`` alone: its state dict loads into a
network that was never adapted.

Dimensions: I inputs, O outputs, r rank.

References
----------
.. [1] Hu, E. J., Shen, Y., Wallis, P., Allen-Zhu, Z., Li, Y., Wang, S., Wang, L., & Chen, W.
   (2021). LoRA: low-rank adaptation of large language models. https://arxiv.org/abs/2106.09685
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class LoRALinear(nn.Linear):
    """Linear layer with an adapter; shares the weights of the layer it takes the place of.

    Parameters
    ----------
    base : Linear
        Layer to adapt.
    rank : int
        Rank r of the adapter.
    alpha : float
        Adapter scale times rank.
    """

    original: Tensor | None

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would draw weights that are thrown away
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        self.scale = alpha / rank
        self.lora_down = nn.Parameter(base.weight.new_empty(rank, base.in_features))  # (r, I)
        self.lora_up = nn.Parameter(base.weight.new_zeros(base.out_features, rank))  # (O, r)
        nn.init.kaiming_uniform_(self.lora_down, a=math.sqrt(5))
        self.register_buffer("original", None, persistent=False)
        self.train(base.training)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        y = F.linear(x, self.weight, self.bias)
        if self.original is not None:
            return y
        return y + self.scale * F.linear(F.linear(x, self.lora_down), self.lora_up)

    @torch.no_grad()
    def merge(self) -> None:
        """Add the adapter to the weight, and keep the weight as it was."""
        if self.original is None:
            self.original = self.weight.clone()
            self.weight += self.scale * self.lora_up @ self.lora_down  # (O, I)

    @torch.no_grad()
    def unmerge(self) -> None:
        """Put the kept weight back, bit for bit."""
        if self.original is not None:
            self.weight.copy_(self.original)
            self.original = None

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.original is not None:
            del destination[f"{prefix}lora_down"], destination[f"{prefix}lora_up"]


def inject_lora(
    module: AnyModule, rank: int = 8, alpha: float = 16.0, targets: Sequence[str] = ("q", "k", "v")
) -> AnyModule:
    """Freeze a network and give adapters to the linear layers of some names.

    Parameters
    ----------
    module : Module
        Network, changed in place.
    rank : int
        Rank r of every adapter, at least 1.
    alpha : float
        Adapter scale times rank, above 0.
    targets : sequence of str
        Attribute names of the `torch.nn.Linear` layers to adapt: q, k and v of attention;
        ``"in_proj"`` and ``"out_proj"`` are those of Mamba.

    Returns
    -------
    Module
        The same network. Its outputs are unchanged, and only adapters require a gradient.

    Raises
    ------
    ValueError
        If ``rank`` or ``alpha`` is out of range, a target names no linear layer, or the network has
        adapters already.

    Examples
    --------
    >>> from spectralfm.nn.transformer import TransformerBackbone
    >>> model = inject_lora(TransformerBackbone(16, 1, 2), rank=2, alpha=4)
    >>> sum(parameter.numel() for parameter in lora_parameters(model))
    192
    """
    if rank < 1 or not alpha > 0:
        raise ValueError(f"rank must be at least 1 and alpha above 0, got {rank} and {alpha}")
    if any(True for _ in _adapted(module)):
        raise ValueError("the network has adapters already: merge them, or start from a fresh copy")
    found = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    missing = set(targets) - {name for _, name, _ in found}
    if missing:
        raise ValueError(f"no linear layer is called {', '.join(map(repr, sorted(missing)))}")
    module.requires_grad_(False)
    for parent, name, child in found:
        setattr(parent, name, LoRALinear(child, rank, alpha))
    return module


def merge_lora(module: AnyModule) -> AnyModule:
    """Add every adapter to its weight, in place: equal outputs at the cost of a plain network.

    Parameters
    ----------
    module : Module
        Network with adapters; those merged already stay so.

    Returns
    -------
    Module
        The same network. While merged, its adapters are not used and get no gradient.
    """
    for layer in _adapted(module):
        layer.merge()
    return module


def unmerge_lora(module: AnyModule) -> AnyModule:
    """Take every merged adapter out again, in place; the base weights return bit for bit.

    Parameters
    ----------
    module : Module
        Network with adapters.

    Returns
    -------
    Module
        The same network.
    """
    for layer in _adapted(module):
        layer.unmerge()
    return module


def lora_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters of all adapters.

    Parameters
    ----------
    module : Module
        Network with adapters.

    Yields
    ------
    Parameter
        First (r, I), then (O, r), layer by layer.
    """
    for layer in _adapted(module):
        yield layer.lora_down
        yield layer.lora_up


def _adapted(module: nn.Module) -> Iterator[LoRALinear]:
    return (layer for layer in module.modules() if isinstance(layer, LoRALinear))
