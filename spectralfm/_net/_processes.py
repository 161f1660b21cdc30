"""Several processes train one network, each on a share of every batch: see `spectralfm.nn.share`.

The process of rank 0 alone reads and writes states, writes logs and shows progress.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from ..nn.share import collective, n_processes


def is_first() -> bool:
    """Return whether this process writes: the one of rank 0, or the only one."""
    return n_processes() == 1 or dist.get_rank() == 0


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the processes that ``torchrun`` started, for the block; alone, do nothing.

    Parameters
    ----------
    device : str
        "cpu", "cuda" or "auto": processes on CPUs exchange by gloo, those on GPUs by NCCL, each
        with the GPU of its number on its machine.

    Raises
    ------
    ValueError
        If a machine has fewer GPUs than processes.
    ConnectionError
        If the processes do not find each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    on_gpu = choose_device(device).type == "cuda"
    if on_gpu:
        local, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= n_gpus:
            raise ValueError(
                f"Process {local} of this machine finds {n_gpus} GPUs: start no more processes "
                "than GPUs (--nproc-per-node), or choose the CPU (--device cpu)."
            )
        torch.cuda.set_device(local)
    try:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    except RuntimeError as error:
        raise ConnectionError(f"The processes do not find each other: {error}") from error
    try:
        yield
    finally:
        dist.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """Return the device of a name, where "auto" is CUDA if there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and n_processes() > 1:
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device(name)


def from_first(value: Any) -> Any:
    """Return the value that the first process has."""
    if n_processes() == 1:
        return value
    box = [value]
    with collective():
        dist.broadcast_object_list(box)
    return box[0]


def any_of_all(value: bool, device: torch.device) -> bool:
    """Return whether the value is true in any process."""
    if n_processes() == 1:
        return value
    told = torch.tensor([float(value)], device=device)
    with collective():
        dist.all_reduce(told)
    return bool(told.item())


def share_weights(module: nn.Module) -> None:
    """Give all processes the weights of the first."""
    if n_processes() > 1:
        with collective():
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """Average the gradients of all processes, in place.

    Parameters
    ----------
    parameters : list of Parameter
        The same in all processes. One that has a gradient in some of them (an expert that got no
        token in the others) has one in all afterwards; one that has it in none stays without.
    """
    if n_processes() == 1:
        return
    with torch.no_grad():
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        has = torch.tensor([float(p.grad is not None) for p in parameters]).to(parts[0])
        flat = torch.cat([has, *(part.flatten() for part in parts)])
        with collective():
            dist.all_reduce(flat)
        flat /= n_processes()
        found, *grads = flat.split([len(has), *(part.numel() for part in parts)])
        for parameter, part, any_has in zip(parameters, grads, found.tolist(), strict=True):
            parameter.grad = part.view_as(parameter) if any_has else None
