"""Fast evaluation of the B-splines of a Kolmogorov-Arnold layer, forward and backward.

Only P + 1 basis functions differ from zero at a point. They are computed tile by tile in the cache,
scattered into rows of zeros, and matrix products do the rest; the backward pass recomputes them, so
that the expanded input is never kept. `KANLinear.basis` is the slow reference that tests this.

Dimensions: R rows, r rows of a tile or block, I inputs, O outputs, G grid intervals, P spline
order, K = G + P basis functions, T = G + 2 P + 1 knots.

References
----------
.. [1] de Boor, C. (1972). On calculating with B-splines. Journal of Approximation Theory, 6(1),
   50-62. https://doi.org/10.1016/0021-9045(72)90080-9
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 32768
"""Values of x in one tile of the recursion: its buffers stay in a CPU's cache."""

BLOCK = 512
"""Rows in one matrix product on a CPU: enough for full speed, few enough to stay in the cache."""


class LocalSplines:
    """Evaluate the P + 1 basis functions that differ from zero, into buffers that are reused.

    One level of the recursion of [1]_ moves the share ``(x - t_m) / (t_{m+j} - t_m)`` of every
    function of degree j - 1 to its right neighbour and keeps the rest.
    """

    def __init__(self, x: Tensor, grid: Tensor, order: int, uniform: bool) -> None:
        n_in, n_knots = grid.shape
        on_cpu = x.device.type == "cpu"
        self.order, self.uniform = order, uniform
        self.n_cells = n_knots - 2 * order - 1
        self.n_basis = self.n_cells + order
        self.block = BLOCK if on_cpu else max(1, len(x))
        self.rows = max(1, min(len(x), TILE // n_in) if on_cpu else len(x))
        self.low, self.high = grid[:, order], grid[:, -order - 1]
        self.per_unit = self.n_cells / (self.high - self.low)
        self.zero_point = -self.low * self.per_unit
        self.first_basis = torch.arange(
            0, self.rows * n_in * self.n_basis, self.n_basis, device=x.device
        )
        self.place = torch.empty_like(self.first_basis)
        self.buffers = x.new_empty(order + 6, self.rows, n_in)
        if not uniform:
            self._tabulate(grid)

    def _tabulate(self, grid: Tensor) -> None:
        """Prepare what a recursion on uneven knots looks up."""
        order, (n_in, n_knots) = self.order, grid.shape
        self.inner_knots = grid.T[order + 1 : order + self.n_cells].contiguous()  # (G - 1, I)
        # 1 / (t_{m+j} - t_m) for every degree j, features padded to T entries: (I T,)
        self.steepness = [
            F.pad(1 / (grid[:, j:] - grid[:, :-j]), (0, j)).flatten() for j in range(1, order + 1)
        ]
        self.intercepts = [-grid.flatten() * steepness for steepness in self.steepness]
        first_knot = torch.arange(0, n_in * n_knots, n_knots, device=grid.device)
        self.first_knot = first_knot.repeat(self.rows)  # (r I,)
        self.knot = torch.empty_like(self.first_knot)

    def expand(self, x: Tensor, out: Tensor) -> None:
        """Write all K basis functions of x (r, I) to ``out`` (r, I K)."""
        for tile, target in zip(x.split(self.rows), out.split(self.rows), strict=True):
            place, values = self._recur(tile, self.order)
            flat = target.view(-1).zero_()
            for q, value in enumerate(values):
                flat[q:].index_copy_(0, place, value.view(-1).to(out.dtype))

    def contract(self, x: Tensor, grad: Tensor, out: Tensor) -> None:
        """Write to ``out`` (r, I) the gradient of x from that of its basis functions (r, I K)."""
        tiles = zip(*(tensor.split(self.rows) for tensor in (x, grad, out)), strict=True)
        for tile, grad_tile, target in tiles:
            place, terms = self._recur(tile, self.order - 1)
            flat = grad_tile.view(-1).to(x.dtype)
            target.zero_()
            left, right, steepness = self.buffers[:3, : len(tile)]
            torch.index_select(flat, 0, place, out=left.view(-1))
            for q, term in enumerate(terms):
                torch.index_select(flat[q + 1 :], 0, place, out=right.view(-1))
                if not self.uniform:
                    term.mul_(self._look_up(self.steepness, self.order, q, steepness))
                target.addcmul_(term, right.sub(left))
                left, right = right, left
            target.mul_(self.per_unit if self.uniform else self.order)

    def _look_up(self, table: list[Tensor], degree: int, q: int, out: Tensor) -> Tensor:
        """Gather from the table of a degree what function q of every x needs."""
        source = table[degree - 1][self.order + 1 - degree + q :]
        torch.index_select(source, 0, self.knot[: out.numel()], out=out.view(-1))
        return out

    def _recur(self, x: Tensor, levels: int) -> tuple[Tensor, list[Tensor]]:
        """Return where in (r, I, K), flat, the first value belongs, and the values."""
        inside, tangent, cell, share, moved, *values = self.buffers[:, : len(x)]
        if self.uniform:
            torch.addcmul(self.zero_point, x, self.per_unit, out=moved)
            torch.clamp(moved, 0, self.n_cells, out=inside)
            torch.sub(moved, inside, out=tangent)
            torch.floor(inside, out=cell).clamp_(max=self.n_cells - 1)
            inside.sub_(cell)
        else:
            torch.clamp(x, self.low, self.high, out=inside)
            torch.sub(x, inside, out=tangent)
            cell.zero_()
            for knot in self.inner_knots:
                cell.add_(torch.ge(x, knot, out=moved))
        # Along this coordinate the last level goes straight on outside the grid.
        torch.add(inside, tangent, alpha=self.order, out=tangent)
        place = self.place[: x.numel()].copy_(cell.view(-1)).clamp_(0)  # NaN needs a place too
        if not self.uniform:
            torch.add(place, self.first_knot[: x.numel()], out=self.knot[: x.numel()])
        place += self.first_basis[: x.numel()]
        climb = self._climb_even if self.uniform else self._climb_uneven
        values[0].fill_(1 / math.factorial(levels) if self.uniform else 1.0)
        for j in range(1, levels + 1):
            climb(j, tangent if j == self.order else inside, values, share, moved)
        return place, values[: levels + 1]

    def _climb_even(
        self, j: int, at: Tensor, values: list[Tensor], share: Tensor, rest: Tensor
    ) -> None:
        """Go from degree j - 1 to j, on knots 1 apart and short of the factor 1 / j."""
        torch.neg(at, out=rest).add_(1)
        for q in range(j - 1, -1, -1):
            if q == j - 1:
                torch.mul(at, values[q], out=values[j])
            else:
                values[q + 1].addcmul_(torch.add(at, j - 1 - q, out=share), values[q])
            values[q].mul_(torch.add(rest, q, out=share) if q else rest)

    def _climb_uneven(
        self, j: int, at: Tensor, values: list[Tensor], share: Tensor, moved: Tensor
    ) -> None:
        """Go from degree j - 1 to j."""
        for q in range(j - 1, -1, -1):
            self._look_up(self.intercepts, j, q, share)
            share.addcmul_(self._look_up(self.steepness, j, q, moved), at)
            given = values[j] if q == j - 1 else moved
            torch.mul(share, values[q], out=given)
            values[q].sub_(given)
            if q < j - 1:
                values[q + 1].add_(given)


class SplineLinear(torch.autograd.Function):
    """``basis(x).flatten(-2) @ weight.T`` block by block, without keeping the basis."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        grid: Tensor,
        order: int,
        uniform: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        splines = LocalSplines(x, grid, order, uniform)
        expanded = x.new_empty(min(len(x), splines.block), weight.shape[1], dtype=dtype)
        out = x.new_empty(len(x), len(weight), dtype=dtype)
        weight_t = weight.to(dtype).T
        for rows, target in zip(x.split(splines.block), out.split(splines.block), strict=True):
            splines.expand(rows, expanded[: len(rows)])  # (r, I K)
            torch.mm(expanded[: len(rows)], weight_t, out=target)  # (r, O)
        ctx.save_for_backward(x, weight, grid)
        ctx.order, ctx.uniform, ctx.dtype = order, uniform, dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, grid = ctx.saved_tensors
        splines = LocalSplines(x, grid, ctx.order, ctx.uniform)
        expanded = x.new_empty(min(len(x), splines.block), weight.shape[1], dtype=ctx.dtype)
        grad_x, grad_weight = torch.empty_like(x), torch.zeros_like(weight)
        cast_weight = weight.to(ctx.dtype)
        blocks = zip(*(t.split(splines.block) for t in (x, grad.contiguous(), grad_x)), strict=True)
        for rows, grad_rows, target in blocks:
            buffer = expanded[: len(rows)]
            if ctx.needs_input_grad[1]:
                splines.expand(rows, buffer)
                grad_weight += grad_rows.T @ buffer  # (O, I K)
            if ctx.needs_input_grad[0]:
                torch.mm(grad_rows, cast_weight, out=buffer)  # (r, I K)
                splines.contract(rows, buffer, target)
        needs_x, needs_weight = ctx.needs_input_grad[:2]
        return (
            grad_x if needs_x else None,
            grad_weight if needs_weight else None,
            *(None, None, None, None),
        )
