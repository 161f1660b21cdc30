"""Forward and backward pass of a Kolmogorov-Arnold layer, block by block in the cache.

The basis is expanded for some rows at a time and multiplied with the weights; the backward pass
expands it again, so that it is never kept.

Dimensions: R rows, r rows of a block, I inputs, O outputs, K basis functions.
"""

import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._even_cubics import EvenCubics
from ._spline import LocalSplines

BLOCK = 1024
"""Rows in one matrix product on a CPU: enough for full speed, few enough to stay in the cache."""

TILE = 2**17
"""Bytes of x in one tile of a block on a CPU: the buffers of a pass stay in the cache."""

_kept = threading.local()


def _memory(x: Tensor, n: int) -> Tensor:
    """Return n values of memory; a CPU's is kept by each thread, since fresh pages are slow."""
    if x.device.type != "cpu":
        return x.new_empty(n)
    kept = vars(_kept)
    name = str(x.dtype)
    if name not in kept or len(kept[name]) < n:
        with torch.inference_mode(False):  # autograd may meet it later
            kept[name] = torch.empty(n, dtype=x.dtype)
    return kept[name][:n]


def _slices(n: int, most: int) -> list[slice]:
    """Cut n into parts of about equal size, each at most 1.5 times ``most``."""
    size = max(1, -(-n // max(1, round(n / most))))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


class _Blocks:
    """Blocks of rows of x (R, I), their memory, and tiles of features."""

    def __init__(self, x: Tensor, splines: EvenCubics | LocalSplines, sizes: list[int]) -> None:
        on_cpu = x.device.type == "cpu"
        self.rows = _slices(len(x), BLOCK if on_cpu else max(1, len(x)))
        most = self.rows[0].stop if self.rows else 1
        n_features = max(1, TILE // (most * x.element_size())) if on_cpu else x.shape[1]
        self.tiles = _slices(x.shape[1], n_features)
        self.splines, self.sizes = splines, sizes
        self.memory = _memory(x, most * (sum(sizes) + splines.n_buffers * self.tiles[0].stop))

    def __iter__(self) -> Iterator[tuple[slice, tuple[Tensor, ...]]]:
        """Go through the blocks: their rows, and buffers (size, r) for them."""
        for rows in self.rows:
            n = rows.stop - rows.start
            self.start = sum(self.sizes) * n
            yield rows, self.memory[: self.start].view(-1, n).split(self.sizes)

    def locate(self, columns: Tensor) -> Iterator[slice]:
        """Go through tiles of features of inputs (I, r), and locate each."""
        shape = None
        for tile in self.tiles:
            x = columns[tile]
            if x.shape != shape:
                shape, n = x.shape, self.splines.n_buffers
                memory = self.memory[self.start : self.start + n * x.numel()]
                self.splines.take(memory.view(n, *shape))
            self.splines.locate(x, tile)
            yield tile


def _product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write a product to ``out``, which may be of higher precision."""
    if out.dtype == a.dtype:
        torch.mm(a, b, out=out)
    else:
        out.copy_(torch.mm(a, b))


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a product to a total, which may be of higher precision."""
    if total.dtype == a.dtype:
        torch.addmm(total, a, b, out=total)
    else:
        total.add_(torch.mm(a, b))


def _splines(grid: Tensor, order: int, uniform: bool) -> EvenCubics | LocalSplines:
    return EvenCubics(grid) if uniform and order == 3 else LocalSplines(grid, order)


class SplineLinear(torch.autograd.Function):
    """``silu(x) @ base.T + basis(x).flatten(-2) @ weight.T``, without keeping the basis."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        base: Tensor,
        weight: Tensor,
        grid: Tensor,
        order: int,
        uniform: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        ctx.save_for_backward(x, base, weight, grid)
        ctx.order, ctx.uniform, ctx.dtype = order, uniform, dtype
        n_out, n_in = base.shape
        out = x.new_empty(len(x), n_out, dtype=dtype)
        splines = _splines(grid, order, uniform)
        weight, offset = splines.products(weight)
        base, weight = base.to(dtype), weight.to(dtype)
        blocks = _Blocks(x, splines, [n_in, n_in, weight.shape[1], n_out])
        for rows, (columns, curved, expanded, y) in blocks:
            columns.copy_(x[rows].T)
            basis = expanded.unflatten(0, (n_in, -1)).transpose(0, 1)  # (K, I, r)
            for tile in blocks.locate(columns):
                splines.expand(basis[:, tile])
            torch.ops.aten.silu.out(columns, out=curved)
            _product(base, curved.to(dtype), y)  # (O, r)
            _add_product(y, weight, expanded.to(dtype))
            torch.add(y.T, offset, out=out[rows])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, base, weight, grid = ctx.saved_tensors
        needs_x, needs_base, needs_weight = ctx.needs_input_grad[:3]
        splines = _splines(grid, ctx.order, ctx.uniform)
        weight, _ = splines.products(weight)
        grad_x, grad_base, grad_weight = map(torch.zeros_like, (x, base, weight))
        base, weight = base.to(ctx.dtype), weight.to(ctx.dtype)
        (n_out, n_in), n_wide = base.shape, weight.shape[1]
        blocks = _Blocks(x, splines, [n_in, n_in, n_in, n_wide, n_wide, n_out])
        for rows, (columns, curved, slope, expanded, given, y) in blocks:
            columns.copy_(x[rows].T)
            grad_y = y.copy_(grad[rows].T).to(ctx.dtype)  # (O, r)
            if needs_x:
                _product(weight.T, grad_y, given)  # (I K, r)
            basis, grad_basis = (
                wide.unflatten(0, (n_in, -1)).transpose(0, 1) for wide in (expanded, given)
            )  # (K, I, r)
            for tile in blocks.locate(columns):
                if needs_weight:
                    splines.expand(basis[:, tile])
                if needs_x:
                    splines.contract(grad_basis[:, tile], slope[tile], tile)
            if needs_weight:
                _add_product(grad_weight, grad_y, expanded.to(ctx.dtype).T)
            if needs_base:
                torch.ops.aten.silu.out(columns, out=curved)
                _add_product(grad_base, grad_y, curved.to(ctx.dtype).T)
            if needs_x:
                _product(base.T, grad_y, curved)  # (I, r)
                torch.ops.aten.silu_backward.grad_input(curved, columns, grad_input=curved)
                grad_x[rows].copy_(slope.add_(curved).T)
        if needs_weight:
            grad_weight = splines.gradient(grad_weight, grad.sum(0).to(grad_weight.dtype))
        grads = zip((grad_x, grad_base, grad_weight), ctx.needs_input_grad, strict=False)
        return *(grad if needed else None for grad, needed in grads), None, None, None, None
