"""Which rows a step sees: a function of the seed and the step, so that a resumed run sees them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 16
"""Blocks whose rows are shuffled together, as `SpectralCorpus.blocks` does."""

MOST_HELD = 512
"""Rows of a group of more blocks than that which are held out at most: others are to be read, too,
at every evaluation."""


class Batches:
    """Shuffled batches, each from one group of rows.

    Parameters
    ----------
    groups : sequence of ndarray
        Rows of every group.
    batch_size : int
        Rows of a batch; a smaller group comes whole.
    n_steps : int
        Steps of the training.
    seed : int
        Seed of the order.
    blocks : ndarray of shape (n,), optional
        Block of every row, all rows counted: those of one are stored together. Rows are shuffled
        within `WINDOW` random blocks at a time, so that few are read at once.

    Notes
    -----
    A group is drawn in proportion to the square root of its size, so that a large one does not
    drown the others. Within a group every row comes once an epoch, in an order that changes from
    epoch to epoch; rows that fill no whole batch wait for the next.
    """

    def __init__(
        self,
        groups: Sequence[NDArray[np.intp]],
        batch_size: int,
        n_steps: int,
        seed: int,
        blocks: NDArray[np.intp] | None = None,
    ) -> None:
        self.blocks = blocks
        self.groups, self.batch_size, self.seed = list(groups), batch_size, seed
        share = np.sqrt([len(rows) for rows in self.groups])
        rng = np.random.default_rng([seed, 0])
        self.group = rng.choice(len(self.groups), n_steps, p=share / share.sum())  # (n_steps,)
        self.visit = np.zeros(n_steps, dtype=np.intp)
        for index in range(len(self.groups)):
            drawn = self.group == index
            self.visit[drawn] = np.arange(drawn.sum())
        self._epochs: dict[int, tuple[int, NDArray[np.intp]]] = {}

    def rows(self, step: int) -> NDArray[np.intp]:
        """Return the rows of a step."""
        index, visit = int(self.group[step]), int(self.visit[step])
        rows = self.groups[index]
        n_batches = max(len(rows) // self.batch_size, 1)
        epoch, position = divmod(visit, n_batches)
        known = self._epochs.get(index)
        if known is None or known[0] != epoch:
            rng = np.random.default_rng([self.seed, 1, index, epoch])
            order, _ = _shuffled(rows, self.blocks, rng)
            known = self._epochs[index] = (epoch, order)
        return known[1][position * self.batch_size : (position + 1) * self.batch_size]


def split_rows(
    labels: NDArray[np.intp],
    validation: float,
    seed: int,
    blocks: NDArray[np.intp] | None = None,
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Return the rows of every group to train on, and those to validate on.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Group of every row.
    validation : float
        Share of the rows of a group held out, rounded; at least one row is trained on.
    seed : int
        Seed of the choice.
    blocks : ndarray of shape (n,), optional
        Block of every row. Of a group of more than `WINDOW` blocks, at most `MOST_HELD` rows of as
        few blocks as that takes are held out.

    Returns
    -------
    training, validating : list of ndarray
        Rows by group; groups without a row to validate on are left out of the second.
    """
    training, validating = [], []
    for index, label in enumerate(np.unique(labels)):
        rows = np.flatnonzero(labels == label)
        n_held = min(round(validation * len(rows)), len(rows) - 1)
        order, n_windows = _shuffled(rows, blocks, np.random.default_rng([seed, 2, index]))
        if n_windows > 1:
            n_held = min(n_held, MOST_HELD)
        training.append(np.sort(order[n_held:]))
        if n_held:
            validating.append(np.sort(order[:n_held]))
    return training, validating


def _shuffled(
    rows: NDArray[np.intp], blocks: NDArray[np.intp] | None, rng: np.random.Generator
) -> tuple[NDArray[np.intp], int]:
    """Return rows in random order, window after window of random blocks, and how many windows."""
    order = rng.permutation(rows)
    if blocks is None:
        return order, 1
    numbers, place = np.unique(blocks[order], return_inverse=True)
    window = rng.permutation(len(numbers))[place] // WINDOW
    return order[np.argsort(window, kind="stable")], -(-len(numbers) // WINDOW)
