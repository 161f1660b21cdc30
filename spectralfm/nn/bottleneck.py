r"""Variational information bottleneck that parts chemistry from instrument.

.. math:: z = \mu(h) + e^{\frac12 \log\sigma^2(h)} \odot \epsilon, \qquad
          \mathrm{KL} = \tfrac12 \sum_j \big( \sigma_j^2 + \mu_j^2 - 1 - \log\sigma_j^2 \big)

Two Gaussian latents, one for the chemistry and one for the instrument, are read from one summary
of a spectrum. Two small networks keep them apart (`InstrumentReader`): one reads the instrument
from its latent, the other, an adversary behind a gradient reversal [2]_, from the chemistry latent.

Departures from [1]_: the prior is fixed, one sample is drawn in training, the mean is used in
evaluation; the log variance is bounded smoothly, so that no gradient dies at the bound.

Dimensions: B batch, D model width, Zc chemistry latent, Zi instrument latent, P what is known about
an instrument (parameters, or classes).

References
----------
.. [1] Alemi, A. A., Fischer, I., Dillon, J. V., & Murphy, K. (2017). Deep variational information
   bottleneck. https://arxiv.org/abs/1612.00410
.. [2] Ganin, Y., Ustinova, E., Ajakan, H., Germain, P., Larochelle, H., Laviolette, F., Marchand,
   M., & Lempitsky, V. (2016). Domain-adversarial training of neural networks. Journal of Machine
   Learning Research, 17(59), 1-35. https://arxiv.org/abs/1505.07818
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .share import ALONE, Share

LARGEST_LOGVAR = 10.0
"""Bound on the magnitude of a log variance: exp(10) overflows nothing, exp(100) does."""

FIRST_LOGVAR = -4.0
"""Log variance at the start."""


class Latents(NamedTuple):
    """What the bottleneck lets through: samples in training, means in evaluation."""

    chem: Tensor  # (B, Zc)
    inst: Tensor  # (B, Zi)
    kl: Tensor  # ()
    chem_mean: Tensor  # (B, Zc)
    chem_logvar: Tensor  # (B, Zc)
    inst_mean: Tensor  # (B, Zi)
    inst_logvar: Tensor  # (B, Zi)


class Readings(NamedTuple):
    """What the two readers make of the latents."""

    inst_from_inst: Tensor  # (B, P)
    inst_from_chem: Tensor  # (B, P), behind a gradient reversal


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the divergence of N(mean, exp(logvar)) from N(0, 1).

    Parameters
    ----------
    mean, logvar : Tensor of shape (B, Z)
        Parameters of independent Gaussians.

    Returns
    -------
    Tensor of shape ()
        Sum over the latent dimensions, mean over the batch, in nats.

    Examples
    --------
    >>> import torch
    >>> gaussian_kl(torch.ones(4, 6), torch.zeros(4, 6)).item()
    3.0
    """
    return 0.5 * (logvar.exp() + mean.square() - 1 - logvar).sum(-1).mean()


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * grad, None


def gradient_reversal(x: Tensor, scale: float = 1.0) -> Tensor:
    """Return ``x`` unchanged; multiply its gradient by ``-scale`` on the way back.

    Parameters
    ----------
    x : Tensor
        What an adversary looks at.
    scale : float
        Strength of the reversal, at least 0; raise it from 0 during training.

    Returns
    -------
    Tensor of the shape of x
        The same values.
    """
    return _Reversal.apply(x, scale)


class VariationalBottleneck(nn.Module):
    """Chemistry and instrument latents of a summary.

    Parameters
    ----------
    d_model : int
        Width D of the summary, which both latents are read from.
    n_chem : int
        Size Zc of the chemistry latent.
    n_inst : int
        Size Zi of the instrument latent.
    n_detail : int
        Width of what the instrument latent alone is read from beside it.

    Notes
    -----
    Fringes, steps and noise are detail. Read from the chemistry latent as well, the detail raised
    what ridges on it explain on labelled sets from 0.48 to 0.66, and the accuracy by which it tells
    six instruments apart from 0.3 to 0.75, whatever the penalties on that: calibrations read the
    features themselves instead.

    Examples
    --------
    >>> import torch
    >>> z = VariationalBottleneck(16, n_chem=8, n_inst=4)(torch.randn(3, 16))
    >>> z.chem.shape, z.inst.shape, z.kl.shape
    (torch.Size([3, 8]), torch.Size([3, 4]), torch.Size([]))
    """

    def __init__(
        self, d_model: int, n_chem: int = 128, n_inst: int = 64, n_detail: int = 0
    ) -> None:
        super().__init__()
        self.chem = nn.Linear(d_model, 2 * n_chem)
        self.inst = nn.Linear(d_model + n_detail, 2 * n_inst)
        for linear in (self.chem, self.inst):
            # Latents that start as noise stay it: their readers learn to do without them.
            mean, logvar = linear.weight.chunk(2)
            nn.init.normal_(mean, std=linear.in_features**-0.5)
            nn.init.normal_(logvar, std=0.1 * linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)
            nn.init.constant_(linear.bias.chunk(2)[1], FIRST_LOGVAR)

    def forward(self, h: Tensor, detail: Tensor | None = None, share: Share = ALONE) -> Latents:
        """Map summaries (B, D), and detail (B, n_detail), to latents.

        ``share`` tells which rows of a batch of several processes these are; ``kl`` is that of the
        batch, of both latents together.
        """
        chem, chem_mean, chem_logvar = self._sample(self.chem(h), share)  # (B, Zc) each
        both = h if detail is None else torch.cat([h, detail], 1)  # (B, D + n_detail)
        inst, inst_mean, inst_logvar = self._sample(self.inst(both), share)  # (B, Zi) each
        kl = gaussian_kl(share.all(chem_mean), share.all(chem_logvar))
        kl = kl + gaussian_kl(share.all(inst_mean), share.all(inst_logvar))
        return Latents(chem, inst, kl, chem_mean, chem_logvar, inst_mean, inst_logvar)

    def _sample(self, parameters: Tensor, share: Share) -> tuple[Tensor, Tensor, Tensor]:
        dtype = torch.promote_types(parameters.dtype, torch.float32)
        mean, raw = parameters.to(dtype).chunk(2, dim=-1)  # (B, Z) each
        logvar = LARGEST_LOGVAR * torch.tanh(raw / LARGEST_LOGVAR)
        z = mean
        if self.training:
            z = mean + (0.5 * logvar).exp() * share.noise(mean)
        return z, mean, logvar


class Summary(nn.Module):
    r"""Join [CLS] with what the tokens say along the spectrum.

    .. math:: s = h_{CLS} + W_2 \operatorname{GELU}(W_1 [\bar t_1, \dots, \bar t_K]), \qquad
              \bar t_k = U \operatorname{mean}_{n \in \text{segment}\,k} h_n

    One attention layer takes long to learn where in a spectrum something stands; here the place
    is known from the start. Beside it stand the means :math:`\bar f_k` of the calibration features
    of the segments, which keep the detail that an instrument is known by.

    Parameters
    ----------
    d_model : int
        Width D of the tokens.
    n_features : int
        Features F of a token.
    n_segments : int
        Segments K of the spectrum.
    d_segment : int
        Width of what is kept of a segment.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.bottleneck import Summary
    >>> summary, measured = Summary(8, n_features=2), torch.zeros(3, 33, dtype=torch.bool)
    >>> joined, detail = summary(torch.randn(3, 33, 8), torch.randn(3, 31, 2), measured)
    >>> joined.shape, detail.shape
    (torch.Size([3, 8]), torch.Size([3, 32]))
    """

    def __init__(
        self, d_model: int, n_features: int, n_segments: int = 16, d_segment: int = 16
    ) -> None:
        super().__init__()
        self.n_segments = n_segments
        self.n_detail = n_segments * n_features
        self.narrow = nn.Linear(d_model, d_segment)
        self.mix = nn.Linear(n_segments * d_segment, 2 * d_model)
        self.join = nn.Linear(2 * d_model, d_model)
        for linear in (self.narrow, self.mix, self.join):
            nn.init.normal_(linear.weight, std=(2 / linear.in_features) ** 0.5)

    def forward(self, h: Tensor, features: Tensor, padding_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Summarise spectra.

        Parameters
        ----------
        h : Tensor of shape (B, N + 2, D)
            Tokens.
        features : Tensor of shape (B, N, F)
            Features of the patches.
        padding_mask : bool Tensor of shape (B, N + 2)
            Tokens that are padding.

        Returns
        -------
        Tensor of shape (B, D)
            Summaries.
        Tensor of shape (B, K F)
            Means of the features.
        """
        measured = (~padding_mask[:, 2:, None]).to(h.dtype)  # (B, N, 1)
        along = torch.cat([self.narrow(h[:, 2:]), features], 2) * measured  # (B, N, d + F)
        pooled = F.adaptive_avg_pool1d(torch.cat([along, measured], 2).mT, self.n_segments)
        segments = pooled[:, :-1] / pooled[:, -1:].clamp(min=1e-6)  # (B, d + F, K)
        narrow, features = segments.split([self.narrow.out_features, features.shape[2]], 1)
        mixed = F.gelu(self.mix(narrow.flatten(1)))  # (B, 2 D)
        return h[:, 0] + self.join(mixed), features.flatten(1)  # (B, D), (B, K F)


class InstrumentReader(nn.Module):
    """Read the instrument where it should stand, and, reversed, where it should not.

    Parameters
    ----------
    n_chem, n_inst : int
        Sizes Zc and Zi of the latents.
    n_outputs : int
        Number P of instrument parameters, or of instruments to tell apart.
    d_hidden : int
        Hidden width of both readers.

    Notes
    -----
    Minimise the errors of both readings (`spectralfm.losses.bottleneck_loss`): the reversal inside
    makes the chemistry latent worse for the adversary while the adversary gets better.
    """

    def __init__(self, n_chem: int, n_inst: int, n_outputs: int, d_hidden: int = 64) -> None:
        super().__init__()

        def network(n_in: int, n_out: int) -> nn.Module:
            return nn.Sequential(nn.Linear(n_in, d_hidden), nn.GELU(), nn.Linear(d_hidden, n_out))

        self.inst_from_inst = network(n_inst, n_outputs)
        self.inst_from_chem = network(n_chem, n_outputs)

    def forward(self, chem: Tensor, inst: Tensor, scale: float = 1.0) -> Readings:
        """Read both latents.

        Parameters
        ----------
        chem : Tensor of shape (B, Zc)
            Chemistry latent.
        inst : Tensor of shape (B, Zi)
            Instrument latent.
        scale : float
            Strength of the gradient reversal, at least 0.

        Returns
        -------
        Readings
            Predictions of the instrument from either latent.
        """
        return Readings(
            self.inst_from_inst(inst),  # (B, P)
            self.inst_from_chem(gradient_reversal(chem, scale)),  # (B, P)
        )
