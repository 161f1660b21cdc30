r"""Mixture of experts: every token is worked on by the few networks its gate chooses.

.. math:: y = \sum_{e \in \mathrm{top}_k(h)} g_e E_e(x), \quad
          h = x W_g + \epsilon \, \mathrm{softplus}(x W_n), \quad
          g = \mathrm{softmax}(\mathrm{top}_k(h))

with standard normal :math:`\epsilon` in training and zero otherwise. Tokens are sorted by expert,
so that each expert sees one dense batch, and each token then gathers its gated sum.

Departures from [1]_: the gate starts from small random weights, so that an untrained mixture does
not send everything to the first experts; the gate is computed in float32 even under autocast.

Dimensions: B batch, N tokens, D model width, H hidden width, T = B N tokens that count, E experts,
k experts a token.

References
----------
.. [1] Shazeer, N., Mirhoseini, A., Maziarz, K., Davis, A., Le, Q., Hinton, G., & Dean, J. (2017).
   Outrageously large neural networks: the sparsely-gated mixture-of-experts layer.
   https://arxiv.org/abs/1701.06538
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .kan import KANLinear
from .share import ALONE, Share

EXPERTS = ("kan", "mlp")

LEAST_NOISE = 1e-2
"""Smallest standard deviation of the noise on a gate, so that the expected load is smooth."""


def squared_variation(amounts: Tensor) -> Tensor:
    """Return the squared coefficient of variation of (E,) amounts: 0 when all are equal."""
    return amounts.var(correction=0) / (amounts.mean().square() + 1e-10)


class MixtureOfExperts(nn.Module):
    r"""Top-k mixture of KAN or MLP experts with noisy gating and a balance penalty.

    Parameters
    ----------
    d_model : int
        Width D of a token.
    d_hidden : int
        Hidden width H of an expert.
    n_experts : int
        Number of experts E.
    top_k : int
        Experts that work on one token, from 1 to ``n_experts``.
    expert : {"kan", "mlp"}
        Two `KANLinear` layers, or two linear layers with GELU between them.
    grid_size, spline_order : int
        Spline grid of KAN experts.

    Attributes
    ----------
    experts : ModuleList of length n_experts
        The experts, each (T, D) -> (T, D).
    last_load : Tensor of shape (n_experts,) or None
        Share of the assignments that every expert received in the last forward pass.

    Raises
    ------
    ValueError
        If ``top_k`` is not in 1 ... ``n_experts`` or ``expert`` is unknown.

    Notes
    -----
    The penalty is the squared coefficient of variation of the experts' importance (sum of gates)
    plus that of their load (number of tokens; in training its expectation over the noise, which has
    a gradient). It is zero at uniform load; weigh it with about 0.01 to 0.1. There is no residual
    connection and no normalisation inside: give it normalised tokens and add the result.

    Examples
    --------
    >>> import torch
    >>> mixture = MixtureOfExperts(8, 16)
    >>> y, balance = mixture(torch.randn(2, 5, 8))
    >>> y.shape, balance.shape
    (torch.Size([2, 5, 8]), torch.Size([]))
    """

    def __init__(
        self,
        d_model: int,
        d_hidden: int,
        n_experts: int = 4,
        top_k: int = 2,
        expert: str = "kan",
        *,
        grid_size: int = 5,
        spline_order: int = 3,
    ) -> None:
        super().__init__()
        if not 1 <= top_k <= n_experts:
            raise ValueError(f"top_k must be in 1 ... n_experts = {n_experts}, got {top_k}")
        if expert not in EXPERTS:
            raise ValueError(f"expert must be one of {EXPERTS}, got {expert!r}")

        def build() -> nn.Module:
            if expert == "mlp":
                hidden = nn.Linear(d_model, d_hidden)
                return nn.Sequential(hidden, nn.GELU(), nn.Linear(d_hidden, d_model))
            # Of normalised tokens, 95 % lie within two standard deviations.
            return nn.Sequential(
                KANLinear(d_model, d_hidden, grid_size, spline_order, grid_range=(-2.0, 2.0)),
                KANLinear(d_hidden, d_model, grid_size, spline_order),
            )

        self.d_model, self.n_experts, self.top_k = d_model, n_experts, top_k
        self.experts = nn.ModuleList(build() for _ in range(n_experts))
        self.gate = nn.Linear(d_model, n_experts, bias=False)
        self.noise = nn.Linear(d_model, n_experts, bias=False)
        nn.init.normal_(self.gate.weight, std=0.02)
        nn.init.zeros_(self.noise.weight)
        self.last_load: Tensor | None = None

    def forward(
        self, x: Tensor, padding_mask: Tensor | None = None, share: Share = ALONE
    ) -> tuple[Tensor, Tensor]:
        """Mix the experts' results.

        Parameters
        ----------
        x : Tensor of shape (B, N, D) or (T, D)
            Tokens.
        padding_mask : bool Tensor of shape (B, N) or (T,), optional
            True at tokens that hold nothing: they get zeros and count for no load.
        share : Share, optional
            Which rows of a batch of several processes these are; the penalty is that of the batch.

        Returns
        -------
        mixed : Tensor of the shape of x
            Gated sum of the chosen experts' results.
        balance : Tensor of shape ()
            Penalty on uneven use of the experts, at least 0.
        """
        if padding_mask is None:
            mixed, balance = self._mix(x.reshape(-1, self.d_model), share)
            return mixed.view(x.shape), balance
        kept = ~padding_mask
        mixed, balance = self._mix(x[kept], share)
        return mixed.new_zeros(x.shape).masked_scatter(kept.unsqueeze(-1), mixed), balance

    def _mix(self, tokens: Tensor, share: Share) -> tuple[Tensor, Tensor]:
        """Route tokens (T, D) to their experts and add up what comes back."""
        chosen, gates, balance = self._route(tokens, share)  # (T, k), (T, k), ()
        if self.top_k == self.n_experts:
            dense = gates.gather(1, chosen.argsort(1)).to(tokens.dtype)  # (T, E)
            results = [expert(tokens) for expert in self.experts]
            terms = [gate[:, None] * y for gate, y in zip(dense.unbind(1), results, strict=True)]
            return torch.stack(terms).sum(0), balance  # (T, D)
        order = chosen.flatten().argsort(stable=True)  # (T k,): assignments sorted by expert
        counts = chosen.flatten().bincount(minlength=self.n_experts).tolist()
        batches = tokens.index_select(0, order // self.top_k).split(counts)  # E of (T_e, D)
        pairs = zip(self.experts, batches, strict=True)
        results = [expert(batch) for expert, batch in pairs if len(batch)] or [tokens]
        dtype = torch.promote_types(tokens.dtype, gates.dtype)
        places = torch.empty_like(order)
        places[order] = torch.arange(len(order), device=order.device)
        mixed = F.embedding_bag(
            places.view_as(chosen),
            torch.cat(results).to(dtype),  # (T k, D)
            per_sample_weights=gates.to(dtype),
            mode="sum",
        )
        return mixed, balance  # (T, D)

    def _route(self, tokens: Tensor, share: Share) -> tuple[Tensor, Tensor, Tensor]:
        """Return the experts of every token (T, k), their gates (T, k) and the penalty ()."""
        dtype = torch.promote_types(self.gate.weight.dtype, torch.float32)
        with torch.autocast(tokens.device.type, enabled=False):
            inputs = tokens.to(dtype)
            clean = F.linear(inputs, self.gate.weight.to(dtype))  # (T, E)
            logits = clean
            if self.training:
                spread = F.softplus(F.linear(inputs, self.noise.weight.to(dtype))) + LEAST_NOISE
                logits = clean + share.noise(clean) * spread
            ranked, experts = logits.sort(dim=1, descending=True)  # (T, E)
            chosen = experts[:, : self.top_k]  # (T, k)
            gates = ranked[:, : self.top_k].softmax(1)  # (T, k)
            counts = chosen.flatten().bincount(minlength=self.n_experts).to(dtype)  # (E,)
            counts = share.total(counts)
            load = counts
            if self.training and self.top_k < self.n_experts:
                # The value an expert must beat to be among the k, the others' noise as drawn.
                last_in, first_out = ranked[:, self.top_k - 1, None], ranked[:, self.top_k, None]
                rival = torch.where(logits > first_out, first_out, last_in)  # (T, E)
                load = share.total(torch.special.ndtr((clean - rival) / spread).sum(0))  # (E,)
            importance = gates.new_zeros(self.n_experts)
            importance = importance.index_add(0, chosen.flatten(), gates.flatten())  # (E,)
            importance = share.total(importance)
            balance = squared_variation(importance) + squared_variation(load)
        self.last_load = (counts / counts.sum().clamp(min=1)).detach()
        return chosen, gates, balance
