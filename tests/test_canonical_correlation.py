import numpy as np
import pytest
from scipy.linalg import eigh, fractional_matrix_power, subspace_angles
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import LinearRegression

from spectralfm.transfer import CanonicalCorrelationTransfer


def many_standards(n_samples=200, n_target=7, n_source=5, seed=0):
    """More standards than channels, where canonical correlation analysis is well posed."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_samples, 3))
    X = shared @ rng.normal(size=(3, n_target)) + rng.normal(size=(n_samples, n_target)) + 1.0
    X_source = shared @ rng.normal(size=(3, n_source)) + rng.normal(size=(n_samples, n_source))
    return X, X_source


def few_standards(n_samples=10, n_channels=60, seed=0):
    rng = np.random.default_rng(seed)
    concentrations = rng.random((n_samples, 4)) * (8, 4, 2, 1)
    X_source = concentrations @ rng.random((4, n_channels))
    X = concentrations @ rng.random((4, n_channels)) + 0.3
    noise = 1e-2 * rng.normal(size=(2, *X.shape))
    return X + noise[0], X_source + noise[1]


def unregularized(n_components, **settings):
    return CanonicalCorrelationTransfer(n_components, regularization=0.0, **settings)


def covariances(X, X_source):
    joint = np.cov(np.hstack([X, X_source]).T)
    n = X.shape[1]
    return joint[:n, :n], joint[n:, n:], joint[:n, n:]


def test_equals_the_textbook_solution():
    X, X_source = many_standards()
    cca = unregularized(5).fit(X, X_source=X_source)
    target, source, cross = covariances(X, X_source)
    roots = [fractional_matrix_power(c, -0.5) for c in (target, source)]
    left, correlations, right = np.linalg.svd(roots[0] @ cross @ roots[1])
    np.testing.assert_allclose(cca.canonical_correlations_, correlations, atol=1e-10)
    for weights, expected in (
        (cca.target_weights_, roots[0] @ left[:, :5]),
        (cca.source_weights_, roots[1] @ right.T),
    ):
        np.testing.assert_allclose(np.abs(weights), np.abs(expected), atol=1e-9)
    identity = cca.target_weights_.T @ target @ cca.target_weights_
    np.testing.assert_allclose(identity, np.eye(5), atol=1e-10)
    between = cca.target_weights_.T @ cross @ cca.source_weights_
    np.testing.assert_allclose(between, np.diag(correlations), atol=1e-10)


def test_correlations_are_cosines_of_the_angles_between_the_subspaces():
    X, X_source = many_standards()
    cca = unregularized(5).fit(X, X_source=X_source)
    angles = subspace_angles(X - X.mean(axis=0), X_source - X_source.mean(axis=0))
    np.testing.assert_allclose(cca.canonical_correlations_, np.sort(np.cos(angles))[::-1])


def test_variates_are_those_of_scikit_learn():
    X, X_source = many_standards()
    cca = unregularized(3).fit(X, X_source=X_source)
    theirs = CCA(3, scale=False, tol=1e-12, max_iter=5000).fit(X, X_source)
    variates = (X - X.mean(axis=0)) @ cca.target_weights_
    for ours, other in zip(variates.T, theirs.transform(X).T, strict=True):
        assert abs(np.corrcoef(ours, other)[0, 1]) == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("regularization", [1e-4, 1e-1])
def test_regularized_correlations_solve_the_generalized_eigenproblem(regularization):
    X, X_source = few_standards()
    cca = CanonicalCorrelationTransfer(3, regularization=regularization)
    cca.fit(X, X_source=X_source)
    target, source, cross = covariances(X, X_source)
    zero = np.zeros_like(target)
    ridges = [
        c + regularization * np.linalg.eigvalsh(c)[-1] * np.eye(len(c)) for c in (target, source)
    ]
    values = eigh(
        np.block([[zero, cross], [cross.T, zero]]),
        np.block([[ridges[0], zero], [zero, ridges[1]]]),
        eigvals_only=True,
    )
    np.testing.assert_allclose(cca.canonical_correlations_, values[::-1][:3], atol=1e-9)


@pytest.mark.parametrize("keep_remainder", [False, True])
def test_maps_through_the_variates_as_published(keep_remainder):
    X, X_source = few_standards()
    new = few_standards(seed=1)[0]
    cca = CanonicalCorrelationTransfer(2, keep_remainder=keep_remainder)
    cca.fit(X, X_source=X_source)
    target, source = X - X.mean(axis=0), X_source - X_source.mean(axis=0)
    target_variates, source_variates = target @ cca.target_weights_, source @ cca.source_weights_
    first = np.linalg.pinv(target_variates) @ source_variates
    second = np.linalg.pinv(source_variates) @ source
    centered = new - X.mean(axis=0)
    variates = centered @ cca.target_weights_
    expected = X_source.mean(axis=0) + variates @ first @ second
    if keep_remainder:
        expected += centered - variates @ np.linalg.pinv(target_variates) @ target
    np.testing.assert_allclose(cca.transform(new), expected, atol=1e-9)


def test_all_variates_of_a_well_posed_problem_are_least_squares():
    X, X_source = many_standards()
    cca = unregularized(5, keep_remainder=False).fit(X, X_source=X_source)
    expected = LinearRegression().fit(X, X_source).predict(X)
    np.testing.assert_allclose(cca.transform(X), expected, atol=1e-10)


def test_compression_is_an_analysis_of_principal_component_scores():
    X, X_source = few_standards()
    cca = unregularized(2, n_principal_components=3).fit(X, X_source=X_source)
    scores = []
    for spectra in (X, X_source):
        left, values, _ = np.linalg.svd(spectra - spectra.mean(axis=0), full_matrices=False)
        scores.append(left[:, :3] * values[:3])
    expected = unregularized(2).fit(scores[0], X_source=scores[1]).canonical_correlations_
    np.testing.assert_allclose(cca.canonical_correlations_, expected, atol=1e-10)
    assert expected[1] < 1.0


def test_without_regularization_few_standards_correlate_perfectly_whatever_they_are():
    X, X_source = np.random.default_rng(0).random((2, 10, 60))
    void = unregularized(9).fit(X, X_source=X_source)
    np.testing.assert_allclose(void.canonical_correlations_, 1.0)
    ridge = CanonicalCorrelationTransfer(9, regularization=0.5).fit(X, X_source=X_source)
    assert ridge.canonical_correlations_[0] < 0.9


def test_maps_between_unequal_axes():
    rng = np.random.default_rng(0)
    concentrations, new = rng.random((10, 3)), rng.random((4, 3))
    on_target, on_source = rng.random((3, 40)), rng.random((3, 70))
    cca = unregularized(3).fit(concentrations @ on_target, X_source=concentrations @ on_source)
    np.testing.assert_allclose(cca.transform(new @ on_target), new @ on_source, atol=1e-8)


def test_components_beyond_the_standards_are_clipped_with_both_numbers():
    X, X_source = few_standards(6)
    with pytest.warns(UserWarning, match="n_components=40 is clipped to 5: 6 standards"):
        clipped = CanonicalCorrelationTransfer(40).fit(X, X_source=X_source)
    most = CanonicalCorrelationTransfer(5).fit(X, X_source=X_source)
    np.testing.assert_allclose(clipped.transform(X), most.transform(X))


def test_one_standard_is_too_few():
    X, X_source = few_standards(1)
    with pytest.raises(ValueError, match="n_samples = 1 is too few standards"):
        CanonicalCorrelationTransfer().fit(X, X_source=X_source)
