"""One thread everywhere: two contended threads are far slower than one."""

import os
from pathlib import Path

import pytest

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")  # doctests draw, and no window opens


@pytest.fixture(scope="session")
def corn_pair():
    """Spectra of 80 corn samples on a target (mp5) and a source (m5) instrument."""
    import numpy as np  # not above: NumPy reads the number of threads when it is imported

    folder = os.environ.get("SPECTRALFM_DATA")
    path = Path(folder or "") / "transfer" / "corn.npz"
    if not folder or not path.exists():
        pytest.skip("SPECTRALFM_DATA names no folder with transfer/corn.npz")
    with np.load(path) as data:
        return data["X_mp5"].astype(float), data["X_m5"].astype(float)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """Path of the weights of an untrained encoder, small enough for tests."""
    import torch

    from spectralfm.checkpoint import save_weights
    from spectralfm.nn.encoder import SpectralEncoder

    config = {
        "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
        "n_inst": 4, "fno_modes": 6, "fno_width": 8, "fno_layers": 1, "n_grid": 256,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = SpectralEncoder(**config).state_dict()
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(
        path, state, config=config, architecture="SpectralEncoder", axis_range=(400, 15000)
    )
    return path
