"""Optimal transport between the spectra of two instruments, without paired standards.

The only door to POT in this package, opened inside the functions that need it: ``import ot`` loads
torch where torch is installed.
"""

import warnings
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import euclidean_distances
from sklearn.utils._param_validation import Interval, StrOptions

from .._validation import check_enough, clip_components
from ._base import SpectraStandardizer

DEFAULT_REG = {"linear": 1e-2, "sinkhorn": 0.05, "emd": 0.0}

MAX_SINKHORN = 2_000
MAX_PIVOTS = 1_000_000

WORST_MASS = 1e-6
"""A plan may miss the total mass of 1 by this much; more is numerical breakdown."""

WORST_MARGINAL = 1e-3
"""Share of its weight by which a spectrum may be over- or underused before a warning."""


class OptimalTransportStandardization(SpectraStandardizer):
    r"""Move the distribution of target spectra onto that of source spectra at least cost.

    ``method="linear"``, both populations taken as Gaussian:

    .. math::

        \hat x_s = \bar x_s + (x_t - \bar x_t) A, \qquad
        A = C_t^{-1/2} \left(C_t^{1/2} C_s C_t^{1/2}\right)^{1/2} C_t^{-1/2}

    with covariances :math:`C + \gamma I`. ``method="emd"`` and ``"sinkhorn"``: the plan
    :math:`\Pi` between the fitted spectra,

    .. math::

        \Pi = \arg\min_{\Pi \ge 0} \langle \Pi, M \rangle + \varepsilon \sum_{ij} \Pi_{ij}
        \log \Pi_{ij} \;\text{ with }\; \Pi 1 = 1/n_t,\ \Pi^\top 1 = 1/n_s,

    with squared distances :math:`M` between spectra centered per instrument, sends each fitted
    spectrum to an average of source spectra, :math:`b_i = n_t \sum_j \Pi_{ij} x_{s,j}`. With
    ``"emd"``, :math:`\varepsilon = 0`, a new spectrum moves as its nearest fitted spectrum does:
    :math:`\hat x_s = x_t + b_i - x_{t,i}`. With ``"sinkhorn"`` it is averaged as they are,
    :math:`\hat x_s = \sum_j p_j x_{s,j}` with :math:`p_j \propto \exp(g_j - M(x_t, x_{s,j}) /
    \varepsilon)` and the plan's dual potential :math:`g`.

    Parameters
    ----------
    method : {"linear", "emd", "sinkhorn"}, default="linear"
        The Gaussian map, the exact plan, or the entropic plan (Sinkhorn in the log domain).
    reg : float, default=None
        Regularization without unit, positive. ``"linear"``: :math:`\gamma` relative to the total
        variance, the mean of both instruments, 0.01 if None. ``"sinkhorn"``: :math:`\varepsilon`
        relative to the median of :math:`M`, 0.05 if None. Unused by ``"emd"``.
    n_components : int, default=None
        For ``"linear"``: number of joint principal components in which the map acts, at least 1;
        the rest of a spectrum is only shifted by the difference of the means. None takes all that
        the spectra span, which equals the map in the space of all channels. More is clipped with
        a warning.

    Attributes
    ----------
    target_mean_ : ndarray of shape (n_channels,)
        Mean of the target spectra, absorbance units.
    source_mean_ : ndarray of shape (n_channels,)
        Mean of the source spectra, absorbance units.
    components_ : ndarray of shape (n_components, n_channels)
        Joint principal components, orthonormal rows. ``"linear"`` only.
    coef_ : ndarray of shape (n_components, n_components)
        :math:`A` in these components, symmetric. ``"linear"`` only.
    n_components_ : int
        Number of these components. ``"linear"`` only.
    plan_ : ndarray of shape (n_target_samples, n_source_samples)
        :math:`\Pi`. Not for ``"linear"``.
    target_samples_ : ndarray of shape (n_target_samples, n_channels)
        The target spectra fitted. ``"emd"`` only.
    displacements_ : ndarray of shape (n_target_samples, n_channels)
        Where each of them moved, :math:`b_i - x_{t,i}`. ``"emd"`` only.
    source_samples_ : ndarray of shape (n_source_samples, n_channels)
        The source spectra fitted. ``"sinkhorn"`` only.
    potential_ : ndarray of shape (n_source_samples,)
        :math:`g`. ``"sinkhorn"`` only.
    epsilon_ : float
        :math:`\varepsilon`, squared absorbance units. ``"sinkhorn"`` only.

    Raises
    ------
    ValueError
        In ``fit``, if the channels differ, if an instrument has a single spectrum, or if ``reg`` is
        so small that the solver breaks down.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before the plan used every spectrum by its weight.

    See Also
    --------
    MeanShift : Moves the mean alone.
    PiecewiseDirectStandardization : For paired standards.

    Notes
    -----
    Rows need not be paired, but both groups must come from one population: a difference in
    composition is removed together with the instrument's. It does best when the target spectra
    are those of the calibration samples, and can be far worse than a mean shift when they are not
    or are few.

    A plan sends each spectrum to an average of source spectra, so it tells the samples of a
    continuous population apart only roughly; a calibration rarely survives it. The plans serve
    samples that fall into groups; otherwise prefer ``"linear"``.

    The plan does not change when a constant spectrum is added to all spectra of an instrument;
    distances are taken between centered spectra so that such an offset does not enter the median.

    References
    ----------
    .. [1] Flamary, R., Lounici, K., & Ferrari, A. (2019). Concentration bounds for linear Monge
       mapping estimation and optimal transport domain adaptation.
       https://arxiv.org/abs/1905.10155
    .. [2] Courty, N., Flamary, R., Tuia, D., & Rakotomamonjy, A. (2017). Optimal transport for
       domain adaptation. IEEE Transactions on Pattern Analysis and Machine Intelligence, 39(9),
       1853-1865. https://doi.org/10.1109/TPAMI.2016.2615921

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import OptimalTransportStandardization
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.random((3, 100))
    >>> X_source = rng.random((60, 3)) @ pure
    >>> X_target = 0.8 * X_source[rng.permutation(60)] + 0.1
    >>> ot = OptimalTransportStandardization(reg=1e-9).fit(X_target, X_source=X_source)
    >>> np.allclose(ot.transform(0.8 * X_source + 0.1), X_source, atol=1e-6)
    True
    """

    paired = False

    _parameter_constraints: dict = {
        "method": [StrOptions({"linear", "emd", "sinkhorn"})],
        "reg": [Interval(Real, 0, None, closed="neither"), None],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        method: str = "linear",
        *,
        reg: float | None = None,
        n_components: int | None = None,
    ) -> None:
        self.method = method
        self.reg = reg
        self.n_components = n_components

    def _fit_map(self, X: NDArray[np.float64], X_source: NDArray[np.float64]) -> None:
        self._require_same_channels(X, X_source)
        for spectra, name in ((X, "target"), (X_source, "source")):
            check_enough(len(spectra), 2, what=f"{name} spectra", remedy="One has no distribution.")
        self.target_mean_, self.source_mean_ = X.mean(axis=0), X_source.mean(axis=0)
        target, source = X - self.target_mean_, X_source - self.source_mean_
        reg = DEFAULT_REG[self.method] if self.reg is None else self.reg
        if self.method == "linear":
            self._fit_linear(target, source, reg)
            return
        cost = euclidean_distances(target, source, squared=True)
        _check_cost(cost)
        if self.method == "emd":
            self.plan_ = _solve_exactly(cost)
            self.target_samples_ = X
            self.displacements_ = len(X) * self.plan_ @ X_source - X
        else:
            self.epsilon_ = reg * (float(np.median(cost)) or 1.0)
            self.plan_, self.potential_ = _solve_entropic(cost, self.epsilon_)
            self.source_samples_ = X_source
        _check_plan(self.plan_)

    def _fit_linear(
        self, target: NDArray[np.float64], source: NDArray[np.float64], reg: float
    ) -> None:
        """Compute the Gaussian map in the joint principal components of centered spectra."""
        # Outside the span both covariances are gamma I and the map is the identity: nothing lost.
        joint = np.vstack([target / np.sqrt(len(target)), source / np.sqrt(len(source))])
        _, values, right = np.linalg.svd(joint, full_matrices=False)
        rank = int((values > max(joint.shape) * np.finfo(np.float64).eps * values[0]).sum())
        kept = rank
        if self.n_components is not None:
            kept = clip_components(
                self.n_components, rank, why=f"the spectra span {rank} directions"
            )
        self.components_ = right[:kept]
        self.n_components_ = kept
        gamma = reg * np.square(values).sum() / 2
        covariances = []
        for spectra in (target, source):
            scores = spectra @ self.components_.T
            covariances.append(scores.T @ scores / len(spectra) + gamma * np.eye(kept))
        root, inverse = _roots(covariances[0])
        self.coef_ = inverse @ _roots(root @ covariances[1] @ root)[0] @ inverse

    def _map(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.method == "linear":
            scores = (X - self.target_mean_) @ self.components_.T
            shift = self.source_mean_ - self.target_mean_
            return X + shift + (scores @ self.coef_ - scores) @ self.components_
        if self.method == "emd":
            nearest = euclidean_distances(X, self.target_samples_).argmin(axis=1)
            return X + self.displacements_[nearest]
        cost = euclidean_distances(
            X - self.target_mean_, self.source_samples_ - self.source_mean_, squared=True
        )
        return softmax(self.potential_ - cost / self.epsilon_, axis=1) @ self.source_samples_


def _roots(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the square root of a positive definite matrix and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
    return (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T


def _solve_exactly(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact plan between uniform weights."""
    import ot

    return ot.emd(*_weights(cost), cost, numItermax=MAX_PIVOTS)


def _solve_entropic(
    cost: NDArray[np.float64], epsilon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the entropic plan between uniform weights and the potential of the source."""
    import ot

    # POT logs exponentials of the potentials too, which overflow and are not used.
    with np.errstate(over="ignore"):
        plan, log = ot.bregman.sinkhorn_log(
            *_weights(cost), cost, epsilon, numItermax=MAX_SINKHORN, warn=False, log=True
        )
    return plan, log["log_v"]


def _weights(cost: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [np.full(n, 1.0 / n) for n in cost.shape]


def _check_cost(cost: NDArray[np.float64]) -> None:
    """Raise if a distance is not finite: the solvers return a plan without a word."""
    if not np.isfinite(cost).all():
        raise ValueError("The distances between target and source spectra are not finite.")


def _check_plan(plan: NDArray[np.float64]) -> None:
    """Raise if mass was lost, warn if a spectrum is not used by its weight."""
    mass = float(plan.sum())
    if not abs(mass - 1.0) <= WORST_MASS:
        raise ValueError(
            f"The transport plan moves a mass of {mass:.3g} instead of 1: the solver broke down. "
            "Raise reg or remove outlying spectra."
        )
    worst = max(
        float(np.abs(plan.sum(axis=1 - axis) * n - 1.0).max()) for axis, n in enumerate(plan.shape)
    )
    if worst > WORST_MARGINAL:
        warnings.warn(
            f"The transport plan uses a spectrum by {worst:.1%} more or less than its weight: the "
            "solver had not converged. Raise reg.",
            ConvergenceWarning,
        )
