"""Views of spectra; constant spectra, which SNV cannot scale, are named."""

import numpy as np
import pytest
from chemotools.scatter import StandardNormalVariate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from spectralfm.transfer import (
    AveragedPLS,
    DifferencePenalizedRidge,
    PLSRegressionCV,
    Standards,
    TransferEnsemble,
)
from spectralfm.transfer._preprocessing import (
    averaged_preprocessing,
    default_preprocessing,
    fitted_views,
    preprocess,
    shape_preprocessing,
)

RNG = np.random.default_rng(4)
X = 1.0 + RNG.random((12, 20))
Y = RNG.random(12)
AVERAGING = [AveragedPLS(max_components=3), DifferencePenalizedRidge()]
# Given other candidates too, it might not choose SNV, and then needs no refusal in predict.
ALL = [*AVERAGING, PLSRegressionCV(max_components=3, preprocessing=[StandardNormalVariate()])]


VIEWS = (default_preprocessing, averaged_preprocessing, shape_preprocessing)


def with_flat_row(value, row=3):
    spectra = X.copy()
    spectra[row] = value
    return spectra


@pytest.mark.parametrize(
    ("n_channels", "counts"),
    [(1, (1, 1, 1)), (9, (1, 1, 1)), (10, (2, 2, 1)), (14, (2, 2, 1)), (15, (3, 3, 1)),
     (20, (3, 3, 1)), (21, (3, 4, 2))],
)  # fmt: skip
def test_default_views(n_channels, counts):
    wide = np.hstack([X, X[:, :1]])[:, :n_channels]
    for views, count in zip(VIEWS, counts, strict=True):
        found = views(n_channels)
        assert len(found) == count
        for view in found:
            assert preprocess(view.fit(wide), wide).shape == (12, n_channels)


def test_shapes_have_neither_scale_nor_baseline():
    smooth = RNG.random((5, 1)) * np.sin(np.linspace(0, 7, 60)) ** 2 + 0.1
    slope, curvature = fitted_views(None, smooth, shape_preprocessing)
    np.testing.assert_allclose(
        preprocess(slope, 3 * smooth + 1), preprocess(slope, smooth), atol=1e-12
    )
    tilted = smooth + np.linspace(0, 2, 60) + 1
    np.testing.assert_allclose(
        preprocess(curvature, tilted), preprocess(curvature, smooth), atol=1e-12
    )
    # The second derivative of x^2 / 2 a channel is 1, and the first of x is 1.
    channels = np.arange(60.0)[None]
    np.testing.assert_allclose(preprocess(curvature, channels**2 / 2), 1, atol=1e-9)
    slope_only = averaged_preprocessing(60)[1].fit(channels)
    np.testing.assert_allclose(preprocess(slope_only, channels), 1, atol=1e-12)


def test_a_constant_tenth_has_a_standard_deviation():
    """So that an exact comparison with 0 would let it pass as noise of order 1."""
    assert 0 < np.full(20, 0.1).std() < 1e-15


@pytest.mark.parametrize("value", [0.1, 1.0, -3e-5, 7e5])
@pytest.mark.parametrize("estimator", ALL, ids=lambda one: type(one).__name__)
def test_constant_spectra_are_refused_in_fit_and_predict(estimator, value):
    message = r"X has constant spectra at row\(s\) 3: SNV .* Remove these rows"
    with pytest.raises(ValueError, match=message):
        estimator.fit(with_flat_row(value), Y)
    estimator.fit(X, Y)
    with pytest.raises(ValueError, match=message):
        estimator.predict(with_flat_row(value))


def test_the_ensemble_refuses_constant_spectra():
    ensemble = TransferEnsemble(members=[("pls", AVERAGING[0]), ("ridge", AVERAGING[1])])
    with pytest.raises(ValueError, match=r"X has constant spectra at row\(s\) 3"):
        ensemble.fit(with_flat_row(0.1), Y)
    with pytest.raises(ValueError, match=r"X has constant spectra at row\(s\) 3"):
        ensemble.fit(X, Y).predict(with_flat_row(0.1))


@pytest.mark.parametrize("estimator", AVERAGING, ids=lambda one: type(one).__name__)
def test_constant_spectra_of_standards_and_target(estimator):
    flat = with_flat_row(0.1)
    with pytest.raises(ValueError, match=r"standards.source has constant spectra at row\(s\) 3"):
        estimator.fit(X, Y, standards=Standards(flat, X))
    with pytest.raises(ValueError, match=r"standards.target has constant spectra at row\(s\) 3"):
        estimator.fit(X, Y, standards=Standards(X, flat))
    with pytest.raises(ValueError, match=r"X_target has constant spectra at row\(s\) 3"):
        estimator.fit(X, Y, X_target=flat)


@pytest.mark.parametrize("estimator", ALL, ids=lambda one: type(one).__name__)
def test_constant_spectra_pass_without_snv(estimator):
    estimator = type(estimator)(preprocessing=[FunctionTransformer()])
    estimator.fit(with_flat_row(0.1), Y)
    assert np.isfinite(estimator.predict(with_flat_row(0.1))).all()
    narrow = with_flat_row(0.1)[:, :9]  # too few channels for SNV among the defaults
    assert np.isfinite(type(estimator)().fit(narrow, Y).predict(narrow)).all()


def test_results_that_are_not_finite_are_refused():
    view = FunctionTransformer(lambda X: X * np.where(X == 1, np.nan, 1)).fit(X)
    with pytest.raises(ValueError, match="preprocessed X contains NaN"):
        preprocess(view, with_flat_row(1.0))


def test_constant_spectra_before_snv_in_a_pipeline():
    view = make_pipeline(StandardNormalVariate(), StandardScaler()).fit(X)
    with pytest.raises(ValueError, match=r"X has constant spectra at row\(s\) 3: SNV"):
        preprocess(view, with_flat_row(1.0))


def test_views_are_fitted_clones():
    scaler = StandardScaler()
    (view,) = fitted_views([scaler], X)
    assert not hasattr(scaler, "mean_")
    np.testing.assert_allclose(preprocess(view, X), (X - X.mean(axis=0)) / X.std(axis=0))


@pytest.mark.parametrize("estimator", ALL, ids=lambda one: type(one).__name__)
def test_no_view_at_all(estimator):
    with pytest.raises(ValueError, match="preprocessing is empty: give one transformer or more"):
        type(estimator)(preprocessing=[]).fit(X, Y)
