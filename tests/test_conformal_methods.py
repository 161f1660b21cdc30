"""Intervals equal those of independent references: brute force, MAPIE, NumPy's quantiles."""

import warnings

import numpy as np
import pytest
from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, LeaveOneOut
from sklearn.pipeline import make_pipeline

from spectralfm.conformal import ConformalRegressor, conformal_quantile, undercoverage_risk
from spectralfm.conformal._density_ratio import DensityRatio
from spectralfm.conformal._full import conforming
from spectralfm.conformal._small_samples import rank
from spectralfm.transfer import SlopeBiasCorrection

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 15))
Y = X[:, :2] + 0.5 * RNG.normal(size=(12, 2))
NEW = 1.5 * RNG.normal(size=(5, 15))
MODEL = FrozenEstimator(LinearRegression().fit(X + RNG.normal(size=X.shape), Y))
GRID = np.linspace(-12, 12, 33)


def conforms(estimator, x, target, value, level):
    """Fit with a candidate value of the new sample; is its residual an ordinary one."""
    X_all, y_all = np.vstack([X, x]), np.append(Y[:, target], value)
    if isinstance(estimator, SlopeBiasCorrection):  # the source model has two properties
        other = np.append(Y[:, 1 - target], 0.0)
        both = np.stack([y_all, other][:: 1 if target == 0 else -1], axis=1)
        fitted = estimator.fit(X_all, both).predict(X_all)[:, target]
    else:
        fitted = estimator.fit(X_all, y_all).predict(X_all)
    residuals = np.abs(y_all - fitted)
    return (residuals[:-1] < residuals[-1]).sum() < rank(len(X), level)


FULL = {
    "slope and bias": SlopeBiasCorrection(MODEL),
    "bias": SlopeBiasCorrection(MODEL, slope=False),
    "ridge": Ridge(3.0),
    "ridge through zero": Ridge(3.0, fit_intercept=False),
    "wide ridge": Ridge(0.01),
    "frozen scores": make_pipeline(FrozenEstimator(PCA(3).fit(X)), Ridge(0.5)),
}


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("name", FULL)
def test_full_equals_brute_force(name, level):
    model = ConformalRegressor(FULL[name], "full", confidence_level=level).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, interval = model.conformalize(X, Y).predict_interval(NEW[:2])
    for x, ends in zip(NEW, interval, strict=False):
        for target, (low, high) in enumerate(ends):
            values = GRID[[conforms(FULL[name], x, target, value, level) for value in GRID]]
            assert (low <= values).all() and (values <= high).all()
            for end, outwards in ((low, -1e-6), (high, 1e-6)):
                end = np.clip(end, -1e6, 1e6)
                assert conforms(FULL[name], x, target, end - outwards, level)
                assert abs(end) == 1e6 or not conforms(FULL[name], x, target, end + outwards, level)


def test_full_is_infinite_where_the_new_sample_bends_the_line():
    far = 1e3 * np.sign(MODEL.coef_[0])[None]
    model = ConformalRegressor(SlopeBiasCorrection(MODEL), "full").fit(X, Y).conformalize(X, Y)
    with pytest.warns(UserWarning, match="1 of 1 spectra have an infinite interval"):
        _, interval = model.predict_interval(far)
    np.testing.assert_array_equal(interval[0, 0], [-np.inf, np.inf])


def test_full_takes_any_number_of_spectra():
    model = ConformalRegressor(Ridge(1.0), "full").fit(X, Y).conformalize(X, Y)
    many = 0.2 * RNG.normal(size=(4000, 15))  # more than one chunk
    _, all_at_once = model.predict_interval(many)
    np.testing.assert_allclose(all_at_once[-3:], model.predict_interval(many[-3:])[1])


def test_conforming_sets_with_gaps_ties_and_parallel_lines():
    """Against every value of a grid, for residual lines that no model has."""
    random = np.random.default_rng(1)
    for _ in range(40):
        a = random.integers(-3, 4, size=(1, 6)).astype(float)
        b = random.choice([-1.0, -0.5, 0.0, 0.5, 1.0], size=(1, 6))
        b[0, -1] = random.choice([0.5, 1.0])
        values = np.arange(-200, 201) / 8
        r = np.abs(a[0] + b[0] * values[:, None])
        inside = (r[:, :-1] < r[:, -1:]).sum(axis=1) < rank(5, 0.6)
        low, high = conforming(a, b, 0.6)[0]
        found = values[(low <= values) & (values <= high)]
        assert inside.any() and {values[inside].min(), values[inside].max()} == {
            found.min(), found.max()
        }  # fmt: skip


@pytest.mark.parametrize("n", [9, 10, 19, 30])
@pytest.mark.parametrize("method", ["jackknife+", "cv+"])
def test_cross_equals_mapie(n, method):
    X_n, X_new = RNG.normal(size=(n, 3)), RNG.normal(size=(6, 3))
    y = X_n @ [1.0, 0.0, -1.0] + RNG.normal(size=n)
    cv = LeaveOneOut() if method == "jackknife+" else KFold(3, shuffle=True, random_state=1)
    ours = ConformalRegressor(Ridge(), method, cv=cv).fit(X_n, y).conformalize(X_n, y)
    mapie = CrossConformalRegressor(Ridge(), cv=cv).fit_conformalize(X_n, y)
    kwargs = {"aggregate_point_predictions": None, "allow_infinite_bounds": True}
    point, interval = mapie.predict_interval(X_new, **kwargs)
    found = ours.predict_interval(X_new)
    np.testing.assert_allclose(found[0], point)
    np.testing.assert_allclose(found[1], interval[:, :, 0])
    if method == "jackknife+":  # and equals the definition, counted by hand
        k, shifted = rank(n, 0.9), []
        for i in range(n):
            left = Ridge().fit(np.delete(X_n, i, 0), np.delete(y, i))
            error = abs(y[i] - left.predict(X_n[i : i + 1])[0])
            shifted.append([left.predict(X_new) - error, left.predict(X_new) + error])
        low, high = np.sort(np.array(shifted), axis=0).transpose(1, 0, 2)
        np.testing.assert_allclose(found[1], np.stack([low[n - k], high[k - 1]], axis=1))


def test_split_equals_mapie():
    X_c, X_new = RNG.normal(size=(25, 15)), RNG.normal(size=(6, 15))
    y = X_c[:, 0] + RNG.normal(size=25)
    one = LinearRegression().fit(X_c[:20, :15], y[:20])
    mapie = SplitConformalRegressor(one, prefit=True).conformalize(X_c, y)
    ours = ConformalRegressor(FrozenEstimator(one)).conformalize(X_c, y)
    _, interval = mapie.predict_interval(X_new)
    np.testing.assert_allclose(ours.predict_interval(X_new)[1], interval[:, :, 0])


def test_quantile_of_few():
    """Rank by rank, at levels where n + 1 times the level is whole in decimals only."""
    for n in range(9, 200):
        scores = RNG.permutation(n) + 1.0
        k = -(-9 * (n + 1) // 10)  # in whole numbers
        assert conformal_quantile(scores, 0.9) == k == rank(n, 0.9)
    with pytest.raises(ValueError, match="NaN"):
        conformal_quantile(np.r_[np.ones(9), np.nan])


def test_undercoverage_risk_is_the_beta_distribution():
    assert undercoverage_risk(10, 0.9) == pytest.approx(0.8**10)
    assert undercoverage_risk(9, 0.9) == pytest.approx(0.8**9)
    assert undercoverage_risk(25, 0.9, shortfall=0.05) == pytest.approx(
        stats.binom.sf(rank(25, 0.9) - 1, 25, 0.85)  # k of 25 uniform values below 0.85
    )
    assert undercoverage_risk(10.4) == pytest.approx(stats.beta.cdf(0.8, 0.9 * 11.4, 0.1 * 11.4))
    assert undercoverage_risk(1, 0.05) == 0.0


@pytest.mark.parametrize("density_ratio", ["classifier", "t2"])
def test_weighted_equals_weighted_quantile(density_ratio):
    X_c, X_new = RNG.normal(size=(60, 15)), RNG.normal(size=(30, 15))
    X_new[:, 0] += 1.0
    y = X_c[:, :2] + RNG.normal(size=(60, 2))
    model = ConformalRegressor(
        MODEL, "weighted", confidence_level=0.8, density_ratio=density_ratio, transformer=PCA(2)
    )
    model.conformalize(X_c, y, X_target=X_new)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted, interval = model.predict_interval(X_new)
    ratio = DensityRatio(density_ratio, PCA(2)).fit(X_c, X_new)
    scores = np.abs(y - MODEL.predict(X_c))
    for i, x in enumerate(X_new):
        weights = np.exp(np.r_[ratio.log_ratio(X_c), ratio.log_ratio(x[None])])
        for target in (0, 1):
            expected = np.quantile(
                np.r_[scores[:, target], np.inf], 0.8, weights=weights, method="inverted_cdf"
            )
            assert interval[i, target, 1] - predicted[i, target] == pytest.approx(expected)


@pytest.mark.parametrize("density_ratio", ["classifier", "t2"])
def test_density_ratio_of_two_normal_populations(density_ratio):
    """Of equal covariance, the logarithm of the ratio is linear, with known slope."""
    random = np.random.default_rng(2)
    old, new = random.normal(size=(4000, 2)), random.normal(size=(4000, 2)) + [1.0, 0.0]
    ratio = DensityRatio(density_ratio, PCA(2)).fit(old, new)
    points = np.array([[-1.0, 0.3], [0.0, 0.3], [1.0, 0.3], [1.0, -0.3]])
    found = np.diff(ratio.log_ratio(points))
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0], atol=0.15)


def test_equal_weights_are_split():
    model = ConformalRegressor(MODEL, "weighted").conformalize(X, Y, X_target=X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, interval = model.predict_interval(X)
    _, expected = ConformalRegressor(MODEL).conformalize(X, Y).predict_interval(X)
    np.testing.assert_allclose(interval, expected)
    assert model.intervals_.n_effective == pytest.approx(12)
    assert model.undercoverage_risk_ == pytest.approx(undercoverage_risk(12), abs=0.02)


def test_weights_that_demand_it_make_intervals_infinite():
    far = X[:, ::-1] + np.r_[np.zeros(14), 6.0]
    model = ConformalRegressor(MODEL, "weighted", density_ratio="t2")
    with pytest.warns(UserWarning, match="12 conformal samples are worth .* most intervals"):
        model.conformalize(X, Y, X_target=far)
    assert np.isnan(model.undercoverage_risk_)
    with pytest.warns(UserWarning, match="12 of 12 spectra have an infinite interval"):
        predicted, interval = model.predict_interval(far)
    assert np.isfinite(predicted).all() and np.isinf(interval).all()


def test_mondrian_is_split_within_each_group():
    X_c, X_new = RNG.normal(size=(40, 15)), RNG.normal(size=(7, 15))
    y, groups = RNG.normal(size=(40, 2)), np.tile(["a", "b"], 20)
    y[groups == "b"] *= 5
    new = np.array(list("abbabab"))
    model = ConformalRegressor(MODEL, "mondrian").conformalize(X_c, y, groups)
    _, interval = model.predict_interval(X_new, new)
    for group in "ab":
        alone = ConformalRegressor(MODEL).conformalize(X_c[groups == group], y[groups == group])
        expected = alone.predict_interval(X_new[new == group])[1]
        np.testing.assert_array_equal(interval[new == group], expected)
