"""The unlabelled spectra of SPECTRALFM_DATA whose licence permits pretraining, as absorbance."""

import os
from pathlib import Path

import numpy as np

from spectralfm.foundation import SpectraGroup
from spectralfm.workflow._absorbance import as_absorbance

SETS = ("earthlib_nir", "ecostress_nir", "ecostress_mir", "usgs06_nir", "usgs06_mir",
        "usgs07_aviris95_nir", "spectrapepper_raman")  # fmt: skip


def load(name: str) -> SpectraGroup:
    """Return one set on wavenumbers, without rows that are broken or flat."""
    with np.load(Path(os.environ["SPECTRALFM_DATA"], f"pretrain/pretrain_{name}.npz")) as data:
        X, unit, kind = data["values"].astype(float), str(data["axis_unit"]), str(data["modality"])
        if "axis" in data:
            axis = np.broadcast_to(data["axis"].astype(float), X.shape)
        else:
            axis = np.linspace(data["axis_min"], data["axis_max"], X.shape[1], axis=1, dtype=float)
        simulated = data["source"] == "prosail" if "source" in data else np.zeros(len(X), bool)
        X, sound = as_absorbance(X, str(data["quantity"]))
    keep = sound & ~simulated
    axis = axis if unit == "cm-1" else {"nm": 1e7, "um": 1e4}[unit] / axis
    shared = (axis[keep] == axis[keep][0]).all()
    return SpectraGroup(X[keep], axis[keep][0] if shared else axis[keep], kind)


def take(group: SpectraGroup, chosen: np.ndarray) -> SpectraGroup:
    """Return some spectra of a set."""
    axis = group.wavenumbers if group.wavenumbers.ndim == 1 else group.wavenumbers[chosen]
    return SpectraGroup(group.X[chosen], axis, group.modality)
