"""A check that an installation works: every part of the network once, on simulated data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._net import isolated
from ..axis import convert_axis
from ..checkpoint import build_module, load_weights, save_weights
from ..datasets import make_instrument_pair
from ..foundation import SpectralFMRegressor, SpectralFMStandardizer, TestTimeAdapter
from ..losses import block_mask, masked_loss
from ..metrics import rmsep
from ..nn.encoder import Encoding, SpectralEncoder
from ..transfer import Standards

TINY: dict[str, Any] = {
    "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
    "n_inst": 4, "fno_modes": 6, "fno_width": 8, "fno_layers": 1, "n_grid": 256,
}  # fmt: skip
"""An encoder that takes no time."""

N_CALIBRATION, N_STANDARDS = 30, 8


class Check(NamedTuple):
    """One step of the smoke test.

    Attributes
    ----------
    step : str
        What was done.
    found : str
        What was checked, with numbers.
    held : bool
        Whether it held.
    """

    step: str
    found: str
    held: bool


def smoke(seed: int = 0) -> Iterator[Check]:
    """Build, run, save, load, calibrate, adapt and transfer with a tiny encoder.

    Parameters
    ----------
    seed : int, default=0
        Seed of the encoder, and of all that is drawn.

    Yields
    ------
    Check
        One a step, as soon as it is done.

    Examples
    --------
    >>> from spectralfm.workflow import smoke
    >>> next(smoke()).step
    'build'
    """
    pair = make_instrument_pair(50, 60, random_state=1)
    source, target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
    with isolated(seed):
        encoder = SpectralEncoder(**TINY)
    n_weights = sum(weight.numel() for weight in encoder.parameters())
    finite = all(_finite(weight) for weight in encoder.parameters())
    yield Check("build", f"an encoder of {n_weights} weights, all finite", finite and n_weights > 0)

    spectra = torch.tensor(source[:8], dtype=torch.float32)
    axis = torch.tensor(convert_axis(pair.wavelengths, "nm", "cm-1"))
    yield from _network(encoder, spectra, axis, seed)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.safetensors"
        yield from _weights(encoder, spectra, axis, path)
        model = SpectralFMRegressor(path, wavelengths=pair.wavelengths, random_state=seed)
        standards = Standards(source[:N_STANDARDS], target[:N_STANDARDS])
        model.fit(source[:N_CALIBRATION], y[:N_CALIBRATION], standards=standards)
        standardizer = SpectralFMStandardizer(path, wavelengths=pair.wavelengths, random_state=seed)
        standardizer.fit(standards.target, X_source=standards.source)
    yield from _calibration(model, target[N_CALIBRATION:], y[N_CALIBRATION:], seed)

    moved = standardizer.transform(target[N_CALIBRATION:])
    before, after = (
        float(np.abs(X - source[N_CALIBRATION:]).mean()) for X in (target[N_CALIBRATION:], moved)
    )
    yield Check(
        "transfer",
        f"target spectra {before:.2g} from the source's, {after:.2g} after; finite and closer",
        bool(np.isfinite(moved).all()) and after < before,
    )


def _network(encoder: SpectralEncoder, spectra: Tensor, axis: Tensor, seed: int) -> Iterator[Check]:
    """Check a forward and a backward pass through every part."""
    with isolated(seed):
        mask = block_mask(encoder.embed.n_tokens, 0.4, n_spectra=len(spectra), block=4)
        encoding = encoder.train()(spectra, axis, mask=mask)
        patches = encoder.reconstruct(encoding)
        moved = encoder.transfer(encoding, encoding.inst.roll(1, 0))
        masked = masked_loss(patches, encoder.embed.patches(encoding.spectra.values), mask)
        features = encoding.features
        loss = masked + encoding.kl + encoding.balance + moved.square().mean()
        loss = loss + features.square().mean()
        loss.backward()
    outputs = (encoding.tokens, encoding.chem, encoding.inst, patches, moved, features)
    shapes = [(len(spectra), size) for size in (TINY["n_chem"], TINY["n_inst"], TINY["n_grid"])]
    yield Check(
        "forward",
        f"tokens, latents, reconstruction and transferred spectra finite, loss {loss.item():.3g}",
        all(_finite(output) for output in (*outputs, loss))
        and [tuple(output.shape) for output in (encoding.chem, encoding.inst, moved)] == shapes,
    )
    gradients = {
        name: [weight.grad for weight in part.parameters() if weight.grad is not None]
        for name, part in encoder.named_children()
    }
    reached = [name for name, found in gradients.items() if any(g.any() for g in found)]
    yield Check(
        "backward",
        f"gradients finite, not zero in {len(reached)} of {len(gradients)} parts",
        len(reached) == len(gradients)
        and all(_finite(gradient) for found in gradients.values() for gradient in found),
    )


def _weights(
    encoder: SpectralEncoder, spectra: Tensor, axis: Tensor, path: Path
) -> Iterator[Check]:
    """Check that the file of weights gives the same encoder."""
    state = encoder.state_dict()
    save_weights(path, state, config=TINY, architecture="SpectralEncoder", axis_range=(400, 15000))
    size = path.stat().st_size
    stored = sum(tensor.nbytes for tensor in state.values())
    yield Check("save", f"{size} bytes for {stored} of weights", size >= stored)
    loaded = build_module(SpectralEncoder, load_weights(path, architecture="SpectralEncoder"))
    first, second = (_encoded(network, spectra, axis) for network in (encoder, loaded))
    same = all(
        torch.equal(getattr(first, name), getattr(second, name))
        for name in ("tokens", "chem", "inst")
    )
    yield Check("load", "encodings with the loaded weights are equal bit for bit", same)


def _calibration(
    model: SpectralFMRegressor, X: np.ndarray, y: np.ndarray, seed: int
) -> Iterator[Check]:
    """Check a calibration on the target, and that its adaptation can be taken back."""
    predicted = model.predict(X)
    error, spread = float(rmsep(y, predicted)), float(y.std())
    yield Check(
        "calibrate",
        f"RMSEP on the target {error:.3g}, deviation of the samples {spread:.3g}",
        error < spread,
    )
    weights = model.weights_
    adapter = TestTimeAdapter(model, n_steps=5, learning_rate=1e-2, random_state=seed).fit(X)
    report, adapted = adapter.report_, adapter.predict(X)
    untouched = model.weights_ == weights and np.array_equal(model.predict(X), predicted)
    finite = np.isfinite([report.loss_before, report.loss_after, *adapted]).all()
    yield Check(
        "adapt",
        f"reconstruction error {report.loss_before:.4g}, {report.loss_after:.4g} after; "
        f"{len(report.changed)} tensors changed; original untouched",
        bool(finite) and untouched and report.accepted == bool(report.changed),
    )
    restored = adapter.rollback().predict(X)
    yield Check(
        "roll back",
        "predictions are those before the adaptation bit for bit",
        np.array_equal(restored, predicted),
    )


def _encoded(encoder: SpectralEncoder, spectra: Tensor, axis: Tensor) -> Encoding:
    with isolated(0), torch.no_grad():
        return encoder.eval()(spectra, axis)


def _finite(values: Tensor) -> bool:
    return bool(values.isfinite().all())
