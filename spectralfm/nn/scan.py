r"""Selective scan: the recurrence at the heart of Mamba, exact and fast on one CPU core.

.. math::

    h_t = e^{\Delta_t A} \odot h_{t-1} + (\Delta_t u_t) B_t^\top, \qquad
    y_t = h_t C_t + D \odot u_t, \qquad h_0 = 0

Glossary: B batch, L steps, D channels, S states of a channel, K steps between two stored states.

The state is kept as (B, S, D), channels innermost, and updated in place step by step, so that every
operation streams over contiguous memory that stays in cache. Departures from [1]_: the input is
discretised by :math:`\Delta B` (as in the authors' code), not by the zero-order hold of
:math:`B`; the backward pass is written by hand and replays the states from one stored every K
steps. Forms that divide by a cumulative product of decays are not used: they overflow [2]_.

References
----------
.. [1] Gu, A., & Dao, T. (2023). Mamba: Linear-time sequence modeling with selective state spaces.
   https://arxiv.org/abs/2312.00752
.. [2] Dao, T., & Gu, A. (2024). Transformers are SSMs: Generalized models and efficient algorithms
   through structured state space duality. https://arxiv.org/abs/2405.21060
"""

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EVERY = 8
"""K: the backward pass holds L / K stored and 2 K replayed states; 4 to 16 are equally fast."""

TILE = 2**18
"""Bytes of the state that a CPU updates together: some spectra whose states stay in its cache."""


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    reverse: bool = False,
) -> Tensor:
    """Run the selective state-space recurrence over the second axis.

    Parameters
    ----------
    u : Tensor of shape (B, L, D)
        Input.
    delta : Tensor of shape (B, L, D)
        Step sizes, >= 0; a step of size 0 leaves the state as it is.
    A : Tensor of shape (D, S)
        Decay rates, < 0 for a stable recurrence.
    B, C : Tensor of shape (B, L, S)
        Input and output vectors of each step.
    D : Tensor of shape (D,), optional
        Skip connection.
    reverse : bool
        Run from the last step to the first.

    Returns
    -------
    Tensor of shape (B, L, D)
        Output, in the dtype of ``u``. The recurrence runs in float32, or in float64 if an input
        is float64, also under autocast.

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    On a GPU the kernel of ``mamba_ssm`` is used when that package is installed. Gradients of
    gradients are not available: `selective_scan_reference` has them.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.scan import selective_scan
    >>> ones = torch.ones(1, 3, 1)  # with A = 0 nothing decays: a running sum
    >>> selective_scan(ones, ones, torch.zeros(1, 1), ones, ones).flatten()
    tensor([1., 2., 3.])
    """
    _check_shapes(u, delta, A, B, C, D)
    tensors = [u, delta, A, B, C] if D is None else [u, delta, A, B, C, D]
    dtype = functools.reduce(torch.promote_types, (x.dtype for x in tensors), torch.float32)
    with torch.autocast(u.device.type, enabled=False):
        x, step, decay, b, c, *skip = (tensor.to(dtype) for tensor in tensors)
        kernel = _cuda_kernel() if u.is_cuda and dtype == torch.float32 else None
        if kernel is not None:
            return _by_kernel(kernel, x, step, decay, b, c, *skip, reverse=reverse).to(u.dtype)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            y = _SelectiveScan.apply(x, step, decay, b, c, reverse)
        else:
            y, _ = _forward(x, step, decay, b, c, reverse, keep=False)
        for d in skip:
            y = torch.addcmul(y, x, d)
    return y.to(u.dtype)


def selective_scan_reference(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    reverse: bool = False,
) -> Tensor:
    """Do what `selective_scan` does, slowly, one step at a time, in plain autograd."""
    h = u.new_zeros(u.shape[0], *A.shape)  # (B, D, S)
    outputs: list[Tensor] = []
    steps = range(u.shape[1])
    for t in reversed(steps) if reverse else steps:
        driven = (delta[:, t] * u[:, t]).unsqueeze(2) * B[:, t].unsqueeze(1)  # (B, D, S)
        h = torch.exp(delta[:, t].unsqueeze(2) * A) * h + driven
        outputs.append((h * C[:, t].unsqueeze(1)).sum(2))  # (B, D)
    y = torch.stack(outputs[::-1] if reverse else outputs, dim=1)  # (B, L, D)
    return y if D is None else y + D * u


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, reverse: bool
    ) -> Tensor:
        y, states = _forward(u, delta, A, B, C, reverse, keep=True)
        ctx.save_for_backward(u, delta, A, B, C, states)
        ctx.reverse = reverse
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad.device.type, enabled=False):
            return *_backward(grad, *ctx.saved_tensors, reverse=ctx.reverse), None


def _steps(reverse: bool, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Cut (L, ...) tensors into one tuple of views a step, in the order of the recurrence."""
    steps = list(zip(*(tensor.unbind(0) for tensor in tensors), strict=True))
    return steps[::-1] if reverse else steps


def _rows(x: Tensor) -> Tensor:
    """Return (B, L, n) as (L, B, 1, n): row vectors, step by step."""
    return x.transpose(0, 1).unsqueeze(2)


def _columns(x: Tensor) -> Tensor:
    """Return (B, L, n) as (L, B, n, 1): column vectors, step by step."""
    return x.transpose(0, 1).unsqueeze(3)


def _joined(x: Tensor) -> Tensor:
    """Return (L, B, 1, n) as (B, L, n)."""
    return x.squeeze(2).transpose(0, 1)


def _tiles(n_batch: int, state: Tensor) -> list[slice]:
    """Cut the batch into spectra whose states (S, D) are updated together."""
    size = max(1, TILE // state.nbytes) if state.device.type == "cpu" else n_batch
    return [slice(start, start + size) for start in range(0, n_batch, size)]


def _forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, reverse: bool, *, keep: bool
) -> tuple[Tensor, Tensor]:
    """Return the output and, if ``keep``, the state before every K-th step (L / K, B, S, D)."""
    (n_batch, n_steps, n_channels), n_states = u.shape, A.shape[1]
    rate = A.t().contiguous()  # (S, D)
    kept = u.new_empty(math.ceil(n_steps / EVERY) if keep else 0, n_batch, n_states, n_channels)
    y = u.new_empty(n_steps, n_batch, 1, n_channels)
    views = _rows(delta), _rows(delta * u), _columns(B), _rows(C), y
    for tile in _tiles(n_batch, rate):
        h = torch.zeros_like(rate).repeat(len(y[0, tile]), 1, 1)  # (B, S, D)
        decay = torch.empty_like(h)
        steps = _steps(reverse, *(view[:, tile] for view in views))
        for t, (step, driven, b, c, out) in enumerate(steps):
            if keep and t % EVERY == 0:
                kept[t // EVERY, tile] = h
            torch.mul(step, rate, out=decay)  # (B, 1, D), (S, D) -> (B, S, D)
            torch.exp(decay, out=decay)
            h.mul_(decay).addcmul_(b, driven)  # (B, S, 1), (B, 1, D) -> (B, S, D)
            torch.bmm(c, h, out=out)  # (B, 1, S) @ (B, S, D) -> (B, 1, D)
    return _joined(y), kept


def _backward(
    grad: Tensor,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    kept: Tensor,
    *,
    reverse: bool,
) -> tuple[Tensor, ...]:
    """Return the gradients of u, delta, A, B and C, given that of the output."""
    n_batch, n_steps, n_channels = u.shape
    rate = A.t().contiguous()  # (S, D)
    driven, grad_delta = (u.new_empty(n_steps, n_batch, 1, n_channels) for _ in range(2))
    grad_B, grad_C = (u.new_empty(n_steps, n_batch, 1, A.shape[1]) for _ in range(2))
    torch.mul(_rows(delta), _rows(u), out=driven)
    views = _rows(delta), _rows(B), _columns(B), _columns(C), _rows(grad)
    grad_A = torch.zeros_like(rate)
    tiles = _tiles(n_batch, rate)
    work = u.new_empty(2 * EVERY + 2, len(driven[0, tiles[0]]), *rate.shape)
    for tile in tiles:
        tensors = (x[:, tile] for x in (*views, driven, grad_delta, grad_B, grad_C))
        steps = _steps(reverse, *tensors)
        grad_A += _backward_tile(steps, rate, kept[:, tile], work[:, : kept[0, tile].shape[0]])

    grad_driven = _joined(driven)  # (B, L, D): each step's own was read before it was overwritten
    grad_delta = _joined(grad_delta).addcmul_(grad_driven, u)
    grad_u = grad_driven.mul_(delta)
    return grad_u, grad_delta, grad_A.t(), _joined(grad_B), _joined(grad_C)


def _backward_tile(
    steps: list[tuple[Tensor, ...]], rate: Tensor, kept: Tensor, work: Tensor
) -> Tensor:
    """Write the gradients of some spectra into the last four of each step; return that of A."""
    g, grad_A = work[:2].zero_().unbind(0)  # (B, S, D), (B, S, D): g of the state
    decay, replayed = work[2 : EVERY + 2].unbind(0), work[EVERY + 2 :].unbind(0)  # K of (B, S, D)
    ones = g.new_ones(1, 1, len(rate)).expand(len(g), 1, -1)  # (B, 1, S)
    for n in reversed(range(len(kept))):
        chunk = steps[n * EVERY : (n + 1) * EVERY]
        h = kept[n], *replayed
        for k, (step, _, b, _, _, x, *_) in enumerate(chunk):
            torch.mul(step, rate, out=decay[k])
            torch.exp(decay[k], out=decay[k])
            torch.mul(decay[k], h[k], out=h[k + 1]).addcmul_(b, x)
        for k in reversed(range(len(chunk))):
            step, b_row, _, c, dy, x, out_delta, out_B, out_C = chunk[k]
            g.addcmul_(c, dy)  # (B, S, 1), (B, 1, D) -> (B, S, D)
            torch.bmm(dy, h[k + 1].mT, out=out_C)  # (B, 1, D) @ (B, D, S) -> (B, 1, S)
            torch.bmm(x, g.mT, out=out_B)  # (B, 1, D) @ (B, D, S) -> (B, 1, S)
            torch.bmm(b_row, g, out=x)  # (B, 1, S) @ (B, S, D) -> (B, 1, D)
            g.mul_(decay[k])
            q = torch.mul(g, h[k], out=decay[k])  # gradient of delta A, where the decay was
            grad_A.addcmul_(q, step)
            torch.bmm(ones, q.mul_(rate), out=out_delta)  # sum over S, without a pass to clear it
    return grad_A.sum(0)


@functools.cache
def _cuda_kernel() -> Callable[..., Tensor] | None:
    """Return the kernel of mamba_ssm, or None where that package is not installed."""
    try:
        module = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except ImportError:
        return None
    return module.selective_scan_fn


def _by_kernel(
    kernel: Callable[..., Tensor],
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    reverse: bool,
) -> Tensor:
    """Call mamba_ssm's kernel, which wants the steps last and knows one direction."""
    inputs = [x.flip(1).mT if reverse else x.mT for x in (u, delta, B, C)]  # (B, L, n) -> (B, n, L)
    x, step, b, c = (tensor.contiguous() for tensor in inputs)
    y = kernel(x, step, A, b, c, D).mT  # (B, D, L) -> (B, L, D)
    return y.flip(1) if reverse else y


def _check_shapes(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None
) -> None:
    if u.ndim != 3 or A.ndim != 2:
        raise ValueError(f"u must be (B, L, D) and A (D, S), got {_shape(u)} and {_shape(A)}.")
    n_batch, n_steps, n_channels = u.shape
    n_states = A.shape[1]
    expected = {
        "delta": (delta, (n_batch, n_steps, n_channels)),
        "A": (A, (n_channels, n_states)),
        "B": (B, (n_batch, n_steps, n_states)),
        "C": (C, (n_batch, n_steps, n_states)),
        "D": (D, (n_channels,)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(
                f"{name} must be {shape} for u {_shape(u)} with {n_states} states, "
                f"got {_shape(tensor)}."
            )


def _shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)
