"""The pretrainer: an encoder learns spectra and instruments from spectra alone."""

import os
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._net import isolated, seed_of
from .._validation import check_spectra, forget
from ..axis import check_modality
from ..checkpoint import dump_weights, parse_weights, save_weights
from ..nn.encoder import SpectralEncoder
from ._pretrain import pretrain
from ._pretraining_parameters import CONSTRAINTS, LOSSES, SIZES, TRAINING, numbered, plain
from ._spectra_groups import SpectraGroup
from ._spectral_axis import enough_channels, resolve_axis
from ._torch_estimator import EncoderMixin


class SpectralFMPretrainer(EncoderMixin, BaseEstimator):
    r"""Pretrain an encoder on spectra without reference values.

    .. math:: \min \sum_k w_k \, \ell_k(x_a, x_b), \qquad x_a, x_b \sim \mathrm{simulator}(x)

    Every spectrum is recorded by two simulated instruments. From one recording, parts of which are
    hidden, the encoder reconstructs it, tells which instrument made it, and writes it as the other
    instrument would have; its chemistry latent shall be that of the other recording. Beside that,
    small calibrations of known outcome are moved from one simulated instrument to another on the
    features that the encoder offers to calibrations.

    Parameters
    ----------
    wavelengths : array-like of shape (n_channels,), default=None
        Where the spectra are recorded, nm.
    wavenumbers : array-like of shape (n_channels,), default=None
        The same in cm-1. When neither is given, float-like column names of a DataFrame are read as
        nm; without those, 1000 to 2500 nm is assumed with a warning.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, and of the simulated instruments; see `SpectralFMEncoder`.
    d_model, n_grid, patch, stride, wavelet, level
        Width and embedding of the network: arguments of `spectralfm.nn.encoder.SpectralEncoder`,
        as are the next two lines.
    n_mamba_layers, d_state, d_conv, expand, n_experts, top_k, n_transformer_layers, n_heads : int
        Its layers.
    n_chem, n_inst, n_features, n_components, fno_modes, fno_width, fno_layers : int
        Its latents, features, component spectra and Fourier operator.
    mask_ratio : float, default=0.4
        Share of the patches hidden, in [0, 1), in three spectra of four.
    masked_weight, contrastive_weight, denoising_weight, latent_weight, transfer_weight : float
        Weights of losses, at least 0; 0 leaves one out.
    physics_weight, bottleneck_weight, balance_weight, transport_weight, episode_weight : float
        Weights of the other losses.
    max_steps, batch_size : int
        Optimizer steps, and spectra of a step.
    learning_rate, weight_decay, warmup, min_lr_ratio, clip : float
        AdamW: largest rate, decay of matrices, share of the steps on which the rate rises, floor of
        its cosine over its largest value, and largest norm of the gradient (None does not clip).
    ema_decay : float or None, default=0.999
        Decay of the average of the weights, which is evaluated and kept; None keeps none.
    target_decay : float, default=0.98
        Decay of the copy that the contrastive loss follows, in [0, 1).
    validation : float, default=0.1
        Share of the spectra held out to choose the best weights, in [0, 1).
    evaluate_every, patience : int or None
        Steps between evaluations (None: a twentieth of all), and evaluations without a better one
        after which training ends (None: never).
    checkpoint_dir : path-like or None, default=None
        Folder of this run, saved to every ``checkpoint_every`` steps (None: at evaluations). If it
        holds a state, ``fit`` goes on there, bit for bit as if it had never stopped.
    checkpoint_every : int or None, default=None
        Steps between saved states.
    log_path : path-like or None, default=None
        File for the history, one JSON object a line.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, order, masks and simulated instruments.
    device : str, default="auto"
        "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU.
    amp : bool or "auto", default="auto"
        Whether to compute in bfloat16; "auto" does on CUDA.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    encoder_ : SpectralEncoder
        The network, in float64 and evaluation mode.
    weights_ : bytes
        Its weights, as `spectralfm.checkpoint.parse_weights` reads them.
    history_ : list of dict
        One record an evaluation: step, learning rate, means of the weighted losses.
    n_steps_ : int
        Steps made.
    validation_loss_ : float or None
        Sum of the masked, denoising, latent, transfer and episode losses of spectra held out, at
        the weights kept; negative where episodes succeed. None if none was held out: then the last
        weights are kept.
    axis_ : ndarray of shape (n_channels,)
        Wavenumbers of the channels, cm-1.
    modality_ : str
        Kind of the spectra.

    Raises
    ------
    DivergenceError
        A ValueError, in ``fit``: the loss or the weights stopped being finite, or the loss grew a
        hundredfold.

    See Also
    --------
    SpectralFMEncoder : Takes a fitted pretrainer as ``checkpoint``.

    Notes
    -----
    Spectra must be absorbance-like, or Raman intensities: take -log10 of reflectance first. The
    simulated instruments come on top of the real one; it fails where they are unlike real
    instruments. Spectra on several axes are for `spectralfm.foundation.pretrain`.

    References
    ----------
    .. [1] Grill, J.-B., Strub, F., Altche, F., Tallec, C., Richemond, P. H., Buchatskaya, E., et
       al. (2020). Bootstrap your own latent: a new approach to self-supervised learning.
       https://arxiv.org/abs/2006.07733
    .. [2] He, K., Chen, X., Xie, S., Li, Y., Dollar, P., & Girshick, R. (2022). Masked autoencoders
       are scalable vision learners. https://arxiv.org/abs/2111.06377

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMPretrainer
    >>> X = np.random.default_rng(0).random((8, 70)).cumsum(axis=1) / 35
    >>> pretrainer = SpectralFMPretrainer(
    ...     wavelengths=np.arange(1100, 2500, 20), d_model=16, n_mamba_layers=1, n_heads=2,
    ...     n_transformer_layers=1, n_chem=8, n_inst=4, fno_modes=4, fno_width=8, fno_layers=1,
    ...     n_grid=256, max_steps=2, batch_size=4, random_state=0,
    ... )
    >>> pretrainer.fit(X).n_steps_
    2
    """

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        d_model: int = 256,
        n_mamba_layers: int = 4,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        n_experts: int = 4,
        top_k: int = 2,
        n_transformer_layers: int = 2,
        n_heads: int = 8,
        n_chem: int = 128,
        n_inst: int = 64,
        n_features: int = 16,
        fno_modes: int = 32,
        fno_width: int = 64,
        fno_layers: int = 4,
        n_grid: int = 2048,
        patch: int = 32,
        stride: int = 16,
        wavelet: str = "db4",
        level: int = 4,
        n_components: int = 32,
        mask_ratio: float = 0.4,
        masked_weight: float = 2.0,
        contrastive_weight: float = 0.02,
        denoising_weight: float = 0.3,
        latent_weight: float = 0.2,
        physics_weight: float = 0.03,
        bottleneck_weight: float = 0.1,
        balance_weight: float = 0.05,
        transport_weight: float = 0.005,
        transfer_weight: float = 0.1,
        episode_weight: float = 0.3,
        max_steps: int = 20000,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
        min_lr_ratio: float = 0.1,
        clip: float | None = 1.0,
        ema_decay: float | None = 0.999,
        target_decay: float = 0.98,
        validation: float = 0.1,
        evaluate_every: int | None = None,
        patience: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        log_path: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
        amp: bool | str = "auto",
        verbose: bool = False,
    ) -> None:
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
        self.d_model = d_model
        self.n_mamba_layers = n_mamba_layers
        self.d_state = d_state
        self.d_conv = d_conv
        self.expand = expand
        self.n_experts = n_experts
        self.top_k = top_k
        self.n_transformer_layers = n_transformer_layers
        self.n_heads = n_heads
        self.n_chem = n_chem
        self.n_inst = n_inst
        self.n_features = n_features
        self.fno_modes = fno_modes
        self.fno_width = fno_width
        self.fno_layers = fno_layers
        self.n_grid = n_grid
        self.patch = patch
        self.stride = stride
        self.wavelet = wavelet
        self.level = level
        self.n_components = n_components
        self.mask_ratio = mask_ratio
        self.masked_weight = masked_weight
        self.contrastive_weight = contrastive_weight
        self.denoising_weight = denoising_weight
        self.latent_weight = latent_weight
        self.physics_weight = physics_weight
        self.bottleneck_weight = bottleneck_weight
        self.balance_weight = balance_weight
        self.transport_weight = transport_weight
        self.transfer_weight = transfer_weight
        self.episode_weight = episode_weight
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.min_lr_ratio = min_lr_ratio
        self.clip = clip
        self.ema_decay = ema_decay
        self.target_decay = target_decay
        self.validation = validation
        self.evaluate_every = evaluate_every
        self.patience = patience
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.log_path = log_path
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads
        self.amp = amp
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: object = None, *, instruments: ArrayLike | None = None) -> Self:
        """Train the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra.
        y : ignored
            Present for pipelines.
        instruments : array-like of shape (n_samples,), default=None
            Real instrument of every spectrum, names or integers; negative integers are unknown. The
            instrument latent learns to tell them apart, and the chemistry latent not to.

        Returns
        -------
        self : object
            The pretrainer.
        """
        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True)
        axis, known = resolve_axis(
            getattr(X, "columns", None),
            spectra.shape[1],
            wavelengths=self.wavelengths,
            wavenumbers=self.wavenumbers,
        )
        modality = "unknown" if self.modality == "auto" else self.modality
        if known:
            modality = check_modality(axis, self.modality)
        values, positions = enough_channels(spectra, axis)
        group = SpectraGroup(values, positions, modality, numbered(spectra, instruments))
        sizes = {name: getattr(self, name) for name in SIZES}
        training = {name: getattr(self, name) for name in TRAINING}
        if self.random_state is not None:
            training["random_state"] = seed_of(self.random_state)
        # Without a seed, a resumed run takes its weights from the state, and these are forgotten.
        with isolated(seed_of(training["random_state"])):
            encoder = SpectralEncoder(**sizes)
            losses = {name: getattr(self, name) for name in LOSSES}
            fit = pretrain([group], encoder, losses=losses, **training)
        self.weights_ = dump_weights(
            encoder.state_dict(),
            config={name: plain(value) for name, value in sizes.items()},
            architecture=type(encoder).__name__,
            axis_range=(max(positions.min(), 0.0), positions.max()),
            provenance={"n_spectra": len(spectra), "n_steps": fit.n_steps, "modality": modality},
        )
        self.axis_, self.modality_ = axis, modality
        self.history_, self.n_steps_ = fit.history, fit.n_steps
        self.validation_loss_ = fit.validation_loss
        return self

    def save(
        self, path: str | os.PathLike[str], *, provenance: dict[str, Any] | None = None
    ) -> None:
        """Write the weights to a file that `SpectralFMEncoder` takes as ``checkpoint``.

        Parameters
        ----------
        path : path-like
            The file, ending in ``.safetensors``.
        provenance : dict, optional
            What to tell about data, licences and hardware, plain JSON.
        """
        check_is_fitted(self, "weights_")
        weights = parse_weights(self.weights_)
        save_weights(
            path,
            weights.state_dict,
            config=weights.config,
            architecture=weights.architecture,
            axis_range=weights.axis_range,
            provenance={**weights.provenance, **(provenance or {})},
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")
