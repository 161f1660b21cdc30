"""Sets of which every instrument measured all samples, and how they are split."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..axis import convert_axis
from ..datasets import fetch_corn, fetch_tablets, make_instrument_pair
from ..transfer import Standards
from ._task import Array, TransferTask, choose

Rows = NDArray[np.intp]

TEST_SHARE = 3 / 8
"""30 of the 80 corn samples."""

N_CALIBRATION_TABLETS = 120
"""Of the 151 calibration tablets that are no outliers, so that seeds differ."""


class PairedSet(NamedTuple):
    """Spectra of the same samples on several instruments, and a rule to split the samples.

    Examples
    --------
    >>> from spectralfm.comparison import simulated_set
    >>> simulated_set(n_samples=40, n_channels=60).property_names
    ['component 1', 'component 2', 'component 3', 'component 4']
    """

    name: str
    spectra: dict[str, Array]
    """Instrument to spectra (n_samples, n_channels), rows paired."""
    y: Array
    """Reference values (n_samples, n_properties)."""
    property_names: list[str]
    units: list[str | None]
    default_pair: tuple[str, str]
    split: Callable[[int], tuple[Rows, Rows]]
    """Seed to rows of the calibration and of the test samples."""
    wavenumbers: Array | None = None
    """Axis of all spectra (n_channels,), cm-1, where it is known."""

    def task(
        self,
        property_name: str | None = None,
        *,
        source: str | None = None,
        target: str | None = None,
        seed: int = 0,
    ) -> TransferTask:
        """Return one calibration to be moved.

        Parameters
        ----------
        property_name : str, optional
            Which property; by default the first.
        source, target : str, optional
            Which instruments; by default those of ``default_pair``.
        seed : int, default=0
            Seed of the split.

        Returns
        -------
        TransferTask
            All calibration samples are pairs, so a full recalibration is possible. Samples without
            reference value are left out.

        Raises
        ------
        ValueError
            If there is no such property or instrument, or both instruments are one.
        """
        instruments = list(self.spectra)
        source = choose(source or self.default_pair[0], instruments, what="instrument")
        target = choose(target or self.default_pair[1], instruments, what="instrument")
        if source == target:
            raise ValueError(f"Source and target are both {source}: there is nothing to transfer.")
        property_name = choose(property_name, self.property_names, what="property")
        column = self.property_names.index(property_name)
        y = self.y[:, column]
        calibration, test = (rows[np.isfinite(y[rows])] for rows in self.split(seed))
        X, X_target = self.spectra[source], self.spectra[target]
        return TransferTask(
            dataset=self.name,
            source=source,
            target=target,
            property_name=property_name,
            unit=self.units[column],
            X=X[calibration],
            y=y[calibration],
            pairs=Standards(X[calibration], X_target[calibration], y[calibration]),
            X_test=X_target[test],
            y_test=y[test],
            seed=seed,
            wavenumbers=self.wavenumbers,
        )


def corn_set() -> PairedSet:
    """Return the corn set, 3/8 of the samples drawn for the test.

    Returns
    -------
    PairedSet
        m5 to mp6 by default.

    Raises
    ------
    FileNotFoundError
        As `spectralfm.datasets.fetch_corn`.

    Examples
    --------
    >>> from spectralfm.comparison import corn_set
    >>> corn_set().task("Protein", source="mp5", target="mp6")  # doctest: +SKIP
    """
    corn = fetch_corn()
    return PairedSet(
        "corn",
        corn.spectra,
        corn.y,
        corn.target_names,
        ["%"] * 4,
        ("m5", "mp6"),
        random_split(len(corn.y)),
        convert_axis(corn.wavelengths, "nm", "cm-1"),
    )


def tablets_set() -> PairedSet:
    """Return the tablets up to 1638 nm: 120 calibration tablets, tested on the official test set.

    Returns
    -------
    PairedSet
        1 to 2 by default.

    Raises
    ------
    FileNotFoundError
        As `spectralfm.datasets.fetch_tablets`.

    Examples
    --------
    >>> from spectralfm.comparison import tablets_set
    >>> tablets_set().task("assay")  # doctest: +SKIP
    """
    tablets = fetch_tablets()
    sound = ~tablets.saturated
    clean = np.setdiff1d(tablets.splits["calibrate"], tablets.outliers)

    def split(seed: int) -> tuple[Rows, Rows]:
        calibration = np.random.default_rng(seed).permutation(clean)[:N_CALIBRATION_TABLETS]
        return calibration, tablets.splits["test"]

    return PairedSet(
        "tablets",
        {instrument: X[:, sound] for instrument, X in tablets.spectra.items()},
        tablets.y,
        tablets.target_names,
        ["mg", None, "mg"],
        ("1", "2"),
        split,
        convert_axis(tablets.wavelengths[sound], "nm", "cm-1"),
    )


def simulated_set(
    n_samples: int = 80, n_channels: int = 200, *, random_state: int = 1
) -> PairedSet:
    """Return a simulated pair of instruments, 3/8 of the samples drawn for the test.

    Parameters
    ----------
    n_samples : int, default=80
        Number of samples.
    n_channels : int, default=200
        Number of channels.
    random_state : int, default=1
        Seed of the simulation. 0 and 2 make instruments between which a calibration hardly needs
        to be moved.

    Returns
    -------
    PairedSet
        "source" to "target".

    Examples
    --------
    >>> from spectralfm.comparison import simulated_set
    >>> simulated_set(n_samples=40, n_channels=60).task().X_test.shape
    (15, 60)
    """
    pair: Bunch = make_instrument_pair(n_samples, n_channels, random_state=random_state)
    return PairedSet(
        "simulated",
        pair.spectra,
        pair.y,
        pair.target_names,
        ["%"] * len(pair.target_names),
        ("source", "target"),
        random_split(n_samples),
        convert_axis(pair.wavelengths, "nm", "cm-1"),
    )


def random_split(n_samples: int) -> Callable[[int], tuple[Rows, Rows]]:
    """Return the rule that draws the test samples."""
    n_test = round(TEST_SHARE * n_samples)

    def split(seed: int) -> tuple[Rows, Rows]:
        order = np.random.default_rng(seed).permutation(n_samples)
        return order[n_test:], order[:n_test]

    return split
