"""Says of each spectrum whether the calibration applies to it, and if not, why."""

import warnings
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    check_enough,
    check_reference_values,
    check_same_channels,
    check_spectra,
    forget,
)
from ..axis import guess_modality
from ..transfer import Standards
from ..transfer._source_model import predict_columns
from ._effect_amplitudes import EffectAmplitudes
from ._exchangeable import conformal_pvalues, group_pvalue
from ._groups import common_excess, kind_of_group
from ._kinds import KindOfStrangeness
from ._latent_distances import LatentDistances
from ._latent_space import LatentSpace
from ._report import IN_DOMAIN, OTHER_CHEMISTRY, OTHER_INSTRUMENT, ApplicabilityReport
from ._source_model import source_model

Array = NDArray[np.float64]

FEWEST = 4
"""Spectra for a latent space and a held-out part."""


class InstrumentGuard(BaseEstimator):
    r"""Flag spectra to which a calibration does not apply, at a known rate of false alarms.

    .. math:: s(x) = \frac{T^2(x)}{L_{T^2}} + \frac{Q(x)}{L_Q}
                     + \frac{d^2_{inst}(x)}{L_{inst}} + \frac{d^2_{chem}(x)}{L_{chem}}, \qquad
              p(x) = \frac{1 + \#\{i : s(x_i) \ge s(x)\}}{n + 1}

    the combined index of T2 and Q in the latent space of the source model [1]_, with the distances
    of the encoder's latents where there is one, compared with n calibration spectra that were held
    out [2]_. A spectrum with :math:`p \le \alpha` is flagged; which flag it gets is a guess,
    learned from simulated instruments and simulated chemistry.

    Parameters
    ----------
    estimator : estimator, default=None
        The source model: PLS, PCA, a pipeline that ends with one, or `PLSRegressionCV` lend their
        latent space. It is fitted anew without the held-out spectra, for which ``fit`` needs ``y``;
        within `FrozenEstimator` it is taken as it is, and ``fit`` needs spectra that it has not
        seen. Any other regressor only serves `DriftMonitor`; for it, and for None, the latent space
        is up to ten principal components of standard normal variates.
    alpha : float, default=0.05
        Probability of a false alarm for a spectrum, between 0 and 1. Below
        1 / (held-out spectra + 1) nothing can be flagged.
    held_out : float, default=0.5
        Share of the spectra that p-values compare with, between 0 and 1.
    checkpoint : str, Path, fitted SpectralFMPretrainer or None, default=None
        Encoder for z_inst and z_chem, such as "small"; None leaves them out.
    wavelengths : array-like of shape (n_channels,), default=None
        Where the spectra are recorded, nm.
    wavenumbers : array-like of shape (n_channels,), default=None
        The same in cm-1. When neither is given, float-like column names of a DataFrame are read as
        nm; without those, 1000 to 2500 nm is assumed with a warning.
    modality : {"auto", "NIR", "MIR", "Raman", "unknown"}, default="auto"
        Kind of the spectra, as in `SpectralFMEncoder`.
    random_state : int, RandomState instance or None, default=None
        Draws the held-out spectra and the simulated alternatives.

    Attributes
    ----------
    model_ : estimator or None
        The source model, fitted without the held-out spectra, or frozen.
    latent_ : LatentSpace
        T2 and Q.
    encoder_distances_ : LatentDistances or None
        Distances of the encoder's latents.
    kinds_ : KindOfStrangeness
        Tells another instrument from another chemistry.
    effects_ : EffectAmplitudes or None
        Amplitudes of instrument effects, for `DriftMonitor`; None below three channels.
    held_out_ : ndarray of shape (n_held_out,)
        Rows that were held out.
    scores_ : ndarray of shape (n_held_out,)
        Their scores s.
    amplitudes_ : ndarray of shape (n_held_out, n_effects)
        Their amplitudes of the instrument effects.
    residuals_ : ndarray of shape (n_held_out, n_targets) or None
        Reference values minus predictions of held-out spectra, if both are known.
    n_features_in_ : int
        Number of channels.

    Raises
    ------
    ValueError
        From ``fit``, if there are fewer than four spectra, reference values are missing, or a
        frozen PLS was fitted to these very spectra.

    See Also
    --------
    DriftMonitor : The same statistics over a stream of spectra.
    advise_standards : How many standards to measure when the instrument is another.

    Notes
    -----
    The rate of false alarms holds on average over calibration sets, for spectra exchangeable with
    them, whatever their distribution; that of one set of n held-out spectra is distributed as
    Beta(k, n + 1 - k), :math:`k = \lfloor \alpha (n + 1) \rfloor`. Which of the two flags a strange
    spectrum gets has no such guarantee, see ``docs/applicability.md``; with ``standards`` from an
    instrument, spectra of that one are recognised. Fields of a spectrum that the latent space
    absorbs (in T2) are seen only where they are large.

    References
    ----------
    .. [1] Yue, H. H., & Qin, S. J. (2001). Reconstruction-based fault identification using a
       combined index. Industrial & Engineering Chemistry Research, 40(20), 4403-4414.
       https://doi.org/10.1021/ie000141+
    .. [2] Bates, S., Candes, E., Lei, L., Romano, Y., & Sesia, M. (2023). Testing for outliers with
       conformal p-values. Annals of Statistics, 51(1), 149-178. https://doi.org/10.1214/22-AOS2244

    Examples
    --------
    >>> from spectralfm.applicability import InstrumentGuard
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import Standards
    >>> pair = make_instrument_pair(random_state=0)
    >>> X, X_target = pair.spectra["source"], pair.spectra["target"]
    >>> guard = InstrumentGuard(wavelengths=pair.wavelengths, random_state=0)
    >>> guard = guard.fit(X[:60], standards=Standards(X[:8], X_target[:8]))
    >>> guard.predict(X[60:64]), guard.predict(X_target[60:64])
    (array([1, 1, 1, 1]), array([-1, -1, -1, -1]))
    >>> bool((guard.pvalues(X_target[60:]) <= 0.05).all())
    True
    """

    _parameter_constraints: dict = {
        "estimator": [None, HasMethods(["fit"])],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "held_out": [Interval(Real, 0, 1, closed="neither")],
        "checkpoint": [str, Path, HasMethods(["fit"]), None],
        "wavelengths": ["array-like", None],
        "wavenumbers": ["array-like", None],
        "modality": [StrOptions({"auto", "NIR", "MIR", "Raman", "unknown"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        alpha: float = 0.05,
        held_out: float = 0.5,
        checkpoint: str | Path | Any | None = None,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        modality: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.alpha = alpha
        self.held_out = held_out
        self.checkpoint = checkpoint
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.modality = modality
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, standards: Standards | None = None
    ) -> Self:
        """Learn what is in domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Calibration spectra of the source, at least four; for a `FrozenEstimator` others.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Reference values, for an estimator that needs them.
        standards : Standards, optional
            Samples measured on another instrument as well: spectra of that one are recognised.

        Returns
        -------
        self : InstrumentGuard
            The fitted guard.

        Raises
        ------
        ValueError
            If spectra or values are not finite or too few, or were used by a frozen model.
        """
        from ..foundation._simulated_views import MODALITIES
        from ..foundation._spectral_axis import resolve_axis

        forget(self)
        self._validate_params()
        spectra = check_spectra(self, X, reset=True)
        check_enough(len(spectra), FEWEST, what="spectra", remedy="Measure more on the source.")
        if standards is not None:
            for name, part in (("source", standards.source), ("target", standards.target)):
                n_channels = spectra.shape[1]
                check_same_channels(part.shape[1], n_channels, name=f"standards.{name}", of="X")
        axis, known = resolve_axis(
            getattr(X, "columns", None),
            spectra.shape[1],
            wavelengths=self.wavelengths,
            wavenumbers=self.wavenumbers,
        )
        modality = self.modality
        if modality == "auto":
            modality = guess_modality(axis) if known else "NIR"
        rng = check_random_state(self.random_state)
        rows, seed = rng.permutation(len(spectra)), int(rng.randint(2**31 - 1))
        n_held_out = int(np.clip(np.ceil(self.held_out * len(rows)), 1, len(rows) - 3))
        held_out, rest = np.sort(rows[:n_held_out]), np.sort(rows[n_held_out:])
        if self.alpha * (n_held_out + 1) < 1 - 1e-9:
            warnings.warn(
                f"{n_held_out} held-out spectra cannot flag anything at alpha={self.alpha:g}: fit "
                f"on more, or raise alpha to {1 / (n_held_out + 1):.2g}."
            )
        values = None
        if self.estimator is not None and y is not None:
            given = check_reference_values(y, spectra)
            values = given.reshape(len(given), -1)
        model = source_model(self.estimator, spectra, values, rest)
        part = spectra[rest]
        latent = LatentSpace(part, model, None if values is None else values[rest])
        few = spectra.shape[1] < 3
        effects = None if few else EffectAmplitudes(part, axis, MODALITIES[modality])
        distances = None
        if self.checkpoint is not None:
            distances = LatentDistances(part, axis, self.checkpoint, modality)
        kinds = KindOfStrangeness(part, latent, axis, MODALITIES[modality], standards, seed)
        self.model_, self.latent_, self.effects_, self.kinds_ = model, latent, effects, kinds
        self.encoder_distances_, self.held_out_ = distances, held_out
        self.scores_ = -self._score(spectra[held_out])
        self.amplitudes_ = self._amplitudes(spectra[held_out])
        self.residuals_ = None
        if values is not None and hasattr(model, "predict"):
            self.residuals_ = values[held_out] - predict_columns(model, spectra[held_out])
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Flag spectra.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the axis of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            1 in domain, -1 other instrument, -2 other chemistry: `FLAGS` has the words.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        pvalues = conformal_pvalues(self.scores_, -self._score(spectra))
        return self._flags(pvalues, self.kinds_.chemistry(spectra))

    def score_samples(self, X: ArrayLike) -> Array:
        """Return how ordinary spectra are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the axis of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            -s: the lower, the stranger, as scikit-learn's outlier detectors have it.
        """
        check_is_fitted(self)
        return self._score(check_spectra(self, X))

    def pvalues(self, X: ArrayLike) -> Array:
        """Return the conformal p-value of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the axis of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            At most a with probability at most a, for spectra like those of ``fit``.
        """
        return conformal_pvalues(self._fitted_scores(), -self.score_samples(X))

    def report(self, X: ArrayLike) -> ApplicabilityReport:
        """Return statistics and flags of spectra, each and as a group.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the axis of ``fit``; as a group, of one instrument and product.

        Returns
        -------
        ApplicabilityReport
            A strange group is another chemistry if Q exceeds ten times its limit once its mean is
            moved to that of the calibration. Else, and of fewer than five spectra, it is what its
            spectra look like; but within three times it is another instrument, unless they
            look like another chemistry with a probability of 0.9 (median).
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        t2, q, inst, chem = self._statistics(spectra)
        scores = -self._score(spectra)
        pvalues = conformal_pvalues(self.scores_, scores)
        chemistry = self.kinds_.chemistry(spectra)
        names = ("t2", "q", "z_inst", "z_chem", "score", "p", "chemistry")
        found = np.empty(len(spectra), dtype=[*((name, float) for name in names), ("flag", int)])
        for name, column in zip(
            names, (t2, q, inst, chem, scores, pvalues, chemistry), strict=True
        ):
            found[name] = column
        found["flag"] = self._flags(pvalues, chemistry)
        group_p = group_pvalue(self.scores_, scores)
        excess = common_excess(self.latent_, self.kinds_, spectra)
        group_flag = IN_DOMAIN
        if group_p <= self.alpha:
            group_flag = kind_of_group(excess, chemistry)
        return ApplicabilityReport(found, self.alpha, group_p, excess, group_flag)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "scores_")

    def _fitted_scores(self) -> Array:
        check_is_fitted(self)
        return self.scores_

    def _statistics(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """Return T2, Q and distances of both latents, over their limits."""
        unknown = np.full(len(X), np.nan)
        both = (unknown, unknown)
        if self.encoder_distances_ is not None:
            both = self.encoder_distances_.distances(X)
        return *self.latent_.distances(X), *both

    def _score(self, X: Array) -> Array:
        return -np.nansum(self._statistics(X), axis=0)

    def _amplitudes(self, X: Array) -> Array:
        return np.empty((len(X), 0)) if self.effects_ is None else self.effects_.amplitudes(X)

    def _flags(self, pvalues: Array, chemistry: Array) -> NDArray[np.intp]:
        kind = np.where(chemistry > 0.5, OTHER_CHEMISTRY, OTHER_INSTRUMENT)
        # A p-value is a fraction of whole numbers: rounding must not decide.
        return np.where(pvalues <= self.alpha + 1e-12, kind, IN_DOMAIN)
