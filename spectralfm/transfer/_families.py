"""The families that are averaged by default, and what is cautious on instruments never seen."""

from collections.abc import Sequence
from typing import Any

from ._averaged_pls import AveragedPLS
from ._base import TransferRegressor
from ._difference_penalized_ridge import DifferencePenalizedRidge
from ._piecewise_direct_standardization import PiecewiseDirectStandardization
from ._ridge_direct_standardization import RidgeDirectStandardization

Members = Sequence[tuple[str, TransferRegressor]]

CAUTION = 4096.0
"""Factor on the noise floors of the cautious ridge: they stand for all by which instruments may
differ, not for noise."""


def default_members() -> list[tuple[str, TransferRegressor]]:
    """Return the families averaged by default.

    Returns
    -------
    list of (str, TransferRegressor)
        "mapped": averaged PLS on spectra mapped to the source as a whole; "local": the same channel
        by channel; "invariant": averaged PLS that ignores the paired differences, standards
        included; "both": mapped and invariant combined; "ridge": the noise-aware ridge; "target":
        the same with standards outweighing the calibration set.
    """
    differences = (0.3, 1.0, 3.0)
    maps = [RidgeDirectStandardization(ridge) for ridge in (1e-4, 1e-3, 1e-2, 1e-1)]
    local_maps = [
        PiecewiseDirectStandardization(
            half_width, regression="ridge", alpha=alpha, towards_identity=True, scale=False
        )
        for half_width in (3, 10)
        for alpha in (1e-3, 1e-2, 1e-1)
    ]
    return [
        ("mapped", AveragedPLS(standardizer=maps)),
        ("local", AveragedPLS(standardizer=local_maps)),
        ("invariant", AveragedPLS(difference_weights=differences, use_target=True)),
        (
            "both",
            AveragedPLS(
                standardizer=RidgeDirectStandardization(),
                difference_weights=differences,
                use_target=True,
            ),
        ),
        ("ridge", DifferencePenalizedRidge()),
        (
            "target",
            DifferencePenalizedRidge(
                difference_penalties=(0.1, 1.0, 10.0),
                standards_weights=(1.0, 10.0, 100.0, 1000.0),
                weigh_by="standards",
            ),
        ),
    ]


def default_weights(n_standards: int, unseen: bool) -> list[float]:
    """Return the weights of the default families before the standards speak.

    Parameters
    ----------
    n_standards : int
        Number of standards.
    unseen : bool
        Whether there are no unlabelled spectra of the target either.

    Returns
    -------
    list of float
        In the order of `default_members`. Without standards those that correct or lean on the
        target are averaged PLS or the ridge again; with unlabelled spectra alone averaged PLS after
        a mean shift is no match for the ridge.
    """
    if n_standards:
        return [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    return [float(unseen), 0.0, 0.0, 0.0, 1.0, 0.0]


def cautious_ridge(
    factor: float, preprocessing: list[Any] | None = None
) -> DifferencePenalizedRidge:
    """Return a ridge for instruments of which nothing is known.

    Parameters
    ----------
    factor : float
        On the default noise floors, > 0.
    preprocessing : list of transformers, optional
        As in `DifferencePenalizedRidge`.

    Returns
    -------
    DifferencePenalizedRidge
        The ridge.
    """
    floors = [factor * floor for floor in DifferencePenalizedRidge().noise_floors]
    return DifferencePenalizedRidge(noise_floors=floors, preprocessing=preprocessing)
