"""Coverage over 200 deployments of a simulated pair of instruments, within binomial limits.

What split and full conformal prediction cover on average is known: k / (n + 1).
"""

import numpy as np
import pytest
from scipy import stats
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge

from spectralfm.conformal import ConformalRegressor, conformal_quantile, undercoverage_risk
from spectralfm.datasets import make_instrument_pair
from spectralfm.metrics import coverage
from spectralfm.transfer import SlopeBiasCorrection

N, DEPLOYMENTS = 10, 200
PAIR = make_instrument_pair(n_samples=4000, n_channels=40, target_noise=0.01, random_state=0)
X, T, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y[:, 0]
MODEL = PLSRegression(4).fit(X[:50], Y[:50])
# The source model's answers, so that 200 deployments take a second; the slope and bias are fitted
# to them, and the ridge to what the model sees.
READ = FrozenEstimator(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
ON_SOURCE, ON_TARGET = MODEL.predict(X)[:, None], MODEL.predict(T)[:, None]
READ_FIRST = FrozenEstimator(LinearRegression().fit(np.eye(3)[:, :2], [1.0, 0.0, 0.0]))
SCORES = np.column_stack([MODEL.transform(T), np.ones(len(T))])


def deployments(n, count=DEPLOYMENTS):
    """Yield rows of samples to conformalize and of new samples."""
    random = np.random.default_rng(1)
    for _ in range(count):
        yield np.split(50 + random.permutation(3950)[: n + 400], [n])


def limits(expected, n, count=DEPLOYMENTS, new=400):
    """Return what the mean of the deployments' coverages lies between, 999 times in 1000."""
    a, b = expected * (n + 1), (1 - expected) * (n + 1)
    variance = stats.beta(a, b).var() + expected * (1 - expected) / new
    return stats.norm(expected, np.sqrt(variance / count)).interval(0.999)


def covers(model, S, n=N, count=DEPLOYMENTS):
    """Return the coverage of each deployment, conformalized on the samples of fit."""
    return [
        coverage(
            Y[new],
            model.fit(S[old], Y[old]).conformalize(S[old], Y[old]).predict_interval(S[new])[1],
        )
        for old, new in deployments(n, count)
    ]


def inside(found, expected, n=N):
    low, high = limits(expected, n)
    assert low < np.mean(found) < high


@pytest.mark.parametrize("n", [9, 10, 30])
def test_split_covers_as_beta_says(n):
    model = ConformalRegressor(READ)
    found = covers(model, ON_TARGET, n)
    k = -(-9 * (n + 1) // 10)
    inside(found, k / (n + 1), n)
    # Not only on average: the chance of covering less than 80 %, and the whole distribution.
    assert stats.binomtest(sum(c < 0.8 for c in found), 200, undercoverage_risk(n)).pvalue > 0.001
    noisy = stats.betabinom(400, k, n + 1 - k).rvs(5000, random_state=0) / 400
    assert stats.ks_2samp(found, noisy).pvalue > 0.001


def test_coverage_does_not_survive_the_change_of_instrument():
    found = []
    for old, new in deployments(N):
        model = ConformalRegressor(READ).conformalize(ON_SOURCE[old], Y[old])
        found.append(coverage(Y[new], model.predict_interval(ON_TARGET[new])[1]))
    assert np.mean(found) < 0.8


@pytest.mark.filterwarnings("ignore:.*infinite")
@pytest.mark.parametrize("inner", [SlopeBiasCorrection(READ), Ridge(1e-3)], ids=["line", "ridge"])
def test_full_covers_with_the_samples_of_fit(inner):
    S = ON_TARGET if isinstance(inner, SlopeBiasCorrection) else SCORES
    inside(covers(ConformalRegressor(inner, "full"), S), 10 / 11)


def test_split_on_the_samples_of_fit_does_not_cover():
    """What is refused: the control that the other tests can fail."""
    found = []
    for old, new in deployments(N):
        line = SlopeBiasCorrection(READ).fit(ON_TARGET[old], Y[old])
        q = conformal_quantile(np.abs(Y[old] - line.predict(ON_TARGET[old])))
        found.append(np.mean(np.abs(Y[new] - line.predict(ON_TARGET[new])) <= q))
    assert np.mean(found) < limits(0.9, N)[0]


@pytest.mark.parametrize("method", ["jackknife+", "cv+"])
def test_leaving_out_covers_with_the_samples_of_fit(method):
    """Certain is 0.8 only; the level is what is found."""
    model = ConformalRegressor(SlopeBiasCorrection(READ), method)
    found = covers(model, ON_TARGET, count=30)  # 200 of real spectra: benchmarks/conformal.py
    assert limits(0.9, N, 30)[0] < np.mean(found) < 0.96


def test_mondrian_covers_each_instrument():
    found = {"source": [], "target": []}
    S = {"source": ON_SOURCE, "target": ON_TARGET}
    for old, new in deployments(2 * N, 100):
        groups = np.repeat(["source", "target"], N)
        both = np.vstack([S["source"][old[:N]], S["target"][old[N:]]])
        model = ConformalRegressor(READ, "mondrian").conformalize(both, Y[old], groups)
        for one, cover in found.items():
            interval = model.predict_interval(S[one][new], np.repeat(one, 400))[1]
            cover.append(coverage(Y[new], interval))
    for cover in found.values():
        low, high = limits(10 / 11, N, 100)
        assert low < np.mean(cover) < high


@pytest.mark.filterwarnings("ignore:.*infinite")
def test_weighted_covers_another_population():
    """Errors grow with the first variable, of which the new samples have more."""
    random = np.random.default_rng(3)
    plain, weighted = [], []
    for _ in range(50):
        old, new = random.normal(size=(150, 2)), random.normal(size=(400, 2)) + [1.0, 0.0]
        y_old, y_new = (A[:, 0] + np.exp(A[:, 0]) * random.normal(size=len(A)) for A in (old, new))
        model = ConformalRegressor(READ_FIRST).conformalize(old, y_old)
        plain.append(coverage(y_new, model.predict_interval(new)[1]))
        model.set_params(method="weighted").conformalize(old, y_old, X_target=new[:200])
        weighted.append(coverage(y_new[200:], model.predict_interval(new[200:])[1]))
    assert np.mean(plain) < 0.8
    assert np.mean(weighted) > 0.88
