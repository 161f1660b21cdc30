"""How an instrument that nobody has measured may differ from the one at hand."""

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from ._first_order import first_order_effects
from ._low_rank import low_rank_factor
from ._prior_amplitude_fit import AmplitudeMixin
from ._prior_differences import Array, some_rows
from ._torch_estimator import EncoderMixin


class InstrumentPrior(AmplitudeMixin):
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
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default="small"
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
        checkpoint: str | Path | Any | None = "small",
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
        spectra = self._check_spectra(X)
        _at_least_one("n", n)
        axis = self._check_axis(X, spectra)
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
        spectra = self._check_spectra(X)
        _at_least_one("n_instruments", n_instruments)
        _at_least_one("rank", rank)
        axis = self._check_axis(X, spectra)
        rng = check_random_state(self.random_state)
        rows = some_rows(spectra, rng)
        if self.kind == "physics":
            found = first_order_effects(rows, axis, self._kind_of(axis), self.effects)
            n = len(rows)
        else:
            found = self._differences(rows, axis, n_instruments, rng)
            n = n_instruments * len(rows)
        differences = found.reshape(-1, found.shape[-1])
        return self._amplitude * low_rank_factor(differences, rank) / np.sqrt(n)


def _at_least_one(name: str, value: int) -> None:
    """Raise unless an argument is a whole number of at least 1."""
    if not Interval(Integral, 1, None, closed="left").is_satisfied_by(value):
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
