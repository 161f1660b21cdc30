"""What the foundation regressor and classifier share: parameters, fine-tuning, the instruments."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from .._net import seed_of
from .._validation import check_same_channels
from ..nn.embedding import MODALITIES
from ..transfer import Standards, Unpaired
from ..transfer._standards import check_standards
from ._features import FeatureMixin
from ._tuning import Task, fine_tune

Array = NDArray[np.float64]


class Instruments(NamedTuple):
    """What the spectra of the target tell about it, in scaled features."""

    shift: Array
    """Mean of the target less that of the source (n_features,)."""
    differences: Array
    """Differences of the standards about their mean (n_standards, n_features), or no rows."""


class CalibrationMixin(FeatureMixin):
    """Loads and fine-tunes the encoder, and compares the instruments in its features."""

    _calibration_constraints: dict = {
        **FeatureMixin._feature_constraints,
        "tuning": [StrOptions({"head", "lora", "full"})],
        "difference_penalty": [Interval(Real, 0, None, closed="left")],
        "lora_rank": [Interval(Integral, 1, None, closed="left")],
        "consistency": [Interval(Real, 0, None, closed="left")],
        "transport": [Interval(Real, 0, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
    }

    tuning: str
    difference_penalty: float
    lora_rank: int
    consistency: float
    transport: float
    max_steps: int
    learning_rate: float
    patience: int
    history_: list[dict[str, float]]

    def _prepare(
        self,
        columns: Any,
        X: Array,
        y: Tensor,
        n_out: int,
        error: Callable[[Tensor, Tensor], Tensor],
        standards: Standards | None,
        X_target: Array | None,
    ) -> None:
        """Load the encoder and fine-tune it if asked to."""
        self._load_encoder(columns, X.shape[1])
        self.history_ = []
        if self.tuning == "head":
            return
        none = np.empty((0, X.shape[1]))
        source, target = (none, none) if standards is None else (standards.source, standards.target)
        cpu = torch.device("cpu")
        x, axis = self._as_tensors(X, cpu)
        others = (source, target, none if X_target is None else X_target)
        on_source, on_target, extra = (self._as_tensors(part, cpu)[0].float() for part in others)
        modality = torch.tensor(MODALITIES.index(self.modality_))
        encoder, fit = fine_tune(
            self.weights_,
            Task(x.float(), y, on_source, on_target, extra, axis, modality),
            error,
            n_out,
            tuning=self.tuning,
            n_segments=self.n_segments,
            lora_rank=self.lora_rank,
            consistency=self.consistency,
            transport=self.transport,
            max_steps=self.max_steps,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=seed_of(self.random_state),
            device=self.device,
            n_threads=self.n_threads,
        )
        self._set_weights(encoder)
        self.history_ = fit.history

    def _instruments(
        self, Z: Array, standards: Standards | None, X_target: Array | None
    ) -> Instruments:
        """Compare source and target in the features scaled on the source, ``Z``."""
        none = np.empty((0, Z.shape[1]))
        if standards is not None:
            source = self._features(standards.source, name="standards.source")
            target = self._features(standards.target, name="standards.target")
            difference = (target - source) * self.feature_gain_
            shift = difference.mean(axis=0)
            return Instruments(shift, difference - shift if len(difference) > 1 else none)
        if X_target is not None:
            target = self._scaled(self._features(X_target, name="X_target"))
            return Instruments(target.mean(axis=0) - Z.mean(axis=0), none)
        return Instruments(np.zeros(Z.shape[1]), none)

    def _difference_weight(self, n_samples: int, n_differences: int) -> float:
        """Return how many samples one difference counts for; together they weigh like all."""
        return self.difference_penalty * n_samples / max(n_differences, 1)


def check_instruments(standards: Standards | None, X_target: Any, n_channels: int) -> Array | None:
    """Check both groups of spectra, and return the unlabelled ones.

    Parameters
    ----------
    standards : Standards, optional
        Samples measured on both instruments.
    X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
        Unlabelled spectra of the target.
    n_channels : int
        Channels of the calibration spectra.

    Returns
    -------
    ndarray of shape (n_spectra, n_channels) or None
        The unlabelled spectra.

    Raises
    ------
    TypeError
        If ``standards`` is not a `Standards`.
    ValueError
        If spectra have another number of channels.
    """
    if standards is not None:
        check_standards(standards)
        for part, name in ((standards.source, "source"), (standards.target, "target")):
            check_same_channels(part.shape[1], n_channels, name=f"standards.{name}", of="X")
    if X_target is None:
        return None
    target = (X_target if isinstance(X_target, Unpaired) else Unpaired(X_target)).target
    check_same_channels(target.shape[1], n_channels, name="X_target", of="X")
    return target
