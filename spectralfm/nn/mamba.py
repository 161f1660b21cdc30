r"""Bidirectional Mamba: a selective state-space model over the tokens, linear in their number.

.. math::

    h_t = e^{\Delta_t A} h_{t-1} + \Delta_t B_t x_t, \qquad y_t = C_t h_t + D x_t,

with the step :math:`\Delta_t` and the vectors :math:`B_t, C_t` read from the token itself, so that
each token decides what is kept and what is forgotten [1]_. A spectrum has no direction of time: one
scan runs to higher, one to lower wavenumbers, each with its own parameters, and their outputs are
added [2]_.

Inside a block the tokens come first, (N, B, E), so that each step of the scan and each tap of the
convolution reads one piece of memory.

Glossary: B batch, N tokens, D model width, E = expand x D inner width, S state, R rank of the step,
K taps of the convolution. Departures from [1]_: LayerNorm for RMSNorm (its backward pass is four
times as fast on a CPU); what comes after the last block is left to the encoder.

References
----------
.. [1] Gu, A., & Dao, T. (2023). Mamba: Linear-time sequence modeling with selective state spaces.
   https://arxiv.org/abs/2312.00752
.. [2] Zhu, L., Liao, B., Zhang, Q., Wang, X., Liu, W., & Wang, X. (2024). Vision Mamba: Efficient
   visual representation learning with bidirectional state space model.
   https://arxiv.org/abs/2401.09417
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import silu, softplus

from .scan import selective_scan

STEP_MIN, STEP_MAX = 1e-3, 1e-1
"""Range of the steps at the start, log-uniform: memories of 10 to 1000 tokens."""


class SelectiveScan(nn.Module):
    """One direction: causal depthwise convolution, SiLU, then the scan with steps of its own input.

    Parameters
    ----------
    n_inner : int
        Channels, E.
    d_state : int
        States of a channel, S.
    d_conv : int
        Taps of the convolution, K.
    reverse : bool
        Run from the last token to the first.
    """

    def __init__(self, n_inner: int, d_state: int, d_conv: int, *, reverse: bool) -> None:
        super().__init__()
        self.reverse = reverse
        self.rank = math.ceil(n_inner / 32)
        self.conv_weight = nn.Parameter(torch.empty(d_conv, n_inner))
        self.conv_bias = nn.Parameter(torch.zeros(n_inner))
        self.x_proj = nn.Linear(n_inner, self.rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.rank, n_inner)
        rates = torch.arange(1.0, d_state + 1).repeat(n_inner, 1)
        self.A_log = nn.Parameter(rates.log())  # (E, S)
        self.D = nn.Parameter(torch.ones(n_inner))
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        bound = len(self.conv_weight) ** -0.5
        nn.init.uniform_(self.conv_weight, -bound, bound)
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        with torch.no_grad():
            step = torch.empty_like(self.dt_proj.bias).uniform_(
                math.log(STEP_MIN), math.log(STEP_MAX)
            )
            step = step.exp_()
            self.dt_proj.bias.copy_(
                step + torch.log(-torch.expm1(-step))
            )  # softplus gives the step

    def forward(self, x: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Scan tokens (N, B, E); one with ``padding_mask`` True leaves the state as it is."""
        x = _Convolution.apply(x, self.conv_weight, self.conv_bias, self.reverse)
        x = silu(x, inplace=not torch.is_grad_enabled())
        rank, d_state = self.rank, self.A_log.shape[1]
        step, b, c = self.x_proj(x).split([rank, d_state, d_state], 2)  # (N, B, R), 2 (N, B, S)
        delta = softplus(self.dt_proj(step))  # (N, B, R) -> (N, B, E)
        if padding_mask is not None:
            delta = delta.masked_fill(padding_mask.unsqueeze(2), 0.0)
        A = -torch.exp(self.A_log)
        x, delta, b, c = (part.transpose(0, 1) for part in (x, delta, b, c))  # (N, B) -> (B, N)
        y = selective_scan(x, delta, A, b, c, self.D, reverse=self.reverse)
        return y.transpose(0, 1)  # (B, N, E) -> (N, B, E)


class _Convolution(torch.autograd.Function):
    """Convolve tokens with those before, or after: by shifts, faster than conv1d on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, reverse: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.reverse = reverse
        y = torch.addcmul(bias, x, weight[-1])  # (N, B, E)
        for tap, target, source in _shifted(weight, y, x, reverse):
            target.addcmul_(source, tap)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad_x, grad_weight = grad * weight[-1], torch.zeros_like(weight)
        for tap, given, target in _shifted(weight, grad, grad_x, ctx.reverse):
            target.addcmul_(given, tap)
        product = torch.empty_like(grad)
        taps = [(grad_weight[-1], grad, x), *_shifted(grad_weight, grad, x, ctx.reverse)]
        for target, given, source in taps:
            part = torch.mul(given, source, out=product[: len(given)])
            torch.sum(part, (0, 1), out=target)
        return grad_x, grad_weight, grad.sum((0, 1)), None


def _shifted(
    weight: Tensor, after: Tensor, before: Tensor, reverse: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Go through the taps but the last: what they read in ``before`` they add to ``after``."""
    for n, tap in enumerate(reversed(weight[:-1].unbind(0)), 1):
        late, early = slice(n, None), slice(max(len(after) - n, 0))
        yield (tap, after[early], before[late]) if reverse else (tap, after[late], before[early])


class MambaBlock(nn.Module):
    """Pre-norm residual block around a gated scan in both directions.

    Parameters
    ----------
    d_model : int
        Width of the tokens, D.
    d_state : int
        States of a channel, S.
    d_conv : int
        Taps of the convolutions, K.
    expand : int
        Inner width over D.
    """

    def __init__(self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        n_inner = expand * d_model
        self.norm = nn.LayerNorm(d_model)
        self.in_proj = nn.Linear(d_model, 2 * n_inner, bias=False)
        self.up = SelectiveScan(n_inner, d_state, d_conv, reverse=False)
        self.down = SelectiveScan(n_inner, d_state, d_conv, reverse=True)
        self.out_proj = nn.Linear(n_inner, d_model, bias=False)

    def forward(self, h: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Mix tokens.

        Parameters
        ----------
        h : Tensor of shape (B, N, D)
            Tokens.
        padding_mask : Tensor of shape (B, N), bool, optional
            Tokens where this is True (nothing was measured there) do not influence the others.

        Returns
        -------
        Tensor of shape (B, N, D)
            Tokens.
        """
        inner = self.in_proj(self.norm(h).transpose(0, 1))  # (B, N, D) -> (N, B, 2E)
        x, gate = inner.chunk(2, dim=2)  # (N, B, E), (N, B, E)
        if padding_mask is not None:
            padding_mask = padding_mask.t()  # (B, N) -> (N, B)
            x = x.masked_fill(padding_mask.unsqueeze(2), 0.0)
        y = self.up(x, padding_mask).add_(self.down(x, padding_mask))
        return h + self.out_proj(y * silu(gate)).transpose(0, 1)  # (N, B, E) -> (B, N, D)


class MambaBackbone(nn.Module):
    """A stack of bidirectional Mamba blocks.

    Parameters
    ----------
    d_model : int
        Width of the tokens, D.
    n_layers : int
        Number of blocks, >= 0.
    d_state : int
        States of a channel, S.
    d_conv : int
        Taps of the convolutions, K.
    expand : int
        Inner width over D.

    Notes
    -----
    ``A_log`` and ``D`` are not to be decayed: pulling them to zero means pulling the memories of
    all channels to the same length.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.mamba import MambaBackbone
    >>> MambaBackbone(d_model=8, n_layers=2)(torch.randn(3, 129, 8)).shape
    torch.Size([3, 129, 8])
    """

    def __init__(
        self, d_model: int, n_layers: int, d_state: int = 16, d_conv: int = 4, expand: int = 2
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            MambaBlock(d_model, d_state, d_conv, expand) for _ in range(n_layers)
        )

    def forward(self, h: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Pass tokens (B, N, D) through all blocks; see `MambaBlock.forward`."""
        for block in self.blocks:
            h = block(h, padding_mask)
        return h
