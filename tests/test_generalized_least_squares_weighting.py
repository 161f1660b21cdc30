import numpy as np
import pytest
from scipy.linalg import inv, sqrtm

from spectralfm.transfer import GeneralizedLeastSquaresWeighting, Standards

RNG = np.random.default_rng(0)
X_SOURCE = RNG.random((8, 30))
X_TARGET = X_SOURCE + 0.1 + 0.1 * RNG.normal(size=(8, 30))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 0.05])
def test_equals_the_textbook_matrix(alpha, center):
    difference = X_TARGET - X_SOURCE
    if center:
        difference = difference - difference.mean(axis=0)
    covariance = difference.T @ difference / 7
    G = inv(sqrtm(covariance / alpha**2 + np.eye(30)).real)
    glsw = GeneralizedLeastSquaresWeighting(alpha, relative=False, center=center)
    glsw.fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(glsw.transform(X_TARGET), X_TARGET @ G, atol=1e-9)


def test_relative_alpha_does_not_depend_on_the_unit():
    small = GeneralizedLeastSquaresWeighting(0.2).fit(X_TARGET, X_source=X_SOURCE)
    large = GeneralizedLeastSquaresWeighting(0.2).fit(1000 * X_TARGET, X_source=1000 * X_SOURCE)
    np.testing.assert_allclose(small.shrinkage_, large.shrinkage_)
    np.testing.assert_allclose(small.shrinkage_[0], 1 / np.sqrt(1 / 0.2**2 + 1))


def test_by_default_a_thousandth_of_the_largest_direction_is_left():
    glsw = GeneralizedLeastSquaresWeighting().fit(X_TARGET, X_source=X_SOURCE)
    np.testing.assert_allclose(glsw.shrinkage_[0], 1e-3, rtol=1e-5)


def test_leaves_directions_without_difference_alone():
    glsw = GeneralizedLeastSquaresWeighting().fit(X_TARGET, X_source=X_SOURCE)
    X = RNG.random((4, 30))
    orthogonal = X - X @ glsw.components_.T @ glsw.components_
    np.testing.assert_allclose(glsw.transform(orthogonal), orthogonal, atol=1e-12)


def test_equal_instruments_are_left_alone():
    glsw = GeneralizedLeastSquaresWeighting().fit(X_SOURCE, X_source=X_SOURCE)
    np.testing.assert_array_equal(glsw.transform(X_TARGET), X_TARGET)


def test_one_standard_learns_the_offset():
    glsw = GeneralizedLeastSquaresWeighting(1e-6)
    glsw.fit(X_SOURCE, standards=Standards(source=X_SOURCE[:1], target=X_SOURCE[:1] + 0.1))
    np.testing.assert_allclose(glsw.transform(X_SOURCE + 0.1), glsw.transform(X_SOURCE), atol=1e-5)
