r"""One batch on several processes: each encodes its share of the rows, and all see all results.

Every process draws the same batch with the same random numbers and computes the same loss. Only the
networks, which cost nearly everything, work on a share of the rows; what they return is gathered.
The loss therefore is that of one process with the whole batch, whatever statistics of the batch it
uses. Of W processes, process r gets from its own graph

.. math:: g_r \quad \text{with} \quad \tfrac1W \sum_r g_r = \nabla \ell

because the gradient of what was gathered is added up over the W equal losses on its way back: the
average over processes is the gradient, both of what acts on shares and of what acts on the whole.

Dimensions: B rows of the batch, b of them on this process, T entries on all processes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Value = TypeVar("Value")


def n_processes() -> int:
    """Return how many processes train together, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def collective() -> Iterator[None]:
    """Tell what it means when an exchange between processes fails.

    Raises
    ------
    ConnectionError
        If another process has ended.
    """
    try:
        yield
    except RuntimeError as error:
        raise ConnectionError(
            f"Process {dist.get_rank()} lost another process of the training, whose own message "
            f"says why ({str(error).splitlines()[0]}). Saved states are whole: the same command "
            "goes on from the last one, with as many processes as you like."
        ) from error


class Share:
    """The rows of a batch that this process works on.

    Parameters
    ----------
    n_rows : int
        Rows B of the batch. Fewer than there are processes are not shared out: each works on all.

    Attributes
    ----------
    rows : slice
        The rows of this process.

    Notes
    -----
    All processes must call the same methods in the same order. Without a process group, a share is
    the whole batch and nothing is exchanged.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.share import Share
    >>> x = torch.arange(5.0)
    >>> share = Share(len(x))
    >>> share.all(share.own(x).square())
    tensor([ 0.,  1.,  4.,  9., 16.])
    """

    def __init__(self, n_rows: int) -> None:
        count = n_processes()
        self.alone = count == 1 or n_rows < count
        if self.alone:
            self.rows = slice(0, n_rows)
            return
        edges = [n_rows * k // count for k in range(count + 1)]
        self.sizes = [end - start for start, end in zip(edges, edges[1:], strict=False)]
        rank = dist.get_rank()
        self.rows = slice(edges[rank], edges[rank + 1])

    def own(self, x: Tensor) -> Tensor:
        """Return the rows (b, ...) of this process of all rows (B, ...)."""
        return x if self.alone else x[self.rows]

    def all(self, value: Value) -> Value:
        """Return the rows of all processes.

        Parameters
        ----------
        value : Tensor, or named tuples of them, nested in any way
            Tensors of shape (b, ...); those of shape () are of the whole batch and stay.

        Returns
        -------
        Tensor or named tuple
            The same of shape (B, ...).
        """
        if self.alone:
            return value
        if isinstance(value, Tensor):
            return _Gathered.apply(value, self.sizes) if value.ndim else value
        parts = [self.all(part) for part in value]  # type: ignore[attr-defined]
        return type(value)(*parts)

    def total(self, x: Tensor) -> Tensor:
        """Return the sum over all processes of tensors of equal shape."""
        return x if self.alone else _Gathered.apply(x[None], [1] * len(self.sizes)).sum(0)

    def noise(self, like: Tensor) -> Tensor:
        """Return standard normal numbers, those that one process would draw for these entries.

        Parameters
        ----------
        like : Tensor of shape (t, ...)
            Entries of this process; the others may have fewer or more.

        Returns
        -------
        Tensor of shape (t, ...)
            Its part of what all processes draw for T entries.
        """
        if self.alone:
            return torch.randn_like(like)
        counts = _gathered(torch.tensor([len(like)], device=like.device), [1] * len(self.sizes))
        start = int(counts[: dist.get_rank()].sum())
        size = (int(counts.sum()), *like.shape[1:])
        drawn = torch.randn(size, dtype=like.dtype, device=like.device)  # (T, ...)
        return drawn[start : start + len(like)]


ALONE = Share(0)
"""The share of a process that knows of no other."""


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: Sequence[int]) -> Tensor:
        ctx.sizes = sizes
        return _gathered(x, sizes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        grad = grad.clone(memory_format=torch.contiguous_format)
        with collective():
            dist.all_reduce(grad)
        return grad.split(ctx.sizes)[dist.get_rank()], None


def _gathered(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the rows of all processes, which have as many as ``sizes`` says."""
    sent = x.to(torch.uint8) if x.dtype == torch.bool else x
    room = sent.new_zeros(max(sizes), *x.shape[1:])  # equal shapes on all processes
    room[: len(x)] = sent
    parts = [torch.empty_like(room) for _ in sizes]
    with collective():
        dist.all_gather(parts, room)
    rows = [part[:size] for part, size in zip(parts, sizes, strict=True)]
    return torch.cat(rows).to(x.dtype)
