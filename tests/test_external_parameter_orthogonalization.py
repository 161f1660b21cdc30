import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from spectralfm.transfer import ExternalParameterOrthogonalization, Standards

RNG = np.random.default_rng(0)
X_SOURCE = RNG.random((8, 40))
X_TARGET = X_SOURCE + 0.3 + RNG.normal(size=(8, 2)) @ RNG.random((2, 40))


@pytest.mark.parametrize("center", [False, True])
def test_equals_the_explicit_projector(center):
    difference = X_TARGET - X_SOURCE
    if center:
        difference = difference - difference.mean(axis=0)
    values, vectors = np.linalg.eigh(difference.T @ difference)
    leading = vectors[:, np.argsort(values)[::-1][:2]]
    projector = np.eye(40) - leading @ leading.T
    epo = ExternalParameterOrthogonalization(2, center=center).fit(X_TARGET, X_source=X_SOURCE)
    X = RNG.random((5, 40))
    np.testing.assert_allclose(epo.transform(X), X @ projector, atol=1e-12)
    np.testing.assert_allclose(epo.singular_values_**2, np.sort(values)[::-1][:2])


def test_instruments_agree_once_all_directions_are_removed():
    epo = ExternalParameterOrthogonalization(3).fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(epo.transform(X_TARGET), epo.transform(X_SOURCE), atol=1e-12)


def test_centring_leaves_the_offset():
    shifted = X_SOURCE + 0.3
    with pytest.warns(UserWarning, match="clipped to 0"):
        epo = ExternalParameterOrthogonalization(center=True).fit(shifted, X_source=X_SOURCE)
    np.testing.assert_allclose(epo.transform(shifted) - epo.transform(X_SOURCE), 0.3)
    uncentred = ExternalParameterOrthogonalization(1).fit(shifted, X_source=X_SOURCE)
    np.testing.assert_allclose(uncentred.transform(shifted), uncentred.transform(X_SOURCE))


def test_standards_and_source_learn_the_same():
    paired = ExternalParameterOrthogonalization(2).fit(X_TARGET, X_source=X_SOURCE)
    routed = ExternalParameterOrthogonalization(2).fit(
        RNG.random((30, 40)), standards=Standards(source=X_SOURCE, target=X_TARGET)
    )
    np.testing.assert_array_equal(paired.transform(X_TARGET), routed.transform(X_TARGET))


def test_clips_with_both_numbers():
    with pytest.warns(UserWarning, match=r"n_components=20 is clipped to 3: .* 8 standards"):
        epo = ExternalParameterOrthogonalization(20).fit(X_TARGET, X_source=X_SOURCE)
    assert epo.n_components_ == 3


def test_zero_components_and_no_source_are_the_identity():
    epo = ExternalParameterOrthogonalization(0).fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_array_equal(epo.transform(X_TARGET), X_TARGET)
    with pytest.warns(UserWarning, match="nothing to learn"):
        epo = ExternalParameterOrthogonalization().fit(X_TARGET)
    np.testing.assert_array_equal(epo.transform(X_TARGET), X_TARGET)


def test_refuses_two_sources_of_pairs():
    standards = Standards(source=X_SOURCE, target=X_TARGET)
    epo = ExternalParameterOrthogonalization()
    with pytest.raises(ValueError, match="both given"):
        epo.fit(X_TARGET, X_source=X_SOURCE, standards=standards)
    with pytest.raises(TypeError, match=r"must be Standards\(source"):
        epo.fit(X_TARGET, standards=X_SOURCE)
    with pytest.raises(ValueError, match="standards.source has 39 channels, but X has 40"):
        epo.fit(X_TARGET, standards=Standards(source=X_SOURCE[:, 1:], target=X_TARGET))


def test_refit_pipeline_in_grid_search_routes_standards():
    rng = np.random.default_rng(1)
    X, drift = rng.random((40, 30)), rng.random((2, 30))
    y = X[:, 3] - X[:, 20]
    X_target = X + rng.normal(size=(40, 2)) @ drift
    standards = Standards(source=X[:6], target=X_target[:6])
    model = make_pipeline(ExternalParameterOrthogonalization(), PLSRegression())
    grid = {
        "externalparameterorthogonalization__n_components": [0, 2],
        "plsregression__n_components": [2, 8],
    }
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, grid, cv=4).fit(X, y, standards=standards)
        # Six standards and folds of ten: an array would be cut, the object must come through.
        folded = cross_val_predict(
            clone(model).set_params(externalparameterorthogonalization__n_components=2),
            X,
            y,
            cv=4,
            params={"standards": standards},
        )
        best = clone(model).set_params(externalparameterorthogonalization__n_components=2)
        best.fit(X, y, standards=standards)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert folded.shape == y.shape
    np.testing.assert_allclose(best.predict(X_target), best.predict(X), atol=1e-10)
