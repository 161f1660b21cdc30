"""Denoising: the reconstruction of a recorded spectrum is the clean one.

References
----------
.. [1] Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y., & Manzagol, P.-A. (2010). Stacked
   denoising autoencoders. Journal of Machine Learning Research, 11, 3371-3408.
"""

import torch
from torch import Tensor


def denoising_loss(
    reconstruction: Tensor,
    clean: Tensor,
    *,
    measured: Tensor | None = None,
    weight: float = 1.0,
) -> Tensor:
    r"""Squared error over the variance of the clean spectrum: the share that is not explained.

    .. math:: w \, \Big\langle \frac{\sum_i (\hat x_i - x_i)^2}{\sum_i (x_i - \bar x)^2} \Big\rangle

    Parameters
    ----------
    reconstruction : Tensor of shape (B, L)
        What the network makes of the noisy spectra.
    clean : Tensor of shape (B, L)
        The spectra without noise; anything, NaN included, where not measured.
    measured : bool Tensor of shape (B, L), optional
        True at channels that count.
    weight : float
        Factor, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss: 1 for reconstructing every spectrum by its mean.

    Notes
    -----
    A constant spectrum has no variance to compare with: its error counts against 1e-12.

    Examples
    --------
    >>> import torch
    >>> clean = torch.tensor([[0.0, 1.0, 2.0]])
    >>> denoising_loss(torch.ones(1, 3), clean).item()
    1.0
    """
    if weight == 0:
        return reconstruction.new_zeros(())
    if measured is None:
        measured = torch.ones_like(clean, dtype=torch.bool)
    known = torch.where(measured, clean, 0)
    mean = known.sum(1, keepdim=True) / measured.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
    variation = torch.where(measured, known - mean, 0).square().sum(1)  # (B,)
    error = torch.where(measured, reconstruction - known, 0).square().sum(1)  # (B,)
    return weight * (error / variation.clamp(min=1e-12)).mean()
