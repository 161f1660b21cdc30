import chemotools.adaptation
import numpy as np
import pytest

from spectralfm.transfer import DirectStandardization


def random_pair(n_samples=20, n_target=60, n_source=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n_samples, n_target))
    return X, X @ rng.normal(size=(n_target, n_source)) / n_target + 0.01 * rng.random(n_source)


@pytest.mark.parametrize("shape", [(20, 60, 60), (80, 30, 30), (1, 40, 40)])
def test_agrees_with_chemotools_on_random_data(shape):
    X, X_source = random_pair(*shape)
    new = random_pair(*shape, seed=1)[0]
    ours = DirectStandardization().fit(X, X_source=X_source).transform(new)
    theirs = chemotools.adaptation.DirectStandardization().fit(X, X_source=X_source).transform(new)
    np.testing.assert_allclose(ours, theirs, atol=1e-8, rtol=0)


@pytest.mark.parametrize("n_standards", [5, 30, 60])
def test_agrees_with_chemotools_on_corn(corn_pair, n_standards):
    X, X_source = (spectra[:n_standards] for spectra in corn_pair)
    ours = DirectStandardization().fit(X, X_source=X_source).transform(corn_pair[0])
    theirs = chemotools.adaptation.DirectStandardization().fit(X, X_source=X_source)
    np.testing.assert_allclose(ours, theirs.transform(corn_pair[0]), atol=1e-8, rtol=0)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("n_components", [None, 4])
def test_equals_the_truncated_pseudo_inverse(center, n_components):
    X, X_source = random_pair(12, 50, 35)
    mean, source_mean = center * X.mean(axis=0), center * X_source.mean(axis=0)
    cutoff = 1e-12
    if n_components is not None:
        values = np.linalg.svd(X - mean, compute_uv=False)
        cutoff = values[n_components] / values[0] * 1.0001
    transfer = np.linalg.pinv(X - mean, rcond=cutoff) @ (X_source - source_mean)
    ds = DirectStandardization(n_components, center=center).fit(X, X_source=X_source)
    new = random_pair(5, 50, 35, seed=2)[0]
    np.testing.assert_allclose(ds.transform(new), source_mean + (new - mean) @ transfer, atol=1e-10)
    np.testing.assert_allclose(ds.target_components_.T @ ds.source_components_, transfer, atol=1e-9)
    assert ds.n_components_ == (n_components or 12 - center)


@pytest.mark.parametrize(("center", "rank"), [(False, 6), (True, 5)])
def test_components_beyond_the_standards_are_clipped_with_both_numbers(center, rank):
    X, X_source = random_pair(6)
    with pytest.warns(UserWarning, match=f"n_components=40 is clipped to {rank}: 6 standards"):
        clipped = DirectStandardization(40, center=center).fit(X, X_source=X_source)
    full = DirectStandardization(center=center).fit(X, X_source=X_source)
    np.testing.assert_allclose(clipped.transform(X), full.transform(X))


def test_one_standard_cannot_be_centered():
    X, X_source = random_pair(1)
    with pytest.raises(ValueError, match="n_samples = 1 is too few standards to center"):
        DirectStandardization(center=True).fit(X, X_source=X_source)
