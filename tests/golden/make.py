"""Make the golden files of a release: ``python tests/golden/make.py 0.1``.

Run once for a release, and never again for it: later versions must read what was written then.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import spectralfm
from spectralfm.checkpoint import save_weights
from spectralfm.conformal import ConformalRegressor
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.transfer import (
    CalibrationTransfer,
    DifferencePenalizedRidge,
    PiecewiseDirectStandardization,
    Standards,
)

WAVELENGTHS = np.linspace(1100, 2500, 36)
TINY = {
    "d_model": 8, "n_mamba_layers": 1, "d_state": 4, "n_experts": 2, "top_k": 1, "d_expert": 4,
    "n_transformer_layers": 1, "n_heads": 2, "n_chem": 4, "n_inst": 2, "n_features": 4,
    "fno_modes": 2, "fno_width": 4, "fno_layers": 1, "n_grid": 96, "patch": 32, "stride": 32,
}  # fmt: skip


def spectra(n: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return spectra of two constituents and their amounts, without a random number."""
    k = np.arange(first, first + n)[:, None]
    amounts = 0.5 + 0.4 * np.cos(k * np.array([1.0, 2.3]) + np.array([0.0, 1.0]))
    centres, widths = np.array([[1450.0], [1930.0]]), np.array([[60.0], [80.0]])
    pure = np.exp(-(((WAVELENGTHS - centres) / widths) ** 2))
    baseline = 0.3 + 0.05 * np.cos(k + 3.0) + 1e-4 * (WAVELENGTHS - 1100)
    ripple = 1e-3 * np.sin(k * 1.7 + np.arange(len(WAVELENGTHS)) * (1 + k % 5))
    return amounts @ pure + baseline + ripple, amounts


def on_target(X: np.ndarray) -> np.ndarray:
    """Return what a second instrument records."""
    return 0.95 * X + 0.02 + 0.01 * np.gradient(X, axis=1)


def models(folder: Path) -> dict[str, object]:
    """Return fitted models by the name of their file."""
    X, y = spectra(30)
    standards = on_target(X[:8])
    derivative = SavitzkyGolay(7, polyorder=2, deriv=1)
    pipeline = make_pipeline(derivative, StandardNormalVariate(), PLSRegression(3)).fit(X, y)
    source = FrozenEstimator(pipeline)
    moved = CalibrationTransfer(source, PiecewiseDirectStandardization(2, regression="ridge"))
    moved.fit(standards, X_source=X[:8])
    views = [FunctionTransformer(), derivative]
    ridge = DifferencePenalizedRidge(preprocessing=views, noise_floors=(16.0,))
    ridge.fit(X, y[:, 0], standards=Standards(X[:8], standards))
    labelled = spectra(12, 40)
    intervals = ConformalRegressor(source).conformalize(on_target(labelled[0]), labelled[1])
    weights = folder / "tiny.safetensors"
    torch.manual_seed(0)
    save_weights(
        weights, SpectralEncoder(**TINY).state_dict(), config=TINY, architecture="SpectralEncoder",
        axis_range=(400, 15000),
    )  # fmt: skip
    network = SpectralFMRegressor(weights, wavelengths=WAVELENGTHS, stack=False).fit(X, y[:, 0])
    weights.unlink()
    network.checkpoint = None
    return {"linear": moved, "ridge": ridge, "conformal": intervals, "network": network}


def main(release: str) -> None:
    """Write the files of a release, and what they predict."""
    folder = Path(__file__).parent / release
    folder.mkdir()
    X = on_target(spectra(6, 60)[0])
    expected = {}
    for name, model in models(folder).items():
        spectralfm.save(model, folder / f"{name}.safetensors", X_check=X[:2])
        expected[name] = model.predict(X).tolist()
        if name == "conformal":
            expected["intervals"] = model.predict_interval(X)[1].tolist()
    numbers = {"X": X.tolist(), "expected": expected}
    (folder / "expected.json").write_text(json.dumps(numbers), encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(sys.argv[1])
