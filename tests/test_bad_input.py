"""Bad input gets a ValueError that says what to do, and leaves no old model behind."""

import inspect
import re
import warnings
from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from test_estimator_checks import CLASSICAL

from spectralfm.transfer import Standards, Unpaired

RNG = np.random.default_rng(0)
PURE = np.exp(-0.5 * ((np.arange(40) - np.array([[8], [20], [32]])) / 5) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((20, 3))
CALIBRATION = CONCENTRATIONS @ PURE + 0.01 * RNG.normal(size=(20, 40))
Y = CONCENTRATIONS[:, 0]
SOURCE = CALIBRATION[:8]
TARGET = 0.9 * SOURCE + 0.05 + 0.01 * RNG.normal(size=SOURCE.shape)
NAMES = [str(1100 + 2 * i) for i in range(40)]
FROZEN = FrozenEstimator(PLSRegression(3).fit(CALIBRATION, Y))


def made(estimator):
    """Return an unfitted copy; what wraps a source model gets a fitted, frozen one."""
    estimator = clone(estimator)
    if "estimator" in estimator.get_params(deep=False):
        estimator.set_params(estimator=FROZEN)
    return estimator


def good(estimator):
    """Return arguments of fit that work."""
    accepted = inspect.signature(estimator.fit).parameters
    if "X_source" in accepted:
        known = {"X": TARGET, "X_source": SOURCE}
        return known | {"y": Y[:8]} if hasattr(estimator, "predict") else known
    known = {"X": CALIBRATION, "y": Y}
    if "standards" in accepted:
        known["standards"] = Standards(source=SOURCE, target=TARGET)
    return known


@cache
def fitted_once(index):
    estimator = made(CLASSICAL[index])
    return estimator.fit(**good(estimator))


def fitted(estimator):
    """Return a copy of the estimator fitted to good input, which may take a second."""
    return deepcopy(fitted_once(CLASSICAL.index(estimator)))


def apply(estimator, X):
    return estimator.predict(X) if hasattr(estimator, "predict") else estimator.transform(X)


def name_of(value):
    return type(value).__name__ if hasattr(value, "get_params") else None


def each(wanted):
    """Parametrize a test with the public estimators that are wanted."""
    return pytest.mark.parametrize("estimator", [*filter(wanted, CLASSICAL)], ids=name_of)


every = each(lambda one: True)
standardizing = each(lambda one: "X_source" in inspect.signature(one.fit).parameters)
refitting = each(lambda one: "X_target" in inspect.signature(one.fit).parameters)
predicting = each(lambda one: hasattr(one, "predict"))


def put(value):
    def spoil(X):
        X = X.copy()
        X[2, 3] = value
        return X

    return spoil


def zero_row(X):
    X = X.copy()
    X[4] = 0.0
    return X


BAD_SPECTRA = {
    "nan": (put(np.nan), r"NaN[\s\S]*(Remove the spectrum|cut all spectra)"),
    "inf": (put(np.inf), r"infinity[\s\S]*cut the saturated channels"),
    "complex": (lambda X: X + 1j, r"Complex data not supported[\s\S]*Pass the real part"),
    "3-D": (lambda X: X[None], r"dim 3[\s\S]*[Oo]ne spectrum in a row"),
    "1-D": (lambda X: X[0], r"Expected 2D array, got 1D array[\s\S]*Reshape"),
    "no rows": (lambda X: X[:0], r"0 sample\(s\)"),
    "no channels": (lambda X: X[:, :0], r"0 feature\(s\)"),
    "numeric strings": (
        lambda X: X.astype(str),
        "could not convert string to float.* Drop the text",
    ),
    "text": (lambda X: np.full(X.shape, "a"), "could not convert string to float.* Drop the text"),
    "masked": (lambda X: np.ma.masked_greater(X, 0.9), "masked array .* masked values. Cut"),
    "fill value": (put(1e30), r"holds 1e\+30 at row 2, channel 3.* Mask fill values"),
    "zero row": (zero_row, r"all-zero spectra at row\(s\) 4: .*Remove these rows"),
}
bad_spectra = pytest.mark.parametrize(
    ("spoil", "message"), list(BAD_SPECTRA.values()), ids=list(BAD_SPECTRA)
)


def refit_fails(estimator, message, **changed):
    """Fit, refit with something bad, and look for remains of the first fit."""
    estimator = fitted(estimator)
    with pytest.raises(ValueError, match=message):
        estimator.fit(**(good(estimator) | changed))
    with pytest.raises(NotFittedError):
        apply(estimator, TARGET)


@every
@bad_spectra
def test_bad_spectra_in_fit(estimator, spoil, message):
    X = good(made(estimator))["X"]
    refit_fails(estimator, message, X=spoil(X))


@every
@bad_spectra
def test_bad_spectra_afterwards(estimator, spoil, message):
    estimator = fitted(estimator)
    before = apply(estimator, TARGET)
    with pytest.raises(ValueError, match=message):
        apply(estimator, spoil(TARGET))
    np.testing.assert_array_equal(apply(estimator, TARGET), before)


@standardizing
@bad_spectra
def test_bad_source_spectra(estimator, spoil, message):
    refit_fails(estimator, message, X_source=spoil(SOURCE))


@bad_spectra
@pytest.mark.parametrize("side", ["source", "target"])
def test_bad_standards(side, spoil, message):
    pair = {"source": SOURCE, "target": TARGET}
    with pytest.raises(ValueError, match=message):
        Standards(**(pair | {side: spoil(pair[side])}))
    with pytest.raises(ValueError, match=message):
        Unpaired(spoil(TARGET))


@refitting
@bad_spectra
def test_bad_unlabelled_target_spectra(estimator, spoil, message):
    refit_fails(estimator, message, X_target=spoil(TARGET))


@every
def test_other_channel_count(estimator):
    estimator = fitted(estimator)
    with pytest.raises(ValueError, match=r"39 features, but .* 40 features[\s\S]*resample"):
        apply(estimator, TARGET[:, 1:])


@refitting
def test_standards_and_target_spectra_on_another_axis(estimator):
    cut = Standards(source=SOURCE[:, 1:], target=TARGET[:, 1:])
    refit_fails(estimator, "has 39 channels, but X has 40.* resample", standards=cut)
    refit_fails(estimator, "has 39 channels, but X has 40.* resample", X_target=TARGET[:, 1:])


@standardizing
def test_unpaired_standards(estimator):
    if not getattr(estimator, "paired", True):
        made(estimator).fit(**(good(estimator) | {"X_source": SOURCE[1:]}))
        return
    refit_fails(estimator, "7 spectra but the target has 8.* Align", X_source=SOURCE[1:])


def test_unpaired_standards_object():
    with pytest.raises(ValueError, match="7 spectra but the target has 8.* Align"):
        Standards(source=SOURCE[1:], target=TARGET)
    with pytest.raises(ValueError, match="standards.y has 7 .* target has 8"):
        Standards(source=SOURCE, target=TARGET, y=Y[:7])


def put_y(value):
    return lambda y: np.where(np.arange(len(y)) == 2, value, y)


BAD_Y = {
    "nan": (put_y(np.nan), "NaN"),
    "inf": (put_y(np.inf), "infinity"),
    "complex": (lambda y: y + 1j, "Complex data not supported"),
    "3-D": (lambda y: y[:, None, None], "dim 3"),
    "another length": (lambda y: y[1:], r"inconsistent numbers of samples|Align the rows"),
    "numeric strings": (lambda y: y.astype(str), "could not convert string to float"),
    "masked": (lambda y: np.ma.masked_greater(y, 0.9), "masked array"),
}


@predicting
@pytest.mark.parametrize(("spoil", "message"), list(BAD_Y.values()), ids=list(BAD_Y))
def test_bad_reference_values(estimator, spoil, message):
    refit_fails(estimator, message, y=spoil(good(made(estimator))["y"]))


@refitting
def test_constant_or_no_reference_values(estimator):
    refit_fails(estimator, "y is constant .*Choose samples", y=np.full(20, 3.0))
    refit_fails(estimator, "requires y to be passed, but the target y is None", y=None)


FRAME = pd.DataFrame(TARGET, columns=NAMES)
COLUMNS = {
    "reordered": FRAME[NAMES[1:] + NAMES[:1]],
    "reversed": FRAME[NAMES[::-1]],
    "shifted": FRAME.set_axis([str(1102 + 2 * i) for i in range(40)], axis=1),
}


@cache
def fitted_on_frames_once(index):
    estimator = made(CLASSICAL[index])
    if "estimator" in estimator.get_params(deep=False):
        frame = pd.DataFrame(CALIBRATION, columns=NAMES)
        estimator.set_params(estimator=FrozenEstimator(PLSRegression(3).fit(frame, Y)))
    known = {
        name: pd.DataFrame(value, columns=NAMES) if name in ("X", "X_source") else value
        for name, value in good(estimator).items()
    }
    return estimator.fit(**known)


def fitted_on_frames(estimator):
    return deepcopy(fitted_on_frames_once(CLASSICAL.index(estimator)))


@every
@pytest.mark.parametrize("frame", list(COLUMNS.values()), ids=list(COLUMNS))
def test_other_columns(estimator, frame):
    estimator = fitted_on_frames(estimator)
    assert np.isfinite(apply(estimator, FRAME)).all(axis=None)
    with pytest.raises(ValueError, match="feature names should match"):
        apply(estimator, frame)


POSITIONS = 1100.0 + 2 * np.arange(40)
MOVED = (
    lambda X: X.iloc[:, ::-1],
    lambda X: X.set_axis(POSITIONS + 2, axis=1),
    lambda X: X.set_axis(NAMES, axis=1),
    lambda X: X.to_numpy(),
)


@every
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_other_positions(estimator):
    """Columns named by numbers, which scikit-learn does not compare."""
    frame = pd.DataFrame(CALIBRATION, columns=POSITIONS)
    estimator = made(estimator)
    known = good(estimator)
    known["X"] = pd.DataFrame(known["X"], columns=POSITIONS)
    estimator.fit(**known)
    apply(estimator, frame)
    for move in MOVED:
        with pytest.raises(ValueError, match="should match those|no column names"):
            apply(estimator, move(frame))


@every
def test_array_after_data_frame(estimator):
    with pytest.raises(ValueError, match="X has no column names.* Pass a DataFrame"):
        apply(fitted_on_frames(estimator), TARGET)


# Its components describe the calibration spectra, and are as many as those support.
NOT_OF_STANDARDS = {"DifferencePenalizedRidge"}


@each(lambda one: "n_components" in vars(one) and name_of(one) not in NOT_OF_STANDARDS)
def test_fewer_standards_than_lvs(estimator):
    """Clipped or refused, but never in silence, and with both numbers."""
    estimator = made(estimator).set_params(n_components=50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(**good(estimator))
        except ValueError as error:
            said = [str(error)]
        else:
            said = [str(warning.message) for warning in caught]
    assert any(re.search(r"\b50\b.*\b\d{1,2}\b", text) for text in said), said


@standardizing
def test_one_standard(estimator):
    """A single pair is enough or is refused; it never gives numbers that are not finite."""
    estimator = made(estimator)
    single = {name: value[:1] for name, value in good(estimator).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.fit(**single)
        except ValueError as error:
            assert re.search("n_samples ?= ?1", str(error))
        else:
            assert np.isfinite(apply(estimator, TARGET)).all()
