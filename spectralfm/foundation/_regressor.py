"""Calibration on the features of the encoder."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.frozen import FrozenEstimator
from torch.nn.functional import mse_loss

from .._validation import require_finite
from ..transfer import DifferencePenalizedRidge, Standards, TransferEnsemble, Unpaired
from ..transfer._base import TransferRegressor
from ..transfer._families import CAUTION, cautious_ridge, default_members, default_weights
from ..transfer._pairs import pair_up
from ._calibration import CalibrationMixin
from ._network_features import NetworkFeatures
from ._ridge import fit_weighted_ridge
from ._stack_state import dump_stack, load_stack

Array = NDArray[np.float64]

LATENT_WEIGHTS = (0.0, 0.01, 0.1, 1.0)
"""Factors tried on latents and tokens: sharp calibrations need the spectrum free of their noise."""


NETWORK_WEIGHT = 0.25
"""Weight of the network among the families of the stack before the standards speak."""

NETWORK_CAUTION = 256.0
"""Factor on the noise floors of the network's ridge where nothing of the target was seen."""


class SpectralFMRegressor(CalibrationMixin, TransferRegressor):
    r"""A calibration on the encoder beside the classical families, or on the encoder alone.

    .. math:: \hat y = \sum_k w_k \hat y_k \qquad \text{or} \qquad
              \min_{b, c} \lVert y - Z b - c \rVert^2 + w \lVert D b \rVert^2
              + \lambda \lVert b \rVert^2

    By default the noise-aware ridge on the features that pretraining made for calibrations is a
    member of the `TransferEnsemble`, whose weights follow the errors on the standards. The encoder
    may be fine-tuned before. With ``stack=False`` one ridge regression is all: ``Z`` joins the
    chemistry latent, the features for calibrations, the tokens averaged over segments of the axis
    and the spectrum, four blocks scaled to unit variance; ``D`` are differences of the standards.

    Parameters
    ----------
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default="small"
        Weights to start from, as in `SpectralFMEncoder`; None is an untrained encoder.
    wavelengths, wavenumbers : array-like of shape (n_channels,), default=None
        Axis of the spectra in nm or in cm-1, as in `SpectralFMEncoder`.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, as in `SpectralFMEncoder`.
    stack : bool, default=True
        Whether the network is one family of an ensemble with the classical ones. ``n_segments``,
        ``spectrum`` and ``difference_penalty`` are of the single ridge regression otherwise, and
        of fine-tuning.
    tuning : {"head", "lora", "full"}, default="head"
        What is learned: the calibration alone, in closed form; before it, low-rank adapters of the
        encoder's attention; or all its weights.
    n_segments : int, default=8
        Segments of the axis over which tokens are averaged, >= 0; 0 leaves the tokens out.
    spectrum : {"snv", "raw", None}, default="snv"
        Whether the spectrum itself is among the features, as standard normal variate or as it is.
        Below ten channels it is taken as it is.
    difference_penalty : float, default=1.0
        :math:`w` of all standards together, in multiples of the calibration samples, >= 0.
    lora_rank : int, default=8
        Rank of the adapters, >= 1.
    consistency : float, default=1.0
        Weight, >= 0, of the distance between the features of a standard on both instruments, over
        their variance, in fine-tuning.
    transport : float, default=0.1
        Weight, >= 0, of the transport cost between the features of ``X`` and of ``X_target``, over
        their variance, in fine-tuning.
    max_steps : int, default=100
        Steps of fine-tuning, >= 1, of up to 16 spectra of each kind.
    learning_rate : float, default=1e-3
        Largest learning rate of fine-tuning, > 0.
    patience : int, default=5
        Evaluations, one every twentieth of the steps, without a better one after which fine-tuning
        stops, >= 1. A tenth of the samples is held out for them.
    random_state : int, RandomState instance or None, default=None
        Initialises an untrained encoder, adapters and head, and shuffles.
    device : str, default="auto"
        Where the network runs: "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    ensemble_ : TransferEnsemble
        The families, the network last; only with ``stack``. All others but the last three are of
        the single ridge regression.
    coef_ : ndarray of shape (n_features, n_targets)
        Regression vectors of the scaled features.
    intercept_ : ndarray of shape (n_targets,)
        Intercepts, in units of the reference values.
    penalty_ : ndarray of shape (n_targets,)
        :math:`\lambda` of each property.
    latent_weight_ : ndarray of shape (n_targets,)
        Factor on latents and tokens against the spectrum, one of 0, 0.01, 0.1 and 1.
    left_out_prediction_ : ndarray of shape (n_samples, n_targets)
        Prediction of each calibration sample by a regression without it; after fine-tuning it is
        too good, since the encoder has seen the sample.
    feature_mean_, feature_gain_, feature_shift_ : ndarray of shape (n_features,)
        Scaling of the features, and the shift from source to target, in scaled units.
    history_ : list of dict
        Losses of fine-tuning.
    axis_, modality_, weights_, encoder_
        As in `SpectralFMEncoder`; after fine-tuning, of the tuned encoder.

    Raises
    ------
    CorruptWeightsError, FileNotFoundError
        In ``fit``, if the weights are damaged or missing.
    DivergenceError
        In ``fit``, if fine-tuning diverges.

    See Also
    --------
    TransferEnsemble : The classical families alone; the reference to beat.
    TestTimeAdapter : Adapt the fitted model to unlabelled target spectra.

    Notes
    -----
    In the single regression :math:`\lambda` and the factor of the latents minimise, in closed
    form, the leave-one-out error of the samples plus that of the standards' differences, by which
    predictions on the target would be off. With standards, target features are shifted by the mean
    difference; with unlabelled spectra alone by the difference of the means, which is right only if
    both sets have the same composition. Standards of known value that are not in ``X`` become
    calibration samples.

    The spectrum keeps detail of the source that the target may not record; when nothing of the
    target is known, ``spectrum=None`` relies on latents alone.

    Fine-tuning takes minutes on a CPU and pays with hundreds of samples; with few, prefer "head".
    The best weights of the validation are always kept.

    References
    ----------
    .. [1] Hu, E. J., Shen, Y., Wallis, P., Allen-Zhu, Z., Li, Y., Wang, S., Wang, L., & Chen, W.
       (2021). LoRA: low-rank adaptation of large language models.
       https://arxiv.org/abs/2106.09685

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMRegressor
    >>> from spectralfm.transfer import Standards
    >>> rng = np.random.default_rng(0)
    >>> wavelengths = np.linspace(1100, 2500, 100)
    >>> pure = np.exp(-(((wavelengths - np.array([[1450], [1930]])) / 90) ** 2))
    >>> y = rng.random(40)
    >>> X = np.outer(y, pure[0]) + 2 * pure[1]
    >>> X_target = 1.1 * X + 0.1
    >>> model = SpectralFMRegressor(wavelengths=wavelengths, random_state=0)
    >>> model = model.fit(X[:30], y[:30], standards=Standards(X[:5], X_target[:5]))
    >>> bool(model.score(X_target[30:], y[30:]) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        **CalibrationMixin._calibration_constraints,
        "stack": ["boolean"],
    }

    def __init__(
        self,
        checkpoint: str | Path | Any | None = "small",
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        stack: bool = True,
        tuning: str = "head",
        n_segments: int = 8,
        spectrum: str | None = "snv",
        difference_penalty: float = 1.0,
        lora_rank: int = 8,
        consistency: float = 1.0,
        transport: float = 0.1,
        max_steps: int = 100,
        learning_rate: float = 1e-3,
        patience: int = 5,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
    ) -> None:
        self.checkpoint = checkpoint
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
        self.stack = stack
        self.tuning = tuning
        self.n_segments = n_segments
        self.spectrum = spectrum
        self.difference_penalty = difference_penalty
        self.lora_rank = lora_rank
        self.consistency = consistency
        self.transport = transport
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.patience = patience
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | None = None,
    ) -> Self:
        """Calibrate on the source so that the model holds on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Calibration spectra recorded on the source instrument.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        standards : Standards, optional
            Samples measured on both instruments, on the axis of ``X``.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            Unlabelled spectra of the target instrument; within cross-validation, `Unpaired`.

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        TypeError
            If ``standards`` is not a `Standards`.
        ValueError
            If spectra or reference values are not finite, constant, or of unequal width.
        """
        self._columns = getattr(X, "columns", None)
        try:
            return super().fit(X, y, standards=standards, X_target=X_target)
        finally:
            del self._columns

    def _fit_model(
        self, X: Array, y: Array, standards: Standards | None, X_target: Array | None
    ) -> None:
        pairs = pair_up(X, y, standards)
        scaled = (pairs.y - pairs.y.mean(axis=0)) / pairs.y.std(axis=0)
        values = torch.from_numpy(scaled).float()
        self._prepare(self._columns, pairs.X, values, y.shape[1], mse_loss, standards, X_target)
        if self.stack:
            self._fit_stack(X, y, standards, X_target)
            return
        F = self._features(pairs.X)
        self._fit_scale(F, X.shape[1])
        Z = self._scaled(F)
        instruments = self._instruments(Z, standards, X_target)
        weight = self._difference_weight(len(Z), len(instruments.differences))
        n_latent = Z.shape[1] - (0 if self.spectrum is None else X.shape[1])
        latent_weights = (1.0,) if self.spectrum is None else LATENT_WEIGHTS
        ridge, self.latent_weight_ = fit_weighted_ridge(
            Z, pairs.y, instruments.differences, weight, n_latent, latent_weights
        )
        require_finite(self, ridge.coef, ridge.intercept)
        self.feature_shift_ = instruments.shift
        self.coef_, self.intercept_, self.penalty_ = ridge.coef, ridge.intercept, ridge.penalty
        self.left_out_prediction_ = ridge.left_out[: len(X)]

    def _fit_stack(
        self, X: Array, y: Array, standards: Standards | None, X_target: Array | None
    ) -> None:
        """Fit the classical families and the noise-aware ridge on the network's features."""
        features = NetworkFeatures(FrozenEstimator(self))
        network = DifferencePenalizedRidge(preprocessing=[features])
        n_standards = 0 if standards is None else len(standards.source)
        weights = default_weights(n_standards, unseen=X_target is None)
        self.ensemble_ = TransferEnsemble(
            [*default_members(), ("network", network)],
            prior_weights=[*weights, NETWORK_WEIGHT],
            cautious=cautious_mean(features),
        )
        unlabelled = None if X_target is None else Unpaired(X_target)
        self.ensemble_.fit(X, y, standards=standards, X_target=unlabelled)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "ensemble_" in state:
            state["ensemble_"] = dump_stack(self.ensemble_, self)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(vars(self).get("ensemble_"), bytes):
            self.ensemble_ = load_stack(vars(self)["ensemble_"], self)

    def _predict(self, X: Array) -> Array:
        if self.stack:
            return self.ensemble_.predict(X).reshape(len(X), -1)
        Z = self._scaled(self._features(X)) - self.feature_shift_
        return Z @ self.coef_ + self.intercept_


def cautious_mean(features: TransformerMixin) -> TransferEnsemble:
    """Return the mean of the cautious ridges on spectra and on features of the network.

    Parameters
    ----------
    features : transformer
        Reads the features.

    Returns
    -------
    TransferEnsemble
        Both, of equal weight.
    """
    members: list[tuple[str, TransferRegressor]] = [
        ("spectra", cautious_ridge(CAUTION)),
        ("network", cautious_ridge(NETWORK_CAUTION, [features])),
    ]
    return TransferEnsemble(members, cautious=False)
