"""Sets of one instrument each, most with reference values."""

import os
from pathlib import Path
from typing import Any

import numpy as np

LABELLED = (
    "tecator", "gasoline", "cassava_ikeogu", "beer", "wheat_ohpl", "dough_cookies",
    "tablets_dyrby_nir", "tablets_dyrby_raman", "raman_pufa", "carbs_raman", "fermentation_mir",
)  # fmt: skip


def labelled(name: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return spectra and values, no columns if it has none, and where they were recorded."""
    folder = os.environ.get("SPECTRALFM_DATA")
    if not folder:
        raise SystemExit(f"set SPECTRALFM_DATA to a folder with labelled/{name}.npz")
    with np.load(Path(folder, f"labelled/{name}.npz")) as data:
        X, axis, unit = data["X"].astype(float), data["axis"].astype(float), str(data["axis_unit"])
        Y = data["Y"].astype(float).reshape(len(X), -1) if "Y" in data else np.zeros((len(X), 0))
    sound = np.isfinite(X).all(1) & np.isfinite(Y).all(1)
    place = {"wavenumbers": axis} if unit == "cm-1" else {"wavelengths": axis}
    kinds = {"raman": "Raman", "mir": "MIR"}
    kind = next((kinds[part] for part in name.split("_") if part in kinds), "NIR")
    return X[sound], Y[sound], {**place, "modality": kind}
