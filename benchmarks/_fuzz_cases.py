"""Fuzz cases: the public estimators, drawn parameters and drawn input for their methods."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _fuzz_inputs import CONTAINERS, N_CHANNELS, N_ROWS, axes, mostly, spectra, values
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, is_classifier
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import Interval, StrOptions

import spectralfm
from spectralfm import foundation, transfer
from spectralfm.transfer import Standards, Unpaired


def public_estimators() -> dict[str, type]:
    """Return every public class that is fitted, by name."""
    found: dict[str, type] = {}
    for part in spectralfm.__all__:
        module = getattr(spectralfm, part)
        for name in getattr(module, "__all__", ()):
            one = getattr(module, name)
            if inspect.isclass(one) and issubclass(one, BaseEstimator) and hasattr(one, "fit"):
                found[name] = one
    return dict(sorted(found.items()))


TINY = {
    "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
    "n_inst": 4, "fno_modes": 4, "fno_width": 8, "fno_layers": 1, "n_grid": 256, "batch_size": 4,
}  # fmt: skip
FEW_STEPS = {"max_steps": 1, "n_steps": 1}
AXES = {"wavelengths": "nm", "wavenumbers": "cm-1"}
"""Ends of the names of parameters that are axes, and their units."""
FIXED = {
    "estimator", "regressor", "transfer", "transformer", "checkpoint", "members", "device",
    "n_threads", "random_state", "verbose", *TINY, *FEW_STEPS,
}  # fmt: skip
"""Parameters that are not varied, because of what they cost or because others stand for them."""
GIVEN, LIST_GIVEN = st.sampled_from([False, False, False, True]), mostly(False, rarely=(True,))
"""Whether a parameter has another value than by default; most lists are refused."""


class Case(NamedTuple):
    """What is done with an estimator."""

    estimator: Any
    known: dict[str, Callable[[], Any]]
    """Arguments of ``fit``, each made when it is passed: making `Standards` may fail, too."""
    conformal: tuple[Any, Any]
    """Labelled samples for ``conformalize``."""
    later: Any
    """Spectra of another day."""


@cache
def source_model(kind: str, n_channels: int, n_targets: int) -> Any:
    """Return a source calibration as the estimators that wrap one are given it."""
    rng = np.random.default_rng(0)
    X = rng.random((15, max(n_channels, 1))).cumsum(axis=1)
    y = rng.random((15, n_targets))[:, 0] if n_targets == 1 else rng.random((15, n_targets))
    if kind == "unfitted":
        return LinearRegression()
    if kind == "never fitted":
        return FrozenEstimator(LinearRegression())
    model = {
        "pipeline": make_pipeline(StandardScaler(), Ridge()),
        "pls": PLSRegression(1),
    }[kind]
    return FrozenEstimator(model.fit(X, y))


ENCODED = {
    "encoder": lambda: foundation.SpectralFMEncoder(None, random_state=0),
    "regressor": lambda: foundation.SpectralFMRegressor(None, random_state=0),
    "classifier": lambda: foundation.SpectralFMClassifier(None, random_state=0),
    "standardizer": lambda: foundation.SpectralFMStandardizer(None, random_state=0),
    "no encoder": Ridge,
}
STANDARDIZERS = (
    None, "passthrough", transfer.MeanShift(), transfer.DirectStandardization(),
    transfer.SpectralSpaceTransformation(2), transfer.OptimalTransportStandardization(),
    transfer.ExternalParameterOrthogonalization(1), StandardScaler(),
)  # fmt: skip
REGRESSORS = (
    transfer.DifferencePenalizedRidge(), transfer.DomainInvariantPLS(2), Ridge(),
)  # fmt: skip
"""What `UnequalAxesRegressor` is put around."""


@st.composite
def parameters(draw: Any, cls: type, n_channels: int, n_source: int) -> dict[str, Any]:
    """Draw constructor arguments: mostly the defaults, some others that are allowed."""
    accepted = inspect.signature(cls).parameters
    chosen: dict[str, Any] = {
        name: value for name, value in {**TINY, **FEW_STEPS}.items() if name in accepted
    }
    if "random_state" in accepted:
        chosen["random_state"] = 0
    if "checkpoint" in accepted:
        chosen["checkpoint"] = None
    if "estimator" in accepted and cls is foundation.TestTimeAdapter:
        chosen["estimator"] = ENCODED[draw(mostly("encoder", "regressor", rarely=(*ENCODED,)))]()
    elif "estimator" in accepted:
        kind = draw(mostly("pls", "pipeline", "unfitted", rarely=("never fitted",)))
        chosen["estimator"] = source_model(kind, n_source, draw(mostly(1, rarely=(3,))))
    if "regressor" in accepted:
        chosen["regressor"] = draw(st.sampled_from(REGRESSORS))
    if "transfer" in accepted:
        chosen["transfer"] = draw(st.sampled_from(STANDARDIZERS))
    for name, allowed in getattr(cls, "_parameter_constraints", {}).items():
        if name in FIXED or name not in accepted:
            continue
        unit = AXES.get(name.removeprefix("source_").removeprefix("new_"))
        if unit is not None:
            # Few pairs of axes make sense: mostly leave all unsaid, or say one.
            if draw(st.sampled_from([False, False, True])):
                channels = n_source if name.startswith("source_") else n_channels
                chosen[name] = draw(axes(channels, unit))
        elif draw(LIST_GIVEN if "array-like" in allowed else GIVEN):
            choices = [one for rule in allowed if (one := _allowed_by(rule)) is not None]
            if choices:
                chosen[name] = draw(st.one_of(choices))
    return chosen


def _allowed_by(rule: Any) -> st.SearchStrategy | None:
    """Return a strategy of values that one of scikit-learn's constraints allows, if it says any."""
    match rule:
        case None:
            return st.none()
        case "boolean":
            return st.booleans()
        case StrOptions():
            return st.sampled_from(sorted(rule.options))
        case Interval():
            low = rule.left if rule.left is not None else -1e3
            if issubclass(int, rule.type):  # Integral, but also Real
                whole = [int(low) + step for step in (0, 1, 2, 3, 5, 11, 60)]
                if not issubclass(float, rule.type):
                    return st.sampled_from(whole)
            high = rule.right if rule.right is not None else low + 1e6
            part = [1e-12, 1e-3, 0.1, 0.5, 0.9, 1.0]
            return st.sampled_from([low, high, *(low + share * (high - low) for share in part)])
        case "array-like":
            return st.sampled_from(
                [[1.0], [0.0], [1e-3, 1.0, 1e3], [], [-1.0], [np.nan], "text", [[1.0]], np.ones(12)]
            )
        case _:
            return None


@st.composite
def cases(draw: Any, cls: type) -> Case:
    """Draw what is done with an estimator of a class."""
    n, n_channels = draw(N_ROWS), draw(N_CHANNELS)

    def rows() -> int:
        return draw(N_ROWS) if draw(mostly(False, rarely=(True,))) else n

    def channels() -> int:
        return draw(N_CHANNELS) if draw(mostly(False, rarely=(True,))) else n_channels

    n_source = channels()
    names = draw(mostly("nm", rarely=(None,)))
    estimator = cls(**draw(parameters(cls, n_channels, n_source)))
    known: dict[str, Callable[[], Any]] = {}

    def give(name: str, value: Any) -> None:
        known[name] = lambda: value

    labels = is_classifier(estimator)
    container = draw(CONTAINERS)
    X = draw(spectra(n, n_channels, names, container))
    give("X", X)
    accepted = inspect.signature(cls.fit).parameters
    if "y" in accepted:
        give("y", draw(values(rows(), labels)) if draw(mostly(True, rarely=(False,))) else None)
    paired = draw(mostly("one", rarely=("none", "both")))
    ways = [name for name in ("X_source", "standards") if name in accepted]
    if paired != "both" and ways:
        ways = [draw(st.sampled_from(ways))] if paired == "one" else []
    if "X_source" in ways:
        give("X_source", draw(spectra(rows(), n_source)))
    if "instruments" in accepted and draw(st.booleans()):
        give("instruments", draw(values(rows(), labels=True)))
    if "standards" in ways:
        m = draw(st.integers(1, 9))
        source, target = draw(spectra(m, n_source)), draw(spectra(m, channels()))
        y_standards = draw(values(m)) if draw(st.booleans()) else None
        if draw(st.booleans()) and isinstance(X, np.ndarray) and X.ndim == 2:
            source = X[: len(target)] if hasattr(target, "__len__") else X  # rows of X
        known["standards"] = lambda: Standards(source, target, y_standards)
    if "X_target" in accepted and draw(st.booleans()):
        target_spectra = draw(spectra(draw(N_ROWS), channels()))
        kind = draw(mostly("array", "unpaired", rarely=("groups", "no groups")))
        known["X_target"] = {
            "array": lambda: target_spectra,
            "unpaired": lambda: Unpaired(target_spectra),
            "groups": lambda: [target_spectra, Unpaired(target_spectra)],
            "no groups": list,
        }[kind]
    m = draw(st.integers(1, 30))
    conformal = draw(spectra(m, n_channels, names, container)), draw(values(m))
    container = draw(mostly(container, rarely=("array", "frame", "polars")))
    later = draw(spectra(draw(N_ROWS), channels(), names, container))
    return Case(estimator, known, conformal, later)
