"""Standardization of spectra by the encoder's Fourier operator between instruments."""

import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval
from torch import Tensor

from .._net import seed_of
from .._validation import require_finite
from ..axis import axis_in_names, covered_channels, resample
from ..nn.encoder import Encoding, SpectralEncoder
from ..nn.resample import resample as interpolate
from ..transfer._base import SpectraStandardizer
from ._amplitude import fit_amplitude
from ._operator_training import OperatorTask, train_operator
from ._spectral_axis import resolve_axis
from ._torch_estimator import EncoderMixin

Array = NDArray[np.float64]

EQUAL = 1e-9
"""Between instrument latents closer than this, over their size, the operator is the identity."""


class OnGrid(NamedTuple):
    """Spectra on the grid of the encoder, and their latents."""

    chem: Array
    """Chemistry latents (n_samples, n_chem)."""
    inst: Array
    """Instrument latents (n_samples, n_inst)."""
    center: Array
    """Medians (n_samples, 1)."""
    scale: Array
    """Mean absolute deviations from them (n_samples, 1)."""
    spectra: Array
    """Spectra in their own units (n_samples, n_grid)."""


class SpectralFMStandardizer(EncoderMixin, SpectraStandardizer):
    r"""Write target spectra as the source would have recorded them, by a Fourier operator.

    .. math:: \hat x_s = x_t + T(x_t; \bar z_t, \bar z_s, z_c) + o, \qquad
              T = \sum_w a_w h_w, \qquad a = A (\bar z_s - \bar z_t)

    :math:`\bar z_t` and :math:`\bar z_s` are the mean instrument latents of the standards on either
    instrument, :math:`z_c` is the chemistry latent of the spectrum, and o an offset. The weights a
    of the operator's features h are fitted to the standards in closed form.

    Parameters
    ----------
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default="small"
        Weights to start from, as in `SpectralFMEncoder`; None is an untrained encoder, whose
        operator offers random smooth features.
    wavelengths, wavenumbers : array-like of shape (n_target_channels,), default=None
        Axis of the target's spectra in nm or in cm-1, as in `SpectralFMEncoder`.
    source_wavelengths, source_wavenumbers : array-like of shape (n_source_channels,), default=None
        Axis of the source's spectra; when neither is given, float-like column names of
        ``X_source``, or else the target's axis. Where it reaches beyond the target's, see Notes.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, as in `SpectralFMEncoder`.
    center : bool, default=True
        Whether there is an offset: the mean difference of the standards that T leaves.
    max_steps : int, default=0
        Steps, >= 0, by which all weights of the operator are then trained on the standards, unless
        the instrument latents are equal: they do not see offset and gain.
    learning_rate : float, default=1e-3
        Largest learning rate of these, > 0.
    random_state : int, RandomState instance or None, default=None
        Initialises an untrained encoder, and shuffles.
    device : str, default="auto"
        Where the network runs: "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    target_latent_, source_latent_ : ndarray of shape (n_inst,)
        Mean instrument latents of the standards.
    amplitude_ : ndarray of shape (n_features,)
        Weights a of the operator's features; zeros if no weights predict standards left out better.
    covered_ : ndarray of shape (n_source_channels,), bool
        Source channels that the target records.
    offset_ : ndarray of shape (n_covered,)
        The offset at these, absorbance units; zeros unless ``center``.
    filling_ : ndarray of shape (n_source_channels - n_covered,)
        What stands in the others: the mean of the standards on the source.
    axis_, target_axis_ : ndarray
        Wavenumbers of the covered source channels and of the target's channels, cm-1.
    history_ : list of dict
        Losses of the training.
    modality_, weights_, encoder_
        As in `SpectralFMEncoder`, with the operator as fitted.

    Raises
    ------
    CorruptWeightsError, FileNotFoundError
        In ``fit``, if the weights are damaged or missing.

    See Also
    --------
    PiecewiseDirectStandardization : The classical choice.
    MeanShift : What is left when the operator learns nothing.

    Notes
    -----
    It is the identity when both instruments record the same, when ``X_source`` is None, and with a
    single standard but for the offset. Target spectra are resampled onto the source axis, and only
    the difference is taken from the operator's grid, so that no detail of the spectrum is lost.

    Source channels outside the target's range cannot be known. They are the same in all results:
    the mean of the standards on the source, so that a linear calibration sees an average sample
    there. That is right only for calibrations that hardly use them; better fit the calibration on
    the range that both record (`spectralfm.axis.common_axis`). A warning names the range filled.

    The operator is smooth: differences from channel to channel are left to the offset. It fails,
    as all corrections of spectra do, where the source calibration reads detail that the target does
    not record.

    References
    ----------
    .. [1] Li, Z., Kovachki, N., Azizzadenesheli, K., Liu, B., Bhattacharya, K., Stuart, A., &
       Anandkumar, A. (2021). Fourier neural operator for parametric partial differential
       equations. https://arxiv.org/abs/2010.08895

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMStandardizer
    >>> wavelengths = np.linspace(1100, 2500, 100)
    >>> X_source = np.random.default_rng(0).random((8, 100)).cumsum(axis=1)
    >>> X_target = 0.9 * X_source + 0.1
    >>> model = SpectralFMStandardizer(wavelengths=wavelengths, random_state=0)
    >>> moved = model.fit(X_target[:6], X_source=X_source[:6]).transform(X_target)
    >>> bool(np.abs(moved - X_source).mean() < 0.5 * np.abs(X_target - X_source).mean())
    True
    """

    _parameter_constraints: dict = {
        **EncoderMixin._encoder_constraints,
        "source_wavelengths": ["array-like", None],
        "source_wavenumbers": ["array-like", None],
        "center": ["boolean"],
        "max_steps": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        checkpoint: str | Path | Any | None = "small",
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        source_wavelengths: ArrayLike | None = None,
        source_wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        center: bool = True,
        max_steps: int = 0,
        learning_rate: float = 1e-3,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
    ) -> None:
        self.checkpoint = checkpoint
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.source_wavelengths = source_wavelengths
        self.source_wavenumbers = source_wavenumbers
        self.modality = modality
        self.center = center
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: object = None, *, X_source: ArrayLike | None = None) -> Self:
        """Learn the map from the target to the source instrument.

        Parameters
        ----------
        X : array-like of shape (n_standards, n_target_channels)
            Spectra of the standards on the target instrument.
        y : ignored
            Present for pipelines.
        X_source : array-like of shape (n_standards, n_source_channels)
            Spectra of the same samples, row by row, on the source instrument. When None, a
            warning says so and ``transform`` returns its input.

        Returns
        -------
        self : object
            The fitted standardizer.

        Raises
        ------
        ValueError
            If spectra are not finite or do not pair up, an axis does not fit, or the two axes share
            fewer than two source channels.

        Warns
        -----
        UserWarning
            If source channels outside the target's range are filled.
        """
        self._columns = getattr(X, "columns", None), getattr(X_source, "columns", None)
        try:
            return super().fit(X, y, X_source=X_source)
        finally:
            del self._columns

    def _fit_map(self, X: Array, X_source: Array) -> None:
        columns, source_columns = self._columns
        self._load_encoder(columns, X.shape[1])
        self.target_axis_ = self.axis_
        self.history_: list[dict[str, float]] = []
        given = self.source_wavelengths is not None or self.source_wavenumbers is not None
        same = X_source.shape[1] == X.shape[1]
        if given or not same or axis_in_names(source_columns) is not None:
            self.axis_, _ = resolve_axis(
                source_columns,
                X_source.shape[1],
                wavelengths=self.source_wavelengths,
                wavenumbers=self.source_wavenumbers,
                prefix="source_",
            )
        X_source = self._cover(X_source)
        target = self._on_encoder_axis(X)
        on_source, on_target = self._read_grid(X_source), self._read_grid(target)
        self.source_latent_ = on_source.inst.mean(axis=0)
        self.target_latent_ = on_target.inst.mean(axis=0)
        self.amplitude_ = self._fit_amplitude(target, on_source.spectra - on_target.spectra)
        step = np.linalg.norm(self.source_latent_ - self.target_latent_)
        if self.max_steps and step > EQUAL * np.linalg.norm(self.source_latent_):
            self._train_operator(target, on_source, on_target)
        offset = (X_source - target - self._difference(target)).mean(axis=0)
        self.offset_ = offset if self.center else np.zeros_like(offset)
        require_finite(self, self.offset_, self.amplitude_)

    def _map(self, X: Array) -> Array:
        spectra = self._on_encoder_axis(X)
        moved = np.empty((len(X), len(self.covered_)))
        moved[:, self.covered_] = spectra + self._difference(spectra) + self.offset_
        moved[:, ~self.covered_] = self.filling_
        return moved

    def _cover(self, X_source: Array) -> Array:
        """Return the spectra at the source channels that the target records, and learn the rest."""
        axis = self.axis_
        self.covered_ = covered_channels(self.target_axis_, axis)
        n_covered = int(self.covered_.sum())
        if n_covered < min(2, len(axis)):
            raise ValueError(
                f"The source records {axis.min():.6g} to {axis.max():.6g} cm-1 and the target "
                f"{self.target_axis_.min():.6g} to {self.target_axis_.max():.6g} cm-1: they share "
                f"{n_covered} source channels, and nothing can be transferred. Check the unit of "
                "both axes."
            )
        outside = axis[~self.covered_]
        self.filling_ = X_source[:, ~self.covered_].mean(axis=0)
        if outside.size:
            shared = axis[self.covered_]
            warnings.warn(
                f"{outside.size} of {len(axis)} source channels lie outside the target's range of "
                f"{self.target_axis_.min():.6g} to {self.target_axis_.max():.6g} cm-1. They are "
                "filled with the mean of the standards on the source, the same for every "
                f"spectrum; only {shared.min():.6g} to {shared.max():.6g} cm-1 is transferred. "
                "Calibrate on that range if the source model uses more."
            )
        self.axis_ = axis[self.covered_]
        return X_source[:, self.covered_]

    def _on_encoder_axis(self, X: Array) -> Array:
        return resample(X, self.target_axis_, self.axis_, unit="cm-1")

    def _fit_amplitude(self, X: Array, residuals: Array) -> Array:
        """Return the weights (n_features,) that explain residuals (n_standards, n_grid)."""
        step = self.source_latent_ - self.target_latent_
        operator = self.encoder_.operator
        prior = step @ operator.amplitude.weight.cpu().numpy().T
        features = self._encode(X, self._read_features)  # (n_standards, n_grid, n_features)
        return fit_amplitude(features, residuals, prior, center=self.center)

    def _train_operator(self, X: Array, source: OnGrid, target: OnGrid) -> None:
        """Train all weights of the operator on the standards, from the fitted amplitude on."""
        moved = self._encode(X, self._read_features) @ self.amplitude_  # (n_standards, n_grid)
        offset = (source.spectra - target.spectra - moved).mean(axis=0)
        wanted = source.spectra - offset if self.center else source.spectra
        encoder, self.amplitude_, self.history_ = train_operator(
            self.weights_,
            OperatorTask(
                (target.spectra - target.center) / target.scale,
                (wanted - target.center) / target.scale,
                target.chem,
                self.target_latent_,
                self.source_latent_,
            ),
            self.amplitude_,
            max_steps=self.max_steps,
            learning_rate=self.learning_rate,
            seed=seed_of(self.random_state),
            device=self.device,
            n_threads=self.n_threads,
        )
        self._set_weights(encoder)

    def _difference(self, X: Array) -> Array:
        """Return what the operator adds to spectra on the source axis."""
        if not self.amplitude_.any():
            return np.zeros_like(X)
        return self._encode(X, self._read_difference)

    def _read_difference(self, encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
        amplitude = encoding.inst.new_tensor(self.amplitude_)
        on_grid = self._read_features(encoder, encoding) @ amplitude  # (B, G, W) -> (B, G)
        axis = encoding.spectra.axis
        return interpolate(on_grid, axis, axis.new_tensor(self.axis_))  # (B, L)

    def _read_features(self, encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
        """Return the operator's features in the spectra's own units, (B, G, W)."""
        spectra, chem = encoding.spectra, encoding.latents.chem_mean
        latents = (self.target_latent_, self.source_latent_)
        before, after = (chem.new_tensor(z).expand(len(chem), -1) for z in latents)
        return (
            encoder.operator.features(spectra.values, before, after, chem)
            * spectra.scale[..., None]
        )

    def _read_grid(self, X: Array) -> OnGrid:
        sizes = [self.encoder_.bottleneck.chem, self.encoder_.bottleneck.inst]
        ends = np.cumsum([layer.out_features // 2 for layer in sizes] + [1, 1])
        return OnGrid(*np.split(self._encode(X, _read_all), ends, axis=1))


def _read_all(encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
    latents, spectra = encoding.latents, encoding.spectra
    values = spectra.values * spectra.scale + spectra.center  # (B, G)
    parts = [latents.chem_mean, latents.inst_mean, spectra.center, spectra.scale, values]
    return torch.cat(parts, 1)
