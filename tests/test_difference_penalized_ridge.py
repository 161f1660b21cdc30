"""The noise-aware ridge equals the dense minimiser of its documented objective."""

import numpy as np
import pandas as pd
import pytest
from chemotools.derivative import SavitzkyGolay
from sklearn.preprocessing import FunctionTransformer

from spectralfm.transfer import DifferencePenalizedRidge, Standards, Unpaired

RNG = np.random.default_rng(5)
N_CHANNELS = 30
PURE = np.exp(-0.5 * ((np.arange(N_CHANNELS) - np.array([[6], [14], [23]])) / 4) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((30, 3))
SPECTRA = CONCENTRATIONS @ PURE + 0.01 * RNG.normal(size=(30, N_CHANNELS))
ON_TARGET = SPECTRA * np.linspace(1.0, 1.2, N_CHANNELS) + 0.1
ON_TARGET = ON_TARGET + 0.02 * RNG.normal(size=SPECTRA.shape)
VALUES = CONCENTRATIONS[:, :2] + 0.01 * RNG.normal(size=(30, 2))
X, Y, NEW = SPECTRA[:18], VALUES[:18], ON_TARGET[24:]
PRIOR = 0.05 * RNG.normal(size=(4, N_CHANNELS))
NU, N_COMPONENTS = 2.5, 3


def single(alpha=10.0, beta=1.0, gamma=4.0, **options):
    """Return the regressor of one setting."""
    defaults = {"preprocessing": [FunctionTransformer()], "prior_dof": NU}
    return DifferencePenalizedRidge(
        difference_penalties=[alpha],
        standards_weights=[beta],
        noise_floors=[gamma],
        n_components=N_COMPONENTS,
        **(defaults | options),
    )


def noise_variance(deviations):
    """Return the variance per channel outside the main components of X."""
    centred = deviations - deviations.mean(axis=0)
    _, _, directions = np.linalg.svd(X - X.mean(axis=0))
    outside = centred @ directions[N_COMPONENTS:].T
    return np.square(outside).sum() / (len(deviations) - 1) / (N_CHANNELS - N_COMPONENTS)


def minimise(blocks, ridge):
    """Minimise sum of weight * |values - rows b - c * c_column + delta * d_column|^2 + ridge |b|^2.

    Returns b (n_channels, n_targets) and the intercepts on target, c - delta, and source, c.
    """
    normal = np.diag(np.r_[np.full(N_CHANNELS, ridge), 0.0, 0.0])
    right = np.zeros((N_CHANNELS + 2, 2))
    for rows, values, has_c, has_delta, weight in blocks:
        design = np.column_stack(
            [rows, np.full(len(rows), has_c), np.full(len(rows), -1.0 * has_delta)]
        )
        normal += weight * design.T @ design
        right += weight * design.T @ values
    solution = np.linalg.lstsq(normal, right, rcond=1e-15)[0]
    return solution[:N_CHANNELS], solution[-2] - solution[-1], solution[-2]


def objective(X, Y, source, target, values, *, n, N, alpha, beta, gamma, sigma2, prior=None):
    """Return b and c - delta of the documented objective, n standards and N samples in weights."""
    difference = target - source
    blocks = [
        (X, Y, 1, 0, 1.0),
        (target, values, 1, 1, beta),
        (difference, np.zeros((len(difference), 2)), 0, 1, alpha * N / (NU + n - 1)),
    ]
    if prior is not None:
        blocks.append((prior, np.zeros((len(prior), 2)), 0, 0, N))
    return minimise(blocks, gamma * N * sigma2)


@pytest.mark.parametrize("prior", [None, PRIOR], ids=["without prior", "prior"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 50.0])
@pytest.mark.parametrize(("alpha", "gamma"), [(1.0, 4.0), (100.0, 0.5)])
def test_minimises_the_objective_and_predicts_left_out_standards(alpha, beta, gamma, prior):
    known = np.array([2, 7, 11, 15, 16])  # rows of X
    source, target = X[known], ON_TARGET[known]
    settings = {"alpha": alpha, "beta": beta, "gamma": gamma}
    model = single(**settings, prior=prior).fit(X, Y, standards=Standards(source, target))
    settings |= {"n": 5, "N": 18, "sigma2": noise_variance(target - source), "prior": prior}
    b, intercept, _ = objective(X, Y, source, target, Y[known], **settings)
    np.testing.assert_allclose(model.terms_[0].coef, b.T, rtol=0, atol=2e-6)
    np.testing.assert_allclose(model.predict(NEW), NEW @ b + intercept, rtol=0, atol=2e-6)
    for i, row in enumerate(known):
        rest, keep = np.arange(5) != i, np.arange(18) != row
        b, intercept, _ = objective(
            X[keep], Y[keep], source[rest], target[rest], Y[known][rest], **settings
        )
        np.testing.assert_allclose(
            model.standards_prediction_[i], target[i] @ b + intercept, rtol=0, atol=2e-6
        )
    np.testing.assert_array_equal(model.standards_y_, Y[known])
    np.testing.assert_array_equal(model.weights_, 1.0)


def test_source_error_is_that_of_left_out_calibration_samples():
    known = np.array([2, 7, 11])
    source, target = X[known], ON_TARGET[known]
    model = single(beta=2.0).fit(X, Y, standards=Standards(source, target))
    sigma2, errors = noise_variance(target - source), np.empty_like(Y)
    for row in range(18):
        keep, rest = np.arange(18) != row, known != row
        difference = (target - source)[rest]
        blocks = [
            (X[keep], Y[keep], 1, 0, 1.0),
            (target[rest], Y[known][rest], 1, 1, 2.0),
            (difference, np.zeros((len(difference), 2)), 0, 1, 10.0 * 18 / (NU + 2)),
        ]
        b, _, c = minimise(blocks, 4.0 * 18 * sigma2)
        errors[row] = Y[row] - X[row] @ b - c
    np.testing.assert_allclose(
        model.source_error_, np.sqrt(np.square(errors).mean(axis=0)), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("beta", [0.0, 5.0])
def test_standards_of_unknown_value_are_not_fitted(beta):
    """Their target spectra have no weight, and are predicted as by a fit without them."""
    source, target = SPECTRA[18:22], ON_TARGET[18:22]
    model = single(beta=beta).fit(X, Y, standards=Standards(source, target))
    settings = {"n": 4, "N": 18, "sigma2": noise_variance(target - source)}
    settings |= {"alpha": 10.0, "beta": 0.0, "gamma": 4.0}
    b, intercept, _ = objective(X, Y, source, target, np.zeros((4, 2)), **settings)
    np.testing.assert_allclose(model.predict(NEW), NEW @ b + intercept, rtol=0, atol=2e-6)
    rest = np.arange(4) != 1
    b, intercept, _ = objective(X, Y, source[rest], target[rest], np.zeros((3, 2)), **settings)
    np.testing.assert_allclose(
        model.standards_prediction_[1], target[1] @ b + intercept, rtol=0, atol=2e-6
    )
    # What the source reads in their spectra is close to what they hold.
    np.testing.assert_allclose(model.standards_y_, VALUES[18:22], atol=0.1)


def test_values_known_for_some_standards():
    values = VALUES[18:22].copy()
    values[2] = np.nan
    model = single(beta=5.0).fit(
        X, Y, standards=Standards(SPECTRA[18:22], ON_TARGET[18:22], values)
    )
    source, target, known = SPECTRA[18:22], ON_TARGET[18:22], np.array([0, 1, 3])
    whole = np.vstack([X, source[known]]), np.vstack([Y, values[known]])
    centred = whole[0] - whole[0].mean(axis=0)
    _, _, directions = np.linalg.svd(centred)
    difference = (target - source) - (target - source).mean(axis=0)
    outside = difference @ directions[N_COMPONENTS:].T
    sigma2 = np.square(outside).sum() / 3 / (N_CHANNELS - N_COMPONENTS)
    blocks = [
        (*whole, 1, 0, 1.0),
        (target[known], values[known], 1, 1, 5.0),
        (target - source, np.zeros((4, 2)), 0, 1, 10.0 * 21 / (NU + 3)),
    ]
    b, intercept, _ = minimise(blocks, 4.0 * 21 * sigma2)
    np.testing.assert_allclose(model.predict(NEW), NEW @ b + intercept, rtol=0, atol=2e-6)
    assert np.isfinite(model.standards_y_).all()


def test_a_standard_that_is_a_calibration_row_needs_no_value():
    found = single().fit(X, Y, standards=Standards(X[:4], ON_TARGET[:4]))
    told = single().fit(X, Y, standards=Standards(X[:4], ON_TARGET[:4], Y[:4]))
    np.testing.assert_array_equal(found.predict(NEW), told.predict(NEW))
    np.testing.assert_array_equal(found.standards_prediction_, told.standards_prediction_)


def test_replicates_of_a_standard_are_left_out_together():
    rows = np.array([2, 7, 2, 11])
    target = ON_TARGET[rows] + 0.01 * RNG.normal(size=(4, N_CHANNELS))
    model = single().fit(X, Y, standards=Standards(X[rows], target))
    settings = {"n": 4, "N": 18, "sigma2": noise_variance(target - X[rows])}
    settings |= {"alpha": 10.0, "beta": 1.0, "gamma": 4.0}
    rest, keep = rows != 2, np.arange(18) != 2
    b, intercept, _ = objective(
        X[keep], Y[keep], X[rows][rest], target[rest], Y[rows][rest], **settings
    )
    np.testing.assert_allclose(
        model.standards_prediction_[[0, 2]], target[[0, 2]] @ b + intercept, rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("beta", [0.0, 3.0])
@pytest.mark.parametrize("copies", [1, 2])
def test_without_its_only_standard_the_model_has_no_shift(copies, beta):
    rows = np.full(copies, 4)
    standards = Standards(X[rows], ON_TARGET[rows])
    model = single(beta=beta).fit(X, Y, standards=standards)
    settings = {"n": copies, "N": 18, "sigma2": noise_variance(X)}
    settings |= {"alpha": 10.0, "beta": beta, "gamma": 4.0}
    b, intercept, _ = objective(X, Y, X[rows], ON_TARGET[rows], Y[rows], **settings)
    np.testing.assert_allclose(model.predict(NEW), NEW @ b + intercept, rtol=0, atol=2e-6)
    keep = np.arange(18) != 4
    b, _, c = minimise([(X[keep], Y[keep], 1, 0, 1.0)], 4.0 * 18 * settings["sigma2"])
    expected = ON_TARGET[rows] @ b + c
    np.testing.assert_allclose(model.standards_prediction_, expected, rtol=0, atol=2e-6)


def test_unlabelled_spectra_set_shift_and_noise():
    model = single().fit(X, Y, X_target=Unpaired(ON_TARGET[10:24]))
    ridge = 4.0 * 18 * noise_variance(ON_TARGET[10:24])
    shift = ON_TARGET[10:24].mean(axis=0) - X.mean(axis=0)
    b, _, c = minimise([(X, Y, 1, 0, 1.0)], ridge)
    removed = (NEW - shift) @ b + c
    b, _, c = minimise([(X, Y, 1, 0, 1.0), (shift[None], np.zeros((1, 2)), 0, 0, 18)], ridge)
    penalized = NEW @ b + c
    assert [one["mean_difference"] for one in model.settings_] == ["removed", "penalized"]
    expected = model.weights_[0] * removed + model.weights_[1] * penalized
    assert 0.3 < model.weights_[0].min() < 0.7
    np.testing.assert_allclose(model.predict(NEW), expected, rtol=0, atol=1e-7)


def test_neither_is_a_ridge_calibration_of_the_source():
    model = single().fit(X, Y)
    b, _, c = minimise([(X, Y, 1, 0, 1.0)], 4.0 * 18 * noise_variance(X))
    np.testing.assert_allclose(model.predict(NEW), NEW @ b + c, rtol=0, atol=1e-9)


def test_with_standards_unlabelled_spectra_are_not_used():
    standards = Standards(X[:5], ON_TARGET[:5])
    both = DifferencePenalizedRidge().fit(X, Y, standards=standards, X_target=ON_TARGET[10:24])
    alone = DifferencePenalizedRidge().fit(X, Y, standards=standards)
    np.testing.assert_array_equal(both.predict(NEW), alone.predict(NEW))


def test_prior_is_preprocessed_like_the_spectra():
    derivative = SavitzkyGolay(7, polyorder=2, deriv=1, mode="interp").fit(X)
    standards = Standards(X[:5], ON_TARGET[:5])
    inside = single(preprocessing=[derivative], prior=PRIOR).fit(X, Y, standards=standards)
    outside = single(prior=derivative.transform(PRIOR)).fit(
        derivative.transform(X),
        Y,
        standards=Standards(derivative.transform(X[:5]), derivative.transform(ON_TARGET[:5])),
    )
    np.testing.assert_allclose(
        inside.predict(NEW), outside.predict(derivative.transform(NEW)), rtol=0, atol=1e-8
    )


def test_preprocessing_may_cut_channels():
    cut = FunctionTransformer(_first_twenty)
    inside = single(preprocessing=[cut], prior=PRIOR)
    inside.fit(X, Y, standards=Standards(X[:5], ON_TARGET[:5]))
    outside = single(prior=PRIOR[:, :20])
    outside.fit(X[:, :20], Y, standards=Standards(X[:5, :20], ON_TARGET[:5, :20]))
    np.testing.assert_allclose(inside.predict(NEW), outside.predict(NEW[:, :20]), atol=1e-9)
    assert np.isfinite(single(preprocessing=[cut]).fit(X, Y).predict(NEW)).all()


def _first_twenty(spectra):
    return spectra[:, :20]


def test_averages_all_combinations_with_the_weights():
    model = DifferencePenalizedRidge(
        difference_penalties=(1, 10), standards_weights=(0, 1), noise_floors=(4, 16, 64)
    )
    standards = Standards(X[:5], ON_TARGET[:5])
    model.fit(X, Y, standards=standards)
    assert len(model.settings_) == 4 * 2 * 2 * 3 and len(model.terms_) == 4
    np.testing.assert_allclose(model.weights_.sum(axis=0), 1.0)
    expected, held_out, source = np.zeros((len(NEW), 2)), [], []
    for setting, weight in zip(model.settings_, model.weights_, strict=True):
        one = single(
            setting["difference_penalty"],
            setting["standards_weight"],
            setting["noise_floor"],
            preprocessing=[setting["preprocessing"]],
            prior_dof=3.0,
        )
        one.set_params(n_components=10).fit(X, Y, standards=standards)
        expected += weight * one.predict(NEW)
        held_out.append(one.standards_prediction_)
        source.append(one.source_error_)
    np.testing.assert_allclose(model.predict(NEW), expected, atol=1e-10)
    rmse = np.sqrt(np.square(np.array(held_out) - Y[:5]).mean(axis=1)) + np.array(source)
    raw = np.exp(-5 / 2 * (rmse / rmse.min(axis=0) - 1))
    np.testing.assert_allclose(model.weights_, raw / raw.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        model.source_error_, (model.weights_ * np.array(source)).sum(axis=0), rtol=1e-9
    )


def test_each_property_as_if_alone_and_on_data_frames():
    standards = Standards(X[:5], ON_TARGET[:5])
    together = DifferencePenalizedRidge().fit(X, Y, standards=standards)
    names = [f"{1100 + i}" for i in range(N_CHANNELS)]
    frames = Standards(*(pd.DataFrame(part, columns=names) for part in (X[:5], ON_TARGET[:5])))
    for j in range(2):
        alone = DifferencePenalizedRidge()
        alone.fit(pd.DataFrame(X, columns=names), pd.Series(Y[:, j]), standards=frames)
        predicted = alone.predict(pd.DataFrame(NEW, columns=names))
        assert predicted.shape == (6,)
        np.testing.assert_allclose(predicted, together.predict(NEW)[:, j], atol=1e-9)
    assert DifferencePenalizedRidge().fit(X, Y[:, :1]).predict(NEW).shape == (6, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("difference_penalties", [-1.0]), ("standards_weights", []), ("noise_floors", [4.0, 0.0])],
)
def test_bad_settings(name, value):
    with pytest.raises(ValueError, match=f"{name} must be one or more finite numbers >"):
        DifferencePenalizedRidge(**{name: value}).fit(X, Y)


def test_prior_on_another_axis():
    with pytest.raises(ValueError, match="prior has 29 channels, but X has 30.* resample"):
        DifferencePenalizedRidge(prior=PRIOR[:, 1:]).fit(X, Y)
