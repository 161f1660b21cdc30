r"""B-splines of many inputs, evaluated fast: only the P + 1 that differ from zero at each.

From distances l and r to the knots on the left and on the right, level j of the recursion [1]_ is

.. math:: V_q \leftarrow r_q S_q + l_{q-1} S_{q-1}, \qquad S_q = V_q / (l_q + r_q),

and the derivative of the last level is :math:`P (S_{q-1} - S_q)`. Cubics on even knots have a file
of their own. Masks, one a grid interval, put the values among all K functions: nothing is gathered
or scattered. Features come first and rows last, so that every pass runs along contiguous memory.
`KANLinear.basis` is the slow reference that tests this.

Dimensions: i inputs, r rows, O outputs, G grid intervals, P spline order, K = G + P basis
functions, T = G + 2 P + 1 knots.

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

    Attributes
    ----------
    n_functions : int
        K functions of an input.
    n_buffers : int
        Buffers of the size of x that `take` wants.
    """

    def __init__(self, grid: Tensor, order: int) -> None:
        self.order = order
        self.n_cells = grid.shape[1] - 2 * order - 1
        self.knots = grid.T.unsqueeze(2).contiguous()  # (T, I, 1)
        self.low, self.high = self.knots[order], self.knots[-order - 1]  # (I, 1), (I, 1)
        self.n_functions = self.n_cells + order
        self.sizes = [self.n_cells, *[order + 1] * 2, *[order] * 4, 2]
        self.n_buffers = sum(self.sizes)

    def products(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (O, I K) as they are, and offsets (O,), which are 0."""
        return weight, weight.new_zeros(len(weight))

    def gradient(self, weight: Tensor, offset: Tensor) -> Tensor:
        """Return the gradient of the weights (O, I K), given that of `products`."""
        return weight

    def take(self, memory: Tensor) -> None:
        """Take buffers (n_buffers, i, r) for x of shape (i, r)."""
        self.masks, self.values, self.spare, *parts, rest = memory.split(self.sizes)
        self.left, self.right, self.before, self.after = parts
        self.inside, self.outside = rest.unbind(0)
        self.cell_masks = self.masks.unbind(0)

    def locate(self, x: Tensor, features: slice) -> None:
        """Find the cell of every x (i, r) of some features and climb to degree P - 1.

        x is compared with all inner knots, and the knots around it are looked up.
        """
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

    def expand(self, out: Tensor) -> None:
        """Write all basis functions to ``out`` (K, i, r)."""
        # Along this coordinate the last level goes straight on outside the grid.
        self.inside.add_(self.outside, alpha=self.order)
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
        out.mul_(self.order)

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
