"""How an instrument that nobody has measured may differ from the one at hand."""

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from .._net import seed_of
from .._validation import check_enough, check_matrix, check_same_channels, forget
from ..axis import check_modality, guess_modality
from ..transfer import Standards, Unpaired
from ._encoder import SpectralFMEncoder
from ._first_order import first_order_effects
from ._low_rank import low_rank_factor
from ._prior_amplitude import paired_ratios, unpaired_ratios
from ._simulated_views import MODALITIES
from ._spectral_axis import resolve_axis
from ._torch_estimator import EncoderMixin
from ._virtual_instruments import learned_differences, simulated_differences, simulated_latents

Array = NDArray[np.float64]

ROWS = 32
"""Spectra, drawn at random, on which a covariance or an amplitude is estimated."""

INSTRUMENTS = 200
"""Virtual instruments with which observed differences are compared."""

FEWEST = 12
"""Source spectra whose main components tell chemistry from instruments."""


class InstrumentPrior(BaseEstimator):
    r"""What other instruments would record of spectra, before any of them was measured.

    A virtual instrument i records sample j as

    .. math:: x_{ij} = x_j + a\, d_i(x_j)

    with differences d drawn as ``kind`` says, and an amplitude a of 1 until `fit_amplitude`.

    Parameters
    ----------
    kind : {"simulator", "physics", "learned"}, default="simulator"
        Instruments of `spectralfm.simulation.InstrumentSimulator`; first-order effects in closed
        form (offset, gain, wavelength error, line shape), with one normal amplitude each; or what
        the encoder's Fourier operator writes for other values of the instrument latent.
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default=None
        Weights of the encoder, as in `SpectralFMEncoder`; only ``kind="learned"`` reads them. An
        untrained operator is the identity and refused.
    wavelengths, wavenumbers : array-like of shape (n_channels,), default=None
        Axis of the spectra in nm or in cm-1, as in `SpectralFMEncoder`.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, as in `SpectralFMEncoder`; unknown ones are taken for MIR.
    effects : sequence of str, default=None
        Effects that instruments may have, by their names in `InstrumentSimulator`; None means all.
        For "physics" some of "shift", "broadening", "gain" and "offset"; for "learned" those of the
        instruments whose latents are taken.
    latents : {"simulated", "normal"}, default="simulated"
        Where ``kind="learned"`` takes latents from: read from simulated recordings of the spectra,
        or drawn from the standard normal prior of the bottleneck.
    random_state : int, RandomState instance or None, default=None
        Draws the instruments.
    device : str, default="auto"
        Where the encoder runs.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    amplitude_ : float
        Factor on all differences, after `fit_amplitude`.
    amplitude_ratios_ : ndarray of shape (n_directions,)
        Ratios of observed to virtual differences, one a direction, whose median it is. Where they
        span decades, the observed instruments do not differ as this prior says.

    See Also
    --------
    DifferencePenalizedRidge : Takes the factor of the covariance as its ``prior``.

    Notes
    -----
    Differences are those of one instrument to the one that recorded ``X``, their mean over the
    samples included: where nothing of the target was measured, the mean shift is part of what may
    happen. So for a regression vector b, :math:`\lVert F b \rVert^2` is the expected square of the
    change in prediction between the two instruments. Noise and cosmic spikes are recorded by
    `sample` but are not in the covariance: they have no directions.

    What a prior is worth must be measured, see ``benchmarks/prior_gate.py``: large differences are
    mostly scatter and baselines, which a calibration ignores anyway, and on corn, tablets and soil
    a ridge with a noise floor a thousand times heavier does as well without any prior. Where the
    difference is another one (wet soil), a prior can do harm.

    The simulator's amplitudes span two decades, and its covariance is that of the largest.
    Derivatives of noisy spectra are mostly noise: smooth them for "physics". It uses the samples'
    own slope and curvature, so what was recorded with a broad line shape stays broad.

    One amplitude is fitted, not one an effect: these cannot be told apart by a few standards, and
    fitting them by evidence reads differences between populations as gain.

    References
    ----------
    .. [1] Kalivas, J. H., Siano, G. G., Andries, E., & Goicoechea, H. C. (2009). Calibration
       maintenance and transfer using Tikhonov regularization approaches. Applied Spectroscopy,
       63(7), 800-809. https://doi.org/10.1366/000370209788701206

    Examples
    --------
    A calibration that expects any instrument, with no spectrum of it:

    >>> import numpy as np
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.foundation import InstrumentPrior
    >>> from spectralfm.transfer import DifferencePenalizedRidge
    >>> pair = make_instrument_pair(random_state=0)
    >>> X, X_target = pair.spectra["source"], pair.spectra["target"]
    >>> prior = InstrumentPrior(kind="physics", wavelengths=pair.wavelengths, random_state=0)
    >>> prior.sample(X, n=3).shape
    (3, 80, 200)
    >>> plain = DifferencePenalizedRidge().fit(X, pair.y)
    >>> expecting = DifferencePenalizedRidge(prior=prior.covariance(X)).fit(X, pair.y)
    >>> bool(expecting.score(X_target, pair.y) > plain.score(X_target, pair.y))
    True
    """

    _parameter_constraints: dict = {
        **EncoderMixin._encoder_constraints,
        "kind": [StrOptions({"learned", "simulator", "physics"})],
        "effects": ["array-like", None],
        "latents": [StrOptions({"simulated", "normal"})],
    }

    def __init__(
        self,
        kind: str = "simulator",
        *,
        checkpoint: str | Path | Any | None = None,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        effects: Sequence[str] | None = None,
        latents: str = "simulated",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
    ) -> None:
        self.kind = kind
        self.checkpoint = checkpoint
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
        self.effects = effects
        self.latents = latents
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    def sample(self, X: ArrayLike, n: int = 1) -> Array:
        """Record spectra with virtual instruments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra of one instrument.
        n : int, default=1
            Number of virtual instruments, at least 1.

        Returns
        -------
        ndarray of shape (n, n_samples, n_channels)
            What each of them records of each sample.

        Raises
        ------
        ValueError
            If the spectra are not valid, the axis does not fit, or the operator is untrained.
        """
        spectra = self._check(X)
        _at_least_one("n", n)
        axis = self._axis(X, spectra)
        rng = check_random_state(self.random_state)
        differences = self._differences(spectra, axis, n, rng, noise=True)
        return spectra + self._amplitude * differences

    def covariance(self, X: ArrayLike, *, n_instruments: int = 100, rank: int = 100) -> Array:
        r"""Return a factor of the covariance of differences, about zero.

        .. math:: F^T F \approx \frac{a^2}{I n} \sum_{ij} d_i(x_j)\, d_i(x_j)^T

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra of one instrument, of which at most 32 at random are used.
        n_instruments : int, default=100
            Number I of virtual instruments, at least 1. "physics" averages over all instruments in
            closed form, and does not need it.
        rank : int, default=100
            Number of directions, at least 1. Calibrations look at small differences, too: with 30
            directions some were half as wrong again on the target.

        Returns
        -------
        ndarray of shape (at most rank, n_channels)
            F: orthogonal rows, the largest first.

        Raises
        ------
        ValueError
            As `sample`.
        """
        spectra = self._check(X)
        _at_least_one("n_instruments", n_instruments)
        _at_least_one("rank", rank)
        axis = self._axis(X, spectra)
        rng = check_random_state(self.random_state)
        rows = _some_rows(spectra, rng)
        if self.kind == "physics":
            found = first_order_effects(rows, axis, self._kind_of(axis), self.effects)
            n = len(rows)
        else:
            found = self._differences(rows, axis, n_instruments, rng)
            n = n_instruments * len(rows)
        differences = found.reshape(-1, found.shape[-1])
        return self._amplitude * low_rank_factor(differences, rank) / np.sqrt(n)

    def fit_amplitude(
        self,
        X: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | None = None,
    ) -> Self:
        """Scale the prior to what was measured on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra of the source instrument.
        standards : Standards, optional
            Samples measured on both instruments, on the axis of ``X``. One is enough.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            Unlabelled spectra of the target, at least 2, used where there are no standards; ``X``
            must then hold at least 12.

        Returns
        -------
        self : object
            With ``amplitude_``.

        Raises
        ------
        ValueError
            If neither is given, the spectra do not fit, or the two instruments do not differ.

        Notes
        -----
        The amplitude is the median, over the ten main directions of the virtual differences, of the
        ratio between what is observed and what half of all virtual instruments exceed. On virtual
        instruments of known amplitude it is right within a factor of two in nine of ten cases, with
        one standard as with ten: what limits it is that they are of one instrument.

        Without standards only the part of the means that the mean and the main components of ``X``
        do not span is compared. It fails where the target's samples hold constituents that the
        source's do not: a new band of 0.05 absorbance units counts as an amplitude of about 1. On
        corn it agrees with standards within a factor of 2, on tablets, soil and drugs it is up to
        20 times off, either way.
        """
        forget(self)
        spectra = self._check(X)
        axis = self._axis(X, spectra)
        rng = check_random_state(self.random_state)
        n_channels = spectra.shape[1]
        if standards is not None:
            check_same_channels(standards.source.shape[1], n_channels, name="standards", of="X")
            check_same_channels(standards.target.shape[1], n_channels, name="standards", of="X")
            differences = standards.target - standards.source
            virtual = self._differences(standards.source, axis, INSTRUMENTS, rng)
            ratios = paired_ratios(differences, virtual)
        elif X_target is not None:
            target = (
                X_target.target
                if isinstance(X_target, Unpaired)
                else check_matrix(X_target, name="X_target")
            )
            check_same_channels(target.shape[1], n_channels, name="X_target", of="X")
            remedy = "Pass more spectra, or standards."
            check_enough(len(spectra), FEWEST, what="source spectra", remedy=remedy)
            check_enough(len(target), 2, what="spectra of the target", remedy=remedy)
            virtual = self._differences(_some_rows(spectra, rng), axis, INSTRUMENTS, rng)
            ratios = unpaired_ratios(spectra, target, virtual)
        else:
            raise ValueError("Give standards or X_target: without either the amplitude stays 1.")
        amplitude = float(np.median(ratios))
        if not (np.isfinite(amplitude) and amplitude > 0):
            raise ValueError(
                "The spectra of the two instruments do not differ where this prior expects it: "
                "there is nothing to scale. Check that they are of two instruments."
            )
        self.amplitude_, self.amplitude_ratios_ = amplitude, ratios
        return self

    @property
    def _amplitude(self) -> float:
        return getattr(self, "amplitude_", 1.0)

    def _check(self, X: ArrayLike) -> Array:
        self._validate_params()
        return check_matrix(X, name="X")

    def _axis(self, X: ArrayLike, spectra: Array) -> Array:
        """Return the wavenumbers of the channels."""
        axis, known = resolve_axis(
            getattr(X, "columns", None),
            spectra.shape[1],
            wavelengths=self.wavelengths,
            wavenumbers=self.wavenumbers,
        )
        if known:
            check_modality(axis, self.modality)
        return axis

    def _kind_of(self, axis: Array) -> str:
        """Return the modality in the simulator's words."""
        modality = guess_modality(axis) if self.modality == "auto" else self.modality
        return MODALITIES[modality]

    def _differences(
        self, X: Array, axis: Array, n: int, rng: np.random.RandomState, *, noise: bool = False
    ) -> Array:
        """Return what n instruments add to spectra, (n, n_samples, n_channels)."""
        modality, effects = self._kind_of(axis), self.effects
        if self.kind == "physics":
            terms = first_order_effects(X, axis, modality, effects)  # (E, n_samples, n_channels)
            return np.tensordot(rng.standard_normal((n, len(terms))), terms, axes=1)
        seed = seed_of(rng)
        if self.kind == "simulator":
            return simulated_differences(
                X, axis, n, seed, modality=modality, effects=effects, noise=noise
            )
        encoder = self._trained_encoder(X, axis)
        if self.latents == "normal":
            z = rng.standard_normal((n, encoder.encoder_.bottleneck.inst.out_features // 2))
        else:
            z = simulated_latents(X, encoder, n, seed, modality=modality, effects=effects)
        return learned_differences(X, encoder, z)

    def _trained_encoder(self, X: Array, axis: Array) -> SpectralFMEncoder:
        """Return the encoder of the checkpoint, fitted to the axis."""
        encoder = SpectralFMEncoder(
            self.checkpoint,
            wavenumbers=axis,
            modality=self.modality,
            random_state=0,
            device=self.device,
            n_threads=self.n_threads,
        ).fit(X)
        if not encoder.encoder_.operator.amplitude.weight.any():
            raise ValueError(
                'kind="learned" needs a trained encoder: the operator of '
                f"checkpoint={self.checkpoint!r} was not trained and writes every spectrum as it "
                'is. Pass trained weights, or choose kind="simulator" or "physics".'
            )
        return encoder


def _some_rows(X: Array, rng: np.random.RandomState) -> Array:
    """Return at most 32 spectra."""
    return X if len(X) <= ROWS else X[rng.permutation(len(X))[:ROWS]]


def _at_least_one(name: str, value: int) -> None:
    """Raise unless an argument is a whole number of at least 1."""
    if not Interval(Integral, 1, None, closed="left").is_satisfied_by(value):
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
