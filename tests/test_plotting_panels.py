"""Displays of several panels, and of spectra unlike the calibration: what they show."""

import csv

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from spectralfm.datasets import make_instrument_pair
from spectralfm.plotting import (
    ApplicabilityDisplay,
    EmbeddingDisplay,
    InstrumentReportDisplay,
    LeaderboardDisplay,
    SpectraTransferDisplay,
    _style,
)
from spectralfm.transfer import MeanShift, Standards, instrument_effects

PAIR = make_instrument_pair(20, 120, random_state=0)
X, X_TARGET, NM = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.wavelengths
SHIFT = MeanShift().fit(X_TARGET[:10], X_source=X[:10])
Z = np.random.default_rng(0).normal(size=(12, 5)) * [5, 3, 1, 1, 1]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_spectra_and_differences_are_those_of_the_samples():
    display = SpectraTransferDisplay.from_estimator(SHIFT, X_TARGET, X, wavelengths=NM)
    corrected = SHIFT.transform(X_TARGET)
    wanted = {
        "source": X, "target": X_TARGET, "corrected": corrected, "before": X_TARGET - X,
        "after": corrected - X,
    }  # fmt: skip
    for name, spectra in wanted.items():
        np.testing.assert_array_equal(display.lines_[name].get_xdata(), NM)
        np.testing.assert_allclose(display.lines_[name].get_ydata(), spectra.mean(axis=0))
    np.testing.assert_allclose(display.rms_after_, np.sqrt(np.mean((corrected - X) ** 2)))
    upper, lower = display.axes_
    assert (upper is display.ax_) and upper.figure is display.figure_
    assert lower.get_xlabel() == "Wavelength (nm)" and upper.get_xlabel() == ""
    assert lower.get_xlim() == (1100, 2498)
    assert texts(upper.get_legend()) == ["source", "target", "MeanShift"]
    assert texts(lower.get_legend())[1] == f"MeanShift: RMS {display.rms_after_:.2g}"
    band = lower.collections[0].get_paths()[0].vertices
    at_first = band[band[:, 0] == NM[0], 1]
    np.testing.assert_allclose(
        [at_first.min(), at_first.max()], np.percentile((X_TARGET - X)[:, 0], [10, 90])
    )


def test_wavenumbers_descend_and_the_target_is_resampled():
    target = make_instrument_pair(20, 120, n_target_channels=90, random_state=0)
    axes = target.wavelengths
    display = SpectraTransferDisplay(
        target.spectra["source"],
        target.spectra["target"],
        wavenumbers=1e7 / axes["target"],
        source_wavenumbers=1e7 / axes["source"],
    ).plot()
    low, high = display.axes_[1].get_xlim()
    assert (low, high) == (1e7 / 1100, 1e7 / 2498)
    assert display.after_ is None and np.isnan(display.rms_after_)
    np.testing.assert_allclose(display.before_.mean(axis=0), (X_TARGET - X).mean(axis=0), atol=5e-3)
    assert texts(display.axes_[1].get_legend()) == [f"target: RMS {display.rms_before_:.2g}"]


@pytest.mark.parametrize(
    ("arguments", "axis", "message"),
    [
        ((X[:5], X_TARGET), {}, "paired"),
        ((X, X_TARGET[:, :50]), {}, "source_wavelengths="),
        ((X, X_TARGET, X_TARGET[:, :50]), {}, "corrected has 50 channels"),
        ((X, X_TARGET), {"wavelengths": NM[:5]}, "5 positions"),
        ((X, np.full_like(X, np.nan)), {}, "NaN"),
        ((X, X_TARGET), {"wavelengths": NM, "source_wavelengths": NM / 3}, "share no channels"),
    ],
)
def test_spectra_that_cannot_be_drawn(arguments, axis, message):
    with pytest.raises(ValueError, match=message):
        SpectraTransferDisplay(*arguments, **axis)
    assert not plt.get_fignums()


def test_the_report_shows_estimates_and_limits():
    standards = Standards(X[:10], X_TARGET[:10])
    display = InstrumentReportDisplay.from_standards(standards, wavelengths=NM, regions=4)
    effects = instrument_effects(standards, wavelengths=NM, regions=4)
    middles = (effects.edges[1:] + effects.edges[:-1]) / 2
    labels = ["Shift (nm)", "Gain", "Offset", "Broadening (nm)"]
    assert [ax.get_ylabel() for ax in display.axes_] == labels
    for name in ("shift", "gain", "offset", "broadening"):
        np.testing.assert_array_equal(display.lines_[name].get_ydata(), getattr(effects, name))
        np.testing.assert_allclose(display.lines_[name].get_xdata(), middles)
        segments = np.array(display.bars_[name].get_segments())
        np.testing.assert_array_equal(segments[:, :, 1], effects.limits[name])
    seen = InstrumentReportDisplay.from_estimator(
        SHIFT, X_TARGET, name="mean", wavelengths=NM, regions=4, ax=display.axes_
    )
    assert texts(display.figure_.legends[0]) == ["standards", "mean"]
    assert len(display.figure_.legends) == 1
    assert seen.lines_["gain"].get_marker() != display.lines_["gain"].get_marker()
    assert (np.abs(seen.lines_["gain"].get_xdata() - middles) > 0).all()
    low, high = display.axes_[1].get_ylim()
    assert all(
        low < value < high for one in (seen, display) for value in one.lines_["gain"].get_ydata()
    )


def test_a_report_in_wavenumbers_and_in_a_figure_without_layout():
    effects = instrument_effects(Standards(X[:1], X_TARGET[:1]), wavenumbers=1e7 / NM, regions=2)
    figure = Figure()
    display = InstrumentReportDisplay(effects, name="one").plot(ax=figure.subplots(2, 2))
    assert display.ax_.get_ylabel() == "Shift (cm$^{-1}$)"
    assert np.diff(display.axes_[3].get_xlim()) < 0
    assert display.bars_["gain"].get_segments() == []  # one standard has no limits
    assert texts(display.ax_.get_legend()) == ["one"]
    with pytest.raises(ValueError, match="draws on 4 axes, but ax has 2"):
        display.plot(ax=figure.subplots(1, 2))
    with pytest.raises(TypeError, match="instrument_effects"):
        InstrumentReportDisplay({"shift": 1.0})


def test_the_map_is_that_of_principal_components():
    instruments, moisture = ["A", "B", "C"] * 4, np.arange(12.0)
    display = EmbeddingDisplay.from_predictions(
        Z, instruments=instruments, chemistry=moisture, property_name="Moisture (%)", name="z"
    )
    scores = PCA(2, svd_solver="full").fit_transform(Z)
    np.testing.assert_allclose(display.scores_, scores)
    left, right = display.axes_
    drawn = np.concatenate([points.get_offsets() for points in left.collections])
    np.testing.assert_allclose(
        drawn, scores[[*range(0, 12, 3), *range(1, 12, 3), *range(2, 12, 3)]]
    )
    assert texts(left.get_legend()) == ["A", "B", "C"]
    colours = {tuple(points.get_facecolor()[0, :3]) for points in left.collections}
    assert len(colours) == 3
    values = np.concatenate([points.get_array() for points in right.collections])
    np.testing.assert_array_equal(np.sort(values), moisture)
    assert {points.get_cmap().name for points in right.collections} == {"cividis"}
    assert [ax.get_ylabel() for ax in display.figure_.axes][-1] == "Moisture (%)"
    assert left.get_xlabel() == f"PC 1 ({100 * display.explained_[0]:.0f} %)"
    assert left.get_title(loc="left") == "z"


def test_classes_of_chemistry_and_nothing_known():
    by_class = EmbeddingDisplay.from_predictions(Z, chemistry=["wet", "dry"] * 6)
    assert texts(by_class.ax_.get_legend()) == ["wet", "dry"]
    assert len(by_class.axes_) == 1
    both = EmbeddingDisplay.from_predictions(
        Z, instruments=["A", "B", "C"] * 4, chemistry=["wet", "dry"] * 6
    )
    assert len(both.axes_[1].collections) == 6
    plain = EmbeddingDisplay.from_estimator(PCA(3).fit(Z), Z)
    assert plain.ax_.get_title(loc="left") == "PCA" and plain.ax_.get_legend() is None


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (Z[:2], {}, "three and two"),
        (np.ones((5, 3)), {}, "nothing to draw"),
        (Z, {"instruments": ["A"]}, "1 labels for 12"),
        (Z, {"instruments": range(12)}, "more than the 7 colours"),
        (Z, {"chemistry": [1.0, np.nan] * 6}, "NaN"),
        (np.full((4, 4), np.inf), {}, "infinity"),
    ],
)
def test_maps_that_cannot_be_drawn(features, options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_predictions(features, **options)
    assert not plt.get_fignums()


METHODS = ["PDS"] * 4 + ["SST"] * 4 + ["DS"]
GROUPS = ["corn", "corn", "corn", "soil"] * 2 + ["soil"]
SCORES = [1.0, 3.0, 2.0, 1.4, 1.1, 1.2, 1.3, 1.3, 0.9]


def test_the_leaderboard_ranks_by_medians():
    display = LeaderboardDisplay.from_scores(
        METHODS, GROUPS, SCORES, score_name="RMSEP (%)", baseline=1
    )
    assert display.methods_ == ["SST", "PDS", "DS"]  # DS was not tried on corn
    assert display.ranks_.tolist() == [1.5, 2.5, 1.0]
    np.testing.assert_allclose(display.table_[1, 0], np.percentile([1, 3, 2], [25, 50, 75]))
    assert np.isnan(display.table_[2, 0]).all()
    others, best = display.points_[0]
    np.testing.assert_allclose(best.get_offsets(), [[1.2, 0]])
    np.testing.assert_allclose(others.get_offsets(), [[2.0, 1]])
    ax = display.axes_[1]
    assert ax.get_title() == "soil" and ax.get_xlabel() == "RMSEP (%)"
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == display.methods_
    assert texts(display.figure_.legends[0]) == ["best", "median", "quartiles", "RMSEP (%) = 1"]
    best = LeaderboardDisplay(METHODS, GROUPS, SCORES, greater_is_better=True)
    assert best.methods_ == ["PDS", "SST", "DS"] and best.ranks_[2] == 3


def test_records_of_any_kind_give_the_same_leaderboard(tmp_path):
    table = pd.DataFrame(
        {"method": ["PDS", "SST"], "group": "corn", "score": [2, 10], "q1": [1, 7], "q3": [3, 12]}
    )
    path = tmp_path / "scores.csv"
    table.to_csv(path)
    with open(path) as file:
        rows = list(csv.DictReader(file))
    for records in (table, table.to_dict("records"), rows):
        display = LeaderboardDisplay.from_records(records)
        np.testing.assert_array_equal(display.table_[:, 0], [[1, 2, 3], [7, 10, 12]])
        assert display.ax_.get_xscale() == "linear"
    wide = LeaderboardDisplay.from_scores(["a", "b"], ["g", "g"], [1, 6])
    assert wide.ax_.get_xscale() == "log"
    with pytest.raises(ValueError, match="no column group"):
        LeaderboardDisplay.from_records(table.drop(columns="group"))
    with pytest.raises(ValueError, match="no column"):
        LeaderboardDisplay.from_records([])
    with pytest.raises(ValueError, match="2 rows on corn, each with quartiles"):
        LeaderboardDisplay.from_records(table.assign(method="PDS"))


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([1.0, np.nan], {}, "NaN"),
        ([1.0, "x"], {}, "must be numbers"),
        ([1.0, 2.0, 3.0], {}, "2 labels for 3"),
        ([1.0, 2.0], {"q1": [0.5, 1.0]}, "belong together"),
        ([], {}, "vector"),
    ],
)
def test_scores_that_cannot_be_ranked(scores, options, message):
    with pytest.raises(ValueError, match=message):
        LeaderboardDisplay.from_scores(["a", "b"], ["g", "g"], scores, **options)
    assert not plt.get_fignums()


def test_applicability_counts_what_lies_within_both_limits():
    t2, q = np.array([1.0, 2.0, 9.0, 1.0]), np.array([0.1, 0.4, 0.2, 0.9])
    display = ApplicabilityDisplay.from_predictions(t2, q, t2_limit=6.0, q_limit=0.5)
    assert display.inside_.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(display.points_["outside"].get_offsets(), [[9, 0.2], [1, 0.9]])
    vertical, horizontal = display.limits_
    assert vertical.get_xdata()[0] == 6 and horizontal.get_ydata()[0] == 0.5
    legend = display.ax_.get_legend()
    assert texts(legend) == ["inside: 2 of 4", "outside: 2 of 4"]
    assert legend.get_title().get_text() == "Limits: T² 6, Q 0.5"
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("linear", "linear")


def test_applicability_by_group_and_over_decades():
    display = ApplicabilityDisplay.from_predictions(
        [1.0, 200.0, 3.0], [0.0, 9.0, 0.2], t2_limit=6.0, q_limit=0.5, groups=["A", "B", "A"]
    )
    assert texts(display.ax_.get_legend()) == ["A: 2 of 2 inside", "B: 0 of 1 inside"]
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "linear")
    assert display.ax_.get_xlim()[0] < 1 < 200 < display.ax_.get_xlim()[1]


@pytest.mark.parametrize(
    ("t2", "q", "limits", "message"),
    [
        ([1.0], [-0.1], (1, 1), "q holds -0.1"),
        ([1.0, 2.0], [0.1], (1, 1), "1 values for 2"),
        ([1.0], [0.1], (0, 1), "t2_limit must be positive"),
        ([1.0], [0.1], (1, np.inf), "q_limit must be positive"),
        ([[1.0]], [0.1], (1, 1), "vector"),
    ],
)
def test_distances_that_cannot_be_drawn(t2, q, limits, message):
    with pytest.raises(ValueError, match=message):
        ApplicabilityDisplay.from_predictions(t2, q, t2_limit=limits[0], q_limit=limits[1])
    assert not plt.get_fignums()


def test_displays_leave_no_figure_behind():
    display = ApplicabilityDisplay.from_predictions([1.0], [1.0], t2_limit=2, q_limit=2)
    plt.close(display.figure_)
    ax = Figure(layout="constrained").subplots()
    ApplicabilityDisplay.from_predictions([1.0], [1.0], t2_limit=2, q_limit=2, ax=ax)
    assert not plt.get_fignums()


def test_without_matplotlib_every_display_names_the_extra(monkeypatch):
    effects = instrument_effects(Standards(X, X_TARGET), regions=2)
    displays = [
        SpectraTransferDisplay(X, X_TARGET),
        InstrumentReportDisplay(effects),
        EmbeddingDisplay(Z),
        LeaderboardDisplay(METHODS, GROUPS, SCORES),
        ApplicabilityDisplay([1.0], [1.0], t2_limit=2, q_limit=2),
    ]
    monkeypatch.setattr(_style, "find_spec", lambda name: None)
    for display in displays:
        with pytest.raises(ImportError, match=r"pip install 'spectralfm\[plot\]'"):
            display.plot()
