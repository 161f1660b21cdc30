"""How many standards a transfer needs: error against the number measured on both instruments."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import ShuffleSplit, check_cv
from sklearn.utils import Bunch, check_random_state

from ..metrics import rmsep
from ._fit_transfer import Pairs, fit_transfer
from ._sequential import Rows, duplex, kennard_stone, spxy

Rule = Callable[[NDArray[np.float64], NDArray[np.float64], int], Rows]
RULES = ("kennard_stone", "spxy", "duplex", "random")


def standards_curve(
    method: Any,
    pairs: Pairs,
    *,
    n_standards: Sequence[int] = (3, 5, 10, 20),
    selection: str | Rule = "kennard_stone",
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    cv: int | Any | Iterable | None = None,
    metric: Callable[..., Any] = rmsep,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Measure the error on the target instrument against the number of standards.

    Samples measured on both instruments are split again and again: those on the training side are
    the calibration (their source spectra and reference values), and the standards are chosen among
    them by their source spectra; those on the test side are predicted from their target spectra.

    Parameters
    ----------
    method : estimator or callable
        What moves the calibration:

        * a regressor with ``fit(X, y, standards=...)``, such as `DifferencePenalizedRidge`;
        * a regressor with ``fit(X, y, X_source=...)``, such as `CalibrationTransfer`. The source
          model it holds, frozen or not, is fitted anew on the training side of each split, so
          that it never knows a test sample;
        * a function of (X, y, standards) that returns something with ``predict``.
    pairs : Standards
        All samples measured on both instruments, with their reference values.
    n_standards : sequence of int, default=(3, 5, 10, 20)
        Numbers of standards. With 0, ``standards`` is None, and a source model predicts the
        target spectra as they are.
    selection : {"kennard_stone", "spxy", "duplex", "random"} or callable
        How standards are chosen; a callable of (X, y, n) returns rows.
    X : array-like of shape (n_extra, n_channels), optional
        Calibration spectra that only the source recorded, added to every training side.
    y : array-like of shape (n_extra,) or (n_extra, n_targets), optional
        Their reference values.
    cv : int, cross-validator or iterable of (train, test), optional
        Splits of the samples; by default 20 random ones with 30 % to test. For a given test set
        and random standards, repeat it: ``[(train, test)] * 20``.
    metric : callable, default=rmsep
        Error of one property, of (y_true, y_pred).
    n_jobs : int, optional
        Splits worked on at once.
    random_state : int, RandomState instance or None, default=None
        Seed of the default splits and of random standards.

    Returns
    -------
    Bunch
        ``n_standards`` of shape (n_points,); ``median``, ``q1`` and ``q3`` of shape (n_points,) or
        (n_points, n_targets), over splits; ``scores`` of shape (n_splits, n_points) or
        (n_splits, n_points, n_targets).

    Raises
    ------
    ValueError
        If ``pairs`` has no reference values, or a training side fewer samples than standards asked.
    TypeError
        If ``method`` is none of the three.

    See Also
    --------
    standards_budget : Read the number to measure off the curve.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from spectralfm.model_selection import standards_curve
    >>> from spectralfm.transfer import MeanShift, Standards
    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(40)
    >>> source = y[:, None] * rng.random(30) + 0.001 * rng.normal(size=(40, 30))
    >>> def mean_shift(X, y, standards):
    ...     shift = MeanShift().fit(standards.target, X_source=standards.source).shift_
    ...     return Ridge(1e-3).fit(X - shift, y)
    >>> pairs = Standards(source, source + 0.1, y)
    >>> curve = standards_curve(mean_shift, pairs, n_standards=[1, 5], random_state=0)
    >>> curve.scores.shape
    (20, 2)
    """
    if pairs.y is None:
        raise ValueError("pairs has no y: pass Standards(source, target, y=reference values).")
    counts = [int(n) for n in n_standards]
    if not counts or min(counts) < 0:
        raise ValueError(f"n_standards must list numbers of at least 0, not {list(n_standards)}.")
    if isinstance(selection, str) and selection not in RULES:
        raise ValueError(f"selection must be callable or one of {RULES}, not {selection!r}.")
    if (X is None) != (y is None):
        raise ValueError("X and y belong together: pass both or neither.")
    rng = check_random_state(random_state)
    if cv is None:
        cv = ShuffleSplit(n_splits=20, test_size=0.3, random_state=rng)
    splits = list(check_cv(cv).split(pairs.source, pairs.y))
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
    scores = np.asarray(
        Parallel(n_jobs=n_jobs)(
            delayed(_one_split)(method, pairs, split, counts, selection, X, y, metric, seed)
            for split, seed in zip(splits, seeds, strict=True)
        )
    )
    if pairs.y.ndim == 1:
        scores = scores[:, :, 0]
    q1, median, q3 = np.quantile(scores, [0.25, 0.5, 0.75], axis=0)
    return Bunch(n_standards=np.asarray(counts), median=median, q1=q1, q3=q3, scores=scores)


def standards_budget(curve: Bunch, tolerance: float = 0.05) -> Any:
    """Read off the smallest number of standards that is nearly as good as any.

    Parameters
    ----------
    curve : Bunch
        What `standards_curve` returned, with an error that is better when smaller.
    tolerance : float, default=0.05
        How much above the lowest median error is still as good, as a fraction, >= 0.

    Returns
    -------
    int or ndarray of shape (n_targets,)
        Number of standards to measure; one a property if the curve has several.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.utils import Bunch
    >>> from spectralfm.model_selection import standards_budget
    >>> curve = Bunch(n_standards=np.array([3, 5, 10, 20]), median=np.array([0.9, 0.6, 0.51, 0.5]))
    >>> standards_budget(curve)
    10
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, not {tolerance}.")
    order = np.argsort(curve.n_standards, kind="stable")
    median = np.asarray(curve.median)[order]
    first = np.argmax(median <= (1 + tolerance) * median.min(axis=0), axis=0)
    needed = np.asarray(curve.n_standards)[order][first]
    return int(needed) if np.ndim(needed) == 0 else needed


def _one_split(
    method: Any,
    pairs: Pairs,
    split: tuple[Rows, Rows],
    counts: list[int],
    selection: str | Rule,
    X: ArrayLike | None,
    y: ArrayLike | None,
    metric: Callable[..., Any],
    seed: int,
) -> NDArray[np.float64]:
    """Return the errors (n_points, n_targets) of one split."""
    train, test = pairs.take(split[0]), pairs.take(split[1])
    if train.y is None or test.y is None:
        raise ValueError("pairs.take lost the reference values.")
    if max(counts) > len(train.source):
        raise ValueError(
            f"{max(counts)} standards are asked for, but a split trains on {len(train.source)} "
            "samples. Ask for fewer, or leave fewer to test."
        )
    calibration, values = train.source, train.y
    if X is not None and y is not None:
        calibration = np.vstack([np.asarray(X), calibration])
        values = np.concatenate([np.asarray(y), values])
    errors = []
    for n in counts:
        standards = None
        if n:
            standards = train.take(_choose(selection, train.source, train.y, n, seed))
        model = fit_transfer(method, calibration, values, standards)
        predicted = np.asarray(model.predict(test.target)).reshape(len(test.y), -1)
        reference = test.y.reshape(len(test.y), -1)
        errors.append([metric(*pair) for pair in zip(reference.T, predicted.T, strict=True)])
    return np.asarray(errors)


def _choose(
    selection: str | Rule, X: NDArray[np.float64], y: NDArray[np.float64], n: int, seed: int
) -> Rows:
    """Return the rows of the training side to use as standards."""
    if callable(selection):
        return np.asarray(selection(X, y, n))
    if selection == "kennard_stone":
        return kennard_stone(X, n)
    if selection == "spxy":
        return spxy(X, y, n)
    if selection == "duplex":
        return duplex(X, n)[0]
    return np.random.default_rng(seed).permutation(len(X))[:n]
