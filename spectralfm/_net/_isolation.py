"""Keep a training apart from everything else in the process."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

_LOCK = threading.RLock()
"""torch's random number generator belongs to the process: one training at a time draws from it."""


def seed_of(random_state: Any) -> int:
    """Return the seed that a ``random_state`` of scikit-learn stands for, in [0, 2**31)."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextmanager
def isolated(
    seed: int, *, n_threads: int = 1, device: torch.device | None = None
) -> Iterator[None]:
    """Run a block alone, from a seed, and leave random numbers and threads as they were.

    Parameters
    ----------
    seed : int
        Seed of torch's generator inside the block.
    n_threads : int
        Threads of torch inside the block.
    device : torch.device, optional
        Accelerator whose generator the block uses too.

    Notes
    -----
    Blocks nest within one thread; other threads wait.

    Examples
    --------
    >>> import torch
    >>> with isolated(0):
    ...     first = torch.rand(2)
    >>> with isolated(0):
    ...     torch.equal(first, torch.rand(2))
    True
    """
    on_cuda = device is not None and device.type == "cuda"
    with _LOCK, torch.random.fork_rng([device] if on_cuda else []):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            torch.manual_seed(seed)
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def on_termination(notice: Callable[[], None]) -> Iterator[None]:
    """Call ``notice`` on SIGTERM within the block, where Python allows it: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda signum, frame: notice())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
