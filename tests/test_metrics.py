"""Figures of merit against textbook formulas and scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_validate

from spectralfm import metrics
from spectralfm.metrics import (
    SCORERS,
    bias,
    coverage,
    mean_interval_width,
    r2,
    rer,
    rmsep,
    rpd,
    rpiq,
    sep,
    slope,
)

# Moisture of ten samples, oven and instrument, in percent.
OVEN = np.array([9.4, 9.7, 10.1, 10.2, 10.4, 10.6, 10.8, 10.9, 11.1, 11.4])
NIR = np.array([9.6, 9.8, 10.4, 10.3, 10.4, 10.9, 10.9, 11.2, 11.2, 11.7])
TWO = np.c_[OVEN, 3 * OVEN + 1], np.c_[NIR, 3 * OVEN]


def test_known_answers():
    residuals = NIR - OVEN
    assert bias(OVEN, NIR) == pytest.approx(0.18)
    assert rmsep(OVEN, NIR) == pytest.approx(np.sqrt(np.sum(residuals**2) / 10))
    assert sep(OVEN, NIR) == pytest.approx(np.sqrt(np.sum((residuals - 0.18) ** 2) / 9))
    assert rpd(OVEN, NIR) == pytest.approx(np.std(OVEN, ddof=1) / rmsep(OVEN, NIR))
    assert rpiq(OVEN, NIR) == pytest.approx((10.875 - 10.125) / rmsep(OVEN, NIR))
    assert rer(OVEN, NIR) == pytest.approx(2.0 / rmsep(OVEN, NIR))
    assert slope(OVEN, NIR) == pytest.approx(np.polyfit(NIR, OVEN, 1)[0])
    assert slope(OVEN, NIR) != pytest.approx(np.polyfit(OVEN, NIR, 1)[0], rel=1e-3)


def test_identities():
    n = len(OVEN)
    assert rmsep(OVEN, NIR) ** 2 == pytest.approx(
        bias(OVEN, NIR) ** 2 + (n - 1) / n * sep(OVEN, NIR) ** 2
    )
    assert r2(OVEN, NIR) == pytest.approx(1 - n / (n - 1) / rpd(OVEN, NIR) ** 2)
    assert sep(OVEN, NIR - bias(OVEN, NIR)) == pytest.approx(sep(OVEN, NIR))
    for ratio in (rpd, rpiq, rer):
        assert ratio(OVEN, NIR, bias_corrected=True) / ratio(OVEN, NIR) == pytest.approx(
            rmsep(OVEN, NIR) / sep(OVEN, NIR)
        )


def test_agrees_with_scikit_learn():
    y, p = TWO
    for how in ("raw_values", "uniform_average", [0.3, 0.7]):
        ours = rmsep(y, p, multioutput=how), r2(y, p, multioutput=how)
        theirs = (
            root_mean_squared_error(y, p, multioutput=how),
            r2_score(y, p, multioutput=how),
        )
        np.testing.assert_allclose(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1])


@pytest.mark.parametrize("metric", [bias, r2, rer, rmsep, rpd, rpiq, sep, slope])
def test_properties_are_scored_one_by_one(metric):
    y, p = TWO
    alone = [metric(y[:, 0], p[:, 0]), metric(y[:, 1], p[:, 1])]
    np.testing.assert_allclose(metric(y, p, multioutput="raw_values"), alone)
    assert isinstance(metric(y, p), float)
    assert metric(y, p) == pytest.approx(np.mean(alone))
    assert metric(y, p, multioutput=[3, 1]) == pytest.approx((3 * alone[0] + alone[1]) / 4)


def test_perfect_and_constant_predictions():
    assert rmsep(OVEN, OVEN) == 0
    assert rpd(OVEN, OVEN) == np.inf
    assert slope(OVEN, OVEN) == pytest.approx(1)
    assert np.isnan(slope(OVEN, np.full(10, 10.0)))


@pytest.mark.parametrize(
    ("y", "p", "options", "message"),
    [
        (OVEN, NIR[:-1], {}, "inconsistent numbers of samples"),
        (OVEN, np.r_[NIR[:-1], np.nan], {}, "NaN"),
        (np.c_[OVEN, OVEN], NIR, {}, "2 properties but y_pred has 1"),
        (OVEN[:1], NIR[:1], {}, "n_samples = 1 is too few"),
        (OVEN, NIR, {"multioutput": "mean"}, "multioutput must be"),
        (OVEN, NIR, {"multioutput": [1, 2]}, "2 weights for 1 properties"),
        (np.ma.masked_less(OVEN, 10), NIR, {}, "masked"),
    ],
)
def test_bad_input(y, p, options, message):
    with pytest.raises(ValueError, match=message):
        sep(y, p, **options)


def test_coverage_counts_bounds_as_inside():
    interval = np.c_[OVEN - 0.1, OVEN + 0.2]
    interval[0] = [OVEN[0], OVEN[0]]
    interval[1] = [OVEN[1] + 1e-9, np.inf]
    assert coverage(OVEN, interval) == 0.9
    assert mean_interval_width(interval[2:]) == pytest.approx(0.3)
    assert mean_interval_width(interval) == np.inf


def test_coverage_of_two_properties():
    y, p = TWO
    interval = np.stack([p - 0.25, p + 0.25], axis=2)
    expected = [np.mean(np.abs(NIR - OVEN) <= 0.25), 0.0]
    np.testing.assert_allclose(coverage(y, interval, multioutput="raw_values"), expected)
    np.testing.assert_allclose(mean_interval_width(interval, multioutput="raw_values"), 0.5)


def test_bad_intervals():
    with pytest.raises(ValueError, match="lower bound above the upper one at row 0"):
        coverage(OVEN, np.c_[OVEN + 1, OVEN])
    with pytest.raises(ValueError, match="lower and upper bound last"):
        coverage(OVEN, np.c_[OVEN, OVEN, OVEN])
    with pytest.raises(ValueError, match="NaN"):
        mean_interval_width([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        coverage(OVEN, [[0, 1]])


def test_scorers_rank_models_and_pickle():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    y = X @ rng.normal(size=8) + 0.1 * rng.normal(size=60)
    scores = cross_validate(LinearRegression(), X, y, scoring=pickle.loads(pickle.dumps(SCORERS)))
    for name in ("rmsep", "sep", "bias", "slope"):
        assert (scores[f"test_{name}"] <= 0).all()
    for name in ("r2", "rpd", "rpiq", "rer"):
        assert (scores[f"test_{name}"] > 0.9).all()
    search = GridSearchCV(PLSRegression(), {"n_components": [1, 8]}, scoring=metrics.rmsep_scorer)
    assert search.fit(X, y).best_params_ == {"n_components": 8}
