"""One thread everywhere: two contended threads are far slower than one."""

import os
from pathlib import Path

import pytest

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


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
