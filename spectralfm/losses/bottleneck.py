"""Bottleneck: little information, and each latent knows only what it should.

References
----------
.. [1] Alemi, A. A., Fischer, I., Dillon, J. V., & Murphy, K. (2017). Deep variational information
   bottleneck. https://arxiv.org/abs/1612.00410
.. [2] Ganin, Y., Ustinova, E., Ajakan, H., Germain, P., Larochelle, H., Laviolette, F., Marchand,
   M., & Lempitsky, V. (2016). Domain-adversarial training of neural networks. Journal of Machine
   Learning Research, 17(59), 1-35. https://arxiv.org/abs/1505.07818
.. [3] Khosla, P., Teterwak, P., Wang, C., Sarna, A., Tian, Y., Isola, P., Maschinot, A., Liu, C., &
   Krishnan, D. (2020). Supervised contrastive learning. https://arxiv.org/abs/2004.11362
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_VARIANCE = 0.01
"""Variance of latent means, whose samples have unit noise while they say nothing, below which their
correlations hardly count: at the start of training all of them are alike."""


def bottleneck_loss(
    kl: Tensor,
    inst_from_inst: Tensor | None = None,
    inst_from_chem: Tensor | None = None,
    instrument: Tensor | None = None,
    chem_mean: Tensor | None = None,
    inst_mean: Tensor | None = None,
    *,
    kl_weight: float = 1e-3,
    adversary_weight: float = 1.0,
    independence_weight: float = 1.0,
    weight: float = 1.0,
) -> Tensor:
    r"""Add up what the latents cost, what the instrument latent must know and what none may.

    .. math:: w \big( w_{KL} \mathrm{KL} + \ell(\hat s(z_i), s) + w_a \ell(\hat s(R z_c), s)
              + w_u [\rho^2(\mu_c, s) + \rho^2(\mu_i, \mu_c)] \big)

    with R the gradient reversal inside `InstrumentReader`. Every sign is plus: the adversary is
    trained to read, and the reversal turns the gradient that reaches the latent.

    Parameters
    ----------
    kl : Tensor of shape ()
        Divergence of the latents from their prior, nats.
    inst_from_inst, inst_from_chem : Tensor of shape (B, P), optional
        Readings of the instrument from both latents.
    instrument : Tensor of shape (B, P) or (B,), optional
        Standardised instrument parameters, NaN where unknown; or, as integers of shape (B,), the
        instrument's class, negative where unknown.
    chem_mean : Tensor of shape (B, Zc), optional
        Means of the chemistry latent, which shall not correlate with the instrument.
    inst_mean : Tensor of shape (B, Zi), optional
        Means of the instrument latent, which shall not correlate with those of the chemistry.
    kl_weight, adversary_weight, independence_weight, weight : float
        Factors, at least 0; ``weight=0`` returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss.

    Notes
    -----
    :math:`\ell` is the Huber loss for parameters and cross-entropy for classes: a squared error
    would let the latent win against its adversary by growing without bound.
    :math:`\rho^2` (`squared_correlation`) is what removes the instrument from the chemistry latent;
    an adversary that regresses chases a latent that only has to change its sign. It sees linear
    dependence, the adversary the rest.

    Examples
    --------
    >>> import torch
    >>> reading = torch.zeros(4, 2)
    >>> bottleneck_loss(torch.tensor(2.0), reading, reading, torch.ones(4, 2), kl_weight=0.5).item()
    2.0
    """
    if weight == 0:
        return kl.new_zeros(())
    total = kl_weight * kl
    if instrument is not None:
        if inst_from_inst is not None:
            total = total + _reading_error(inst_from_inst, instrument)
        if inst_from_chem is not None:
            total = total + adversary_weight * _reading_error(inst_from_chem, instrument)
        if chem_mean is not None:
            if instrument.is_floating_point():
                known = ~torch.isnan(instrument).any(1)  # (B,)
                described = instrument[known]
            else:
                known = instrument >= 0  # (B,)
                described = F.one_hot(instrument[known]).to(chem_mean.dtype)
            excess = squared_correlation(chem_mean[known], described, LEAST_VARIANCE)
            total = total + independence_weight * excess
    if chem_mean is not None and inst_mean is not None:
        # Detached: the chemistry stays where it is, the instrument latent has to give it up.
        excess = squared_correlation(inst_mean, chem_mean.detach(), LEAST_VARIANCE)
        total = total + independence_weight * excess
    return weight * total


def squared_correlation(latent: Tensor, known: Tensor, least_variance: float = 1e-6) -> Tensor:
    r"""Return how much more of what is known the latent's dimensions correlate with than by chance.

    .. math:: \rho^2 = \frac1P \sum_p \log \Big(1 + \sum_z r_{zp}^2 \Big)
              - \log \Big(1 + \frac{Z}{n - 1} \Big)

    The logarithm keeps latents that still vary along a single direction, all dimensions of which
    correlate alike, from outweighing all other losses.

    Parameters
    ----------
    latent : Tensor of shape (n, Z)
        Latent means.
    known : Tensor of shape (n, P)
        What they shall not tell.
    least_variance : float
        What is added to the variance of a dimension, > 0: one that varies much less counts less.

    Returns
    -------
    Tensor of shape ()
        About 0 when independent, negative by chance; 0 for fewer than three rows. Standardised
        dimensions count alike, however small: a probe without noise would find them too.

    Examples
    --------
    >>> import torch
    >>> x = torch.arange(11.0)[:, None]
    >>> round(squared_correlation(x, 2 - 3 * x).item(), 4)  # log 2 - log 1.1
    0.5978
    """
    n = len(latent)
    if n < 3:
        return latent.new_zeros(())
    latent = (latent - latent.mean(0)) / (latent.var(0) + least_variance).sqrt()
    known = (known - known.mean(0)) / (known.var(0) + 1e-6).sqrt()
    correlation = latent.T @ known / (n - 1)  # (Z, P)
    return correlation.square().sum(0).log1p().mean() - math.log1p(latent.shape[1] / (n - 1))


def same_instrument_loss(
    inst: Tensor, label: Tensor, *, temperature: float = 0.2, weight: float = 1.0
) -> Tensor:
    r"""Let instrument latents of one instrument be more alike than those of several.

    .. math:: -\frac{w}{n} \sum_i \frac{1}{|S_i|} \sum_{j \in S_i}
              \log \frac{e^{z_i^\top z_j / \tau}}{\sum_{k \ne i} e^{z_i^\top z_k / \tau}}

    with latents z of unit length and :math:`S_i` the other spectra of the instrument of i [3]_.

    Parameters
    ----------
    inst : Tensor of shape (B, Zi)
        Instrument latents.
    label : Tensor of shape (B,), int64
        Instrument of every spectrum, negative where unknown.
    temperature : float
        :math:`\tau`, above 0.
    weight : float
        Factor, at least 0; ``weight=0`` returns an exact zero without a graph.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if no two spectra share an instrument.

    Notes
    -----
    No parameters of the instruments are needed: what tells one from another in the spectra of many
    samples is found, whether it has a name or not. One spectrum alone shows few of the parameters.

    Examples
    --------
    >>> import torch
    >>> label = torch.tensor([0, 0, 1, 1])
    >>> apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> round(same_instrument_loss(apart, label).item(), 3)
    0.0
    """
    if weight == 0:
        return inst.new_zeros(())
    inst, label = inst[label >= 0], label[label >= 0]
    z = F.normalize(inst, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    likeness = (z @ z.T / temperature).masked_fill(itself, -torch.inf)  # (n, n)
    log_share = likeness - likeness.logsumexp(1, keepdim=True)
    same = (label[:, None] == label) & ~itself
    count = same.sum(1)
    if not count.any():
        return inst.new_zeros(())
    found = torch.where(same, log_share, 0).sum(1)[count > 0] / count[count > 0]
    return -weight * found.mean()


def _reading_error(reading: Tensor, instrument: Tensor) -> Tensor:
    """Return the mean error over what is known, 0 if nothing is."""
    if not instrument.is_floating_point():
        known = instrument >= 0  # (B,)
        errors = F.cross_entropy(reading, instrument.clamp(min=0), reduction="none")  # (B,)
    else:
        known = ~torch.isnan(instrument)  # (B, P)
        errors = F.smooth_l1_loss(reading, instrument.nan_to_num(), reduction="none")  # (B, P)
    return (errors * known).sum() / known.sum().clamp(min=1)
