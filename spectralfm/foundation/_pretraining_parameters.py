"""The arguments of the pretrainer: to which part each goes, and what it may be."""

import os
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_consistent_length

from ._torch_estimator import EncoderMixin

SIZES = (
    "d_model", "n_mamba_layers", "d_state", "d_conv", "expand", "n_experts", "top_k",
    "n_transformer_layers", "n_heads", "n_chem", "n_inst", "n_features", "fno_modes", "fno_width",
    "fno_layers", "n_grid", "patch", "stride", "wavelet", "level",
    "n_components",
)  # fmt: skip
LOSSES = (
    "mask_ratio", "masked_weight", "contrastive_weight", "denoising_weight", "latent_weight",
    "physics_weight", "bottleneck_weight", "balance_weight", "transport_weight", "transfer_weight",
)  # fmt: skip
TRAINING = (
    "max_steps", "batch_size", "learning_rate", "weight_decay", "warmup", "min_lr_ratio", "clip",
    "ema_decay", "target_decay", "episode_weight", "validation", "evaluate_every", "patience",
    "random_state", "device", "n_threads", "amp", "verbose", "log_path", "checkpoint_dir",
    "checkpoint_every",
)  # fmt: skip

COUNT = Interval(Integral, 1, None, closed="left")
AMOUNT = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
PATH = [str, os.PathLike, None]

CONSTRAINTS: dict[str, list] = {
    **{name: EncoderMixin._encoder_constraints[name] for name in (
        "wavelengths", "wavenumbers", "modality", "random_state", "device", "n_threads"
    )},
    **dict.fromkeys(SIZES, [COUNT]),
    "wavelet": [str],
    "n_components": [Interval(Integral, 0, None, closed="left")],
    **dict.fromkeys(LOSSES, [AMOUNT]),
    "episode_weight": [AMOUNT],
    "mask_ratio": [SHARE],
    "max_steps": [COUNT],
    "batch_size": [COUNT],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "weight_decay": [AMOUNT],
    "warmup": [SHARE],
    "min_lr_ratio": [Interval(Real, 0, 1, closed="both")],
    "clip": [Interval(Real, 0, None, closed="neither"), None],
    "ema_decay": [SHARE, None],
    "target_decay": [SHARE],
    "validation": [SHARE],
    "evaluate_every": [COUNT, None],
    "patience": [COUNT, None],
    "checkpoint_dir": PATH,
    "checkpoint_every": [COUNT, None],
    "log_path": PATH,
    "amp": ["boolean", StrOptions({"auto"})],
    "verbose": ["verbose"],
}  # fmt: skip


def numbered(spectra: NDArray[np.float64], instruments: ArrayLike | None) -> NDArray | None:
    """Return instruments as integers from 0, or None; negative where unknown."""
    if instruments is None:
        return None
    labels = check_array(instruments, ensure_2d=False, dtype=None, input_name="instruments")
    check_consistent_length(spectra, labels)
    known, numbers = np.unique(labels, return_inverse=True)
    if labels.dtype.kind in "if":
        numbers = numbers - np.count_nonzero(known < 0)
    return np.maximum(numbers, -1)


def plain(value: Any) -> Any:
    """Return a NumPy scalar of a parameter grid as what JSON knows."""
    return value.item() if isinstance(value, np.generic) else value
