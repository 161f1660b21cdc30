"""PLS of all LVs, subsets and properties at once equals one PLS after the other."""

import numpy as np
import pytest
from ikpls.numpy import PLS
from sklearn.cross_decomposition import PLSRegression

from spectralfm.transfer._pls_path import PLSPath

RNG = np.random.default_rng(0)
PURE = np.exp(-0.5 * ((np.arange(60) - np.array([[10], [25], [40], [50]])) / 6) ** 2)
CONCENTRATIONS = RNG.random((24, 4))
X = CONCENTRATIONS @ PURE + 0.01 * RNG.normal(size=(24, 60))
Y = CONCENTRATIONS @ RNG.normal(size=(4, 3)) + 0.02 * RNG.normal(size=(24, 3))
SOURCE = X[:6]
TARGET = 1.1 * SOURCE + 0.05 * np.linspace(0, 1, 60) + 0.01 * RNG.normal(size=(6, 60))
FOLDS = np.arange(24) % 4
KEPT = np.arange(4)[:, None] != FOLDS


def path_of(X, y, **options):
    defaults = {"max_components": 6, "smallest": 18}
    return PLSPath(X, y, **(defaults | options))


def coef_of(path, fits, fit, a, target):
    """Return the regression vector of ``a`` LVs on channels."""
    return fits.vectors[fit, a - 1, target] @ path.directions


def test_equals_scikit_learn_for_every_subset_lv_and_property():
    path = path_of(X, Y)
    fits = path.fit(KEPT)
    assert fits.vectors.shape[:3] == (4, 6, 3)
    for fold, keep in enumerate(KEPT):
        predicted = fits.predict(fold, path.X[~keep])
        for a in range(1, 7):
            for j in range(3):
                reference = PLSRegression(a, scale=False).fit(X[keep], Y[keep, j])
                np.testing.assert_allclose(
                    coef_of(path, fits, fold, a, j), reference.coef_.ravel(), rtol=0, atol=1e-10
                )
                np.testing.assert_allclose(
                    predicted[a - 1, :, j], reference.predict(X[~keep]), rtol=0, atol=1e-10
                )


def test_equals_ikpls():
    path = path_of(X, Y, max_components=12)
    fits = path.fit(np.ones((1, 24), dtype=bool))
    for j in range(3):
        reference = PLS(algorithm=1, scale_X=False, scale_Y=False).fit(X, Y[:, [j]], A=12)
        vectors = np.array([coef_of(path, fits, 0, a, j) for a in range(1, 13)])
        np.testing.assert_allclose(vectors, reference.B[:, :, 0], rtol=0, atol=1e-9)


def test_predicts_in_the_row_space_what_it_predicts_on_channels():
    path = path_of(X, Y, source=SOURCE, target=TARGET)
    fits = path.fit(KEPT)
    coef = fits.vectors[2] @ path.directions
    mean = X[KEPT[2]].mean(axis=0)
    expected = np.swapaxes(coef @ (TARGET - mean).T, 1, 2) + Y[KEPT[2]].mean(axis=0)
    np.testing.assert_allclose(fits.predict(2, path.target), expected, atol=1e-12)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.5, 3.0])
def test_differences_and_labelled_standards_are_stacked(weight, labelled):
    y_standards = Y[:6] + 0.1
    known = np.array([True, True, False, True, True, True]) & labelled
    standards = np.arange(6) % 4 != np.arange(4)[:, None]
    path = path_of(
        X, Y, source=SOURCE, target=TARGET, y_standards=y_standards, labelled=known, smallest=18
    )
    fits = path.fit(KEPT, standards, weight)
    for fold, (keep, kept) in enumerate(zip(KEPT, standards, strict=True)):
        difference = (TARGET - SOURCE)[kept]
        scale = np.sqrt(weight * keep.sum() / (kept.sum() - 1))
        blocks = [(X[keep], Y[keep]), (scale * difference, np.zeros((kept.sum(), 3)))]
        if labelled:
            blocks.append((TARGET[kept & known], y_standards[kept & known]))
        rows = np.vstack([spectra - spectra.mean(axis=0) for spectra, _ in blocks])
        values = np.vstack([value - value.mean(axis=0) for _, value in blocks])
        for j in range(3):
            reference = PLSRegression(4, scale=False).fit(rows, values[:, j])
            np.testing.assert_allclose(
                coef_of(path, fits, fold, 4, j), reference.coef_.ravel(), rtol=0, atol=1e-9
            )


def test_vectors_repeat_past_the_rank():
    """The path has rank 3, a subset only 2: further LVs would be rounding errors."""
    concentrations = RNG.random((12, 2))
    concentrations = np.column_stack([concentrations, np.arange(12) == 0])
    spectra, y = concentrations @ PURE[:3], concentrations @ RNG.random((3, 2))
    path = path_of(spectra, y, smallest=11)
    fits = path.fit(~np.eye(12, dtype=bool))
    for a in range(2, path.n_components):
        np.testing.assert_array_equal(fits.vectors[0, 1], fits.vectors[0, a])
        np.testing.assert_array_equal(fits.vectors[1, 2], fits.vectors[1, a])
    assert np.abs(fits.vectors[1, 1] - fits.vectors[1, 2]).max() > 1e-3
    centred = spectra[1:] - spectra[1:].mean(axis=0)
    exact = np.linalg.pinv(centred, rcond=1e-9) @ (y[1:] - y[1:].mean(axis=0))
    np.testing.assert_allclose(coef_of(path, fits, 0, 3, 1), exact[:, 1], atol=1e-9)


def test_vectors_repeat_once_y_is_explained():
    """One LV explains y; the covariance left is a rounding error, the spectra are not."""
    left, sizes, right = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    path = path_of(X, left[:, :1])
    fits = path.fit(np.ones((1, 24), dtype=bool))
    for a in range(1, 7):
        np.testing.assert_allclose(coef_of(path, fits, 0, a, 0), right[0] / sizes[0], atol=1e-9)


def test_one_spectrum_over_and_over_has_no_lv():
    path = path_of(np.full((6, 60), 0.1) + 0.3 * PURE[0], Y[:6], smallest=5)
    fits = path.fit(np.ones((1, 6), dtype=bool))
    np.testing.assert_array_equal(fits.vectors, 0.0)


def test_as_many_lvs_as_the_smallest_refit_supports():
    assert path_of(X, Y, max_components=50, smallest=18).n_components == 17
    assert path_of(X[:, :5], Y, max_components=50).n_components == 5
    assert path_of(X[:2], Y[:2], smallest=1).n_components == 1
