r"""Masked spectral reconstruction: predict contiguous blocks of patches that the encoder never saw.

References
----------
.. [1] He, K., Chen, X., Xie, S., Li, Y., Dollar, P., & Girshick, R. (2022). Masked autoencoders are
   scalable vision learners. https://arxiv.org/abs/2111.06377
"""

import torch
from torch import Tensor


def masked_loss(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    counted: Tensor | None = None,
    weight: float = 1.0,
) -> Tensor:
    r"""Mean squared error of the masked patches.

    .. math:: w \, \frac{\sum_{i \in M} (\hat p_i - p_i)^2}{|M|}

    Parameters
    ----------
    prediction, target : Tensor of shape (B, N, P)
        Patches, in the same units.
    mask : bool Tensor of shape (B, N)
        True at the tokens that the encoder saw a mask token for.
    counted : bool Tensor of shape (B, N, P), optional
        True at values that count: measured, and not visible in an overlapping patch
        (`hidden_channels`). Targets elsewhere may be anything, NaN included.
    weight : float
        Factor, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if nothing is masked.

    Examples
    --------
    >>> import torch
    >>> mask = torch.tensor([[True, False]])
    >>> masked_loss(torch.zeros(1, 2, 3), torch.full((1, 2, 3), 2.0), mask).item()
    4.0
    """
    if weight == 0:
        return prediction.new_zeros(())
    kept = mask.unsqueeze(-1).expand_as(target)  # (B, N, P)
    if counted is not None:
        kept = kept & counted
    errors = (prediction - torch.where(kept, target, 0)).square()
    return weight * torch.where(kept, errors, 0).sum() / kept.sum().clamp(min=1)


def block_mask(
    n_tokens: int,
    ratio: float,
    *,
    n_spectra: int = 1,
    block: int = 8,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw masks of contiguous blocks that hide exactly the share asked for.

    Parameters
    ----------
    n_tokens : int
        Number N of tokens.
    ratio : float
        Share to mask, in [0, 1]: every row has ``round(ratio * n_tokens)`` masked tokens.
    n_spectra : int
        Number B of rows.
    block : int
        Tokens in a block, at least 1. Blocks do not overlap but may touch; one of them is shorter
        where the total is no multiple of it.
    generator : torch.Generator, optional
        Source of randomness; None is torch's global one.
    device : torch.device, optional
        Where to draw, that of the generator.

    Returns
    -------
    bool Tensor of shape (B, N)
        True at masked tokens.

    Raises
    ------
    ValueError
        If ``ratio`` is outside [0, 1] or ``block`` is below 1.

    Examples
    --------
    >>> block_mask(100, 0.4, n_spectra=3).sum(1)
    tensor([40, 40, 40])
    """
    if not 0 <= ratio <= 1 or block < 1:
        raise ValueError(f"ratio must lie in [0, 1] and block be at least 1, got {ratio}, {block}")
    total = round(ratio * n_tokens)
    n_blocks = -(-total // block)
    # A row is a shuffled line of visible tokens and whole blocks, written out token by token.
    n_slots = n_tokens - total + n_blocks
    order = torch.rand(n_spectra, n_slots, generator=generator, device=device).argsort(1)
    lengths = torch.ones(n_slots, dtype=torch.long, device=device)
    lengths[:n_blocks] = block
    if n_blocks:
        lengths[0] = total - block * (n_blocks - 1)
    is_block = torch.arange(n_slots, device=device) < n_blocks
    tokens = is_block[order].flatten().repeat_interleave(lengths[order].flatten())  # (B N,)
    return tokens.view(n_spectra, n_tokens)


def hidden_channels(mask: Tensor, patch: int, stride: int) -> Tensor:
    """Tell which channels a mask hides: where patches overlap, a visible neighbour shows some.

    Parameters
    ----------
    mask : bool Tensor of shape (B, N)
        True at masked tokens.
    patch, stride : int
        Channels P of a patch, and channels between the starts of two patches.

    Returns
    -------
    bool Tensor of shape (B, (N - 1) stride + P)
        True at channels that no visible patch covers.

    Examples
    --------
    >>> hidden_channels(torch.tensor([[False, True, True]]), patch=4, stride=2).int()
    tensor([[0, 0, 0, 0, 1, 1, 1, 1]], dtype=torch.int32)
    """
    n_rows, n_tokens = mask.shape
    hidden = mask.new_ones(n_rows, (n_tokens - 1) * stride + patch)
    for offset in range(patch):
        hidden[:, offset : offset + (n_tokens - 1) * stride + 1 : stride] &= mask
    return hidden
