r"""Transport: latents of two instruments without paired samples have one distribution.

References
----------
.. [1] Cuturi, M. (2013). Sinkhorn distances: lightspeed computation of optimal transport.
   https://arxiv.org/abs/1306.0895
.. [2] Feydy, J., Sejourne, T., Vialard, F.-X., Amari, S., Trouve, A., & Peyre, G. (2019).
   Interpolating between optimal transport and MMD using Sinkhorn divergences.
   https://arxiv.org/abs/1810.08278
"""

import math
import warnings

import torch
from torch import Tensor

TOLERANCE = 1e-3
"""Largest sum of absolute errors of the plan's marginals."""

LONGEST = 2000
"""Iterations at the last regularisation before a warning says that it did not converge."""


def transport_loss(
    source: Tensor,
    target: Tensor,
    *,
    reg: float = 0.05,
    debias: bool = True,
    weight: float = 1.0,
) -> Tensor:
    r"""Entropic optimal transport cost between two clouds of latents.

    .. math:: \mathrm{OT}_\epsilon(x, y) = \min_P \sum_{ij} P_{ij} |x_i - y_j|^2
              + \epsilon \, \mathrm{KL}(P \,|\, \tfrac{1}{nm})

    over plans with uniform marginals. With ``debias`` the loss is the Sinkhorn divergence [2]_,
    :math:`\mathrm{OT}_\epsilon(x, y) - \tfrac12 \mathrm{OT}_\epsilon(x, x) -
    \tfrac12 \mathrm{OT}_\epsilon(y, y)`, zero for equal clouds. Either is the exact transport cost
    as :math:`\epsilon \to 0`.

    Parameters
    ----------
    source : Tensor of shape (n, Z)
        Latents of one instrument's spectra.
    target : Tensor of shape (m, Z)
        Latents of another's; samples need not be the same.
    reg : float
        Regularisation over the median squared distance between the clouds, above 0.
    debias : bool
        Subtract what regularisation costs within each cloud; without it, the loss shrinks clouds.
    weight : float
        Factor, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss, in squared units of the latents.

    Raises
    ------
    ValueError
        If ``reg`` is not positive or a latent is not finite.

    Warns
    -----
    UserWarning
        If the plan's marginals are off by more than 1e-3 after 2000 iterations.

    Notes
    -----
    Sinkhorn's iterations run on logarithms, from a large regularisation down to the one asked for,
    in float32 at least. They need no graph: at the optimum the gradient of the cost with respect to
    the distances is the plan.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> round(transport_loss(x, x + 3, reg=0.01).item(), 3)
    9.0
    """
    if weight == 0:
        return source.new_zeros(())
    if not reg > 0:
        raise ValueError(f"reg must be above 0, got {reg}")
    if not (torch.isfinite(source).all() and torch.isfinite(target).all()):
        raise ValueError("latents are not finite: lower the learning rate, or look for NaN spectra")
    dtype = torch.promote_types(source.dtype, torch.float32)
    with torch.autocast(source.device.type, enabled=False):
        x, y = source.to(dtype), target.to(dtype)
        between = _squared_distances(x, y)  # (n, m)
        tiny = torch.finfo(dtype).tiny / torch.finfo(dtype).eps
        epsilon = reg * max(between.detach().median().item(), tiny)
        cost = _entropic_cost(between, epsilon)
        if debias:
            for cloud in (x, y):
                cost = cost - 0.5 * _entropic_cost(_squared_distances(cloud, cloud), epsilon)
        return weight * cost


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return (n, m) squared distances, from differences: products would cancel."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()


def _entropic_cost(distances: Tensor, epsilon: float) -> Tensor:
    """Return the regularised cost of uniform marginals; its gradient is the plan."""
    f, g = _potentials(distances.detach(), epsilon)  # (n, 1), (1, m)
    plan = ((f + g - distances.detach()) / epsilon).exp() / distances.numel()  # (n, m)
    linear = (plan * distances).sum()
    dual = f.mean() + g.mean() - epsilon * (plan.sum() - 1)
    return linear + (dual - linear).detach()


@torch.no_grad()
def _potentials(distances: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the dual potentials (n, 1) and (1, m)."""
    n, m = distances.shape
    f, g = distances.new_zeros(n, 1), distances.new_zeros(1, m)

    def sweep(current: float) -> None:
        f.copy_(_soft_minimum(distances - g, current, 1))
        g.copy_(_soft_minimum(distances - f, current, 0))

    current = max(distances.max().item(), epsilon)
    while current > epsilon:
        for _ in range(5):
            sweep(current)
        current /= 2
    error = math.inf
    for _ in range(LONGEST // 10):
        for _ in range(10):
            sweep(epsilon)
        rows = ((f + g - distances) / epsilon).exp().mean(1)  # (n,), all 1 at the optimum
        error = (rows - 1).abs().mean().item()
        if error < TOLERANCE:
            break
    if not error < TOLERANCE:
        warnings.warn(
            f"the transport plan's marginals are off by {error:.1e} after {LONGEST} iterations: "
            "raise reg, or scale the latents"
        )
    return f, g


def _soft_minimum(values: Tensor, epsilon: float, dim: int) -> Tensor:
    """Smallest value of the mean of exponentials kind, over one dimension, which stays."""
    count = values.shape[dim]
    return -epsilon * (torch.logsumexp(-values / epsilon, dim, keepdim=True) - math.log(count))
