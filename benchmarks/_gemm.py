"""The GEMM floor: what the matrix products of a computation take when nothing else is done."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}

FLASH = "_scaled_dot_product_flash_attention_for_cpu"
"""Attention in one kernel: its products are hidden from the recorder, and are added here."""


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.shapes: Counter[tuple[Any, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[1]
        if name in PRODUCTS:
            a, b = (args[place] for place in PRODUCTS[name])
            layout = (*a.shape, a.stride(-1) == 1), (*b.shape, b.stride(-1) == 1)
            self.shapes[layout] += 1
        elif name in (FLASH, f"{FLASH}_backward"):
            self._attention(args[0 if name == FLASH else 1], backward=name != FLASH)
        return func(*args, **(kwargs or {}))

    def _attention(self, q: torch.Tensor, *, backward: bool) -> None:
        """Count Q K' and P V; backward the first again, P' dY, dY V', dS K and dS' Q."""
        *batch, n, d = q.shape
        n_batch = torch.Size(batch).numel()
        narrow, wide = (n_batch, n, n, True), (n_batch, n, d, True)
        self.shapes[wide, (n_batch, d, n, False)] += 2 if backward else 1
        self.shapes[narrow, wide] += 3 if backward else 1


def gemm_floor(call: Callable[[], Any]) -> Callable[[], None]:
    """Return a call that makes the same matrix products as another, on data of its own."""
    with _Recorder() as recorder:
        call()

    def operand(*layout: Any) -> torch.Tensor:
        *shape, row_major = layout
        x = torch.randn(shape)
        return x if row_major else x.mT.contiguous().mT

    pairs = [(operand(*a), operand(*b), n) for (a, b), n in recorder.shapes.items()]

    def products() -> None:
        for a, b, n in pairs:
            for _ in range(n):
                torch.matmul(a, b)

    return products
