import pickle

import numpy as np
import pandas as pd
import pytest
from chemotools.adaptation import (
    DirectStandardization,
    PiecewiseDirectStandardization,
    SpectralSpaceTransform,
)
from chemotools.derivative import SavitzkyGolay
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm.transfer import (
    CalibrationTransfer,
    MeanShift,
    SlopeBiasCorrection,
)
from spectralfm.transfer import (
    PiecewiseDirectStandardization as PDS,
)

RNG = np.random.default_rng(0)
BANDS = np.exp(-0.5 * ((np.arange(80) - np.array([[15], [40], [60]])) / 8) ** 2)
CONCENTRATIONS = 0.5 + RNG.random((60, 3))
X = CONCENTRATIONS @ BANDS + 0.002 * RNG.normal(size=(60, 80))
Y = CONCENTRATIONS[:, :2]
X_TARGET = 0.9 * X + 0.05 * np.linspace(0, 1, 80) + 0.002 * RNG.normal(size=X.shape)
N = 8


def source_pipeline(y=Y):
    return Pipeline(
        [
            ("smooth", SavitzkyGolay(window_length=7, polyorder=2, deriv=1)),
            ("scale", StandardScaler()),
            ("pls", PLSRegression(3)),
        ]
    ).fit(X, y)


PIPELINE = source_pipeline()
FROZEN = FrozenEstimator(PIPELINE)


def by_hand(transfer, position, X_new):
    """Transfer at a position, step by step."""
    before, after = PIPELINE[:position], PIPELINE[position:]

    def start(spectra):
        return before.transform(spectra) if position else spectra

    step = clone(transfer).fit(start(X_TARGET[:N]), X_source=start(X[:N]))
    return after.predict(step.transform(start(X_new)))


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "transfer",
    [
        MeanShift(),
        PDS(2),
        DirectStandardization(),
        PiecewiseDirectStandardization(window_length=2, n_components=1),
        SpectralSpaceTransform(n_components=2),
    ],
    ids=lambda transfer: type(transfer).__module__.partition(".")[0] + type(transfer).__name__,
)
def test_equals_the_transfer_done_by_hand(transfer, position):
    model = CalibrationTransfer(FROZEN, transfer, insert_at=position)
    model.fit(X_TARGET[:N], X_source=X[:N])
    np.testing.assert_array_equal(model.predict(X_TARGET), by_hand(transfer, position, X_TARGET))
    np.testing.assert_array_equal(model.to_pipeline().predict(X_TARGET), model.predict(X_TARGET))


@pytest.mark.parametrize("y", [None, Y[:N]], ids=["without y", "with y"])
def test_auto_takes_the_position_of_least_left_out_error(y):
    reference = PIPELINE.predict(X[:N]) if y is None else y
    rmse = []
    for position in range(3):
        start = PIPELINE[:position].transform if position else (lambda spectra: spectra)
        left_out = []
        for i in range(N):
            kept = np.arange(N) != i
            step = PDS(2).fit(start(X_TARGET[:N][kept]), X_source=start(X[:N][kept]))
            corrected = step.transform(start(X_TARGET[i : i + 1]))
            left_out.append(PIPELINE[position:].predict(corrected)[0] - reference[i])
        rmse.append(np.sqrt(np.mean(np.square(left_out), axis=0)))
    model = CalibrationTransfer(FROZEN, PDS(2)).fit(X_TARGET[:N], y, X_source=X[:N])
    np.testing.assert_allclose(list(model.report_.errors.values()), rmse)
    best = np.argmin([np.mean((errors / reference.std(axis=0)) ** 2) for errors in rmse])
    assert model.insert_at_ == model.report_.insert_at == best
    assert model.report_.reference == ("source predictions" if y is None else "y")
    np.testing.assert_array_equal(model.predict(X_TARGET), by_hand(PDS(2), best, X_TARGET))


def test_many_standards_are_left_out_in_ten_folds():
    model = CalibrationTransfer(FROZEN, MeanShift()).fit(X_TARGET[:25], X_source=X[:25])
    reference = PIPELINE.predict(X[:25])
    left_out = np.empty_like(reference)
    for fold in range(10):
        left = np.arange(25) % 10 == fold
        step = MeanShift().fit(X_TARGET[:25][~left], X_source=X[:25][~left])
        left_out[left] = PIPELINE.predict(step.transform(X_TARGET[:25][left]))
    rmse = np.sqrt(np.mean((left_out - reference) ** 2, axis=0))
    np.testing.assert_allclose(model.report_.errors[0], rmse)


def test_slope_bias_after_the_transfer():
    model = CalibrationTransfer(FROZEN, MeanShift(), insert_at=0, slope_bias=True)
    model.fit(X_TARGET[:N], Y[:N], X_source=X[:N])
    uncorrected = by_hand(MeanShift(), 0, X_TARGET)
    for j in range(2):
        line = np.polyfit(uncorrected[:N, j], Y[:N, j], 1)
        np.testing.assert_allclose([model.report_.slope[j], model.report_.bias[j]], line)
        np.testing.assert_allclose(
            model.predict(X_TARGET)[:, j], np.polyval(line, uncorrected[:, j])
        )
    np.testing.assert_array_equal(model.to_pipeline().predict(X_TARGET), model.predict(X_TARGET))


def test_report():
    model = CalibrationTransfer(FROZEN, MeanShift(), insert_at=1)
    report = model.fit(X_TARGET[:N], Y[:N], X_source=X[:N]).report_

    def rmse(predicted):
        return np.sqrt(np.mean((predicted - Y[:N]) ** 2, axis=0))

    assert report.n_standards == N
    assert report.position == "after smooth"
    assert report.errors == {}
    np.testing.assert_allclose(report.rmse_before, rmse(PIPELINE.predict(X_TARGET[:N])))
    np.testing.assert_allclose(report.rmse_after, rmse(model.predict(X_TARGET[:N])))
    assert (report.rmse_after < report.rmse_before).all()


def test_default_is_pds():
    model = CalibrationTransfer(FROZEN, insert_at=0).fit(X_TARGET[:N], X_source=X[:N])
    np.testing.assert_array_equal(model.predict(X_TARGET), by_hand(PDS(), 0, X_TARGET))


def test_passthrough_with_slope_bias_is_the_slope_bias_correction():
    model = CalibrationTransfer(FROZEN, "passthrough", slope_bias=True)
    model.fit(X_TARGET[:N], Y[:N], X_source=X[:N])
    expected = SlopeBiasCorrection(FROZEN).fit(X_TARGET[:N], Y[:N])
    np.testing.assert_allclose(model.predict(X_TARGET), expected.predict(X_TARGET))
    assert model.transfer_ is None


def test_without_source_there_is_no_transfer_step():
    with pytest.warns(UserWarning, match="no transfer step to learn"):
        model = CalibrationTransfer(FROZEN).fit(X_TARGET[:N], Y[:N])
    np.testing.assert_array_equal(model.predict(X_TARGET), PIPELINE.predict(X_TARGET))


def test_another_number_of_target_channels():
    narrow = X_TARGET[:, :71]
    model = CalibrationTransfer(FROZEN, PDS(3)).fit(narrow[:N], X_source=X[:N])
    assert model.n_features_in_ == 71
    assert model.insert_at_ == 0
    assert model.report_.rmse_before is None
    step = PDS(3).fit(narrow[:N], X_source=X[:N])
    np.testing.assert_array_equal(model.predict(narrow), PIPELINE.predict(step.transform(narrow)))
    with pytest.raises(ValueError, match=r"insert_at = 1 does not exist.* 71 and the source 80"):
        CalibrationTransfer(FROZEN, PDS(3), insert_at=1).fit(narrow[:N], X_source=X[:N])


@pytest.mark.parametrize(
    "regressor",
    [PLSRegression(3), TransformedTargetRegressor(Ridge(1e-3), transformer=StandardScaler())],
)
def test_model_that_is_no_pipeline(regressor):
    frozen = FrozenEstimator(regressor.fit(X, Y[:, 0]))
    model = CalibrationTransfer(frozen, MeanShift()).fit(X_TARGET[:N], X_source=X[:N])
    step = MeanShift().fit(X_TARGET[:N], X_source=X[:N])
    np.testing.assert_array_equal(
        model.predict(X_TARGET), regressor.predict(step.transform(X_TARGET))
    )
    assert model.predict(X_TARGET).shape == (60,)
    assert model.report_.errors == {}
    with pytest.raises(ValueError, match="insert_at = 1 does not exist"):
        CalibrationTransfer(frozen, insert_at=1).fit(X_TARGET[:N], X_source=X[:N])


def test_passthrough_steps_and_a_step_named_transfer():
    pipeline = Pipeline(
        [("nothing", "passthrough"), ("transfer", StandardScaler()), ("pls", PLSRegression(3))]
    ).fit(X, Y)
    model = CalibrationTransfer(FrozenEstimator(pipeline), MeanShift(), insert_at=1)
    model.fit(X_TARGET[:N], X_source=X[:N])
    assert [name for name, _ in model.to_pipeline().steps] == [
        "nothing",
        "transfer-step",
        "transfer",
        "pls",
    ]
    assert model.score(X_TARGET, Y) > 0.9


def test_the_frozen_model_is_neither_copied_nor_changed():
    before = pickle.dumps(PIPELINE)
    model = clone(CalibrationTransfer(FROZEN, PDS(2))).fit(X_TARGET[:N], X_source=X[:N])
    assert model.estimator_ is PIPELINE
    assert model.pipeline_[-1].estimator is PIPELINE[-1]
    assert pickle.dumps(PIPELINE) == before
    predictions = model.predict(X_TARGET)
    refitted = clone(model.to_pipeline()).fit(X_TARGET, Y)
    np.testing.assert_array_equal(refitted.predict(X_TARGET), predictions)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X_TARGET), predictions)


def test_unfitted_estimators():
    with pytest.raises(NotFittedError, match="before freezing it"):
        CalibrationTransfer(FrozenEstimator(PLSRegression())).fit(X, Y, X_source=X)
    with pytest.warns(UserWarning, match="it is fitted on the 8 standards"):
        model = CalibrationTransfer(clone(PIPELINE), MeanShift()).fit(
            X_TARGET[:N], Y[:N], X_source=X[:N]
        )
    expected = clone(PIPELINE).fit(X[:N], Y[:N])
    np.testing.assert_array_equal(model.estimator_[-1].coef_, expected[-1].coef_)


def test_says_what_does_not_fit_the_source_model():
    model = CalibrationTransfer(FROZEN, MeanShift())
    with pytest.raises(ValueError, match="X_source has 79 channels, but the source model has 80"):
        model.fit(X_TARGET[:N, 1:], X_source=X[:N, 1:])
    with pytest.raises(ValueError, match="X_source has 7 spectra but the target has 8"):
        model.fit(X_TARGET[:N], X_source=X[1:N])
    with pytest.raises(ValueError, match="y has 1 properties, but the source model predicts 2"):
        model.fit(X_TARGET[:N], Y[:N, 0], X_source=X[:N])
    with pytest.warns(UserWarning, match="2 standards are too few to compare positions, .* 3"):
        model.fit(X_TARGET[:2], X_source=X[:2])


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("position", [0, 1])
def test_model_of_a_data_frame_keeps_its_names(position, output):
    names = [str(1100 + 2 * i) for i in range(80)]
    frame, target = pd.DataFrame(X, columns=names), pd.DataFrame(X_TARGET, columns=names)
    pipeline = make_pipeline(StandardScaler(), PLSRegression(3)).set_output(transform=output)
    frozen = FrozenEstimator(pipeline.fit(frame, Y))
    model = CalibrationTransfer(frozen, MeanShift(), insert_at=position, slope_bias=True)
    model.fit(target[:N], Y[:N], X_source=frame[:N])
    plain = FrozenEstimator(make_pipeline(StandardScaler(), PLSRegression(3)).fit(X, Y))
    expected = CalibrationTransfer(plain, MeanShift(), insert_at=position, slope_bias=True)
    expected.fit(X_TARGET[:N], Y[:N], X_source=X[:N])
    np.testing.assert_allclose(model.predict(target), expected.predict(X_TARGET))


def test_target_on_its_own_named_axis():
    names = [str(1100 + 2 * i) for i in range(80)]
    frame = pd.DataFrame(X, columns=names)
    target = pd.DataFrame(X_TARGET[:, :71], columns=[str(1101 + 2 * i) for i in range(71)])
    frozen = FrozenEstimator(make_pipeline(StandardScaler(), PLSRegression(3)).fit(frame, Y))
    model = CalibrationTransfer(frozen, PDS(3)).fit(target[:N], X_source=frame[:N])
    assert model.feature_names_in_[0] == "1101"
    assert model.score(target, Y) > 0.5
