"""The displays: what they show, in which unit, and what they do without matplotlib."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.utils import Bunch

from spectralfm.conformal import ConformalRegressor
from spectralfm.metrics import coverage
from spectralfm.plotting import PredictedReferenceDisplay, StandardsCurveDisplay, _style

Y_TRUE, Y_PRED = np.array([10.0, 11.0, 12.0]), np.array([10.5, 11.5, 12.5])
CURVE = Bunch(
    n_standards=np.array([3, 5, 10]),
    median=np.array([0.9, 0.6, 0.5]),
    q1=np.array([0.8, 0.5, 0.4]),
    q3=np.array([1.0, 0.7, 0.6]),
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_predictions_lie_where_they_belong():
    display = PredictedReferenceDisplay.from_predictions(
        Y_TRUE, Y_PRED, name="PDS", property_name="Moisture", unit="%"
    )
    np.testing.assert_array_equal(
        np.asarray(display.points_.get_offsets()), np.column_stack([Y_TRUE, Y_PRED])
    )
    ax = display.ax_
    assert display.figure_ is ax.figure
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Reference (%)", "Predicted (%)")
    assert ax.get_title() == "Moisture"
    assert legend(ax) == ["PDS\nRMSEP 0.500 %, SEP 0.00, bias 0.500\nR² 0.625, n = 3"]
    assert display.intervals_ is display.coverage_ is None


def test_the_identity_is_drawn_once_and_methods_differ_in_look():
    show = PredictedReferenceDisplay.from_predictions
    first = show(Y_TRUE, Y_PRED, statistics=["rmsep"])
    second = show(Y_TRUE, Y_TRUE, name="exact", statistics=["rmsep"], ax=first.ax_)
    (line,) = first.ax_.lines
    assert line.get_slope() == 1
    assert np.ptp(line.get_xy1()) == 0
    assert legend(first.ax_) == ["RMSEP 0.500", "exact: RMSEP 0.00"]
    assert not np.array_equal(first.points_.get_facecolor(), second.points_.get_facecolor())


@pytest.mark.parametrize("bias", [0.0, -30.0, 30.0])
def test_legends_cover_no_points(bias):
    ax = plt.figure(figsize=(6, 4)).add_subplot()
    y = np.linspace(0, 40, 30)
    for k in range(3):
        display = PredictedReferenceDisplay.from_predictions(y, y + k * bias, name=f"{k}", ax=ax)
    box = ax.get_legend().get_window_extent()
    for points in _style.drawn(ax, "predictions"):
        assert not any(box.contains(*one) for one in ax.transData.transform(points.get_offsets()))
        low, high = ax.get_ylim()
        assert ((low < points.get_offsets()[:, 1]) & (points.get_offsets()[:, 1] < high)).all()
    assert display.figure_ is ax.figure


def test_from_estimator_predicts():
    X = Y_TRUE[:, None]
    model = LinearRegression().fit(X, 2 * Y_TRUE)
    display = PredictedReferenceDisplay.from_estimator(model, X, Y_TRUE, color="k")
    np.testing.assert_allclose(display.y_pred, 2 * Y_TRUE)
    assert legend(display.ax_)[0].startswith("LinearRegression\nRMSEP 11.0, SEP 1.00, bias 11.0")
    np.testing.assert_array_equal(display.points_.get_facecolor()[0, :3], 0)


def test_intervals_lie_where_they_belong_and_their_coverage_is_told():
    interval = np.column_stack([Y_PRED - [0.4, 0.6, np.inf], Y_PRED + [0.4, 0.6, np.inf]])
    display = PredictedReferenceDisplay.from_predictions(Y_TRUE, Y_PRED, interval=interval)
    segments = np.array(display.intervals_.get_segments())
    np.testing.assert_array_equal(segments[:, :, 0], Y_TRUE[:2, None].repeat(2, axis=1))
    np.testing.assert_array_equal(segments[:, :, 1], interval[:2])  # what is infinite has no end
    assert display.coverage_ == 2 / 3
    assert legend(display.ax_)[0].endswith("67 % in intervals")
    with pytest.raises(ValueError, match="lower bound above the upper"):
        PredictedReferenceDisplay(Y_TRUE, Y_PRED, interval=interval[:, ::-1])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        PredictedReferenceDisplay(Y_TRUE, Y_PRED, interval=interval[:2])


def test_a_conformal_regressor_is_drawn_with_its_intervals():
    rng = np.random.default_rng(0)
    X = rng.random((60, 12))
    y = X @ np.arange(12.0) + 0.1 * rng.standard_normal(60)
    model = (
        ConformalRegressor(LinearRegression()).fit(X[:30], y[:30]).conformalize(X[30:45], y[30:45])
    )
    display = PredictedReferenceDisplay.from_estimator(model, X[45:], y[45:])
    predicted, interval = model.predict_interval(X[45:])
    np.testing.assert_array_equal(display.y_pred, predicted)
    np.testing.assert_array_equal(display.interval, interval)
    assert display.coverage_ == coverage(y[45:], interval)
    groups = ["a", "b"] * 30
    model = ConformalRegressor(LinearRegression(), method="mondrian", confidence_level=0.7)
    model.fit(X[:30], y[:30]).conformalize(X[30:45], y[30:45], groups[30:45])
    display = PredictedReferenceDisplay.from_estimator(model, X[45:], y[45:], groups=groups[45:])
    _, interval = model.predict_interval(X[45:], groups[45:])
    np.testing.assert_array_equal(display.interval, interval)


def test_one_sample_has_neither_sep_nor_r2():
    display = PredictedReferenceDisplay.from_predictions([1.0], [0.5])
    assert legend(display.ax_) == ["RMSEP 0.500, bias −0.500, n = 1"]
    with pytest.raises(ValueError, match="statistics are some of"):
        display.plot(statistics=["rpd"])
    with pytest.raises(ValueError, match="statistics are some of"):
        display.plot(statistics="sep")


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (Y_TRUE, Y_PRED[:2], "inconsistent numbers of samples"),
        (Y_TRUE, [1.0, np.nan, 2.0], "NaN"),
        (np.ones((3, 2)), np.ones((3, 2)), "one at a time"),
    ],
)
def test_predictions_that_cannot_be_drawn(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        PredictedReferenceDisplay.from_predictions(y_true, y_pred)
    assert not plt.get_fignums()


def test_curve_has_median_quartiles_and_the_numbers_measured():
    display = StandardsCurveDisplay.from_curve(CURVE, name="PDS", property_name="Oil", unit="mg")
    ax = display.ax_
    np.testing.assert_array_equal(display.line_.get_ydata(), CURVE.median)
    band = display.band_.get_paths()[0].vertices
    for n, q1, q3 in zip(CURVE.n_standards, CURVE.q1, CURVE.q3, strict=True):
        at_n = band[band[:, 0] == n, 1]
        assert {at_n.min(), at_n.max()} == {q1, q3}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Number of standards", "RMSEP (mg)")
    assert ax.get_title() == "Oil"
    assert legend(ax) == ["PDS"]
    other = StandardsCurveDisplay([3, 20], [0.7, 0.4], name="SST").plot(ax=ax)
    assert other.band_ is None
    assert ax.get_xticks().tolist() == [3, 5, 10, 20]
    assert other.line_.get_color() != display.line_.get_color()
    assert other.line_.get_marker() != display.line_.get_marker()


def test_one_property_of_several_is_drawn():
    several = Bunch(
        n_standards=CURVE.n_standards,
        **{key: np.column_stack([CURVE[key], 2 * CURVE[key]]) for key in ("median", "q1", "q3")},
    )
    display = StandardsCurveDisplay.from_curve(several, column=1)
    np.testing.assert_array_equal(display.median, 2 * CURVE.median)
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match="pass column="):
        StandardsCurveDisplay.from_curve(several)
    with pytest.raises(ValueError, match="q1 and q3 belong together"):
        StandardsCurveDisplay([3], [0.5], q1=[0.4])


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    display = PredictedReferenceDisplay(Y_TRUE, Y_PRED)
    monkeypatch.setattr(_style, "find_spec", lambda name: None)
    for draw in (display.plot, StandardsCurveDisplay([3], [0.5]).plot):
        with pytest.raises(ImportError, match=r"pip install 'spectralfm\[plot\]'"):
            draw()


def test_colours_differ_in_brightness_or_marker():
    assert len(set(_style.COLOURS)) == len(set(_style.MARKERS)) == len(_style.COLOURS)
