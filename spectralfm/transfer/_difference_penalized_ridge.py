"""Ridge regression that ignores what the instruments differ by: the noise-aware ridge."""

import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from .._validation import check_matrix, check_same_channels
from ._averaging import AveragingRegressor, Candidates, View, not_negative
from ._left_out_standards import left_out_together, residuals_without
from ._pairs import Pairs
from ._preprocessing import averaged_preprocessing, fitted_views, preprocess
from ._ridge_system import WeightedRidgeSystem

Array = NDArray[np.float64]

# Weight of the rows of standards that a setting leaves out of the fit: they must stay in the
# equations for their leave-one-out prediction, and weigh nothing.
NEGLIGIBLE = 1e-8


class DifferencePenalizedRidge(AveragingRegressor):
    r"""Ridge regression with a penalty on paired differences and a noise floor, averaged.

    .. math::
        \min_{b, c, \delta} \lVert y - X b - c \rVert^2
        + \beta \lVert y_t - X_t b - c + \delta \rVert^2
        + \frac{\alpha N}{\nu + n - 1} \lVert D b - \delta \rVert^2
        + N \lVert L b \rVert^2 + \gamma N \sigma^2 \lVert b \rVert^2

    over the N calibration spectra ``X``, the n standards ``X_t`` on the target and their
    differences ``D`` from the source; :math:`\delta` is the shift in prediction between the
    instruments and ``L`` an optional prior of how instruments differ. :math:`\sigma^2` is the
    variance, per channel, of the paired differences outside the main components of ``X``: the
    noise of the target. All combinations of :math:`\alpha, \beta, \gamma` and preprocessing are
    fitted and averaged with weights that fall with their error.

    Parameters
    ----------
    difference_penalties : sequence of float, default=(0.1, 1, 10, 100)
        :math:`\alpha \ge 0`, without unit, one or more.
    standards_weights : sequence of float, default=(0, 1)
        :math:`\beta \ge 0`, one or more: how many calibration samples a labelled standard counts
        for. Large values make a calibration of the target alone, with the source as a prior.
    noise_floors : sequence of float, default=(1, 4, 16, 64, 256)
        :math:`\gamma > 0`, without unit, one or more.
    preprocessing : list of transformers, default=None
        Views of the spectra to average over, fitted on the source. None means none, first
        derivative, first derivative of SNV, and second derivative.
    prior : array-like of shape (n_directions, n_channels), default=None
        Rows ``L``: spectra differences between instruments to be expected, absorbance units, such
        that ``L.T @ L`` is their covariance.
    prior_dof : float, default=3
        :math:`\nu \ge 0`, number of imagined standards by which the penalty is damped.
    n_components : int, default=20
        Components of ``X`` outside which the differences count as noise, at least 0; at most a
        third of the calibration spectra are used.
    weigh_by : {"both", "standards"}, default="both"
        Whether the error on the source counts in the weights beside the error on the standards.

    Attributes
    ----------
    terms_ : list of Term
        Averaged regression vectors, one term a preprocessing.
    settings_ : list of dict
        The settings averaged over.
    weights_ : ndarray of shape (n_settings, n_targets)
        Weight of each setting, columns summing to 1.
    standards_prediction_ : ndarray of shape (n_standards, n_targets)
        Average prediction of each standard by models fitted without it.
    standards_y_ : ndarray of shape (n_standards, n_targets)
        Values they are compared with.
    source_error_ : ndarray of shape (n_targets,)
        Weighted mean of the settings' cross-validated RMSE on the source.

    See Also
    --------
    GeneralizedLeastSquaresWeighting : The same idea as a preprocessing.
    AveragedPLS : Averages over LVs instead of penalties.

    Notes
    -----
    Standards that are rows of ``X``, or have known values in ``standards.y``, are calibration
    samples and count as labelled; the error of the others is their distance from what a ridge
    calibration reads in their source spectra.

    Predictions of left-out samples come in closed form: leaving a standard out leaves out its
    difference, its target spectrum and, if it is a calibration sample, its source spectrum, and
    those of its replicates. Noise variance and damping are those of all standards. Without its
    only standard the model has no shift.

    With unlabelled target spectra only, their variance outside the main components sets the noise
    floor. Their mean differs from that of ``X`` by instrument and by composition: half of the
    settings remove the difference as a shift, the others penalize it as a row of ``L``. With
    standards the unlabelled spectra are not used: the mean of paired differences is free of the
    difference in composition between the two sets. With one standard, or neither, the noise floor
    is that of ``X``; on an instrument of which nothing is known only what is large in the spectra
    can be trusted: see `TransferEnsemble`.

    Rows without weight (:math:`\beta = 0`, values unknown) keep a weight of 1e-8, which leaves
    :math:`\delta` determined where :math:`\alpha = \beta = 0`.

    It fails where a real map between the instruments is needed (different optics): it can only
    avoid what differs, not translate it.

    References
    ----------
    .. [1] Kalivas, J. H., Siano, G. G., Andries, E., & Goicoechea, H. C. (2009). Calibration
       maintenance and transfer using Tikhonov regularization approaches. Applied Spectroscopy,
       63(7), 800-809. https://doi.org/10.1366/000370209788701206

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import DifferencePenalizedRidge, Standards
    >>> rng = np.random.default_rng(0)
    >>> pure = np.exp(-0.5 * ((np.arange(100) - np.array([[30], [60]])) / 9) ** 2)
    >>> y = rng.random((40, 2))
    >>> X = y @ pure
    >>> X_target = X + 0.05 * (1 + y[:, 1:]) * np.linspace(0, 1, 100)
    >>> model = DifferencePenalizedRidge()
    >>> model = model.fit(X[:30], y[:30, 0], standards=Standards(X[:5], X_target[:5]))
    >>> bool(model.score(X_target[30:], y[30:, 0]) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        "difference_penalties": ["array-like"],
        "standards_weights": ["array-like"],
        "noise_floors": ["array-like"],
        "preprocessing": [list, tuple, None],
        "prior": ["array-like", None],
        "prior_dof": [Interval(Real, 0, None, closed="left")],
        "n_components": [Interval(Integral, 0, None, closed="left")],
        "weigh_by": [StrOptions({"both", "standards"})],
    }

    def __init__(
        self,
        *,
        difference_penalties: Sequence[float] = (0.1, 1.0, 10.0, 100.0),
        standards_weights: Sequence[float] = (0.0, 1.0),
        noise_floors: Sequence[float] = (1.0, 4.0, 16.0, 64.0, 256.0),
        preprocessing: list[Any] | None = None,
        prior: ArrayLike | None = None,
        prior_dof: float = 3.0,
        n_components: int = 20,
        weigh_by: str = "both",
    ) -> None:
        self.difference_penalties = difference_penalties
        self.standards_weights = standards_weights
        self.noise_floors = noise_floors
        self.preprocessing = preprocessing
        self.prior = prior
        self.prior_dof = prior_dof
        self.n_components = n_components
        self.weigh_by = weigh_by

    def _candidates(self, pairs: Pairs, X_target: Array | None) -> Iterable[Candidates]:
        for name in ("difference_penalties", "standards_weights"):
            not_negative(name, getattr(self, name))
        not_negative("noise_floors", self.noise_floors, zero=False)
        prior = np.empty((0, pairs.X.shape[1]))
        if self.prior is not None:
            prior = check_matrix(self.prior, name="prior")
            check_same_channels(prior.shape[1], pairs.X.shape[1], name="prior", of="X")
        for view in fitted_views(self.preprocessing, pairs.X, averaged_preprocessing):
            yield self._ridge_path(view, pairs, X_target, prior)

    def _ridge_path(
        self, preprocessing: Any, pairs: Pairs, X_target: Array | None, prior: Array
    ) -> Candidates:
        """Solve all settings of one preprocessing in the space of the samples."""
        read = partial(preprocess, preprocessing)
        X, y_mean = read(pairs.X), pairs.y.mean(axis=0)
        mean, y = X.mean(axis=0), pairs.y - y_mean
        X = X - mean
        n_samples, n, n_targets = len(X), len(pairs.source), y.shape[1]
        T = read(pairs.target, name="standards.target") - mean if n else X[:0]
        D = T - (read(pairs.source, name="standards.source") - mean) if n else T
        centre = pairs.X.mean(axis=0)
        P = read(centre + prior, name="prior") - read(centre[None]) if len(prior) else X[:0]
        unlabelled = None if X_target is None or n else read(X_target, name="X_target") - mean
        if unlabelled is not None:
            P = np.vstack([P, unlabelled.mean(axis=0)])

        rows = np.vstack([X, D, T, P])
        gram = rows @ rows.T
        # Identical instruments differ by nothing: keep the equations solvable. Nor is there less
        # noise than the rounding errors of the spectra.
        rounding = 10 * np.finfo(np.float64).eps * np.linalg.norm(mean)
        smallest = max(1e-14 * np.trace(gram), rounding**2, np.finfo(np.float64).tiny)
        paired = D if pairs.n_distinct > 1 else X[:0]
        noise = max(self._noise_variance(X, paired, unlabelled), smallest)
        values = np.vstack([y, np.zeros((n, n_targets)), pairs.y_standards - y_mean])
        values = np.vstack([values, np.zeros((len(P), n_targets))])
        # Columns of the two intercepts c and delta.
        c = np.repeat([1.0, 0.0, 1.0, 0.0], [n_samples, n, n, len(P)])
        delta = np.repeat([0.0, -1.0, -1.0, 0.0], [n_samples, n, n, len(P)])
        offsets = np.stack([c, delta], axis=1) if n else c[:, None]
        blocks = left_out_together(pairs, n_samples)

        coef, intercept, held_out, source_error, settings = [], [], [], [], []
        treatments = itertools.product(
            self.difference_penalties if n else (0.0,),
            self.standards_weights if n else (0.0,),
            (None,) if unlabelled is None else ("removed", "penalized"),
        )
        for alpha, beta, mean_difference in treatments:
            expected = np.full(len(P), float(n_samples))
            shift = np.zeros(X.shape[1])
            if mean_difference == "removed":
                expected[-1], shift = NEGLIGIBLE, P[-1]
            labelled = np.where(pairs.measured, max(beta, NEGLIGIBLE), NEGLIGIBLE)
            damping = max(self.prior_dof + n - 1, 1.0)
            difference = np.full(n, max(alpha, NEGLIGIBLE) * n_samples / damping)
            weights = np.sqrt(np.r_[np.ones(n_samples), difference, labelled, expected])
            system = WeightedRidgeSystem(gram, values, offsets, weights)
            for gamma in self.noise_floors:
                ridge = gamma * n_samples * noise
                dual = system.dual(ridge)
                if pairs.n_distinct == 1:
                    left_out = system.left_out(ridge, [])
                    left_out[blocks[0]] = residuals_without(
                        blocks[0], gram, values, c, weights, ridge
                    )
                else:
                    left_out = system.left_out(ridge, blocks)
                vectors = ((rows * weights[:, None]).T @ dual).T
                c_delta = system.intercepts(dual)
                at_zero = y_mean + c_delta[0] - (c_delta[1] if n else 0.0)
                coef.append(vectors)
                intercept.append(at_zero - vectors @ (mean + shift))
                held_out.append(pairs.y_standards - left_out[n_samples + n :][:n])
                source_error.append(np.sqrt(np.square(left_out[:n_samples]).mean(axis=0)))
                settings.append(
                    {
                        "preprocessing": preprocessing,
                        "difference_penalty": alpha,
                        "standards_weight": beta,
                        "noise_floor": gamma,
                        "mean_difference": mean_difference,
                    }
                )
        return Candidates(
            View(preprocessing, None),
            np.array(coef),
            np.array(intercept),
            np.array(held_out),
            np.array(source_error),
            settings,
        )

    def _noise_variance(self, X: Array, D: Array, unlabelled: Array | None) -> float:
        """Estimate the variance per channel of what the target records beyond the chemistry."""
        n_components = min(self.n_components, len(X) // 3, X.shape[1] - 1)
        _, _, directions = np.linalg.svd(X, full_matrices=False)
        deviations = X
        if len(D):
            deviations = D - D.mean(axis=0)
        elif unlabelled is not None and len(unlabelled) > 1:
            deviations = unlabelled - unlabelled.mean(axis=0)
        main = directions[:n_components]
        outside = deviations - deviations @ main.T @ main
        dof = (len(outside) - 1) * (X.shape[1] - n_components)
        return float(np.square(outside).sum() / dof)
