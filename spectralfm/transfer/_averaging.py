"""Averaging instead of selecting: many settings, weighted by their error, collapsed to a few terms.

Choosing one setting by an error estimated on a handful of standards loses most of what averaging
gains; the weights here fall with the error, the faster the more standards support it.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from .._validation import require_finite
from ._base import SpectraStandardizer, TransferRegressor
from ._pairs import Pairs, pair_up
from ._preprocessing import preprocess
from ._standards import Standards

Array = NDArray[np.float64]


class View(NamedTuple):
    """How a target spectrum is read: preprocessed, then corrected."""

    preprocessing: TransformerMixin
    """Fitted transformer."""
    standardizer: SpectraStandardizer | None
    """Fitted map of preprocessed spectra to the source, or None."""

    def correct(self, spectra: Array) -> Array:
        """Return preprocessed target spectra (n_samples, n_channels) as the vectors see them."""
        if self.standardizer is None:
            return spectra
        return np.asarray(self.standardizer.transform(spectra))


class Candidates(NamedTuple):
    """Linear models of one view, one for each of M settings."""

    view: View
    coef: Array
    """Regression vectors (M, n_targets, n_channels)."""
    intercept: Array
    """Intercepts on the target instrument (M, n_targets)."""
    held_out: Array
    """Predictions of each standard by models without it (M, n_standards, n_targets)."""
    source_error: Array
    """Cross-validated RMSE on the source (M, n_targets)."""
    settings: list[dict[str, Any]]
    """What distinguishes the models, M entries."""


class Term(NamedTuple):
    """The weighted sum of the candidates of one view, or of all that differ by affine maps."""

    view: View
    coef: Array
    """Regression vectors (n_targets, n_channels)."""
    intercept: Array
    """Share of the intercept (n_targets,)."""

    def folded(self) -> "Term":
        """Return the same term with its correction, if that is affine, in the vectors."""
        standardizer = self.view.standardizer
        if standardizer is None or not getattr(standardizer, "affine", False):
            return self
        n_channels = standardizer.n_features_in_
        offset = standardizer._map(np.zeros((1, n_channels)))  # (1, n_source_channels)
        matrix = standardizer._map(np.eye(n_channels)) - offset  # (n_channels, n_source_channels)
        view = View(self.view.preprocessing, None)
        return Term(view, self.coef @ matrix.T, self.intercept + self.coef @ offset[0])


def error_weights(errors: Array, sharpness: float) -> Array:
    r"""Return weights that fall with the error, columns summing to 1.

    .. math:: w_m \propto \exp(-\kappa (e_m / \min e - 1))

    Parameters
    ----------
    errors : ndarray of shape (n_models, n_targets)
        Error of each model, positive or zero.
    sharpness : float
        :math:`\kappa`; 0 gives equal weights.

    Returns
    -------
    ndarray of shape (n_models, n_targets)
        The weights.
    """
    # Errors below the rounding of the largest are equal, and may all be zero.
    rounding = np.finfo(np.float64).eps * errors.max(axis=0) + np.finfo(np.float64).tiny
    errors = np.maximum(errors, rounding)
    weights = np.exp(-np.minimum(sharpness * (errors / errors.min(axis=0) - 1), 700.0))
    return weights / weights.sum(axis=0)


def not_negative(name: str, values: Sequence[float], *, zero: bool = True) -> Array:
    """Return a parameter that holds several numbers, or say what is wrong with it.

    Parameters
    ----------
    name : str
        The parameter.
    values : sequence of float
        One finite number or more, at least 0.
    zero : bool
        Whether 0 is allowed.

    Returns
    -------
    ndarray of shape (n_values,)
        The numbers.

    Raises
    ------
    ValueError
        If there is none, or one is negative, not finite, or 0 where that is not allowed.
    """
    numbers = np.asarray(values, dtype=np.float64)
    allowed = np.isfinite(numbers) & ((numbers >= 0) if zero else (numbers > 0))
    if numbers.ndim != 1 or not numbers.size or not allowed.all():
        bound = ">= 0" if zero else "> 0"
        raise ValueError(f"{name} must be one or more finite numbers {bound}, got {values}.")
    return numbers


class AveragingRegressor(TransferRegressor):
    """Average of linear models over settings, weighted by their errors.

    A subclass yields `Candidates`. A setting's error is its leave-one-standard-out RMSE plus, if
    ``weigh_by`` is "both", its cross-validated RMSE on the source; the sharpness of the weights is
    half the number of standards, or 5 where there are none and the source error alone decides.

    Attributes
    ----------
    terms_ : list of Term
        The average, one term a view.
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
    """

    weigh_by: str

    def _fit_model(
        self, X: Array, y: Array, standards: Standards | None, X_target: Array | None
    ) -> None:
        pairs = pair_up(X, y, standards)
        groups = list(self._candidates(pairs, X_target))
        held_out = np.concatenate([group.held_out for group in groups])
        source_error = np.concatenate([group.source_error for group in groups])
        n_standards = len(pairs.source)
        if n_standards == 0:
            weights = error_weights(source_error, 5.0)
        else:
            errors = np.sqrt(np.square(held_out - pairs.y_standards).mean(axis=1))
            if self.weigh_by == "both":
                errors = errors + source_error
            weights = error_weights(errors, n_standards / 2)
        self.terms_: list[Term] = []
        start = 0
        for group in groups:
            part = weights[start : start + len(group.coef)]
            start += len(group.coef)
            coef = np.einsum("mq,mqp->qp", part, group.coef)
            intercept = (part * group.intercept).sum(axis=0)
            require_finite(self, coef, intercept)
            self._add(Term(group.view, coef, intercept).folded())
        self.settings_ = [setting for group in groups for setting in group.settings]
        self.weights_ = weights
        self.standards_prediction_ = np.einsum("mq,mnq->nq", weights, held_out)
        self.standards_y_ = pairs.y_standards
        self.source_error_ = (weights * source_error).sum(axis=0)

    def _add(self, term: Term) -> None:
        """Add a term to the one that reads spectra in the same way, or beside the others."""
        for i, (view, coef, intercept) in enumerate(self.terms_):
            if view.standardizer is None and term.view == view:
                self.terms_[i] = Term(view, coef + term.coef, intercept + term.intercept)
                return
        self.terms_.append(term)

    def _predict(self, X: Array) -> Array:
        y = np.zeros((len(X), len(self.source_error_)))
        preprocessed: dict[int, Array] = {}
        for view, coef, intercept in self.terms_:
            key = id(view.preprocessing)
            if key not in preprocessed:
                preprocessed[key] = preprocess(view.preprocessing, X)
            y += view.correct(preprocessed[key]) @ coef.T + intercept
        return y

    @abstractmethod
    def _candidates(self, pairs: Pairs, X_target: Array | None) -> Iterable[Candidates]:
        """Yield the models to average, fitted to calibration set, standards and target spectra."""
