r"""Contrast without negatives: two instruments' views of one sample agree.

References
----------
.. [1] Grill, J.-B., Strub, F., Altche, F., Tallec, C., Richemond, P. H., Buchatskaya, E., et al.
   (2020). Bootstrap your own latent: a new approach to self-supervised learning.
   https://arxiv.org/abs/2006.07733
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def contrastive_loss(prediction: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    r"""Squared distance between unit vectors, the target held still.

    .. math:: w \, \Big| \frac{q}{|q|} - \frac{z'}{|z'|} \Big|^2 = w \, (2 - 2 \cos(q, z'))

    Parameters
    ----------
    prediction : Tensor of shape (B, Z)
        Online network's prediction from one view: predictor(projector(z_chem)).
    target : Tensor of shape (B, Z)
        Target network's projection of the same sample seen by another instrument. Its gradient is
        stopped here. To use both directions, concatenate both views on the first dimension in
        opposite orders.
    weight : float
        Factor, at least 0; 0 returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss, in [0, 4 w].

    Notes
    -----
    Nothing pushes samples apart: what keeps the latents from collapsing is the predictor, and a
    target that follows the online network slowly (`update_target`).

    Examples
    --------
    >>> import torch
    >>> q = torch.eye(3)
    >>> contrastive_loss(q, 5 * q).item(), contrastive_loss(q, -q).item()
    (0.0, 4.0)
    """
    if weight == 0:
        return prediction.new_zeros(())
    cosine = F.cosine_similarity(prediction, target.detach(), dim=-1)  # (B,)
    return weight * (2 - 2 * cosine).mean()


@torch.no_grad()
def update_target(target: nn.Module, online: nn.Module, decay: float = 0.996) -> None:
    r"""Move the target network a little towards the online one, in place.

    .. math:: \theta' \leftarrow d \, \theta' + (1 - d) \, \theta

    Parameters
    ----------
    target, online : Module
        Networks of equal architecture; buffers of floating point are averaged too, others copied.
    decay : float
        Share d of the target that stays, in [0, 1].

    Raises
    ------
    ValueError
        If the networks differ in architecture, or ``decay`` is outside [0, 1].
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must lie in [0, 1], got {decay}")
    kept, moving = target.state_dict(keep_vars=True), online.state_dict()
    if kept.keys() != moving.keys():
        raise ValueError(f"networks differ in {sorted(kept.keys() ^ moving.keys())}")
    for name, value in kept.items():
        if value.is_floating_point():
            value.lerp_(moving[name].to(value.dtype), 1 - decay)
        else:
            value.copy_(moving[name])
