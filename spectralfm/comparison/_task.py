"""One calibration to be moved, as every method gets it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..transfer import Standards

Array = NDArray[np.float64]


class TransferTask(NamedTuple):
    """One property, calibrated on a source instrument and wanted on a target instrument.

    Examples
    --------
    >>> from spectralfm.comparison import simulated_set
    >>> task = simulated_set(n_samples=40, n_channels=60).task(seed=1)
    >>> task.X.shape, task.pairs.n_standards, len(task.y_test), task.can_recalibrate
    ((25, 60), 25, 15, True)
    """

    dataset: str
    source: str
    target: str
    property_name: str
    unit: str | None
    X: Array
    """Calibration spectra on the source (n_samples, n_channels)."""
    y: Array
    """Their reference values (n_samples,)."""
    pairs: Standards
    """Calibration samples measured on the target, too: what standards are chosen from."""
    X_test: Array
    """Test spectra on the target (n_test, n_channels)."""
    y_test: Array
    """Their reference values (n_test,)."""
    seed: int | None = None
    """Seed of the split, if it was drawn."""
    remarks: tuple[str, ...] = ()
    """What was done to the data and must be known."""
    wavenumbers: Array | None = None
    """Axis of all spectra (n_channels,), cm-1, where it is known."""
    X_unlabelled: Array | None = None
    """More spectra of the target (n_unlabelled, n_channels), without reference values."""

    @property
    def can_recalibrate(self) -> bool:
        """Whether every calibration sample was measured on the target."""
        return self.pairs.n_standards == len(self.X)


def choose(wanted: str | None, names: Sequence[str], *, what: str) -> str:
    """Return the name that is wanted, in whatever case; the first if none is.

    Parameters
    ----------
    wanted : str or None
        A name.
    names : sequence of str
        Those there are.
    what : str
        What they are names of, for the message.

    Returns
    -------
    str
        One of ``names``.

    Raises
    ------
    ValueError
        If there is no such name.
    """
    if wanted is None:
        return names[0]
    for name in names:
        if name == wanted:
            return name
    for name in names:
        if name.lower() == wanted.lower():
            return name
    raise ValueError(f"There is no {what} {wanted!r}. Choose one of {', '.join(names)}.")
