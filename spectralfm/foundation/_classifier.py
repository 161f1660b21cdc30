"""Classification on the features of the encoder."""

from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)
from torch.nn.functional import cross_entropy

from .._savable import SavableMixin
from .._validation import check_spectra, forget, refuse_masked, require_finite
from ..transfer import Standards, Unpaired
from ._calibration import CalibrationMixin, check_instruments

Array = NDArray[np.float64]


class SpectralFMClassifier(SavableMixin, CalibrationMixin, ClassifierMixin, BaseEstimator):
    r"""Logistic regression on the latents of the encoder, which may be fine-tuned first.

    .. math:: \min_{b, c} C \sum_i \ell(y_i, z_i b + c) + C w \lVert D b \rVert^2 / 2
              + \lVert b \rVert^2 / 2

    ``z`` joins the chemistry latent, the features that pretraining made for calibrations, the
    tokens averaged over segments of the axis and the spectrum, four blocks scaled to unit variance;
    ``D`` are differences of the standards.

    Parameters
    ----------
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default="small"
        Weights to start from, as in `SpectralFMEncoder`; None is an untrained encoder.
    C : float, default=100.0
        Inverse strength of the penalty, > 0.
    wavelengths, wavenumbers : array-like of shape (n_channels,), default=None
        Axis of the spectra in nm or in cm-1, as in `SpectralFMEncoder`.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, as in `SpectralFMEncoder`.
    tuning : {"head", "lora", "full"}, default="head"
        What is learned: the logistic regression alone; before it, low-rank adapters of the
        encoder's attention; or all its weights.
    n_segments : int, default=8
        Segments of the axis over which tokens are averaged, >= 0; 0 leaves the tokens out.
    spectrum : {"snv", "raw", None}, default="snv"
        Whether the spectrum itself is among the features, as standard normal variate or as it is.
        Below ten channels it is taken as it is.
    difference_penalty : float, default=1.0
        :math:`w` of all standards together, in multiples of the samples, >= 0.
    lora_rank : int, default=8
        Rank of the adapters, >= 1.
    consistency, transport : float, default=1.0 and 0.1
        Weights in fine-tuning, >= 0, as in `SpectralFMRegressor`.
    max_steps : int, default=100
        Steps of fine-tuning, >= 1, of up to 16 spectra of each kind.
    learning_rate : float, default=1e-3
        Largest learning rate of fine-tuning, > 0.
    patience : int, default=5
        Evaluations without a better one after which fine-tuning stops, >= 1.
    random_state : int, RandomState instance or None, default=None
        Initialises an untrained encoder, adapters and head, and shuffles.
    device : str, default="auto"
        Where the network runs: "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    classifier_ : LogisticRegression
        The regression on scaled features, shrunk along ``D``.
    feature_mean_, feature_gain_, feature_shift_ : ndarray of shape (n_features,)
        Scaling of the features, and the shift from source to target, in scaled units.
    directions_ : ndarray of shape (n_directions, n_features)
        Unit vectors in which the instruments differ, in scaled features.
    shrinkage_ : ndarray of shape (n_directions,)
        Factor in (0, 1] that the features keep along them.
    history_ : list of dict
        Losses of fine-tuning.
    axis_, modality_, weights_, encoder_
        As in `SpectralFMEncoder`; after fine-tuning, of the tuned encoder.

    Raises
    ------
    ValueError
        In ``fit``, if there is a single class.
    CorruptWeightsError, FileNotFoundError
        In ``fit``, if the weights are damaged or missing.
    DivergenceError
        In ``fit``, if fine-tuning diverges.

    See Also
    --------
    SpectralFMRegressor : The same for reference values.

    Notes
    -----
    A penalty on differences is a filter of the features: along the directions of ``D`` they are
    divided by :math:`\sqrt{1 + C w s^2}` with the singular values s. ``standards.y`` is not used.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMClassifier
    >>> rng = np.random.default_rng(0)
    >>> wavelengths = np.linspace(1100, 2500, 100)
    >>> pure = np.exp(-(((wavelengths - np.array([[1450], [1930]])) / 90) ** 2))
    >>> y = np.repeat(["dry", "wet"], 15)
    >>> X = np.outer(np.repeat([0.2, 0.8], 15) + 0.1 * rng.random(30), pure[0]) + 2 * pure[1]
    >>> model = SpectralFMClassifier(wavelengths=wavelengths, random_state=0).fit(X, y)
    >>> model.predict(X[[0, -1]])
    array(['dry', 'wet'], dtype='<U3')
    """

    __metadata_request__fit = {"standards": True, "X_target": True}

    _parameter_constraints: dict = {
        **CalibrationMixin._calibration_constraints,
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        checkpoint: str | Path | Any | None = "small",
        *,
        C: float = 100.0,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
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
        self.C = C
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
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
        """Learn the classes on the source so that they hold on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the source instrument.
        y : array-like of shape (n_samples,)
            Their classes, at least two.
        standards : Standards, optional
            Samples measured on both instruments, on the axis of ``X``.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            Unlabelled spectra of the target instrument; within cross-validation, `Unpaired`.

        Returns
        -------
        self : object
            The fitted classifier.
        """
        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True, ensure_min_samples=2)
        numbers = self._check_classes(spectra, y)
        target = check_instruments(standards, X_target, spectra.shape[1])
        columns = getattr(X, "columns", None)
        values = torch.from_numpy(numbers)
        n_classes = len(self.classes_)
        self._prepare(columns, spectra, values, n_classes, cross_entropy, standards, target)
        F = self._features(spectra)
        self._fit_scale(F, spectra.shape[1])
        Z = self._scaled(F)
        self.feature_shift_, differences = self._instruments(Z, standards, target)
        weight = self.C * self._difference_weight(len(Z), len(differences))
        _, sizes, self.directions_ = np.linalg.svd(differences, full_matrices=False)
        self.shrinkage_ = 1 / np.sqrt(1 + weight * sizes**2)
        model = LogisticRegression(C=self.C, max_iter=2000)
        model.fit(self._filtered(Z), self.classes_[numbers])
        require_finite(self, model.coef_, model.intercept_)
        self.classifier_ = model
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each spectrum, (n_samples,).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on the target instrument, or on the source if no target was given.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        features = self._read(X)
        return self.classifier_.predict(features)

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra, as in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        features = self._read(X)
        return self.classifier_.predict_proba(features)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return how far each spectrum lies on either side of the boundaries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra, as in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Logits; with two classes, of the second.
        """
        features = self._read(X)
        return self.classifier_.decision_function(features)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classifier_")

    def _check_classes(self, X: Array, y: ArrayLike | None) -> NDArray[np.intp]:
        """Return the number of the class of each sample (n_samples,)."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. "
                "A classifier needs the classes of its spectra."
            )
        refuse_masked(y, name="y")
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_consistent_length(X, labels)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class, {self.classes_[0]}: there is nothing to tell apart. Add "
                "samples of another class."
            )
        return numbers

    def _read(self, X: ArrayLike) -> Array:
        """Return the features of spectra as the regression takes them."""
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        return self._filtered(self._scaled(self._features(spectra)) - self.feature_shift_)

    def _filtered(self, Z: Array) -> Array:
        """Shrink features along the directions in which the instruments differ."""
        along = Z @ self.directions_.T  # (n_samples, n_directions)
        return Z - along * (1 - self.shrinkage_) @ self.directions_
