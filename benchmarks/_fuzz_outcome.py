"""What may come of a fuzz case: an answer, a documented error, or a failure.

An answer is finite and has the shape that was promised; an error is one of data or parameters,
raised on purpose and with words. All else is a failure: other exceptions, NumPy's complaints about
shapes from deep inside, warnings about arithmetic, results that are not finite, changed input, and
an old model left behind by a fit that failed.
"""

import copy
import linecache
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _fuzz_cases import Case
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

from spectralfm.transfer import Standards, Unpaired

ROWS = np.ones((2, 3))
AFTERWARDS = ("predict", "transform", "predict_proba", "decision_function", "predict_interval")


class Failure(AssertionError):
    """Neither an answer nor a documented error."""


def judge(case: Case) -> str:
    """Run a case, and say what came of it: "answer" or the class of the error.

    Raises
    ------
    Failure
        If it was neither.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for kind in (RuntimeWarning, FutureWarning, DeprecationWarning):
            warnings.simplefilter("error", kind)
        estimator = clone(case.estimator)
        outcome, given = _attempt("fit", lambda: _fit(estimator, case.known))
        if outcome != "answer":
            _require_unfitted(estimator)
            return f"fit: {outcome}"
        X = case.known["X"]()
        outcomes = [_conformalized(estimator, case)]
        for name in AFTERWARDS:
            if hasattr(estimator, name) and (name != "predict_interval" or "answer" in outcomes[0]):
                again, _ = _attempt(name, lambda: _ask(estimator, name, X, given))  # noqa: B023
                if again != "answer" and name in ("predict", "transform"):
                    raise Failure(f"{name} refuses the spectra of fit: {again}")
                outcomes.append(_attempt(name, lambda: _ask(estimator, name, case.later, given))[0])  # noqa: B023
        if hasattr(estimator, "get_support"):
            if not np.any(estimator.get_support()):
                raise Failure("get_support chooses nothing")
            outcomes.append("answer")
        outcomes = [one for one in outcomes if one]
    return next((one for one in outcomes if one != "answer"), "answer")


def _fit(estimator: Any, known: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    given = {name: make() for name, make in known.items()}
    before = copy.deepcopy(given)
    estimator.fit(**given)
    for name, value in given.items():
        if not _same(value, before[name]):
            raise Failure(f"fit changed {name}")
    return given


def _ask(estimator: Any, name: str, X: Any, given: dict[str, Any]) -> None:
    """Call a method on spectra, and check the answer."""
    before = copy.deepcopy(X)
    answer = getattr(estimator, name)(X)
    if not _same(X, before):
        raise Failure(f"{name} changed its input")
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    for part in answer if isinstance(answer, tuple) else (answer,):
        part = np.asarray(part)
        if part.shape[:1] != (n,):
            raise Failure(f"{name} of {n} spectra has shape {part.shape}")
        if name == "predict" and (is_classifier(estimator) or hasattr(estimator, "score_samples")):
            continue
        if part.dtype != np.float64:
            raise Failure(f"{name} gives {part.dtype}")
        # Conformal intervals may be infinite, and say so; they are never NaN.
        finite = ~np.isnan(part) if name == "predict_interval" else np.isfinite(part)
        if not finite.all():
            raise Failure(f"{name} gives {part[~finite][0]}")
    # A regressor that learned its number of properties from y, not from a source model.
    learned = not hasattr(estimator, "estimator") and "y" in given and hasattr(given["y"], "shape")
    if name == "predict" and learned and answer.ndim != given["y"].ndim:
        raise Failure(f"predict has shape {answer.shape}, y had {given['y'].shape}")


def _conformalized(estimator: Any, case: Case) -> str:
    if not hasattr(estimator, "conformalize"):
        return ""
    return _attempt("conformalize", lambda: estimator.conformalize(*case.conformal))[0]


def _require_unfitted(estimator: Any) -> None:
    """Raise unless an estimator whose fit failed says that it is not fitted."""
    for name, arguments in (("predict", (ROWS,)), ("transform", (ROWS,)), ("get_support", ())):
        if hasattr(estimator, name):
            outcome, _ = _attempt(name, lambda: getattr(estimator, name)(*arguments))  # noqa: B023
            if outcome != NotFittedError.__name__:
                raise Failure(f"after a failed fit {name} gives {outcome}")


def _attempt(name: str, call: Callable[[], Any]) -> tuple[str, Any]:
    """Return "answer" and what a call gave, or the class of the documented error."""
    try:
        return "answer", call()
    except Failure:
        raise
    except Exception as error:  # noqa: BLE001 - this is what is being tested
        problem = _undocumented(error)
        if problem:
            raise Failure(f"{name}: {problem}: {type(error).__name__}: {error}") from error
        return type(error).__name__, None


def _undocumented(error: Exception) -> str:
    """Say why an error is not one for users, or nothing if it is."""
    if not isinstance(error, ValueError | TypeError | NotFittedError):
        return "unexpected error"
    if isinstance(error, np.linalg.LinAlgError):
        return "algebra failed"
    if not str(error).strip():
        return "no message"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    place = frame.filename.replace("\\", "/")
    checked = "/sklearn/utils/" in place or "/sklearn/base.py" in place
    if line.startswith("raise ") or checked:
        return ""
    return f"not raised on purpose ({'/'.join(place.split('/')[-2:])}:{frame.lineno})"


def _same(one: Any, other: Any) -> bool:
    """Tell whether input is what it was."""
    if isinstance(one, Standards):
        return _same(one.source, other.source) and _same(one.target, other.target)
    if isinstance(one, Unpaired):
        return _same(one.target, other.target)
    if sparse.issparse(one):
        return (one != other).nnz == 0
    if hasattr(one, "equals"):
        return bool(one.equals(other))
    if isinstance(one, np.ma.MaskedArray):
        return _same(one.data, other.data)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return True
