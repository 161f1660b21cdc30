"""Averaged PLS equals PLS regressions fitted one by one, weighted by hand."""

import numpy as np
import pandas as pd
import pytest
from chemotools.adaptation import DirectStandardization as ChemotoolsDirectStandardization
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import MultiplicativeScatterCorrection, StandardNormalVariate
from sklearn import config_context
from sklearn.cross_decomposition import PLSRegression
from sklearn.preprocessing import FunctionTransformer

from spectralfm.transfer import AveragedPLS, RidgeDirectStandardization, Standards, Unpaired
from spectralfm.transfer._folds import joint_folds

RNG = np.random.default_rng(6)
PURE = np.exp(-0.5 * ((np.arange(40) - np.array([[8], [20], [31]])) / 5) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((26, 3))
SPECTRA = CONCENTRATIONS @ PURE + 0.01 * RNG.normal(size=(26, 40))
ON_TARGET = SPECTRA * np.linspace(1.0, 1.2, 40) + 0.1 + 0.005 * RNG.normal(size=SPECTRA.shape)
VALUES = CONCENTRATIONS[:, :2] + 0.01 * RNG.normal(size=(26, 2))
X, Y, NEW = SPECTRA[:16], VALUES[:16], ON_TARGET[20:]
KNOWN = np.array([1, 6, 9, 14])
SOURCE, TARGET = X[KNOWN], ON_TARGET[KNOWN]
STANDARDS = Standards(SOURCE, TARGET)
RAW = [FunctionTransformer()]


def pls(X, y, n_components):
    return PLSRegression(n_components, scale=False).fit(X, y)


def stacked_pls(X, y, difference, weight, n_components):
    """Return the vector of PLS on calibration set and weighted differences, each centred."""
    scale = np.sqrt(weight * len(X) / (len(difference) - 1))
    rows = [X - X.mean(axis=0), scale * (difference - difference.mean(axis=0))]
    values = np.r_[y - y.mean(), np.zeros(len(difference))]
    return pls(np.vstack(rows), values, n_components).coef_.ravel()


def test_one_lv_is_pls_after_a_mean_shift():
    model = AveragedPLS(1, preprocessing=RAW).fit(X, Y, standards=STANDARDS)
    shift = (TARGET - SOURCE).mean(axis=0)
    for j in range(2):
        expected = pls(X, Y[:, j], 1).predict(NEW - shift)
        np.testing.assert_allclose(model.predict(NEW)[:, j], expected, atol=1e-10)
    np.testing.assert_array_equal(model.weights_, 1.0)


@pytest.mark.parametrize("weigh_by", ["both", "standards"])
def test_weights_held_out_predictions_and_average(weigh_by):
    """With a fold a sample, every fold is one refit written out here."""
    model = AveragedPLS(5, preprocessing=RAW, cv=16, weigh_by=weigh_by)
    model.fit(X, Y, standards=STANDARDS)
    held_out, left_out = np.empty((5, 4, 2)), np.empty((5, 16, 2))
    for a in range(1, 6):
        for j in range(2):
            for row in range(16):
                keep, rest = np.arange(16) != row, row != KNOWN
                refit = pls(X[keep], Y[keep, j], a)
                left_out[a - 1, row, j] = refit.predict(X[[row]])[0]
                shift = (TARGET - SOURCE)[rest].mean(axis=0)
                if row in KNOWN:
                    held_out[a - 1, ~rest, j] = refit.predict(TARGET[~rest] - shift)
    source_error = np.sqrt(np.square(left_out - Y).mean(axis=1))
    errors = np.sqrt(np.square(held_out - Y[KNOWN]).mean(axis=1))
    if weigh_by == "both":
        errors = errors + source_error
    weights = np.exp(-4 / 2 * (errors / errors.min(axis=0) - 1))
    weights /= weights.sum(axis=0)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-8)
    np.testing.assert_allclose(
        model.standards_prediction_, np.einsum("mj,mnj->nj", weights, held_out), atol=1e-9
    )
    np.testing.assert_allclose(model.source_error_, (weights * source_error).sum(axis=0), atol=1e-9)
    shift = (TARGET - SOURCE).mean(axis=0)
    for j in range(2):
        of_each = [pls(X, Y[:, j], a).predict(NEW - shift) for a in range(1, 6)]
        np.testing.assert_allclose(model.predict(NEW)[:, j], weights[:, j] @ of_each, atol=1e-9)


def test_several_standards_a_fold_are_left_out_together():
    model = AveragedPLS(1, preprocessing=RAW, cv=2).fit(X, Y[:, 0], standards=STANDARDS)
    samples, standards = joint_folds(16, KNOWN, np.arange(4), 2)
    for fold in range(2):
        keep, rest = samples != fold, standards != fold
        moved = TARGET[~rest] - (TARGET - SOURCE)[rest].mean(axis=0)
        expected = pls(X[keep], Y[keep, 0], 1).predict(moved)
        np.testing.assert_allclose(model.standards_prediction_[~rest, 0], expected, atol=1e-9)


def test_corrections_are_averaged_and_leave_their_standard_out():
    maps = [RidgeDirectStandardization(1e-2), None, RidgeDirectStandardization(1.0)]
    model = AveragedPLS(2, standardizer=maps, preprocessing=RAW, cv=16)
    model.fit(X, Y[:, 0], standards=STANDARDS)
    assert len(model.terms_) == 1 and len(model.settings_) == 6  # affine maps are folded
    held_out, expected = [], []
    for correction in maps:
        for a in (1, 2):
            whole, shift = pls(X, Y[:, 0], a), (TARGET - SOURCE).mean(axis=0)
            moved = NEW - shift
            if correction is not None:
                moved = correction.fit(TARGET, X_source=SOURCE).transform(NEW)
            expected.append(whole.predict(moved))
            of_setting = []
            for i, row in enumerate(KNOWN):
                keep, rest = np.arange(16) != row, np.arange(4) != i
                moved = TARGET[[i]] - (TARGET - SOURCE)[rest].mean(axis=0)
                if correction is not None:
                    correction.fit(TARGET[rest], X_source=SOURCE[rest])
                    moved = correction.transform(TARGET[[i]])
                of_setting.append(pls(X[keep], Y[keep, 0], a).predict(moved)[0])
            held_out.append(of_setting)
    weights = model.weights_[:, 0]
    np.testing.assert_allclose(model.predict(NEW), weights @ expected, atol=1e-9)
    np.testing.assert_allclose(model.standards_prediction_[:, 0], weights @ held_out, atol=1e-9)


def test_differences_count_as_calibration_sets():
    model = AveragedPLS(1, difference_weights=[2.0], preprocessing=RAW, cv=16)
    model.fit(X, Y[:, 1], standards=STANDARDS)
    difference = TARGET - SOURCE
    coef = stacked_pls(X, Y[:, 1], difference, 2.0, 1)
    expected = Y[:, 1].mean() + (NEW - difference.mean(axis=0) - X.mean(axis=0)) @ coef
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-9)
    for i, row in enumerate(KNOWN):
        keep, rest = np.arange(16) != row, np.arange(4) != i
        coef = stacked_pls(X[keep], Y[keep, 1], difference[rest], 2.0, 1)
        moved = TARGET[i] - difference[rest].mean(axis=0) - X[keep].mean(axis=0)
        np.testing.assert_allclose(
            model.standards_prediction_[i, 0], Y[keep, 1].mean() + moved @ coef, atol=1e-9
        )


def test_with_a_correction_the_differences_are_what_it_leaves():
    rds = RidgeDirectStandardization(0.1)
    model = AveragedPLS(1, standardizer=rds, difference_weights=[2.0], preprocessing=RAW)
    model.fit(X, Y[:, 0], standards=STANDARDS)
    corrected = np.empty_like(TARGET)
    for i in range(4):
        rest = np.arange(4) != i
        one = RidgeDirectStandardization(0.1).fit(TARGET[rest], X_source=SOURCE[rest])
        corrected[i] = one.transform(TARGET[[i]])[0]
    coef = stacked_pls(X, Y[:, 0], corrected - SOURCE, 2.0, 1)
    moved = rds.fit(TARGET, X_source=SOURCE).transform(NEW) - X.mean(axis=0)
    np.testing.assert_allclose(model.predict(NEW), Y[:, 0].mean() + moved @ coef, atol=1e-9)


def test_labelled_standards_join_with_their_target_spectra():
    """Those of unknown value do not."""
    values = VALUES[16:20, 0].copy()
    values[3] = np.nan
    model = AveragedPLS(1, use_target=True, preprocessing=RAW)
    model.fit(X, Y[:, 0], standards=Standards(SPECTRA[16:20], ON_TARGET[16:20], values))
    whole, y = np.vstack([X, SPECTRA[16:19]]), np.r_[Y[:, 0], values[:3]]
    target = ON_TARGET[16:19]
    rows = np.vstack([whole - whole.mean(axis=0), target - target.mean(axis=0)])
    coef = pls(rows, np.r_[y - y.mean(), values[:3] - values[:3].mean()], 1).coef_.ravel()
    shift = (ON_TARGET[16:20] - SPECTRA[16:20]).mean(axis=0)
    expected = y.mean() + (NEW - shift - whole.mean(axis=0)) @ coef
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-9)


@pytest.mark.parametrize("make", [SPECTRA.copy, lambda: SPECTRA[:, 5:35].copy()])
def test_preprocessings_are_averaged(make):
    views = [
        StandardNormalVariate(),
        MultiplicativeScatterCorrection(),
        SavitzkyGolay(7, polyorder=2, deriv=2),
    ]
    spectra = make()
    target = spectra * 1.1 + 0.05
    model = AveragedPLS(1, preprocessing=views)
    model.fit(spectra[:16], Y[:, 0], standards=Standards(spectra[KNOWN], target[KNOWN]))
    expected = []
    for view in views:
        read = view.fit(spectra[:16]).transform
        shift = (read(target[KNOWN]) - read(spectra[KNOWN])).mean(axis=0)
        one = pls(read(spectra[:16]), Y[:, 0], 1)
        expected.append(one.predict(read(target[20:]) - shift))
    np.testing.assert_allclose(
        model.predict(target[20:]), model.weights_[:, 0] @ expected, atol=1e-8
    )
    assert [type(term.view.preprocessing) for term in model.terms_] == [type(v) for v in views]


def test_preprocessing_may_cut_channels():
    model = AveragedPLS(3, preprocessing=[FunctionTransformer(_first_thirty)])
    model.fit(X, Y, standards=STANDARDS)
    cut = AveragedPLS(3, preprocessing=RAW)
    cut.fit(X[:, :30], Y, standards=Standards(SOURCE[:, :30], TARGET[:, :30]))
    np.testing.assert_allclose(model.predict(NEW), cut.predict(NEW[:, :30]), atol=1e-10)


def _first_thirty(spectra):
    return spectra[:, :30]


def test_chemotools_standardizer_drops_in():
    model = AveragedPLS(2, standardizer=ChemotoolsDirectStandardization(), preprocessing=RAW)
    model.fit(X, Y[:, 0], standards=STANDARDS)
    moved = ChemotoolsDirectStandardization().fit(TARGET, X_source=SOURCE).transform(NEW)
    expected = [pls(X, Y[:, 0], a).predict(moved) for a in (1, 2)]
    np.testing.assert_allclose(model.predict(NEW), model.weights_[:, 0] @ expected, atol=1e-9)


def test_unlabelled_spectra_set_the_shift():
    model = AveragedPLS(1, preprocessing=RAW, standardizer=RidgeDirectStandardization())
    model.fit(X, Y[:, 0], X_target=Unpaired(ON_TARGET[5:20]))
    shift = ON_TARGET[5:20].mean(axis=0) - X.mean(axis=0)
    expected = pls(X, Y[:, 0], 1).predict(NEW - shift)
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-10)


def test_neither_is_a_calibration_of_the_source():
    """Weighted by its cross-validated error with a sharpness of 5."""
    model = AveragedPLS(4, preprocessing=RAW, cv=16, difference_weights=(0.0, 1.0)).fit(X, Y[:, 0])
    left_out = np.empty((4, 16))
    for a in range(1, 5):
        for row in range(16):
            keep = np.arange(16) != row
            left_out[a - 1, row] = pls(X[keep], Y[keep, 0], a).predict(X[[row]])[0]
    errors = np.sqrt(np.square(left_out - Y[:, 0]).mean(axis=1))
    weights = np.exp(-5 * (errors / errors.min() - 1))
    weights /= weights.sum()
    np.testing.assert_allclose(model.weights_[:, 0], weights, rtol=1e-7)
    expected = weights @ [pls(X, Y[:, 0], a).predict(NEW) for a in range(1, 5)]
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-9)
    assert model.standards_prediction_.shape == (0, 1)


def test_with_standards_unlabelled_spectra_are_not_used():
    both = AveragedPLS(3).fit(X, Y, standards=STANDARDS, X_target=ON_TARGET[5:20])
    alone = AveragedPLS(3).fit(X, Y, standards=STANDARDS)
    np.testing.assert_array_equal(both.predict(NEW), alone.predict(NEW))


def test_one_standard_is_a_mean_shift_whatever_the_correction():
    one = Standards(SOURCE[:1], TARGET[:1])
    rich = AveragedPLS(
        3, standardizer=RidgeDirectStandardization(), difference_weights=(1.0, 2.0)
    ).fit(X, Y, standards=one)
    plain = AveragedPLS(3).fit(X, Y, standards=one)
    np.testing.assert_array_equal(rich.predict(NEW), plain.predict(NEW))


def test_replicates_of_a_standard_are_left_out_together():
    rows = np.array([1, 6, 1, 9])
    target = ON_TARGET[rows] + 0.01 * RNG.normal(size=(4, 40))
    for correction in (None, RidgeDirectStandardization(0.1)):
        model = AveragedPLS(1, standardizer=correction, preprocessing=RAW, cv=16)
        model.fit(X, Y[:, 0], standards=Standards(X[rows], target))
        keep, rest = np.arange(16) != 1, rows != 1
        moved = target[[0, 2]] - (target - X[rows])[rest].mean(axis=0)
        if correction is not None:
            correction.fit(target[rest], X_source=X[rows][rest])
            moved = correction.transform(target[[0, 2]])
        expected = pls(X[keep], Y[keep, 0], 1).predict(moved)
        np.testing.assert_allclose(model.standards_prediction_[[0, 2], 0], expected, atol=1e-9)


def test_each_property_as_if_alone_and_on_data_frames():
    options = {"standardizer": RidgeDirectStandardization(), "difference_weights": (0.0, 1.0)}
    together = AveragedPLS(4, **options).fit(X, Y, standards=STANDARDS)
    names = [f"{1100 + i}" for i in range(40)]
    frames = Standards(*(pd.DataFrame(part, columns=names) for part in (SOURCE, TARGET)))
    for j in range(2):
        alone = AveragedPLS(4, **options)
        alone.fit(pd.DataFrame(X, columns=names), pd.Series(Y[:, j]), standards=frames)
        predicted = alone.predict(pd.DataFrame(NEW, columns=names))
        assert predicted.shape == (6,)
        np.testing.assert_allclose(predicted, together.predict(NEW)[:, j], atol=1e-9)
    assert AveragedPLS(4).fit(X, Y[:, :1]).predict(NEW).shape == (6, 1)


def test_transformers_that_return_data_frames():
    """scikit-learn may be set to it; the values are the same."""
    names = [f"{1100 + i}" for i in range(40)]
    model = AveragedPLS(3, standardizer=RidgeDirectStandardization())
    expected = model.fit(X, Y, standards=STANDARDS).predict(NEW)
    with config_context(transform_output="pandas"):
        model.fit(pd.DataFrame(X, columns=names), Y, standards=STANDARDS)
        predicted = model.predict(pd.DataFrame(NEW, columns=names))
    np.testing.assert_allclose(predicted, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difference_weights": (-1.0,)}, "difference_weights must be one or more finite numbers"),
        ({"difference_weights": ()}, "difference_weights must be one or more finite numbers"),
        ({"standardizer": []}, "standardizer is an empty list"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        AveragedPLS(**options).fit(X, Y, standards=STANDARDS)
