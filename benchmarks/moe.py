"""Time of 4 experts, top-2, over one expert on every token, and over all four (dense).

Ideal is 2: every token visits two experts. One thread; shortest of interleaved rounds.

    python benchmarks/moe.py
"""

from collections.abc import Callable
from typing import Any

import torch
from _provenance import interleaved, write_csv
from torch import Tensor, nn

from spectralfm.nn.moe import MixtureOfExperts


class Dense(nn.Module):
    """The mixture without dispatch: every expert on every token, added up by the gate."""

    def __init__(self, mixture: MixtureOfExperts) -> None:
        super().__init__()
        self.experts, self.gate = mixture.experts, mixture.gate

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        gates = self.gate(x).softmax(-1)
        return sum(gates[..., e, None] * expert(x) for e, expert in enumerate(self.experts))


def step(model: nn.Module, x: Tensor, *, train: bool) -> Callable[[], Any]:
    def call() -> None:
        with torch.set_grad_enabled(train):
            out = model(x)
        if train:
            out = out[0] + out[1] if isinstance(out, tuple) else out
            model.zero_grad()
            out.sum().backward()

    return call


def main() -> None:
    torch.set_num_threads(1)
    table = []
    for expert, width, hidden in (("mlp", 256, 512), ("kan", 256, 512), ("kan", 128, 64)):
        torch.manual_seed(0)
        mixture = MixtureOfExperts(width, hidden, 4, 2, expert)
        x = torch.randn(16, 129, width)
        models = {"one expert": mixture.experts[0], "mixture": mixture, "dense": Dense(mixture)}
        for train in (False, True):
            calls = {what: step(model, x, train=train) for what, model in models.items()}
            times = interleaved(calls, rounds=5)
            size, mode = f"{expert} {width}-{hidden}", "forward + backward" if train else "forward"
            for what, seconds in times.items():
                ms, ratio = f"{1e3 * seconds:.2f}", f"{seconds / times['one expert']:.2f}"
                table.append({"expert": size, "mode": mode, "what": what, "ms": ms, "ratio": ratio})
                print(f"{size:12s} {mode:20s} {what:12s} {ms:>9s} ms {ratio:>5s}x one expert")
    write_csv("moe", table, "torch")


if __name__ == "__main__":
    main()
