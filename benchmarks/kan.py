"""Time of a 256-512-256 KAN over its GEMM floor, over inkan's eager layer and over a plain MLP.

The floor is what no KAN of this size can do without: the dense products of an expanded input (the
basis and the base branch, 9 columns an input) with the weights, inputs already expanded. Forward:
one product a layer; training: three. One thread; shortest of interleaved rounds.

    python benchmarks/kan.py
"""

from collections.abc import Callable
from typing import Any

import torch
from _provenance import interleaved, write_csv
from inkan import KANNetwork
from torch import Tensor, nn

from spectralfm.nn.kan import KANLinear, update_grids

SIZES = [256, 512, 256]


def floor(rows: int, *, train: bool) -> Callable[[], Any]:
    shapes = list(zip(SIZES[:-1], SIZES[1:], strict=True))
    expanded = [torch.randn(rows, 9 * n_in) for n_in, _ in shapes]
    weights = [torch.randn(n_out, 9 * n_in) for n_in, n_out in shapes]
    grads = [torch.randn(rows, n_out) for _, n_out in shapes]

    def products() -> None:
        for x, weight, grad in zip(expanded, weights, grads, strict=True):
            x @ weight.T
            if train:
                grad @ weight, grad.T @ x

    return products


def step(model: nn.Module, x: Tensor, *, train: bool) -> Callable[[], Any]:
    def forward() -> None:
        with torch.set_grad_enabled(train):
            out = model(x)
        if train:
            model.zero_grad()
            x.grad = None
            out.backward(x.detach())

    return forward


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = nn.Sequential(KANLinear(256, 512), KANLinear(512, 256))
    uneven = nn.Sequential(KANLinear(256, 512), KANLinear(512, 256))
    update_grids(uneven, torch.randn(1024, 256))
    theirs = KANNetwork(SIZES, grid_size=5, compile_basis=False)
    plain = nn.Sequential(nn.Linear(256, 512), nn.SiLU(), nn.Linear(512, 256))
    models = {"ours": ours, "ours, uneven grid": uneven, "inkan eager": theirs, "plain MLP": plain}
    table = []
    for rows in (1024, 4096):
        x = torch.randn(rows, 256, requires_grad=True)
        for train in (False, True):
            calls = {name: step(model, x, train=train) for name, model in models.items()}
            times = interleaved({"GEMM floor": floor(rows, train=train)} | calls, rounds=5)
            mode = "forward + backward" if train else "forward"
            for what, seconds in times.items():
                ms, ratio = f"{1e3 * seconds:.2f}", f"{seconds / times['GEMM floor']:.2f}"
                row = {"rows": rows, "mode": mode, "what": what, "ms": ms, "over_floor": ratio}
                table.append(row)
                print(f"{rows:5d} {mode:20s} {what:20s} {ms:>9s} ms {ratio:>5s}x floor")
    write_csv("kan", table, "torch", "inkan")


if __name__ == "__main__":
    main()
