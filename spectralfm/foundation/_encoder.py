"""The encoder as a transformer: spectra in, latents out."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted
from torch import Tensor

from .._savable import SavableMixin
from .._validation import check_spectra, forget, require_finite
from ..nn.encoder import Encoding, SpectralEncoder
from ..nn.resample import resample
from ._torch_estimator import EncoderMixin

Array = NDArray[np.float64]

OUTPUTS = ("chem", "inst", "features", "tokens", "reconstruction")


class SpectralFMEncoder(SavableMixin, EncoderMixin, TransformerMixin, BaseEstimator):
    r"""Read spectra of any axis as latents of their chemistry or of their instrument.

    .. math:: z = \mu\big(\mathrm{encoder}(x, \nu)\big)

    Parameters
    ----------
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default="small"
        Weights: the name of those that come with the package (see their model card beside them), a
        ``.safetensors`` file, or the pretrainer that made them (within `FrozenEstimator` where it
        will be cloned). None is an untrained encoder, whose latents are random features: a
        baseline.
    wavelengths : array-like of shape (n_channels,), default=None
        Where the spectra are recorded, nm.
    wavenumbers : array-like of shape (n_channels,), default=None
        The same in cm-1. When neither is given, float-like column names of a DataFrame are read as
        nm; without those, 1000 to 2500 nm is assumed with a warning.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra. "auto" is NIR where the middle of the axis lies above 4000 cm-1, else
        MIR where it reaches beyond 3700 cm-1, else Raman where it begins below 350 cm-1, else
        unknown.
    output : {"chem", "inst", "features", "tokens", "reconstruction"}, default="chem"
        Latent of the chemistry; latent of the instrument; the features that pretraining makes for
        calibrations, patch by patch (`spectralfm.nn.calibration`); all patch tokens, one after the
        other from low to high wavenumbers; or the spectra as the encoder would write them, on their
        own axis and in their own units.
    random_state : int, RandomState instance or None, default=None
        Initialises the encoder when ``checkpoint`` is None.
    device : str, default="auto"
        Where the network runs: "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    axis_ : ndarray of shape (n_channels,)
        Wavenumbers of the channels, cm-1.
    modality_ : str
        Kind of the spectra.
    encoder_ : SpectralEncoder
        The network, in float64.
    weights_ : bytes
        Its weights, read by `spectralfm.checkpoint.parse_weights`.
    n_outputs_ : int
        Number of columns that ``transform`` returns.

    Raises
    ------
    CorruptWeightsError
        In ``fit``, if the weights are damaged.
    FileNotFoundError
        In ``fit``, if there are no such weights.

    See Also
    --------
    SpectralFMRegressor : A calibration on these latents.

    Notes
    -----
    Nothing is learned in ``fit``: it loads the weights and checks the axis. Within a `Pipeline`
    with ``memory=``, latents are computed once for all settings of the steps behind.

    Offset and scale of a spectrum do not reach the encoder, which normalises each spectrum by its
    own median and deviation. Spectra of fewer than four channels are interpolated to four.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMEncoder
    >>> wavelengths = np.arange(1100, 2500, 10)
    >>> X = np.random.default_rng(0).random((3, 140)).cumsum(axis=1)
    >>> encoder = SpectralFMEncoder(wavelengths=wavelengths).fit(X)
    >>> encoder.transform(X).shape, encoder.modality_
    ((3, 64), 'NIR')
    >>> encoder.get_feature_names_out()[:2]
    array(['chem0', 'chem1'], dtype=object)
    """

    _parameter_constraints: dict = {
        **EncoderMixin._encoder_constraints,
        "output": [StrOptions(set(OUTPUTS))],
    }

    def __init__(
        self,
        checkpoint: str | Path | Any | None = "small",
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        output: str = "chem",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
    ) -> None:
        self.checkpoint = checkpoint
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
        self.output = output
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Load the weights and check that the axis fits the spectra.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra.
        y : ignored
            Present for pipelines.

        Returns
        -------
        self : object
            The encoder.
        """
        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True)
        self._load_encoder(getattr(X, "columns", None), spectra.shape[1])
        self.n_outputs_ = self._transform(spectra[:1]).shape[1]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Encode spectra.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the axis seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            What ``output`` names.
        """
        check_is_fitted(self)
        return self._transform(check_spectra(self, X))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the outputs.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the channels, which a reconstruction keeps.

        Returns
        -------
        ndarray of shape (n_outputs,)
            ``chem0``, ``inst0``, ``feature0_0``, ``token0_0`` and so on.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.output == "reconstruction":
            return names
        if self.output in ("features", "tokens"):
            width, kind = self.n_outputs_ // self.encoder_.embed.n_tokens, self.output[:-1]
            labels = [f"{kind}{i // width}_{i % width}" for i in range(self.n_outputs_)]
        else:
            labels = [f"{self.output}{i}" for i in range(self.n_outputs_)]
        return np.asarray(labels, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_outputs_")

    def _transform(self, X: Array) -> Array:
        latents = self._encode(X, self._read)
        require_finite(self, latents)
        return latents

    def _read(self, encoder: SpectralEncoder, encoding: Encoding) -> Tensor:
        """Return what ``output`` names, (B, n_outputs)."""
        if self.output == "chem":
            return encoding.latents.chem_mean
        if self.output == "inst":
            return encoding.latents.inst_mean
        if self.output == "features":
            return encoding.features.flatten(1)
        if self.output == "tokens":
            return encoding.tokens[:, 2:].flatten(1)  # (B, N, D) -> (B, N D)
        values = encoder.reconstruction.assemble(encoder.reconstruct(encoding))  # (B, G)
        spectra = encoding.spectra
        axis = spectra.axis.new_tensor(self.axis_)
        return resample(values * spectra.scale + spectra.center, spectra.axis, axis)
