"""Run methods on a task, and say how good they are."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch
from tqdm import tqdm

from .._validation import check_enough
from ..metrics import bias, r2, rmsep, rpd, sep, slope
from ..model_selection import kennard_stone
from ..transfer import PLSRegressionCV
from ._calibration import SourceCalibration
from ._methods import FEWEST_STANDARDS, METHODS
from ._task import Array, TransferTask

RECALIBRATION = "full recalibration"

NO_CURVES: dict[str, Bunch] = {}


class Comparison(NamedTuple):
    """What is known after `compare_methods` and `standards_curves`: what table and figure show."""

    task: TransferTask
    n_standards: int
    predictions: dict[str, Array]
    """Method to predictions of the test samples (n_test,)."""
    curves: dict[str, Bunch] = NO_CURVES
    """Method to curve."""
    n_splits: int = 1
    """Over how many splits the curves are medians."""


def compare_methods(
    task: TransferTask,
    n_standards: int = 10,
    *,
    methods: Collection[str] | None = None,
    verbose: bool = False,
) -> dict[str, Array]:
    """Calibrate on the source, move the calibration with every method, and predict the test set.

    Parameters
    ----------
    task : TransferTask
        The calibration to be moved.
    n_standards : int, default=10
        How many standards, at least 3, Kennard-Stone chooses by the source spectra of the pairs.
    methods : collection of str, optional
        Names out of ``METHODS``, and "full recalibration", which is left out where the target
        did not measure all calibration samples. By default all.
    verbose : bool, default=False
        Whether to show progress on a terminal.

    Returns
    -------
    dict of str to ndarray of shape (n_test,)
        Method to its predictions, simple methods first.

    Raises
    ------
    ValueError
        If a method is not known, or there are too few standards.

    Examples
    --------
    >>> from spectralfm.comparison import compare_methods, simulated_set
    >>> task = simulated_set(n_samples=50, n_channels=60).task()
    >>> predictions = compare_methods(task, 5, methods=["mean shift", "SST"])
    >>> predictions["SST"].shape == task.y_test.shape
    True
    """
    return _predictions(task, [n_standards], methods, verbose)[n_standards]


def standards_curves(
    tasks: Sequence[TransferTask],
    n_standards: Sequence[int] = (3, 5, 10, 20),
    *,
    methods: Collection[str] | None = None,
    verbose: bool = False,
) -> dict[str, Bunch]:
    """Measure how RMSEP falls with the number of standards, over splits of one set.

    Parameters
    ----------
    tasks : sequence of TransferTask
        The same calibration, split differently.
    n_standards : sequence of int, default=(3, 5, 10, 20)
        Numbers of standards, at least 3.
    methods : collection of str, optional
        As of `compare_methods`.
    verbose : bool, default=False
        Whether to show progress on a terminal.

    Returns
    -------
    dict of str to Bunch
        Method to ``n_standards``, ``median``, ``q1`` and ``q3``, each of shape (n_points,), as
        `spectralfm.model_selection.standards_curve` returns them.

    Raises
    ------
    ValueError
        As `compare_methods`.

    Examples
    --------
    >>> from spectralfm.comparison import simulated_set, standards_curves
    >>> data = simulated_set(n_samples=50, n_channels=60)
    >>> curves = standards_curves([data.task(seed=s) for s in (0, 1)], [3, 5], methods=["SST"])
    >>> curves["SST"].median.shape
    (2,)
    """
    scores: dict[str, list[list[float]]] = {}
    for task in tqdm(tasks, desc="standards", unit="split", disable=None if verbose else True):
        of_task = _predictions(task, n_standards, methods, verbose=False)
        for name in of_task[n_standards[0]]:
            errors = [float(rmsep(task.y_test, of_task[n][name])) for n in n_standards]
            scores.setdefault(name, []).append(errors)
    curves = {}
    for name, errors_by_task in scores.items():
        q1, median, q3 = np.quantile(errors_by_task, [0.25, 0.5, 0.75], axis=0)
        curves[name] = Bunch(n_standards=np.asarray(n_standards), median=median, q1=q1, q3=q3)
    return curves


def figures_of_merit(task: TransferTask, predictions: dict[str, Array]) -> list[dict[str, Any]]:
    """Say how good predictions are.

    Parameters
    ----------
    task : TransferTask
        The task.
    predictions : dict of str to ndarray of shape (n_test,)
        What `compare_methods` returned.

    Returns
    -------
    list of dict
        A row a method: ``method``, ``rmsep``, ``sep``, ``bias``, ``slope``, ``r2``, ``rpd`` and
        ``score``, RMSEP over that of the full recalibration, NaN if there is none.

    Examples
    --------
    >>> from spectralfm.comparison import compare_methods, figures_of_merit, simulated_set
    >>> task = simulated_set(n_samples=50, n_channels=60).task()
    >>> predictions = compare_methods(task, 5, methods=["full recalibration"])
    >>> figures_of_merit(task, predictions)[0]["score"]
    1.0
    """
    reference = float("nan")
    if RECALIBRATION in predictions:
        reference = float(rmsep(task.y_test, predictions[RECALIBRATION]))
    metrics = {"rmsep": rmsep, "sep": sep, "bias": bias, "slope": slope, "r2": r2, "rpd": rpd}
    rows = []
    for name, predicted in predictions.items():
        merits = {key: float(metric(task.y_test, predicted)) for key, metric in metrics.items()}
        rows.append({"method": name, **merits, "score": merits["rmsep"] / reference})
    return rows


def _predictions(
    task: TransferTask, counts: Sequence[int], methods: Collection[str] | None, verbose: bool
) -> dict[int, dict[str, Array]]:
    """Return predictions by number of standards and method; each model is fitted once."""
    known = [*METHODS, RECALIBRATION]
    unknown = sorted(set(methods or ()) - set(known))
    if unknown:
        raise ValueError(f"There is no method {unknown[0]!r}. Choose out of {', '.join(known)}.")
    if min(counts) < FEWEST_STANDARDS:
        raise ValueError(
            f"{min(counts)} standards are too few: the methods need {FEWEST_STANDARDS}, so that "
            "one can be left out."
        )
    check_enough(
        task.pairs.n_standards,
        max(counts),
        what="samples measured on both instruments",
        remedy="Ask for fewer standards.",
    )
    order = kennard_stone(task.pairs.source, max(counts))
    model = PLSRegressionCV().fit(task.X, task.y)
    calibration = SourceCalibration(task.X, task.y, model)
    recalibrated = None
    if task.can_recalibrate and (methods is None or RECALIBRATION in methods):
        recalibrated = PLSRegressionCV().fit(task.pairs.target, task.y).predict(task.X_test)
    chosen = [name for name in METHODS if methods is None or name in methods]
    predictions: dict[int, dict[str, Array]] = {}
    for n in counts:
        standards = task.pairs.take(order[:n])
        predictions[n] = {
            name: METHODS[name](calibration, standards).predict(task.X_test)
            for name in tqdm(chosen, desc="methods", disable=None if verbose else True)
        }
        if recalibrated is not None:
            predictions[n][RECALIBRATION] = recalibrated
    return predictions
