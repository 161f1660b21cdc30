"""Tell whether a saved state belongs to the run that was asked for."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def digest(data: Mapping[str, Tensor], validation: Any, groups: Tensor | None) -> str:
    """Return a SHA-256 of all that the rows of a run depend on."""
    held = dict(validation) if isinstance(validation, Mapping) else {}
    sha = hashlib.sha256(repr(validation if not held else sorted(held)).encode())
    tensors = [*sorted(data.items()), *sorted(held.items())]
    for name, tensor in [*tensors, *([] if groups is None else [("groups", groups)])]:
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def seed_of_run(
    state: dict[str, Any], described: dict[str, Any], seed: int, random_state: Any, folder: Any
) -> int:
    """Return the seed of a saved run, or raise if it is not the run that was asked for."""
    found = {**state["settings"], "seed": state["seed"]}
    wanted = {**described, "seed": state["seed"] if random_state is None else seed}
    differ = [name for name in wanted if wanted[name] != found.get(name)]
    if differ:
        raise ValueError(
            f"{folder} holds a training that differs in {', '.join(differ)}. Resume it with the "
            "settings and data it began with, or give an empty folder."
        )
    return int(found["seed"])
