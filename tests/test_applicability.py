"""InstrumentGuard: exact p-values, flags, what it takes and refuses; advice on standards."""

import pickle

import numpy as np
import pytest
from chemotools.outliers import HotellingT2, QResiduals
from scipy.stats import mannwhitneyu
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from spectralfm.applicability import FLAGS, InstrumentGuard, advise_standards, conformal_pvalues
from spectralfm.applicability._effect_amplitudes import EFFECTS, EffectAmplitudes
from spectralfm.applicability._exchangeable import GrowingReference, group_pvalue
from spectralfm.applicability._latent_space import LatentSpace
from spectralfm.foundation._first_order import first_order_effects
from spectralfm.transfer import PLSRegressionCV, Standards

AXIS = np.linspace(1100.0, 2500.0, 90)
RNG = np.random.default_rng(0)
CENTRES = np.array([[1250], [1480], [1730], [1940], [2250]])
HEIGHTS = np.array([[0.3], [0.7], [0.5], [1.0], [0.8]])


def samples(n, rng=RNG, axis=AXIS, noise=1e-3):
    """Return spectra of five bands and three constituents, with scatter, and a property."""
    amounts = 1 + 0.3 * rng.random((n, 5))
    bands = HEIGHTS * np.exp(-0.5 * ((axis - CENTRES) / 60.0) ** 2)
    path = 1 + 0.05 * rng.standard_normal((n, 1))
    X = path * (amounts @ bands) + 0.2 + 0.02 * rng.standard_normal((n, 1))
    return X + noise * rng.standard_normal(X.shape), amounts[:, 2]


def other_instrument(n, rng=RNG):
    """Record with an error of the axis that grows along it, and another photometric scale."""
    X, _ = samples(n, rng, AXIS + 2.0 + 2e-3 * (AXIS - 1800.0))
    return (1.1 - 2e-5 * (AXIS - 1800)) * X + 0.03


def other_chemistry(X, height=0.2):
    return X + height * np.exp(-0.5 * ((AXIS - 1600.0) / 25.0) ** 2)


X, Y = samples(80)
GUARD = InstrumentGuard(wavelengths=AXIS, random_state=0).fit(X)


def guard(*args, **parameters):
    return InstrumentGuard(*args, wavelengths=AXIS, random_state=0, **parameters)


def test_pvalues_are_what_their_definition_says():
    reference, scores = RNG.random(17), RNG.random(9)
    reference[3] = scores[4]
    expected = [(1 + sum(r >= s for r in reference)) / 18 for s in scores]
    np.testing.assert_allclose(conformal_pvalues(reference, scores), expected)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_pvalues_are_exact_on_exchangeable_scores(alpha):
    """k / (n + 1) exactly without ties, less with: heavy tails and few samples do not matter."""
    rng, n, draws = np.random.default_rng(1), 39, 4000
    scores = rng.standard_cauchy((draws, n + 1)) ** 2
    p = np.array([conformal_pvalues(row[:n], row[n:])[0] for row in scores])
    share, deviation = np.mean(p <= alpha), np.sqrt(alpha * (1 - alpha) / draws)
    assert abs(share - alpha) < 4 * deviation
    tied = np.floor(scores)
    p = np.array([conformal_pvalues(row[:n], row[n:])[0] for row in tied])
    assert np.mean(p <= alpha) < alpha + 4 * deviation


def test_false_alarms_of_a_guard_hold_over_calibration_sets():
    """The whole estimator: 40 calibration sets of 60 spectra, 20 new ones each."""
    rng, alarms = np.random.default_rng(2), []
    for seed in range(40):
        known, _ = samples(60, rng)
        new, _ = samples(20, rng)
        latent = LatentSpace(known[:30])
        scores = [np.sum(latent.distances(part), axis=0) for part in (known[30:], new)]
        alarms.append(np.mean(conformal_pvalues(*scores) <= 0.1))
        if seed < 1:  # the estimator's score is the one that is tested here
            one = guard(alpha=0.1).fit(known)
            rest = np.setdiff1d(np.arange(60), one.held_out_)
            latent = LatentSpace(known[rest])
            expected = np.sum(latent.distances(new), axis=0)
            np.testing.assert_allclose(-one.score_samples(new), expected, rtol=1e-7)
            assert np.isin(one.held_out_, rest).sum() == 0
    deviation = np.std(alarms) / np.sqrt(40)
    # 3 of 31 p-values are at most 0.1
    assert abs(np.mean(alarms) - 3 / 31) < 4 * deviation + 1e-9


def test_flags():
    new, _ = samples(40)
    assert np.mean(GUARD.predict(new) == 1) > 0.8
    foreign = GUARD.predict(other_instrument(40))
    assert np.mean(foreign == -1) > 0.9
    assert np.mean(GUARD.predict(other_chemistry(new)) == -2) > 0.9
    assert set(FLAGS) == {1, -1, -2}


def test_report():
    new, _ = samples(30)
    report = GUARD.report(new)
    assert report.group_flag == 1 and report.group_p > 0.05
    np.testing.assert_array_equal(report.spectra["flag"], GUARD.predict(new))
    np.testing.assert_array_equal(report.spectra["p"], GUARD.pvalues(new))
    assert sum(report.counts.values()) == 30 and report.flags[0] in FLAGS.values()
    t2, q = report.spectra["t2"], report.spectra["q"]
    np.testing.assert_allclose(report.spectra["score"], t2 + q)
    assert np.isnan(report.spectra["z_inst"]).all()
    report = GUARD.report(other_instrument(30))
    assert report.group_flag == -1 and report.group_p == 1 / 2000
    uneven = other_chemistry(new, 0.2 * RNG.random((30, 1)))
    assert GUARD.report(uneven).group_flag == -2 and "other chemistry" in str(GUARD.report(uneven))


def test_standards_make_their_instrument_known():
    """An instrument whose differences no simulated one has: narrow steps in the spectrum."""
    teeth = 0.15 * (np.arange(90) % 7 == 0)
    new, _ = samples(30)
    strange = new * (1 + teeth)
    assert np.mean(GUARD.predict(strange) == -2) > 0.9
    known = guard().fit(X, standards=Standards(X[:8], X[:8] * (1 + teeth)))
    assert np.mean(known.predict(strange) == -1) > 0.9
    assert known.report(strange).group_flag == -1
    assert np.mean(known.predict(other_chemistry(new)) == -2) > 0.9


@pytest.mark.parametrize("scale", [True, False])
def test_latent_space_of_a_pls_is_that_of_chemotools_and_of_the_definition(scale):
    model = make_pipeline(StandardScaler(), PLSRegression(3, scale=scale)).fit(X, Y)
    space, (new, _) = LatentSpace(X, model), samples(10)
    t2, q = (found * limit for found, limit in zip(space.distances(new), space.limits, strict=True))
    np.testing.assert_allclose(t2, HotellingT2(model).fit(X).predict_residuals(new))
    np.testing.assert_allclose(q, QResiduals(model).fit(X).predict_residuals(new))
    scores = model.transform(X)
    expected = np.square(model.transform(new) / scores.std(axis=0)).sum(axis=1)
    np.testing.assert_allclose(t2, expected)


@pytest.mark.parametrize(
    "model",
    [PLSRegressionCV(5, cv=4), make_pipeline(StandardScaler(), PLSRegression(4)), Ridge(), PCA(4)],
    ids=lambda model: type(model).__name__,
)
def test_source_models(model):
    fitted = guard(model).fit(X, Y)
    assert np.mean(fitted.predict(other_instrument(40)) < 0) > 0.5
    if hasattr(model, "predict"):
        rest = np.setdiff1d(np.arange(80), fitted.held_out_)
        again = clone(model).fit(X[rest], Y[rest])
        expected = Y[fitted.held_out_] - np.ravel(again.predict(X[fitted.held_out_]))
        np.testing.assert_allclose(fitted.residuals_[:, 0], expected, atol=1e-9)
        with pytest.raises(ValueError, match="y is needed.*FrozenEstimator"):
            guard(model).fit(X)


def test_a_frozen_model_must_not_have_seen_the_spectra():
    model = PLSRegression(3).fit(X, Y)
    with pytest.raises(ValueError, match="fitted to these very spectra"):
        guard(FrozenEstimator(model)).fit(X)
    others, _ = samples(60)
    fitted = guard(FrozenEstimator(model)).fit(others)
    assert fitted.model_ is model
    assert fitted.residuals_ is None


def test_encoder_distances(tiny_weights):
    fitted = guard(checkpoint=tiny_weights, modality="NIR").fit(X)
    report, (new, _) = fitted.report(other_instrument(6)), samples(6)
    found = report.spectra
    total = sum(found[name] for name in ("t2", "q", "z_inst", "z_chem"))
    np.testing.assert_allclose(found["score"], total)
    assert np.isfinite(total).all() and (fitted.predict(other_instrument(6)) < 0).all()
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(copy.score_samples(new), fitted.score_samples(new))


def test_refused():
    with pytest.raises(ValueError, match="n_samples = 3 is too few spectra: at least 4"):
        guard().fit(X[:3])
    with pytest.raises(ValueError, match=r"standards.target has 80 channels, but X has 90"):
        guard().fit(X, standards=Standards(X[:5], X[:5, :80]))
    with pytest.warns(UserWarning, match=r"10 held-out spectra cannot flag.*raise alpha to 0.091"):
        guard().fit(X[:20])
    fitted = pickle.loads(pickle.dumps(GUARD))
    np.testing.assert_array_equal(fitted.predict(X), GUARD.predict(X))
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full_like(X, np.nan))
    with pytest.raises(NotFittedError):
        fitted.pvalues(X)


def test_group_pvalue_agrees_with_mann_and_whitney_and_holds():
    reference, group = RNG.random(30), RNG.random(12) + 0.1
    exact = mannwhitneyu(group, reference, alternative="greater", method="exact").pvalue
    assert group_pvalue(reference, group) == pytest.approx(exact, abs=0.035)
    rng = np.random.default_rng(3)
    p = np.array([group_pvalue(rng.random(20), rng.random(8), seed) for seed in range(300)])
    assert np.mean(p <= 0.1) < 0.1 + 4 * np.sqrt(0.09 / 300)


def test_growing_reference_gives_independent_uniform_pvalues():
    rng = np.random.default_rng(4)
    first, second = [], []
    for _ in range(1500):
        growing = GrowingReference(np.floor(8 * rng.random(5)))  # ties
        p = [growing.pvalue(float(np.floor(8 * rng.random())), 1 - rng.random()) for _ in range(2)]
        first.append(p[0])
        second.append(p[1])
    for p in (first, second):
        assert np.histogram(p, 5, (0, 1))[0] / 1500 == pytest.approx(np.full(5, 0.2), abs=0.045)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(1500)


def test_amplitudes_are_generalized_least_squares():
    amplitudes = EffectAmplitudes(X, 1e7 / AXIS, "nir")
    pca = PCA(10).fit(X)
    floor = np.square(X - pca.inverse_transform(pca.transform(X))).mean()
    components = pca.components_
    covariance = components.T * pca.explained_variance_ @ components + floor * np.eye(90)
    terms = first_order_effects(X.mean(axis=0)[None], 1e7 / AXIS, "nir")[:, 0]
    D = terms[[0, 3, 4, 5, 10, 11]].T
    weight = np.linalg.solve(covariance, D)
    expected = np.linalg.lstsq(D.T @ weight, weight.T @ (X[:5] - X.mean(axis=0)).T, rcond=1e-10)[0]
    np.testing.assert_allclose(amplitudes.amplitudes(X[:5]), expected.T, rtol=1e-5, atol=1e-9)
    moved, _ = samples(200, axis=AXIS - 0.5)
    assert np.median(amplitudes.amplitudes(moved)[:, EFFECTS.index("shift")]) != pytest.approx(0)


def test_advice():
    curve = Bunch(n_standards=np.array([20, 3, 5, 10]), median=np.array([0.48, 0.9, 0.6, 0.5]))
    assert advise_standards(curve)[:3] == (10, 0.5, pytest.approx(0.04))
    assert advise_standards(curve, 0.5).n_standards == 3
    found = advise_standards(curve, 0.01)
    assert found.n_standards == 20 and found.more_may_help and "may help" in str(found)
    several = Bunch(n_standards=[3, 5], median=np.array([[1.0, 1.0], [0.5, 1.2]]))
    assert [one.n_standards for one in advise_standards(several)] == [5, 3]
    with pytest.raises(ValueError, match="between 0 and 1"):
        advise_standards(curve, 10)
