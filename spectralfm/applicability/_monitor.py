"""Watches a stream of spectra for drift of the instrument."""

import warnings
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._validation import check_reference_values, check_spectra, forget
from ..transfer import Standards
from ..transfer._source_model import check_properties, predict_columns
from ._betting import BettingMartingale
from ._cusum import Cusum, threshold_of
from ._effect_amplitudes import EFFECTS
from ._exchangeable import GrowingReference
from ._guard import InstrumentGuard

Array = NDArray[np.float64]


class DriftState(NamedTuple):
    """Where a monitor stands.

    Parameters
    ----------
    n_spectra : int
        Spectra since ``fit`` or ``reset``.
    statistic : float
        The largest of its charts over its threshold: an alarm is raised at 1. For the martingale
        it is the logarithm of the capital over that of the threshold.
    alarm : bool
        Whether there was an alarm since ``fit`` or ``reset``.
    alarm_at : int or None
        Number of the spectrum that raised it, from 0.
    cause : str or None
        Which statistic did: "strangeness", an instrument effect such as "shift", or "residual 0"
        of the first property. A drift raises several; this is the first.

    Examples
    --------
    >>> from spectralfm.applicability import DriftState
    >>> state = DriftState(120, 1.3, True, 97, "shift")
    >>> f"{state.cause} after {state.alarm_at + 1} of {state.n_spectra} spectra"
    'shift after 98 of 120 spectra'
    """

    n_spectra: int
    statistic: float
    alarm: bool
    alarm_at: int | None
    cause: str | None


class DriftMonitor(BaseEstimator):
    r"""Raise an alarm when spectra of a stream cease to be like those of the calibration.

    .. math:: M_{k,t} = \prod_{i \le t} f_{k,i}(p_{k,i}), \qquad
              \text{alarm when } \max_k M_{k,t} \ge K / \alpha

    over K statistics: the guard's score, the amplitudes of the instrument effects (shift,
    broadening, gain and offset with their tilts) and, where reference values arrive, the residuals
    of the source model. Each spectrum's conformal p-value compares with the held-out calibration
    spectra and all before it in the stream.

    Parameters
    ----------
    guard : InstrumentGuard, default=None
        Makes the statistics; fitted in ``fit``, unless within `FrozenEstimator`. None is one with
        default settings.
    method : {"martingale", "cusum"}, default="martingale"
        "martingale" bets on p-values [1]_ and raises a false alarm *ever* with probability at most
        ``alpha``, however long the stream. "cusum" sums normal scores [2]_ and raises one every
        ``arl0`` spectra: it finds small changes sooner and its alarms go on.
    alpha : float, default=0.01
        For "martingale": probability of a false alarm ever, between 0 and 1.
    arl0 : float, default=2000
        For "cusum": spectra in control before a false alarm, on average, at least 10.
    random_state : int, RandomState instance or None, default=None
        Breaks ties of p-values.

    Attributes
    ----------
    guard_ : InstrumentGuard
        The fitted guard.
    statistics_ : tuple of str
        Names of the statistics.
    thresholds_ : float
        Of each chart: of the logarithm of the capital, or of the sums.
    state_ : DriftState
        Where it stands.
    pvalues_ : list of ndarray of shape (n_statistics,)
        Of every spectrum since ``fit`` or ``reset``; NaN for residuals that were not known.
    trace_ : list of float
        ``state_.statistic`` after every spectrum.
    n_features_in_ : int
        Number of channels.

    Raises
    ------
    ValueError
        As `InstrumentGuard`.

    See Also
    --------
    InstrumentGuard : Each spectrum by itself.

    Notes
    -----
    Both promises hold for spectra exchangeable with the held-out ones, whatever their distribution
    and however few: p-values are then independent and uniform [1]_, and the normal scores normal.
    Streams drift in composition as well, which is a true alarm of an uninteresting kind: ``cause``
    says what moved. K charts share the error of one. Those of residuals count from the start, if
    ``fit`` was given reference values that the guard could use.

    What has drifted slowly enough becomes what later spectra are compared with: the smaller the
    drift per spectrum over the number of those held out, the later the alarm, up to never. Spectra
    that were flagged one by one still enter.

    References
    ----------
    .. [1] Vovk, V., Nouretdinov, I., & Gammerman, A. (2003). Testing exchangeability on-line.
       Proceedings of the 20th International Conference on Machine Learning, 768-775.
    .. [2] Hawkins, D. M. (1987). Self-starting cusum charts for location and scale. The
       Statistician, 36(4), 299-316. https://doi.org/10.2307/2348827

    Examples
    --------
    >>> from spectralfm.applicability import DriftMonitor, InstrumentGuard
    >>> from spectralfm.datasets import make_instrument_pair
    >>> pair = make_instrument_pair(n_samples=100, random_state=0)
    >>> X = pair.spectra["source"]
    >>> guard = InstrumentGuard(wavelengths=pair.wavelengths, random_state=0)
    >>> monitor = DriftMonitor(guard, random_state=0).fit(X[:60])
    >>> monitor.update(X[60:80]).alarm
    False
    >>> state = monitor.update(X[80:] + 0.02)
    >>> state.alarm, state.cause
    (True, 'offset')
    """

    _parameter_constraints: dict = {
        "guard": [None, HasMethods(["fit"])],
        "method": [StrOptions({"martingale", "cusum"})],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "arl0": [Interval(Real, 10, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        guard: Any = None,
        *,
        method: str = "martingale",
        alpha: float = 0.01,
        arl0: float = 2000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.guard = guard
        self.method = method
        self.alpha = alpha
        self.arl0 = arl0
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, standards: Standards | None = None
    ) -> Self:
        """Learn what is in control.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra in control, such as those of the calibration; with a frozen guard only their
            number of channels counts.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Reference values, for the guard's estimator and for charts of residuals.
        standards : Standards, optional
            As in `InstrumentGuard.fit`.

        Returns
        -------
        self : DriftMonitor
            The monitor, at the start of the stream.
        """
        forget(self)
        self._validate_params()
        check_spectra(self, X, reset=True)
        if isinstance(self.guard, FrozenEstimator):
            guard = self.guard.estimator
            check_is_fitted(guard)
            check_spectra(guard, X)
        else:
            guard = InstrumentGuard() if self.guard is None else clone(self.guard)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*cannot flag anything")
                guard.fit(X, y, standards=standards)
        references = [guard.scores_, *guard.amplitudes_.T]
        names = ["strangeness", *EFFECTS[: guard.amplitudes_.shape[1]]]
        self._n_targets = 0
        if guard.residuals_ is not None:
            self._n_targets = guard.residuals_.shape[1]
            references += list(guard.residuals_.T)
            names += [f"residual {j}" for j in range(self._n_targets)]
        self._references, self.statistics_ = references, tuple(names)
        if self.method == "martingale":
            self.thresholds_ = float(np.log(len(names) / self.alpha))
        else:
            self.thresholds_ = threshold_of(2 * len(names) * self.arl0)
        self._random = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        self.guard_ = guard
        return self.reset()

    def reset(self) -> Self:
        """Start anew, as after the instrument was serviced, with the spectra of ``fit`` alone.

        Returns
        -------
        self : DriftMonitor
            The monitor without alarm.
        """
        check_is_fitted(self)
        chart = BettingMartingale if self.method == "martingale" else Cusum
        self._charts = [chart() for _ in self.statistics_]
        self._growing = [GrowingReference(values) for values in self._references]
        self.state_ = DriftState(0, 0.0, False, None, None)
        self.pvalues_: list[Array] = []
        self.trace_: list[float] = []
        return self

    def update(self, X: ArrayLike, y: ArrayLike | None = None) -> DriftState:
        """Take the next spectra of the stream, in the order of their recording.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Their reference values, if known.

        Returns
        -------
        DriftState
            Where the monitor stands after them. An alarm lasts until ``reset``.

        Raises
        ------
        ValueError
            If spectra or values are not valid, or values come that ``fit`` had none of.
        """
        check_is_fitted(self)
        spectra = check_spectra(self, X)
        values = np.column_stack(
            [-self.guard_.score_samples(X), self.guard_._amplitudes(spectra)]
        )  # (n_samples, n_statistics)
        residuals = np.full((len(spectra), self._n_targets), np.nan)
        if y is not None:
            residuals = self._residuals(spectra, y)
        for row in np.column_stack([values, residuals]):
            self._take(row)
        return self.state_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "guard_")

    def _residuals(self, X: Array, y: ArrayLike) -> Array:
        reference = check_reference_values(y, X)
        if not self._n_targets:
            raise ValueError(
                "Reference values cannot be used: fit had none, or the guard no model. Fit with y "
                "and DriftMonitor(InstrumentGuard(model))."
            )
        columns = reference.reshape(len(reference), -1)
        predicted = predict_columns(self.guard_.model_, X)
        check_properties(columns, predicted)
        return columns - predicted

    def _take(self, row: Array) -> None:
        """Bet on one spectrum, or add it to the sums."""
        draws = 1.0 - self._random.random(len(row))  # in (0, 1]
        pvalues = np.full(len(row), np.nan)
        for k in np.flatnonzero(np.isfinite(row)):
            pvalues[k] = self._growing[k].pvalue(float(row[k]), float(draws[k]))
            chart = self._charts[k]
            if isinstance(chart, BettingMartingale):
                chart.bet(pvalues[k])
            else:
                chart.add(pvalues[k])
        heights = [
            one.log_value if isinstance(one, BettingMartingale) else one.sums.max()
            for one in self._charts
        ]
        highest = int(np.argmax(heights))
        height = float(heights[highest]) / self.thresholds_
        n, _, alarm, at, cause = self.state_
        if height >= 1 and not alarm:
            alarm, at, cause = True, n, self.statistics_[highest]
        self.state_ = DriftState(n + 1, height, alarm, at, cause)
        self.pvalues_.append(pvalues)
        self.trace_.append(height)
