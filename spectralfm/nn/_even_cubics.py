r"""Cubic splines on even knots, as powers and hinges: a few passes, no lookup and no masks.

In the coordinate u, a unit a grid interval and 0 in the middle, every cubic spline with inner knots
:math:`\kappa_j` is a combination of

.. math:: 1,\; u,\; u^2,\; u^3,\; (\kappa_j - u)_+^3 \;(\kappa_j < 0), \quad
          (u - \kappa_j)_+^3 \;(\kappa_j \ge 0)

with hinges that open outwards, so that none is large and little cancels. The change from
B-splines [1]_ is a constant matrix. The constant is an offset of the outputs, and no input of the
matrix product: K - 1 functions are left. Beyond the grid, functions go straight on.
`KANLinear.basis` is the slow reference that tests this.

Dimensions: i inputs, r rows, O outputs, G grid intervals, K = G + 3 basis functions.

References
----------
.. [1] de Boor, C. (1978). A practical guide to splines. Springer, chapter IX.
   https://doi.org/10.1007/978-1-4612-6333-3
"""

import math
from functools import lru_cache

import torch
from torch import Tensor


class EvenCubics:
    """Evaluate cubic splines on even knots and their derivatives, into buffers that are reused.

    Call `take`, then `locate` and, for what was located last, `expand` or `contract` or both.

    Parameters
    ----------
    grid : Tensor of shape (I, G + 7)
        Knots of every input, ascending, even.

    Attributes
    ----------
    n_functions : int
        K - 1 functions of an input besides the constant.
    n_buffers : int
        Buffers of the size of x that `take` wants.
    """

    def __init__(self, grid: Tensor) -> None:
        self.n_cells = grid.shape[1] - 7
        low, high = grid[:, 3, None], grid[:, -4, None]  # (I, 1)
        self.per_unit = self.n_cells / (high - low)
        self.zero_point = -(low + high) / 2 * self.per_unit
        self.end = self.n_cells / 2
        knots = torch.arange(1, self.n_cells, dtype=grid.dtype, device=grid.device) - self.end
        self.n_left = math.ceil(self.n_cells / 2) - 1
        self.left, self.right = knots[: self.n_left, None, None], knots[self.n_left :, None, None]
        self.change = _change(self.n_cells).to(grid)  # (K, K): B-splines by powers and hinges
        self.n_functions = self.n_cells + 2
        self.sizes = [2, self.n_cells - 1, self.n_cells]
        self.n_buffers = sum(self.sizes)

    def products(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (O, I (K - 1)) and offsets (O,), given those (O, I K) of B-splines."""
        powers = weight.unflatten(1, (-1, len(self.change))) @ self.change  # (O, I, K)
        return powers[..., 1:].flatten(1), powers[..., 0].sum(1)

    def gradient(self, weight: Tensor, offset: Tensor) -> Tensor:
        """Return the gradient of the weights (O, I K) of B-splines, given that of `products`."""
        powers = weight.unflatten(1, (-1, self.n_functions))  # (O, I, K - 1)
        constant = offset[:, None, None].expand(-1, powers.shape[1], 1)
        return (torch.cat([constant, powers], 2) @ self.change.T).flatten(1)

    def take(self, memory: Tensor) -> None:
        """Take buffers (n_buffers, i, r) for x of shape (i, r)."""
        ends, self.hinges, self.squares = memory.split(self.sizes)
        self.inside, self.outside = ends.unbind(0)

    def locate(self, x: Tensor, features: slice) -> None:
        """Measure every x (i, r) of some features: within the grid, beyond it, and past knots."""
        inside, hinges, n_left = self.inside, self.hinges, self.n_left
        torch.addcmul(self.zero_point[features], x, self.per_unit[features], out=self.outside)
        torch.clamp(self.outside, -self.end, self.end, out=inside)
        self.outside.sub_(inside)
        self.beyond = bool(self.outside.any())
        torch.sub(self.left, inside, out=hinges[:n_left])
        torch.sub(inside, self.right, out=hinges[n_left:])
        hinges.clamp_(min=0)
        torch.mul(inside, inside, out=self.squares[0])
        torch.mul(hinges, hinges, out=self.squares[1:])

    def expand(self, out: Tensor) -> None:
        """Write all functions but the constant to ``out`` (K - 1, i, r)."""
        inside, squares, outside = self.inside, self.squares, self.outside
        out[0] = inside
        out[1] = squares[0]
        torch.mul(inside, squares[0], out=out[2])
        torch.mul(self.hinges, squares[1:], out=out[3:])
        if self.beyond:
            out[0].add_(outside)
            out[1].addcmul_(inside, outside, value=2)
            for function, square, slope in self._cubes(out[2:]):
                function.addcmul_(square, outside, value=slope)

    def contract(self, grad: Tensor, out: Tensor, features: slice) -> None:
        """Write to ``out`` (i, r) the gradient of x, given that of its functions (K - 1, i, r)."""
        torch.add(grad[0], grad[1] * self.inside, alpha=2, out=out)
        for given, square, slope in self._cubes(grad[2:]):
            out.addcmul_(given, square, value=slope)
        out.mul_(self.per_unit[features])

    def _cubes(self, functions: Tensor) -> zip:
        """Pair cubic functions, or their gradients, with their squares, and 3 or -3."""
        slopes = [3.0, *[-3.0] * self.n_left, *[3.0] * len(self.right)]
        return zip(functions, self.squares, slopes, strict=True)


@lru_cache
def _change(n_cells: int) -> Tensor:
    """Return the matrix (K, K) that writes B-splines as powers and hinges, in float64."""
    ends = n_cells / 2
    n = 4 * (n_cells + 3)
    u = torch.linspace(-ends, ends, n, dtype=torch.float64)[:, None]  # (n, 1)
    middles = torch.arange(n_cells + 3) - 1 - ends  # of the supports of the K B-splines
    distance = (u - middles).abs()  # (n, K)
    splines = ((2 - distance).clamp(min=0) ** 3 - 4 * (1 - distance).clamp(min=0) ** 3) / 6
    knots = torch.arange(1, n_cells) - ends
    hinges = torch.where(knots < 0, knots - u, u - knots).clamp(min=0) ** 3  # (n, G - 1)
    functions = torch.cat([u**0, u, u**2, u**3, hinges], 1)  # (n, K)
    return torch.linalg.lstsq(functions, splines).solution.T.contiguous()
