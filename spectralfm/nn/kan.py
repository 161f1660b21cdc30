r"""Kolmogorov-Arnold layer: a learnable B-spline on every edge instead of a weight.

Departures from [1]_: outside its grid a spline goes on along its tangent instead of falling to
zero, so that no input is without a gradient; the refit to a new grid also sees even points, so
that a function is kept where there are few samples.

Dimensions: R rows (all leading dimensions), I inputs, O outputs, G grid intervals, P spline order,
K = G + P basis functions, T = G + 2 P + 1 knots, S points of a refit.

References
----------
.. [1] Liu, Z., Wang, Y., Vaidya, S., Ruehle, F., Halverson, J., Soljacic, M., Hou, T. Y., &
   Tegmark, M. (2024). KAN: Kolmogorov-Arnold Networks. https://arxiv.org/abs/2404.19756
"""

import math
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._spline_linear import SplineLinear


class KANLinear(nn.Module):
    r"""Sum over inputs of learnable univariate functions, one a pair of input and output.

    .. math:: y_o = \sum_i \Big( w_{oi}\,\mathrm{silu}(x_i) + \sum_k c_{oik} B_{ik}(x_i) \Big)

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and outputs, at least 1.
    grid_size : int
        Number of intervals G of the spline grid, at least 1.
    spline_order : int
        Degree P of the splines, at least 1; 3 is cubic.
    grid_range : tuple of two floats
        Ends of the first grid, in units of the input. `update_grid` moves it to the data.

    Attributes
    ----------
    grid : Tensor of shape (n_in, grid_size + 2 * spline_order + 1)
        Knots of every input, ascending; ``spline_order`` of them lie outside the grid at each end.
    spline_weight : Parameter of shape (n_out, n_in, grid_size + spline_order)
        B-spline coefficients.
    base_weight : Parameter of shape (n_out, n_in)
        Weights of the silu branch.

    Raises
    ------
    ValueError
        If a size is below 1 or ``grid_range`` is not ascending.

    Notes
    -----
    Outside the grid every spline continues along its tangent: the output is continuous and the
    gradient never dies. The first derivative is exact; a second derivative raises an error.
    Under autocast the splines are evaluated in float32 and only the matrix product is in low
    precision.

    Examples
    --------
    >>> import torch
    >>> layer = KANLinear(3, 2)
    >>> layer(torch.zeros(4, 5, 3)).shape
    torch.Size([4, 5, 2])
    >>> torch.allclose(layer.basis(torch.rand(4, 3)).sum(-1), torch.ones(4, 3))
    True
    """

    grid: Tensor

    def __init__(
        self,
        n_in: int,
        n_out: int,
        grid_size: int = 5,
        spline_order: int = 3,
        *,
        grid_range: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__()
        if min(n_in, n_out, grid_size, spline_order) < 1:
            raise ValueError(
                "n_in, n_out, grid_size and spline_order must be at least 1, "
                f"got {n_in}, {n_out}, {grid_size} and {spline_order}"
            )
        low, high = grid_range
        if not low < high:
            raise ValueError(f"grid_range must be ascending, got {grid_range}")
        self.n_in, self.n_out = n_in, n_out
        self.grid_size, self.spline_order = grid_size, spline_order
        ends = torch.tensor([[low, high]]).expand(n_in, 2)
        inner = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * torch.linspace(0, 1, grid_size + 1)
        self.register_buffer("grid", self._with_outer_knots(inner))  # (I, T)
        self.base_weight = nn.Parameter(torch.empty(n_out, n_in))
        self.spline_weight = nn.Parameter(torch.empty(n_out, n_in, grid_size + spline_order))
        nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        nn.init.normal_(self.spline_weight, std=0.1 / math.sqrt(n_in))
        self._uniform = True

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        weight = self.spline_weight.flatten(1)  # (O, I K)
        if torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling():
            base = F.linear(F.silu(x), self.base_weight)  # (..., O)
            return base + F.linear(self.basis(x).flatten(-2), weight)
        device, dtype = x.device.type, weight.dtype
        rows = x.reshape(-1, self.n_in).to(dtype)  # (R, I)
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        y = SplineLinear.apply(
            rows, self.base_weight, weight, self.grid, self.spline_order, self._uniform, dtype
        )
        return y.view(*x.shape[:-1], self.n_out)

    def basis(self, x: Tensor) -> Tensor:
        """Evaluate every basis function by the dense recursion.

        Parameters
        ----------
        x : Tensor of shape (..., n_in)
            Inputs.

        Returns
        -------
        Tensor of shape (..., n_in, grid_size + spline_order)
            Values that add up to 1 over the last dimension.
        """
        order, grid = self.spline_order, self.grid
        inside = torch.clamp(x, grid[:, order], grid[:, -order - 1])
        tangent = (inside + order * (x - inside)).unsqueeze(-1)  # (..., I, 1)
        inside = inside.unsqueeze(-1)  # (..., I, 1)
        upper = (inside >= grid[:, order + 1 : -order - 1]).sum(-1, keepdim=True) + order
        knots = torch.arange(grid.shape[1] - 1, device=x.device)
        values = (upper == knots).to(x.dtype)  # (..., I, T - 1): in which interval x lies
        for j in range(1, order + 1):
            at = tangent if j == order else inside
            share = (at - grid[:, :-j]) / (grid[:, j:] - grid[:, :-j])  # (..., I, T - j)
            values = share[..., :-1] * values[..., :-1] + (1 - share[..., 1:]) * values[..., 1:]
        return values  # (..., I, K)

    @torch.no_grad()
    def update_grid(self, x: Tensor, uniform: float = 0.5) -> None:
        """Move the knots to where the data are and refit the coefficients to keep the function.

        Parameters
        ----------
        x : Tensor of shape (..., n_in)
            Inputs that the layer sees, at least one row.
        uniform : float
            Share of evenly spaced knots in the new ones, in (0, 1]; the rest are quantiles of the
            data.

        Raises
        ------
        ValueError
            If ``x`` has no row or is not finite, or ``uniform`` is outside (0, 1].
        """
        if not 0 < uniform <= 1:
            raise ValueError(f"uniform must lie in (0, 1], got {uniform}")
        rows = x.detach().reshape(-1, self.n_in).to(self.grid.dtype)  # (R, I)
        if not len(rows) or not torch.isfinite(rows).all():
            raise ValueError("update_grid needs at least one row of finite inputs")
        ordered = rows.sort(dim=0).values
        steps = torch.linspace(0, 1, self.grid_size + 1, device=rows.device)  # (G + 1,)
        quantiles = ordered[((len(rows) - 1) * steps).round().long()].T  # (I, G + 1)
        low, high = quantiles[:, :1], quantiles[:, -1:]
        # A constant input still needs a grid of some width.
        slack = (1e-3 * (1 + low.abs()) - (high - low)).clamp(min=0) / 2
        low, high = low - slack, high + slack
        inner = uniform * (low + (high - low) * steps) + (1 - uniform) * quantiles
        inner[:, :1], inner[:, -1:] = low, high
        # 512 samples say where the function matters, even points determine it everywhere.
        sample = ordered[torch.linspace(0, len(rows) - 1, 512, device=rows.device).long()]
        even = torch.linspace(0, 1, 4 * self.spline_weight.shape[-1], device=rows.device)
        points = torch.cat([sample, (low + (high - low) * even).T])  # (S, I)
        old = self.basis(points).transpose(0, 1).double()  # (I, S, K)
        self.grid.copy_(self._with_outer_knots(inner))
        self._uniform = _is_uniform(self.grid)
        new = self.basis(points).transpose(0, 1).double()  # (I, S, K)
        gram = new.mT @ new  # (I, K, K)
        floor = 1e-9 * gram.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
        gram += floor * torch.eye(gram.shape[-1], device=gram.device)
        change = torch.linalg.solve(gram, new.mT @ old)  # (I, K, K): old coefficients to new
        weight = torch.einsum("ikl,oil->oik", change, self.spline_weight.double())
        self.spline_weight.copy_(weight)

    def _with_outer_knots(self, inner: Tensor) -> Tensor:
        """Continue the knots (I, G + 1) on both sides by the width of the outermost interval."""
        steps = torch.arange(1, self.spline_order + 1, device=inner.device)
        first, last = inner[:, 1:2] - inner[:, :1], inner[:, -1:] - inner[:, -2:-1]
        return torch.cat(
            [inner[:, :1] - first * steps.flip(0), inner, inner[:, -1:] + last * steps], dim=1
        )  # (I, T)

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._uniform = _is_uniform(self.grid)

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        super()._apply(*args, **kwargs)
        single = torch.finfo(torch.float32).eps
        if self.grid.dtype == torch.float64 and _is_uniform(self.grid, single):
            # Knots that were even in single precision are so in double precision.
            steps = torch.linspace(0, 1, self.grid.shape[1], dtype=torch.float64).to(self.grid)
            self.grid.copy_(self.grid[:, :1] + (self.grid[:, -1:] - self.grid[:, :1]) * steps)
        self._uniform = _is_uniform(self.grid)
        return self

    def extra_repr(self) -> str:
        """Say the sizes in the printed module."""
        return f"{self.n_in}, {self.n_out}, {self.grid_size}, {self.spline_order}"


def _is_uniform(grid: Tensor, rounding: float | None = None) -> bool:
    """Whether the knots of every input are even to rounding, so that none has to be looked up."""
    if grid.is_meta:
        return False
    widths = grid.diff(dim=1)
    rounding = rounding or torch.finfo(grid.dtype).eps
    tolerance = 8 * rounding * grid.abs().amax(1, keepdim=True)
    return bool(((widths - widths.mean(1, keepdim=True)).abs() <= tolerance).all())


def update_grids(model: nn.Module, *inputs: Tensor, uniform: float = 0.5) -> None:
    """Move every KAN grid in a model to the inputs that reach it in one forward pass.

    Layers are met in the order in which the model calls them, each one seeing what the layers
    before it give with their new grids. A layer reached by fewer rows than it has basis functions
    keeps its grid. Call it on a first batch, and again when the inputs of the layers have moved.

    Parameters
    ----------
    model : Module
        Network that holds `KANLinear` layers.
    *inputs : Tensor
        What the model's ``forward`` is called with.
    uniform : float
        Share of evenly spaced knots, in (0, 1]; see `KANLinear.update_grid`.
    """

    def update(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        if isinstance(layer, KANLinear) and args[0].numel() >= layer.spline_weight[0].numel():
            layer.update_grid(args[0], uniform)

    layers = [module for module in model.modules() if isinstance(module, KANLinear)]
    handles = [layer.register_forward_pre_hook(update) for layer in layers]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
