"""Balance: experts that are never asked never learn.

References
----------
.. [1] Shazeer, N., Mirhoseini, A., Maziarz, K., Davis, A., Le, Q., Hinton, G., & Dean, J. (2017).
   Outrageously large neural networks: the sparsely-gated mixture-of-experts layer.
   https://arxiv.org/abs/1701.06538
"""

from torch import Tensor

from ..nn.moe import squared_variation


def balance_loss(load: Tensor, *, weight: float = 1.0) -> Tensor:
    r"""Penalise uneven use of the experts.

    .. math:: w \, \mathrm{CV}^2(a) = w \, \frac{\mathrm{Var}(a)}{\bar a^2}

    Parameters
    ----------
    load : Tensor of shape (..., E), or ()
        Gates, importances or loads, summed here over all dimensions but the last; or the penalty
        that `MixtureOfExperts` has already made of its importance and its load.
    weight : float
        Factor, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss: 0 at uniform load, E - 1 when one expert gets everything.

    Examples
    --------
    >>> import torch
    >>> balance_loss(torch.tensor([5.0, 5.0, 5.0, 5.0])).item()
    0.0
    >>> round(balance_loss(torch.tensor([1.0, 0.0, 0.0, 0.0])).item(), 6)
    3.0
    """
    if weight == 0:
        return load.new_zeros(())
    if load.ndim == 0:
        return weight * load
    return weight * squared_variation(load.reshape(-1, load.shape[-1]).sum(0))
