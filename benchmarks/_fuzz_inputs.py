"""Hypothesis strategies for spectra, values and axes as users bring them, sound and spoiled."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy import sparse

try:
    import polars as pl
except ImportError:
    pl = None

SOUND = 0.95
"""Share of the sound choices: a case makes some twenty, and a third shall be sound throughout."""


def mostly(*sound: Any, rarely: tuple = ()) -> st.SearchStrategy:
    """Return a strategy of choices, sound ones far more often."""
    times = max(1, round(SOUND / (1 - SOUND) * len(rarely) / len(sound)))
    return st.sampled_from([*sound * times, *rarely])


N_ROWS = mostly(3, 5, 8, 12, rarely=(0, 1, 2, 4, 25))
N_CHANNELS = mostly(12, 20, 31, rarely=(0, 1, 2, 3, 4, 5, 9, 10, 11))

CONTENTS = {
    "mixtures": lambda rng, n, c: rng.random((n, 3)) @ _bands(c) + 0.01 * rng.random((n, c)),
    "noise": lambda rng, n, c: rng.standard_normal((n, c)),
    "drift": lambda rng, n, c: rng.standard_normal((n, c)).cumsum(axis=1),
    "one rank": lambda rng, n, c: np.outer(rng.random(n) + 0.5, rng.random(c)),
    "equal rows": lambda rng, n, c: np.tile(rng.random(c), (n, 1)),
    "flat rows": lambda rng, n, c: np.tile(rng.random((n, 1)), (1, c)),
    "one value": lambda rng, n, c: np.full((n, c), 0.1),
    "zeros": lambda rng, n, c: np.zeros((n, c)),
    "empty channels": lambda rng, n, c: rng.random((n, c)) * (np.arange(c) % 3 > 0),
    "twins": lambda rng, n, c: np.repeat(rng.random((n // 2 + 1, c)), 2, axis=0)[:n],
    "counts": lambda rng, n, c: rng.integers(0, 200, (n, c)).astype(float),
}
SCALES = mostly(1.0, rarely=(1e-3, 1e-8, 1e-30, 1e-160, 1e-300, 5e-324, 1e3, 9e5, 1e9))
SPOILED = {
    "none": lambda rng, X: X,
    "one NaN": lambda rng, X: _put(rng, X, np.nan),
    "NaN row": lambda rng, X: np.where(_rows(rng, X), np.nan, X),
    "NaN channel": lambda rng, X: np.where(_rows(rng, X.T).T, np.nan, X),
    "all NaN": lambda rng, X: np.full_like(X, np.nan),
    "random NaN": lambda rng, X: np.where(rng.random(X.shape) < 0.3, np.nan, X),
    "inf": lambda rng, X: _put(rng, X, np.inf),
    "-inf": lambda rng, X: _put(rng, X, -np.inf),
    "fill value": lambda rng, X: _put(rng, X, -9.99e30),
    "spike": lambda rng, X: _put(rng, X, 1e5),
    "zero row": lambda rng, X: np.where(_rows(rng, X), 0.0, X),
}
DTYPES = mostly(
    "float64", "float64", "float32",
    rarely=(
        "float16", "int64", "int8", "uint16", "bool", "object", "longdouble", "complex64", "U",
        ">f8", "datetime64[s]",
    ),
)  # fmt: skip
CONTAINERS = mostly(
    "array", "array", "frame",
    rarely=(
        "columns first", "reversed", "strided", "read-only", "list", "polars", "matrix", "masked",
        "masked fully", "sparse", "3-D", "1-D", "0-D", "none", "text", "object None", "nullable",
    ),
)  # fmt: skip
NAMES = {
    "nm": lambda c: [f"{name:.1f}" for name in np.linspace(1100, 2500, c)],
    "numbers": lambda c: list(np.linspace(1100.0, 2500.0, c)),
    "cm-1": lambda c: [f"{name:.0f}" for name in np.linspace(9000, 4000, c)],
    "counted": lambda c: list(range(c)),
    "words": lambda c: [f"channel {i}" for i in range(c)],
    "twice": lambda c: ["1100"] * c,
    "mixed": lambda c: [i if i % 2 else str(i) for i in range(c)],
    "not finite": lambda c: ["nan", "inf", *map(str, range(c))][:c],
}


def _bands(n_channels: int) -> np.ndarray:
    place = np.linspace(0, 1, n_channels)
    return np.exp(-0.5 * ((place - np.array([[0.2], [0.5], [0.8]])) / 0.12) ** 2)


def _put(rng: np.random.Generator, X: np.ndarray, value: float) -> np.ndarray:
    X = X.copy()
    if X.size:
        X.ravel()[rng.integers(X.size)] = value
    return X


def _rows(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    return (np.arange(len(X)) == rng.integers(max(len(X), 1)))[:, None]


def contained(container: str, values: np.ndarray, names: list) -> Any:
    """Return values in what users keep spectra in."""
    match container:
        case "frame":
            return pd.DataFrame(values, columns=names)
        case "nullable":
            return pd.DataFrame(values, columns=names).convert_dtypes()
        case "polars":
            named = [str(name) for name in names]
            if pl is None or len(set(named)) < len(named) or values.dtype.kind not in "fiub":
                return values
            return pl.DataFrame({name: values[:, i] for i, name in enumerate(named)})
        case "columns first":
            return np.asfortranarray(values)
        case "reversed":
            return values[:, ::-1]
        case "strided":
            return np.repeat(values, 2, axis=0)[::2]
        case "read-only":
            values = values.copy()
            values.setflags(write=False)
            return values
        case "list":
            return values.tolist()
        case "matrix":
            return values.view(np.matrix)
        case "masked":
            return np.ma.masked_array(values)
        case "masked fully":
            return np.ma.masked_array(values, mask=np.ones(values.shape, bool))
        case "sparse":
            return sparse.csr_array(values) if values.dtype.kind in "fiu" else values
        case "3-D":
            return values[None]
        case "1-D":
            return values[:1].ravel()
        case "0-D":
            return 0.5
        case "none":
            return None
        case "text":
            return "spectra.csv"
        case "object None":
            values = values.astype(object)
            values[:1] = None
            return values
        case _:
            return values


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return values of another type, without the warnings of doing so."""
    with np.errstate(all="ignore"):
        if dtype == "datetime64[s]":
            return np.nan_to_num(values).astype("int64").astype(dtype)
        if np.dtype(dtype).kind in "iub":
            values = np.nan_to_num(values).clip(-100 if dtype.startswith("i") else 0, 100)
        return values.astype(dtype)


@st.composite
def spectra(
    draw: Any, n: int, n_channels: int, names: str | None = None, container: str | None = None
) -> Any:
    """Draw spectra (n, n_channels), or what somebody takes for such."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    content = draw(mostly("mixtures", "noise", "drift", rarely=(*CONTENTS,)))
    X = CONTENTS[content](rng, n, n_channels) * draw(SCALES)
    X = SPOILED[draw(mostly("none", "none", rarely=(*SPOILED,)))](rng, X)
    kind = names or draw(mostly("nm", rarely=(*NAMES,)))
    return contained(container or draw(CONTAINERS), cast(X, draw(DTYPES)), NAMES[kind](n_channels))


Y_CONTENTS = {
    "uniform": lambda rng, n: rng.random(n),
    "counts": lambda rng, n: rng.integers(0, 3, n),
    "words": lambda rng, n: np.array(["wheat", "barley"])[rng.integers(0, 2, n)],
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "constant": lambda rng, n: np.full(n, 7.0),
    "almost constant": lambda rng, n: 7.0 + 1e-15 * rng.random(n),
    "tiny": lambda rng, n: 1e-300 * rng.random(n),
    "huge": lambda rng, n: 1e200 * rng.random(n),
    "largest": lambda rng, n: np.finfo(float).max * (rng.random(n) - 0.5),
    "NaN": lambda rng, n: np.where(np.arange(n) == 1, np.nan, rng.random(n)),
    "inf": lambda rng, n: np.where(np.arange(n) == 0, np.inf, rng.random(n)),
    "complex": lambda rng, n: rng.random(n) * 1j,
    "objects": lambda rng, n: rng.random(n).astype(object),
    "none inside": lambda rng, n: np.array([None, *rng.random(max(n - 1, 0))][:n], dtype=object),
    "float32": lambda rng, n: rng.random(n).astype("float32"),
    "dates": lambda rng, n: rng.integers(0, 9, n).astype("datetime64[D]"),
}
Y_SHAPES = {
    "vector": lambda y: y,
    "column": lambda y: y[:, None],
    "three": lambda y: np.column_stack([y, y[::-1], y]),
    "row": lambda y: y[None],
    "no columns": lambda y: y[:, None][:, :0],
    "3-D": lambda y: y[:, None, None],
    "list": lambda y: y.tolist(),
    "series": pd.Series,
    "frame": lambda y: pd.DataFrame({"fat": y, "salt": y[::-1]}),
    "scalar": lambda y: 1.0,
}


@st.composite
def values(draw: Any, n: int, labels: bool = False) -> Any:
    """Draw reference values or labels of n samples."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    content = draw(mostly("counts" if labels else "uniform", rarely=(*Y_CONTENTS,)))
    shape = draw(mostly("vector", rarely=(*Y_SHAPES,)))
    return Y_SHAPES[shape](Y_CONTENTS[content](rng, n))


AXES = {
    "nm": lambda c: np.linspace(1100, 2500, c),
    "cm-1": lambda c: np.linspace(9090, 4000, c),
    "micrometres": lambda c: np.linspace(1.1, 2.5, c),
    "descending": lambda c: np.linspace(2500, 1100, c),
    "narrow": lambda c: np.linspace(1500, 1600, c),
    "wide": lambda c: np.linspace(400, 15000, c),
    "beyond": lambda c: np.linspace(1, 1e6, c),
    "equal": lambda c: np.full(c, 1100.0),
    "shuffled": lambda c: np.random.default_rng(0).permutation(np.linspace(1100, 2500, c)),
    "twice": lambda c: np.repeat(np.linspace(1100, 2500, c), 2)[:c],
    "negative": lambda c: -np.linspace(1100, 2500, c),
    "from zero": lambda c: np.linspace(0, 1400, c),
    "NaN": lambda c: np.where(np.arange(c) == 1, np.nan, np.linspace(1100, 2500, c)),
    "inf": lambda c: np.where(np.arange(c) == 1, np.inf, np.linspace(1100, 2500, c)),
    "one short": lambda c: np.linspace(1100, 2500, max(c - 1, 0)),
    "empty": lambda c: [],
    "text": lambda c: ["1100"] * c,
    "words": lambda c: ["a"] * c,
    "2-D": lambda c: np.ones((2, c)),
    "complex": lambda c: np.linspace(1100, 2500, c) + 1j,
    "close": lambda c: 1100 + 1e-9 * np.arange(c),
    "list": lambda c: np.linspace(1100, 2500, c).tolist(),
}


def axes(n_channels: int, unit: str) -> st.SearchStrategy:
    """Return a strategy of axes of n_channels, mostly in nm or cm-1 as ``unit`` says."""
    return mostly(unit, unit, rarely=(*AXES,)).map(lambda kind: AXES[kind](n_channels))
