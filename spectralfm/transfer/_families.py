"""The families that are averaged by default, and what is cautious on instruments never seen."""

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from ._averaged_pls import AveragedPLS
from ._base import TransferRegressor
from ._difference_penalized_ridge import DifferencePenalizedRidge
from ._piecewise_direct_standardization import PiecewiseDirectStandardization
from ._preprocessing import shape_preprocessing
from ._ridge_direct_standardization import RidgeDirectStandardization

Members = Sequence[tuple[str, TransferRegressor]]
Families = list[tuple[str, TransferRegressor, float]]

ENOUGH_STANDARDS = 10
"""With fewer, families that learn a map from standards count for less, by the cube of the
share."""

FEW_COMPONENTS = 10
"""Components outside which spectra are noise where no standards tell, and to a calibration of the
target: twice as many leave a floor too low."""

CAUTIOUS_FLOORS = (4.0, 16.0, 64.0, 256.0)
CAUTION = 1024.0
"""Noise floors of the cautious ridge and a factor on them: they stand for all by which instruments
may differ, not for noise."""


def default_families(n_standards: int, unseen: bool, n_channels: int) -> Families:
    """Return the families averaged by default, with their weights before the standards speak.

    Parameters
    ----------
    n_standards : int
        Number of standards.
    unseen : bool
        Whether there are no unlabelled spectra of the target either.
    n_channels : int
        Number of channels of the spectra.

    Returns
    -------
    list of (str, TransferRegressor, float)
        With standards "mapped": averaged PLS on spectra mapped to the source as a whole; "local":
        the same channel by channel; "invariant": averaged PLS that ignores the paired differences,
        standards included; "ridge": the noise-aware ridge, of weight 3; "target": the same with
        standards outweighing the calibration set, of half weight. Of ``n_standards`` below 10 maps
        and target are learned badly. With unlabelled spectra alone the noise-aware ridge, and, of
        twice its weight, "shape": the same on derivatives that offset and gain do not reach. With
        neither averaged PLS, "pls", and the ridge.
    """
    if not n_standards:
        ridge = DifferencePenalizedRidge(n_components=FEW_COMPONENTS)
        if unseen:
            return [("pls", AveragedPLS(), 1.0), ("ridge", ridge, 1.0)]
        shape = clone(ridge).set_params(preprocessing=shape_preprocessing(n_channels))
        return [("ridge", ridge, 0.5), ("shape", shape, 1.0)]
    learned = min(1.0, n_standards / ENOUGH_STANDARDS) ** 3
    maps = [RidgeDirectStandardization(ridge) for ridge in (1e-4, 1e-3, 1e-2, 1e-1)]
    local_maps = [
        PiecewiseDirectStandardization(
            half_width, regression="ridge", alpha=alpha, towards_identity=True, scale=False
        )
        for half_width in (3, 10)
        for alpha in (1e-3, 1e-2, 1e-1)
    ]
    invariant = AveragedPLS(difference_weights=(0.3, 1.0, 3.0), use_target=True)
    target = DifferencePenalizedRidge(
        difference_penalties=(0.1, 1.0, 10.0),
        standards_weights=(1.0, 10.0, 100.0, 1000.0),
        n_components=FEW_COMPONENTS,
        weigh_by="standards",
    )
    return [
        ("mapped", AveragedPLS(standardizer=maps), learned),
        ("local", AveragedPLS(standardizer=local_maps), learned),
        ("invariant", invariant, 1.0),
        ("ridge", DifferencePenalizedRidge(), 3.0),
        ("target", target, 0.5 * learned),
    ]


def cautious_ridge(factor: float, preprocessing: list[Any]) -> DifferencePenalizedRidge:
    """Return a ridge for instruments of which nothing is known.

    Parameters
    ----------
    factor : float
        On the noise floors 4 to 256, > 0.
    preprocessing : list of transformers
        As in `DifferencePenalizedRidge`.

    Returns
    -------
    DifferencePenalizedRidge
        The ridge.
    """
    floors = [factor * floor for floor in CAUTIOUS_FLOORS]
    return DifferencePenalizedRidge(
        noise_floors=floors, n_components=FEW_COMPONENTS, preprocessing=preprocessing
    )
