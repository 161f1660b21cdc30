"""Settings of a method chosen by the error on left-out standards, property by property."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn import config_context

from ..transfer import Standards
from ._calibration import MovedModel, Regress, SourceCalibration, SourceView
from ._task import Array

Method = Callable[[SourceCalibration, Standards], Any]
"""Returns something whose ``predict`` takes target spectra."""

Fit = Callable[[Any, SourceView, Standards], list[Regress]]
"""A method with its setting still open, its first argument: fitted to preprocessed standards.

Returns a model for each of those settings that one fit has at once, such as numbers of LVs.
"""

Views = Callable[[SourceCalibration], Iterator[SourceView]]


class _Choice(NamedTuple):
    """The best setting of a property so far."""

    error: float
    view: SourceView
    standards: Standards
    candidate: Any
    number: int
    """Which of the models of the candidate's fit."""


def tuned(
    fit: Fit,
    settings: Callable[[int], Iterable[Any]],
    *,
    views: Views = SourceCalibration.views,
    local: bool = False,
) -> Method:
    """Return the method that chooses a setting for each property.

    Parameters
    ----------
    fit : callable
        The method with its setting open.
    settings : callable
        Number of standards -> candidates.
    views : callable, default=SourceCalibration.views
        Source calibration -> preprocessings to choose from.
    local : bool, default=False
        Whether the method needs to know which channels are neighbours. Otherwise it is tuned on
        scores.

    Returns
    -------
    callable
        The method.
    """

    def method(calibration: SourceCalibration, standards: Standards) -> MovedModel:
        candidates = list(settings(standards.n_standards))
        best: dict[int, _Choice] = {}
        with warnings.catch_warnings():
            # Wider than the data allow is as good as the widest they allow: no need to say so.
            warnings.filterwarnings("ignore", message=".*is clipped to", category=UserWarning)
            for view in views(calibration):
                some = view.preprocessed(standards)
                tuning_view, tuning_standards = (view, some) if local else view.rotated(some)
                folds = _folds(tuning_standards)
                for candidate in candidates:
                    # The spectra were checked when they were preprocessed.
                    with config_context(assume_finite=True, skip_parameter_validation=True):
                        errors = _errors(fit, candidate, tuning_view, folds)
                    for position, column in enumerate(view.columns.tolist()):
                        number = int(errors[:, position].argmin())
                        error = float(errors[number, position])
                        if column not in best or error < best[column].error:
                            one = view.only(position)
                            best[column] = _Choice(error, one, some, candidate, number)
            parts = []
            for choice in best.values():
                some = Standards(choice.standards.source, choice.standards.target)
                models = fit(choice.candidate, choice.view, some)
                parts.append((choice.view, models[choice.number]))
        return MovedModel(parts, calibration.y.ndim == 1)

    return method


def _folds(standards: Standards) -> list[tuple[Standards, Standards]]:
    """Return what each fold keeps and leaves out: one standard, or a fifth of more than five."""
    n = standards.n_standards
    n_folds = min(n, 5)
    outs = [np.arange(n) % n_folds == fold for fold in range(n_folds)]
    return [(standards.take(~out), standards.take(out)) for out in outs]


def _errors(
    fit: Fit, candidate: Any, view: SourceView, folds: list[tuple[Standards, Standards]]
) -> Array:
    """Return squared errors (n_models, n_properties) summed over left-out standards."""
    total: Array = np.zeros(())
    for kept, left in folds:
        predicted = np.array([model(left.target) for model in fit(candidate, view, kept)])
        total = total + np.square(predicted - left.y).sum(axis=1)
    return total
