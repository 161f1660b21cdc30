"""What scikit-learn and skorch cost around the network: ratios to the bare torch code.

A training step of `fit_module` against the same step in a plain loop, and the fit of a closed-form
head and its prediction against the bare forward passes in micro-batches. One thread; shortest of
interleaved rounds.

    python benchmarks/facade.py
"""

import numpy as np
import torch
from _provenance import interleaved, write_csv
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from spectralfm._net import fit_module
from spectralfm.foundation import SpectralFMEncoder, SpectralFMRegressor
from spectralfm.nn.encoder import parameter_groups

STEPS = 50


def training() -> dict[str, float]:
    """Return seconds of one step of a plain loop and of `fit_module`."""
    module = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    x = torch.rand(320, 64)
    data = {"x": x, "y": x.sum(1, keepdim=True)}

    def error(module: nn.Module, batch: dict[str, Tensor], training: bool) -> dict[str, Tensor]:
        return {"error": mse_loss(module(batch["x"]), batch["y"])}

    def plain() -> None:
        optimizer = torch.optim.AdamW(parameter_groups(module, 0.01), lr=1e-3)
        for _ in range(STEPS):
            rows = torch.randperm(320)[:32]
            batch = {name: tensor[rows] for name, tensor in data.items()}
            optimizer.zero_grad()
            error(module, batch, True)["error"].backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()

    def facade() -> None:
        fit_module(module, data, error, max_steps=STEPS, validation=0.0, evaluate_every=STEPS)

    times = interleaved({"plain loop, a step": plain, "fit_module, a step": facade})
    return {name: seconds / STEPS for name, seconds in times.items()}


def inference() -> dict[str, float]:
    """Return seconds for 64 spectra, of the bare network and of the estimators."""
    rng = np.random.default_rng(0)
    X, wavelengths = rng.random((64, 700)).cumsum(axis=1), np.linspace(1100, 2498, 700)
    encoder = SpectralFMEncoder(wavelengths=wavelengths, random_state=0).fit(X)
    model = SpectralFMRegressor(wavelengths=wavelengths, random_state=0).fit(X, X[:, 350])
    network, spectra, axis = encoder.encoder_, torch.tensor(X), torch.tensor(encoder.axis_)

    def bare() -> None:
        with torch.no_grad():
            for rows in spectra.split(16):
                network(rows, axis)

    calls = {"bare network": bare, "transform": lambda: encoder.transform(X)}
    calls |= {"predict": lambda: model.predict(X), "fit of head": lambda: model.fit(X, X[:, 350])}
    return interleaved(calls)


def main() -> None:
    torch.set_num_threads(1)
    table = []
    for times in (training(), inference()):
        base = next(iter(times.values()))
        for what, seconds in times.items():
            table.append({"what": what, "ms": f"{1e3 * seconds:.3f}", "ratio": seconds / base})
            print(f"{what:20s} {1e3 * seconds:10.3f} ms {seconds / base:6.2f}x")
    write_csv("facade", [row | {"ratio": f"{row['ratio']:.2f}"} for row in table], "torch")


if __name__ == "__main__":
    main()
