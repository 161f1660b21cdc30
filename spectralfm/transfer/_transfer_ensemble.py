"""The mean of several families of transfer methods, weighted by their errors on the standards."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.metaestimators import _BaseComposition

from ._averaging import AveragingRegressor, error_weights, not_negative
from ._base import TransferRegressor
from ._families import CAUTION, Families, Members, cautious_ridge, default_families
from ._held_out_standards import held_out_standards
from ._pairing import looks_paired
from ._pairs import Pairs, pair_up
from ._preprocessing import shape_preprocessing
from ._relatedness import RELATED, explained_share
from ._source_domain import SourceDomain
from ._standards import Standards

SOURCE_STANDARDS = 2
"""How many standards the error on the source counts for."""

FEWEST_TO_DOUBT = 5
"""Standards from which their errors may say that no family predicts anything."""

Array = NDArray[np.float64]


class TransferEnsemble(TransferRegressor, _BaseComposition):
    r"""Mean of families of transfer methods, weighted by leave-one-standard-out and source error.

    .. math:: \hat y = \sum_k w_k \hat y_k, \qquad
        w_k \propto p_k \exp\left(-s\, n (e_k / \min e - 1)\right), \qquad
        e_k = \mathrm{RMSE}_{k,t} + \tfrac2n \mathrm{RMSE}_{k,s}

    for each property, where :math:`\mathrm{RMSE}_{k,t}` is the error of the n standards, each
    predicted by family k fitted without it, and :math:`\mathrm{RMSE}_{k,s}` the cross-validated
    error of the family on the source, which counts as much as 2 standards.

    Parameters
    ----------
    members : list of (str, estimator), default=None
        Families: estimators with ``fit(X, y, *, standards, X_target)``. None means, with standards,
        a map of whole spectra, a local one, an invariance to the paired differences, the
        noise-aware ridge and a calibration that leans on the target; with unlabelled target spectra
        alone the ridge on all views and on those without scale and baseline; with nothing of the
        target averaged PLS and the ridge.
    prior_weights : sequence of float, default=None
        Weights before the errors are known, at least 0, one a member. None means equal for given
        members; of the default ones the ridge counts for 3, and those that learn a map from n < 10
        standards for :math:`(n / 10)^3`, half of it the one that leans on the target.
    sharpness : float, default=0.4
        :math:`s \ge 0`. 0 gives equal weights.
    min_standards : int, default=3
        With fewer standards the weights are equal: their errors say too little.
    cautious : bool or estimator, default=True
        What predicts spectra unlike those of the source where nothing of the target was seen in
        ``fit``. True is a ridge that trusts only what is large in them, False is nothing special.

    Attributes
    ----------
    members_ : list of (str, estimator)
        The fitted families.
    weights_ : ndarray of shape (n_members, n_targets)
        Weight of each family, columns summing to 1.
    standards_error_ : ndarray of shape (n_members, n_targets)
        RMSE of left-out standards, in the unit of ``y``; NaN without standards.
    source_error_ : ndarray of shape (n_members, n_targets)
        Cross-validated RMSE on the source, in the unit of ``y``; NaN where a family has none.

    cautious_ : estimator or None
        What predicts spectra unlike those of the source; None where it is not needed.
    domain_ : SourceDomain or None
        What tells which spectra it is for.

    Warns
    -----
    UserWarning
        If the standards do not look paired; if the target spectra vary otherwise than those of the
        calibration; if no family predicts left-out standards better than the mean of ``y``.

    See Also
    --------
    AveragedPLS : One of the families.
    DifferencePenalizedRidge : One of the families.
    CalibrationTransfer : Keep a validated source model as it is.

    Notes
    -----
    No single method is safe: what wins where noise limits the target loses where a real map between
    the instruments is needed. The mean of families that fail in different ways is close to the best
    of them on every pair tried (see the benchmark), and does not need to know which it is.

    Where nothing of the target was seen, a spectrum whose residual outside the main components of
    the source spectra is beyond the 95 % limit is predicted by ``cautious_``, with a share
    that reaches one at three times the limit; others as the source calibration would. A spectrum's
    prediction does not depend on the others. Instruments that differ without leaving a residual
    are not noticed.

    Eight standards or more whose rows fit no better than in a random order are taken for unlabelled
    spectra of the target, with a warning. Where target spectra have less than nine tenths of their
    variance in the main components of the source there is a warning, and without standards the
    default is cautious. Where no family predicts five left-out standards or more better than the
    mean of ``y`` does, the mean is predicted, with a warning, as a member of its own, "mean". It
    fails where all families do, unnoticed with a few rows swapped among many.

    References
    ----------
    .. [1] Bates, J. M., & Granger, C. W. J. (1969). The combination of forecasts. Journal of the
       Operational Research Society, 20(4), 451-468. https://doi.org/10.1057/jors.1969.103

    Examples
    --------
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import Standards, TransferEnsemble
    >>> pair = make_instrument_pair(n_samples=60, n_channels=120, random_state=0)
    >>> X, X_target = pair.spectra["source"], pair.spectra["target"]
    >>> model = TransferEnsemble()
    >>> model = model.fit(X[:40], pair.y[:40], standards=Standards(X[:8], X_target[:8]))
    >>> bool(model.score(X_target[40:], pair.y[40:]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        "members": [list, tuple, None],
        "prior_weights": ["array-like", None],
        "sharpness": [Interval(Real, 0, None, closed="left")],
        "min_standards": [Interval(Integral, 1, None, closed="left")],
        "cautious": ["boolean", HasMethods(["fit", "predict"])],
    }

    def __init__(
        self,
        members: Members | None = None,
        *,
        prior_weights: Sequence[float] | None = None,
        sharpness: float = 0.4,
        min_standards: int = 3,
        cautious: Any = True,
    ) -> None:
        self.members = members
        self.prior_weights = prior_weights
        self.sharpness = sharpness
        self.min_standards = min_standards
        self.cautious = cautious

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the members as ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the members' parameters.

        Returns
        -------
        dict
            Parameter names and values.
        """
        return self._get_params("members", deep=deep)

    def set_params(self, **params: Any) -> "TransferEnsemble":
        """Set parameters, a member by its name or a member's as ``name__parameter``.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self : TransferEnsemble
            The estimator.
        """
        self._set_params("members", **params)
        return self

    def _fit_model(
        self, X: Array, y: Array, standards: Standards | None, X_target: Array | None
    ) -> None:
        if self.members is not None:
            if not len(self.members):
                raise ValueError("members is empty: give at least one (name, estimator).")
            self._validate_names([name for name, _ in self.members])
        if standards is not None and not looks_paired(standards):
            warnings.warn(
                f"The rows of the {len(standards.source)} standards do not belong together more "
                "than in a random order: the target spectra are used as unlabelled ones. Check "
                "that source and target hold the same samples in the same order."
            )
            X_target, standards = standards.target, None
        recorded = X_target if standards is None else standards.target
        related = 1.0 if recorded is None else explained_share(X, recorded)
        if related < RELATED:
            warnings.warn(
                f"Only {related:.0%} of the variance of the target spectra lies where the "
                "calibration spectra vary: they may be of another product, or the instruments have "
                "little in common. Check the spectra, and predictions against reference values."
            )
        pairs = pair_up(X, y, standards)
        n = len(pairs.source)
        families = self._families(n, X_target is None, X.shape[1])
        if related < RELATED and not n and self.members is None:
            families = [("cautious", self._cautious(X.shape[1]), 1.0)]
        shape = (len(families), y.shape[1])
        self.standards_error_, self.source_error_ = np.full(shape, np.nan), np.full(shape, np.nan)
        self.members_ = []
        for k, (name, estimator, _) in enumerate(families):
            member = clone(estimator).fit(X, y, standards=standards, X_target=X_target)
            self.members_.append((name, member))
            if isinstance(member, AveragingRegressor):
                self.source_error_[k] = member.source_error_
            if n:
                held_out = held_out_standards(member, pairs, X_target)
                self.standards_error_[k] = np.sqrt(
                    np.square(held_out - pairs.y_standards).mean(axis=0)
                )
        weights = np.ones(shape)
        if n >= self.min_standards:
            # A family with no error on the source is judged by the standards alone.
            source_error = np.where(
                np.isnan(self.source_error_), self.standards_error_, self.source_error_
            )
            errors = self.standards_error_ + SOURCE_STANDARDS / n * source_error
            weights = error_weights(errors, self.sharpness * n)
        weights = weights * np.array([prior for *_, prior in families])[:, None]
        self.weights_ = weights / weights.sum(axis=0)
        if n >= FEWEST_TO_DOUBT:
            self._fall_back_to_the_mean(X, y, pairs)
        self.cautious_, self.domain_ = None, None
        if self.cautious is not False and not n and X_target is None:
            cautious = self._cautious(X.shape[1]) if self.cautious is True else clone(self.cautious)
            self.cautious_, self.domain_ = cautious.fit(X, y), SourceDomain(X)

    def _fall_back_to_the_mean(self, X: Array, y: Array, pairs: Pairs) -> None:
        """Predict the mean where no family predicts left-out standards better than it does."""
        deviations = pairs.y_standards - y.mean(axis=0)
        error = np.sqrt(np.square(deviations).mean(axis=0))
        lost = (self.standards_error_ > error).all(axis=0)
        if not lost.any():
            return
        warnings.warn(
            f"No family predicts left-out standards better than the mean of y does (properties "
            f"{np.flatnonzero(lost).tolist()}): the mean is predicted. Check the reference values, "
            "that source and target hold the same samples, and that the target records them."
        )
        self.members_.append(("mean", DummyRegressor().fit(X, y)))
        self.weights_ = np.vstack([np.where(lost, 0.0, self.weights_), lost])
        self.standards_error_ = np.vstack([self.standards_error_, error])
        self.source_error_ = np.vstack([self.source_error_, y.std(axis=0)])

    def _families(self, n_standards: int, unseen: bool, n_channels: int) -> Families:
        """Return names, estimators and weights before the standards speak."""
        if self.members is None:
            families = self._default_families(n_standards, unseen, n_channels)
        else:
            families = [(name, estimator, 1.0) for name, estimator in self.members]
        if self.prior_weights is None:
            return families
        prior = not_negative("prior_weights", self.prior_weights)
        if len(prior) != len(families) or not prior.any():
            raise ValueError(
                f"prior_weights has {len(prior)} entries for {len(families)} members: give one a "
                "member, not all zero."
            )
        named = zip(families, prior.tolist(), strict=True)
        return [(name, estimator, weight) for (name, estimator, _), weight in named]

    def _default_families(self, n_standards: int, unseen: bool, n_channels: int) -> Families:
        return default_families(n_standards, unseen, n_channels)

    def _cautious(self, n_channels: int) -> TransferRegressor:
        """Return what predicts spectra of other instruments by default."""
        return cautious_ridge(CAUTION, shape_preprocessing(n_channels))

    def _predict(self, X: Array) -> Array:
        if self.cautious_ is None or self.domain_ is None:
            return self._mean(X)
        share = self.domain_.foreignness(X)[:, None]
        y = np.zeros((len(X), self.weights_.shape[1]))
        known, strange = share[:, 0] < 1, share[:, 0] > 0
        if known.any():
            y[known] = (1 - share[known]) * self._mean(X[known])
        if strange.any():
            cautious = self.cautious_.predict(X[strange]).reshape(-1, y.shape[1])
            y[strange] += share[strange] * cautious
        return y

    def _mean(self, X: Array) -> Array:
        """Return the weighted mean of the families; those without weight are not asked."""
        y = np.zeros((len(X), self.weights_.shape[1]))
        for (_, member), weights in zip(self.members_, self.weights_, strict=True):
            if weights.any():
                y += weights * member.predict(X).reshape(y.shape)
        return y
