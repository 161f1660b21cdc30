import numpy as np
import pytest
from scipy.signal import savgol_filter

from spectralfm.transfer._source_domain import FOREIGN, SourceDomain

RNG = np.random.default_rng(0)
BANDS = np.exp(-0.5 * ((np.arange(120) - np.array([[20], [55], [90]])) / 8) ** 2)


def spectra(n, noise=0.002):
    return (1 + RNG.random((n, 3))) @ BANDS + 1.0 + noise * RNG.normal(size=(n, 120))


X = spectra(60)


def test_new_spectra_of_the_source_are_mostly_known():
    share = SourceDomain(X).foreignness(spectra(400))
    assert np.mean(share > 0) < 0.15 and share.max() < 0.5


@pytest.mark.parametrize("change", ["shift", "slope", "fringe"])
def test_another_instrument_is_foreign(change):
    new = spectra(20)
    changed = {
        "shift": np.roll(new, 1, axis=1),
        "slope": new + np.linspace(0, 0.2, 120),
        "fringe": new + 0.02 * np.sin(np.arange(120)),
    }[change]
    assert (SourceDomain(X).foreignness(changed) == 1).all()


def test_scale_and_offset_do_not_count():
    domain, new = SourceDomain(X), spectra(10)
    np.testing.assert_allclose(domain.foreignness(1.3 * new + 0.2), domain.foreignness(new))


def variates(spectra):
    return (spectra - spectra.mean(1, keepdims=True)) / spectra.std(1, keepdims=True)


def curvature(spectra):
    return savgol_filter(spectra, 21, 3, deriv=2, mode="interp")


@pytest.mark.parametrize(("view", "read"), [(0, np.asarray), (1, curvature)])
def test_the_limit_is_the_quantile_of_left_out_residuals(view, read):
    """Recomputed with explicit projections, every fold apart."""
    normal = variates(read(X))
    order = np.random.RandomState(0).permutation(60)  # KFold's own order
    left_out = np.empty(60)
    for fold in order.reshape(10, 6):
        rest = np.delete(normal, fold, axis=0)
        directions = np.linalg.svd(rest - rest.mean(0))[2][:10]
        centred = normal[fold] - rest.mean(0)
        left_out[fold] = np.square(centred).sum(1) - np.square(centred @ directions.T).sum(1)
    limit = (1 + 10 / 60) * np.quantile(left_out, 0.95)
    assert SourceDomain(X).views[view][1] == pytest.approx(limit)


def test_the_share_grows_with_the_logarithm_of_the_residual():
    domain = SourceDomain(X)
    fringes = np.linspace(0, 0.02, 30)[:, None] * np.sin(np.arange(120))
    new = spectra(30) + fringes
    ratios = []
    for (pca, limit), spectra_ in zip(domain.views, (new, curvature(new)), strict=True):
        normal = variates(spectra_) - pca.mean_
        squared = np.square(normal).sum(1) - np.square(normal @ pca.components_.T).sum(1)
        ratios.append(squared / limit)
    expected = np.log(np.max(ratios, axis=0)) / np.log(FOREIGN)
    assert expected.min() < 0 and expected.max() > 1 and np.any((expected > 0) & (expected < 1))
    np.testing.assert_allclose(domain.foreignness(new), expected.clip(0, 1), atol=1e-8)


@pytest.mark.parametrize("few", [X[:2], X[:, :6]])
def test_too_few_samples_or_channels_know_no_foreigner(few):
    assert (SourceDomain(few).foreignness(100 * RNG.random(few.shape)) == 0).all()
