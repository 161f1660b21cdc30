r"""B-splines of many inputs, evaluated fast: only the P + 1 that differ from zero at each.

From distances l and r to the knots on the left and on the right, level j of the recursion [1]_ is

.. math:: V_q \leftarrow r_q S_q + l_{q-1} S_{q-1}, \qquad S_q = V_q / (l_q + r_q),

and the derivative of the last level is :math:`P (S_{q-1} - S_q)`. Cubics on even knots, the usual
case, have a closed form. Masks, one a grid interval, put the values among all K functions: nothing
is gathered or scattered. Features come first and rows last, so that every pass runs along
contiguous memory. `KANLinear.basis` is the slow reference that tests this.

Dimensions: i inputs, r rows, G grid intervals, P spline order, K = G + P basis functions,
T = G + 2 P + 1 knots.

References
----------
.. [1] de Boor, C. (1972). On calculating with B-splines. Journal of Approximation Theory, 6(1),
   50-62. https://doi.org/10.1016/0021-9045(72)90080-9
"""

import torch
from torch import Tensor


class LocalSplines:
    """Evaluate B-splines and their derivatives, into buffers that are reused.

    Call `take`, then `locate` and, for what was located last, `expand` or `contract` or both.

    Parameters
    ----------
    grid : Tensor of shape (I, T)
        Knots of every input, ascending.
    order : int
        Degree P.
    uniform : bool
        Whether the knots of every input are even.

    Attributes
    ----------
    n_buffers : int
        Buffers of the size of x that `take` wants.
    scale : float
        Factor that what `expand` writes is short of.
    """

    def __init__(self, grid: Tensor, order: int, uniform: bool) -> None:
        self.order, self.even = order, uniform and order == 3
        self.n_cells = grid.shape[1] - 2 * order - 1
        self.knots = grid.T.unsqueeze(2).contiguous()  # (T, I, 1)
        self.low, self.high = self.knots[order], self.knots[-order - 1]  # (I, 1), (I, 1)
        self.scale, self.steepness = 1.0, torch.full_like(self.low, order)
        if self.even:
            self.per_unit = self.n_cells / (self.high - self.low)
            self.zero_point = -self.low * self.per_unit
            self.scale, self.steepness = 1 / 6, self.per_unit / 2
            self.cells = torch.arange(self.n_cells, dtype=grid.dtype, device=grid.device)
            self.one = grid.new_ones(())
        self.sizes = [self.n_cells, *[order + 1] * 2, *[order] * 4, 4]
        self.n_buffers = sum(self.sizes)

    def take(self, memory: Tensor) -> None:
        """Take buffers (n_buffers, i, r) for x of shape (i, r)."""
        self.masks, self.values, self.spare, *parts, rest = memory.split(self.sizes)
        self.left, self.right, self.before, self.after = parts
        self.opposite, self.inside, self.outside, self.cell = rest.unbind(0)
        self.ends, self.cell_masks = rest[:2], self.masks.unbind(0)
        if self.even:
            self.shares = self.left
            self.outer_shares, self.outer_values = self.left[::2], self.values[::3]
            self.inner_values, self.straight = self.values[1:3], self.right[:2]

    def locate(self, x: Tensor, features: slice) -> None:
        """Find the cell of every x (i, r) of some features and climb to degree P - 1."""
        if self.even:
            self._locate_even(x, features)
        else:
            self._locate_uneven(x, features)

    def expand(self, out: Tensor) -> None:
        """Write all basis functions to ``out`` (K, i, r), short of the factor ``scale``."""
        # Along this coordinate the last level goes straight on outside the grid.
        self.inside.add_(self.outside, alpha=self.order)
        if self.even:
            self._last_even()
        else:
            self._measure()
            self._climb(self.order, self.shares, self.values)
        masks, values, n_local = self.cell_masks, self.values, self.order + 1
        first = range(0, self.n_cells, n_local)  # cells whose functions overlap with no other's
        for n in first:
            torch.mul(masks[n], values, out=out[n : n + n_local])
        out[first[-1] + n_local :].zero_()
        for n in range(self.n_cells):
            if n not in first:
                out[n : n + n_local].addcmul_(masks[n], values)

    def contract(self, grad: Tensor, out: Tensor, features: slice) -> None:
        """Write to ``out`` (i, r) the gradient of x, given that of its functions (K, i, r)."""
        local, n_local = self.values, self.order + 1
        torch.mul(self.cell_masks[0], grad[:n_local], out=local)
        for n, mask in enumerate(self.cell_masks[1:], 1):
            local.addcmul_(mask, grad[n : n + n_local])
        steps = torch.sub(local[1:], local[:-1], out=self.right)  # (P, i, r)
        torch.mul(steps[0], self.shares[0], out=out)
        for step, share in zip(steps[1:], self.shares[1:], strict=True):
            out.addcmul_(step, share)
        out.mul_(self.steepness[features])

    def _locate_even(self, x: Tensor, features: slice) -> None:
        """Measure x in cells: in its own cell, and beyond the grid."""
        inside, outside = self.inside, self.outside
        torch.addcmul(self.zero_point[features], x, self.per_unit[features], out=outside)
        end = self.n_cells * (1 - torch.finfo(x.dtype).eps)  # still in the last cell
        torch.clamp(outside, 0, end, out=inside)
        outside.sub_(inside)
        torch.floor(inside, out=self.cell)
        torch.eq(self.cell, self.cells[:, None, None], out=self.masks)
        inside.sub_(self.cell)
        torch.sub(self.one, inside, out=self.opposite)
        # Functions of degree 2, twice: (1 - u)^2, 1 + 2 u (1 - u), u^2.
        torch.mul(self.ends, self.ends, out=self.outer_shares)
        torch.addcmul(self.one, inside, self.opposite, value=2, out=self.shares[1])

    def _last_even(self) -> None:
        """Write the cubics, six times, from the distances to both ends of the cell."""
        torch.sub(self.one, self.inside, out=self.opposite)
        torch.mul(self.ends, self.outer_shares, out=self.outer_values)
        torch.sub(self.shares[1], self.outer_shares, out=self.inner_values)
        torch.add(self.shares[1], self.outer_shares, alpha=3, out=self.straight)
        torch.addcmul(self.straight, self.inner_values, self.ends, out=self.inner_values)

    def _locate_uneven(self, x: Tensor, features: slice) -> None:
        """Compare x with all inner knots, look up those around it, and climb."""
        inside, knots, order = self.inside, self.knots[:, features], self.order
        torch.clamp(x, self.low[features], self.high[features], out=inside)
        torch.sub(x, inside, out=self.outside)
        self.masks[0].fill_(1)
        for n in range(1, self.n_cells):
            torch.ge(inside, knots[order + n], out=self.cell_masks[n])
            self.cell_masks[n - 1].sub_(self.cell_masks[n])
        for first, around in ((1, self.before), (1 + order, self.after)):
            torch.mul(self.cell_masks[0], knots[first : first + order], out=around)
            for n, mask in enumerate(self.cell_masks[1:], first + 1):
                around.addcmul_(mask, knots[n : n + order])
        values, spare = self.values, self.spare
        values[0].fill_(1)
        self._measure()
        for level in range(1, order):
            self._climb(level, self._divided(level, values, spare), spare)
            values, spare = spare, values
        self.shares = self._divided(order, values, spare)
        self.values, self.spare = spare, values

    def _measure(self) -> None:
        """Take the distances (P, i, r) to the knots around the cell."""
        torch.sub(self.inside, self.before, out=self.left)
        torch.sub(self.after, self.inside, out=self.right)

    def _divided(self, level: int, values: Tensor, spare: Tensor) -> Tensor:
        """Divide the functions (level, i, r) of degree level - 1 by the widths they rise over."""
        nearest = self.before[self.order - level :]
        return values[:level].div_(torch.sub(self.after[:level], nearest, out=spare[:level]))

    def _climb(self, level: int, shares: Tensor, out: Tensor) -> None:
        """Write the functions (level + 1, i, r) of degree level."""
        torch.mul(self.right[:level], shares, out=out[:level])
        out[level].zero_()
        out[1 : level + 1].addcmul_(self.left[self.order - level :], shares)
