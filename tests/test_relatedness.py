"""The ensemble notices a target that has nothing to do with the calibration."""

import warnings

import numpy as np
import pytest

from spectralfm.datasets import make_instrument_pair
from spectralfm.transfer import DifferencePenalizedRidge, Standards, TransferEnsemble, Unpaired
from spectralfm.transfer._families import CAUTION, cautious_ridge
from spectralfm.transfer._preprocessing import shape_preprocessing
from spectralfm.transfer._relatedness import explained_share

RNG = np.random.default_rng(0)
PAIR = make_instrument_pair(n_samples=70, n_channels=80, random_state=0)
X, X_TARGET, Y = PAIR.spectra["source"][:50], PAIR.spectra["target"], PAIR.y[:50]
NOISE = 1 + 0.1 * RNG.normal(size=(20, 80))


def test_the_share_is_that_of_a_projection():
    S, T = ((Z - Z.mean(1, keepdims=True)) / Z.std(1, keepdims=True) for Z in (X, NOISE))
    basis = np.linalg.svd(S - S.mean(0))[2][:10]
    T = T - T.mean(0)
    expected = np.square(T @ basis.T).sum() / np.square(T).sum()
    assert explained_share(X, NOISE) == pytest.approx(expected) and expected < 0.4
    assert explained_share(X, X_TARGET) > 0.98


def test_a_shift_counts_little():
    shifted = X_TARGET + 0.05 * np.sin(np.arange(80) / 9)
    assert explained_share(X, shifted) > 0.98


@pytest.mark.parametrize("few", [X[:2], X[:1]])
def test_too_few_spectra_tell_nothing(few):
    assert explained_share(few, NOISE) == 1 and explained_share(X, NOISE[:1]) == 1
    assert explained_share(X, np.repeat(NOISE[:1], 4, axis=0)) == 1


@pytest.mark.parametrize("given", ["standards", "X_target", "nothing"])
def test_related_instruments_pass_without_a_word(given):
    known = {
        "standards": {"standards": Standards(X[:10], X_TARGET[:10])},
        "X_target": {"X_target": Unpaired(X_TARGET[50:])},
        "nothing": {},
    }[given]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TransferEnsemble().fit(X, Y, **known)


def test_unlabelled_spectra_of_something_else():
    with pytest.warns(UserWarning, match=r"Only \d+% of the variance of the target spectra"):
        model = TransferEnsemble().fit(X, Y, X_target=Unpaired(NOISE))
    careful = cautious_ridge(CAUTION, shape_preprocessing(80)).fit(X, Y, X_target=Unpaired(NOISE))
    np.testing.assert_allclose(model.predict(NOISE), careful.predict(NOISE))
    # Nothing beyond the calibration range.
    assert (np.abs(model.predict(NOISE) - Y.mean(0)) < np.ptp(Y, axis=0)).all()


def test_standards_of_something_else():
    """What is left is hardly more than the mean."""
    with pytest.warns(UserWarning, match="Only "):
        model = TransferEnsemble().fit(X, Y, standards=Standards(X[:7], NOISE[:7]))
    error = np.sqrt(np.square(model.predict(NOISE[7:]) - Y.mean(0)).mean(0))
    assert (error < 1.2 * Y.std(0)).all()


def test_the_mean_replaces_only_what_is_lost():
    """One property has values that the spectra do not hold."""
    values = np.column_stack([Y[:, 0], RNG.permutation(Y[:, 0])])
    ridge = [("ridge", DifferencePenalizedRidge())]
    standards = Standards(X[:8], X_TARGET[:8])
    with pytest.warns(UserWarning, match=r"properties \[1\]"):
        model = TransferEnsemble(ridge).fit(X, values, standards=standards)
    alone = DifferencePenalizedRidge().fit(X, values, standards=standards)
    expected = np.column_stack([alone.predict(X_TARGET)[:, 0], np.full(70, values[:, 1].mean())])
    np.testing.assert_allclose(model.predict(X_TARGET), expected)
    deviation = np.sqrt(np.square(values[:8] - values.mean(0)).mean(0))
    np.testing.assert_allclose(model.standards_error_[-1], deviation)
