"""One cross-validation in the row space equals scikit-learn's grid search."""

import numpy as np
import pandas as pd
import pytest
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from spectralfm.transfer import PLSRegressionCV
from spectralfm.transfer._folds import joint_folds

RNG = np.random.default_rng(7)
PURE = np.exp(-0.5 * ((np.arange(50) - np.array([[10], [22], [38]])) / 6) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((36, 3))
SPECTRA = CONCENTRATIONS @ PURE * RNG.uniform(0.8, 1.2, size=(36, 1))
SPECTRA = SPECTRA + 0.003 * RNG.normal(size=(36, 50))
VALUES = CONCENTRATIONS[:, :2] + 0.01 * RNG.normal(size=(36, 2))
VALUES[:, 1] = SPECTRA[:, 20] * 3 + 0.05 * RNG.normal(size=36)  # a property raw spectra tell best
X, Y, NEW = SPECTRA[:30], VALUES[:30], SPECTRA[30:]
VIEWS = [
    FunctionTransformer(),
    StandardNormalVariate(),
    SavitzkyGolay(15, polyorder=2, deriv=1, mode="interp"),
]
NONE = np.empty(0, dtype=np.intp)


@pytest.mark.parametrize("options", [{}, {"preprocessing": VIEWS}])
def test_equals_grid_search(options):
    """Folds are of equal size, so that the mean of their MSE is the MSE of all."""
    model = PLSRegressionCV(6, cv=5, **options).fit(X, Y)
    folds, _ = joint_folds(30, NONE, NONE, 5)
    chosen = set()
    for j in range(2):
        search = GridSearchCV(
            Pipeline([("view", None), ("pls", PLSRegression(scale=False))]),
            {"view": VIEWS, "pls__n_components": list(range(1, 7))},
            scoring="neg_mean_squared_error",
            cv=PredefinedSplit(folds),
        ).fit(X, Y[:, j])
        errors = np.sqrt(-search.cv_results_["mean_test_score"])
        order = [
            (VIEWS.index(setting["view"]), setting["pls__n_components"] - 1)
            for setting in search.cv_results_["params"]
        ]
        of_model = [model.rmsecv_[view, a, j] for view, a in order]
        np.testing.assert_allclose(of_model, errors, rtol=1e-8)
        assert model.n_components_[j] == search.best_params_["pls__n_components"]
        assert isinstance(model.preprocessing_[j], type(search.best_params_["view"]))
        np.testing.assert_allclose(model.predict(NEW)[:, j], search.predict(NEW), atol=1e-9)
        chosen.add(type(model.preprocessing_[j]))
    assert len(chosen) == 2  # the properties differ in their preprocessing


def test_each_property_as_if_alone_and_on_data_frames():
    together = PLSRegressionCV(6).fit(X, Y)
    names = [f"{1100 + i}" for i in range(50)]
    for j in range(2):
        alone = PLSRegressionCV(6).fit(pd.DataFrame(X, columns=names), pd.Series(Y[:, j]))
        predicted = alone.predict(pd.DataFrame(NEW, columns=names))
        assert predicted.shape == (6,)
        np.testing.assert_allclose(predicted, together.predict(NEW)[:, j], atol=1e-9)
    assert PLSRegressionCV(6).fit(X, Y[:, :1]).predict(NEW).shape == (6, 1)


def test_more_lvs_than_the_samples_support():
    model = PLSRegressionCV(15, cv=2).fit(X[:6], Y[:6])
    assert model.rmsecv_.shape == (3, 15, 2)
    assert np.isfinite(model.rmsecv_[:, :2]).all() and np.isinf(model.rmsecv_[:, 2:]).all()
    assert (model.n_components_ <= 2).all()


def test_preprocessing_may_cut_channels():
    cut = FunctionTransformer(_first_thirty)
    model = PLSRegressionCV(4, preprocessing=[cut, FunctionTransformer()]).fit(X, Y)
    assert np.isfinite(model.predict(NEW)).all()
    only = PLSRegressionCV(4, preprocessing=[cut]).fit(X, Y)
    assert only.coef_[0].shape == (30,)
    inside = PLSRegressionCV(4, preprocessing=[FunctionTransformer()]).fit(X[:, :30], Y)
    np.testing.assert_allclose(only.predict(NEW), inside.predict(NEW[:, :30]), atol=1e-10)


def _first_thirty(spectra):
    return spectra[:, :30]
