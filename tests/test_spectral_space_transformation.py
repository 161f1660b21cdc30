import chemotools.adaptation
import numpy as np
import pytest

from spectralfm.transfer import SpectralSpaceTransformation


def random_pair(n_samples=20, n_target=60, n_source=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n_samples, n_target))
    return X, X @ rng.normal(size=(n_target, n_source)) / n_target + 0.01 * rng.random(n_source)


def theirs(X, X_source, new, n_components, center, scale):
    sst = chemotools.adaptation.SpectralSpaceTransform(n_components, center, scale)
    return sst.fit(X, X_source=X_source).transform(new)


settings = pytest.mark.parametrize(
    ("n_components", "center", "scale"),
    [(1, True, False), (2, False, True), (4, False, False), (12, True, True)],
)


@settings
def test_agrees_with_chemotools_on_random_data(n_components, center, scale):
    X, X_source = random_pair()
    new = random_pair(seed=1)[0]
    sst = SpectralSpaceTransformation(n_components, center=center, scale=scale)
    np.testing.assert_allclose(
        sst.fit(X, X_source=X_source).transform(new),
        theirs(X, X_source, new, n_components, center, scale),
        atol=1e-8,
        rtol=0,
    )


@settings
def test_agrees_with_chemotools_on_corn(corn_pair, n_components, center, scale):
    X, X_source = (spectra[:30] for spectra in corn_pair)
    sst = SpectralSpaceTransformation(n_components, center=center, scale=scale)
    np.testing.assert_allclose(
        sst.fit(X, X_source=X_source).transform(corn_pair[0]),
        theirs(X, X_source, corn_pair[0], n_components, center, scale),
        atol=1e-8,
        rtol=0,
    )


def test_maps_between_unequal_axes_what_the_subspace_holds():
    rng = np.random.default_rng(0)
    concentrations, new = rng.random((10, 3)), rng.random((4, 3))
    on_target, on_source = rng.random((3, 40)), rng.random((3, 70))
    sst = SpectralSpaceTransformation(n_components=3, scale=True)
    sst.fit(concentrations @ on_target, X_source=concentrations @ on_source)
    np.testing.assert_allclose(sst.transform(new @ on_target), new @ on_source, atol=1e-10)


def test_what_lies_outside_the_subspace_is_carried_over():
    X, X_source = random_pair()
    sst = SpectralSpaceTransformation(n_components=3).fit(X, X_source=X_source)
    direction = np.random.default_rng(1).random(60)
    direction -= direction @ np.linalg.pinv(sst.target_loadings_) @ sst.target_loadings_
    np.testing.assert_allclose(sst.transform(X + direction), sst.transform(X) + direction)


@pytest.mark.parametrize(("center", "allowed"), [(True, 5), (False, 6)])
def test_components_beyond_the_standards_are_clipped_with_both_numbers(center, allowed):
    X, X_source = random_pair(6)
    with pytest.warns(UserWarning, match=f"n_components=40 is clipped to {allowed}: 6 standards"):
        clipped = SpectralSpaceTransformation(40, center=center).fit(X, X_source=X_source)
    most = SpectralSpaceTransformation(allowed, center=center).fit(X, X_source=X_source)
    np.testing.assert_allclose(clipped.transform(X), most.transform(X))


def test_a_constant_channel_is_not_scaled_up():
    X, X_source = random_pair()
    X[:, 7] = X_source[:, 7] = 0.1
    sst = SpectralSpaceTransformation(scale=True).fit(X, X_source=X_source)
    assert sst.target_scale_[7] == sst.source_scale_[7] == 1.0
    np.testing.assert_allclose(sst.transform(X)[:, 7], 0.1)
