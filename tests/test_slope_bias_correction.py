import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from spectralfm.transfer import SlopeBiasCorrection

RNG = np.random.default_rng(0)
X = RNG.random((40, 30))
Y = X[:, [3, 9]] @ np.array([[1.0, 0.5], [0.2, 2.0]])
MODEL = FrozenEstimator(PLSRegression(5).fit(X, Y))
MODEL_1 = FrozenEstimator(PLSRegression(5).fit(X, Y[:, 0]))
X_TARGET = 0.8 * X + 0.1 + 0.01 * RNG.normal(size=X.shape)
STANDARDS = slice(0, 8)


def test_equals_polyfit_for_each_property():
    sbc = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], Y[STANDARDS])
    predicted = MODEL.predict(X_TARGET)
    for j in range(2):
        line = np.polyfit(predicted[STANDARDS, j], Y[STANDARDS, j], 1)
        np.testing.assert_allclose([sbc.slope_[j], sbc.bias_[j]], line)
        np.testing.assert_allclose(sbc.predict(X_TARGET)[:, j], np.polyval(line, predicted[:, j]))


def test_without_y_the_source_predictions_are_the_reference():
    paired = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], X_source=X[STANDARDS])
    known = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], MODEL.predict(X[STANDARDS]))
    np.testing.assert_allclose(paired.slope_, known.slope_)
    np.testing.assert_allclose(paired.bias_, known.bias_)


def test_y_goes_before_the_source_predictions():
    both = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], Y[STANDARDS], X_source=X[STANDARDS])
    known = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], Y[STANDARDS])
    np.testing.assert_array_equal(both.slope_, known.slope_)


def test_bias_only():
    sbc = SlopeBiasCorrection(MODEL_1, slope=False).fit(X_TARGET[STANDARDS], Y[STANDARDS, 0])
    np.testing.assert_array_equal(sbc.slope_, 1)
    np.testing.assert_allclose(
        sbc.bias_[0], np.mean(Y[STANDARDS, 0] - MODEL_1.predict(X_TARGET[STANDARDS]))
    )
    assert sbc.predict(X_TARGET).shape == (40,)


def test_two_standards_and_constant_standards_fall_back_to_the_bias():
    with pytest.warns(UserWarning, match="2 standards are too few for a slope, which needs 3"):
        sbc = SlopeBiasCorrection(MODEL_1).fit(X_TARGET[:2], Y[:2, 0])
    np.testing.assert_array_equal(sbc.slope_, 1)
    flat = Y[STANDARDS].copy()
    flat[:, 1] = 4.0
    with pytest.warns(UserWarning, match=r"constant, in prediction or reference, in property \[1"):
        sbc = SlopeBiasCorrection(MODEL).fit(X_TARGET[STANDARDS], flat)
    assert sbc.slope_[0] != 1
    assert sbc.slope_[1] == 1
    np.testing.assert_allclose(sbc.predict(X_TARGET[STANDARDS]).mean(axis=0)[1], 4.0)


def test_keeps_the_frozen_model_and_pickles():
    sbc = clone(SlopeBiasCorrection(MODEL)).fit(X_TARGET[STANDARDS], Y[STANDARDS])
    assert sbc.estimator_ is MODEL.estimator
    restored = pickle.loads(pickle.dumps(sbc))
    np.testing.assert_array_equal(restored.predict(X_TARGET), sbc.predict(X_TARGET))


def test_unfitted_estimators():
    with pytest.raises(NotFittedError, match="before freezing it"):
        SlopeBiasCorrection(FrozenEstimator(PLSRegression())).fit(X, Y)
    with pytest.warns(UserWarning, match="fitted on the 8 standards"):
        sbc = SlopeBiasCorrection(PLSRegression()).fit(
            X_TARGET[STANDARDS], Y[STANDARDS], X_source=X[STANDARDS]
        )
    expected = PLSRegression().fit(X[STANDARDS], Y[STANDARDS])
    np.testing.assert_array_equal(sbc.estimator_.coef_, expected.coef_)
    with pytest.raises(ValueError, match="its estimator is not fitted"):
        SlopeBiasCorrection(PLSRegression()).fit(X_TARGET, X_source=X)
    fitted = PLSRegression(5).fit(X, Y)
    assert SlopeBiasCorrection(fitted).fit(X_TARGET, Y).estimator_ is fitted


def test_says_what_does_not_fit_the_source_model():
    with pytest.raises(ValueError, match="X has 29 channels, but the source model has 30"):
        SlopeBiasCorrection(MODEL).fit(X_TARGET[:, 1:], Y)
    with pytest.raises(ValueError, match="X_source has 29 channels, but the source model has 30"):
        SlopeBiasCorrection(MODEL).fit(X_TARGET, X_source=X[:, 1:])
    with pytest.raises(ValueError, match="y has 1 properties, but the source model predicts 2"):
        SlopeBiasCorrection(MODEL).fit(X_TARGET, Y[:, 0])
    with pytest.raises(ValueError, match="X_source has 39 spectra but the target has 40"):
        SlopeBiasCorrection(MODEL).fit(X_TARGET, X_source=X[1:])
    with pytest.raises(ValueError, match="and so is X_source"):
        SlopeBiasCorrection(MODEL).fit(X_TARGET)


def test_model_of_a_data_frame():
    names = [str(1100 + 2 * i) for i in range(30)]
    frame, target = pd.DataFrame(X, columns=names), pd.DataFrame(X_TARGET, columns=names)
    frozen = FrozenEstimator(PLSRegression(5).fit(frame, Y))
    sbc = SlopeBiasCorrection(frozen).fit(target, X_source=frame)
    expected = SlopeBiasCorrection(MODEL).fit(X_TARGET, X_source=X)
    np.testing.assert_allclose(sbc.predict(target), expected.predict(X_TARGET))


@pytest.mark.parametrize("routing", [False, True])
def test_grid_search_cuts_the_source_with_the_folds(routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(SlopeBiasCorrection(MODEL), {"slope": [True, False]}, cv=4)
        search.fit(X_TARGET, Y, X_source=X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_ == {"slope": True}
