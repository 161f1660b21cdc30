import chemotools.adaptation
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from spectralfm.transfer import MeanShift, PiecewiseDirectStandardization


def pair(n_samples=15, n_channels=50, seed=0):
    """Smooth spectra on the source, shifted, blurred and noisy on the target."""
    rng = np.random.default_rng(seed)
    X_source = gaussian_filter1d(rng.normal(size=(n_samples, n_channels)), 3, axis=1) + 1.0
    X = 0.9 * gaussian_filter1d(np.roll(X_source, 1, axis=1), 1, axis=1) + 0.2
    return X + 1e-3 * rng.normal(size=X.shape), X_source


def window(channel, half_width, n_channels):
    return slice(max(0, channel - half_width), min(n_channels, channel + half_width + 1))


def dense(pds):
    return pds.transfer_matrix_.toarray()


settings = pytest.mark.parametrize(
    ("half_width", "n_components", "scale"),
    [(1, 2, True), (5, 1, False), (5, 3, True), (11, 2, True), (25, 5, False), (60, 2, True)],
)


def check_against_chemotools(X, X_source, new, half_width, n_components, scale):
    ours = PiecewiseDirectStandardization(half_width, n_components, scale=scale)
    theirs = chemotools.adaptation.PiecewiseDirectStandardization(half_width, n_components, scale)
    ours.fit(X, X_source=X_source)
    theirs.fit(X, X_source=X_source)
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), atol=1e-8, rtol=0)
    np.testing.assert_allclose(dense(ours), theirs.T_, atol=1e-8 * np.abs(theirs.T_).max())


@settings
def test_agrees_with_chemotools_on_random_data(half_width, n_components, scale):
    X, X_source = np.random.default_rng(0).random((2, 30, 80))
    new = np.random.default_rng(1).random((10, 80))
    check_against_chemotools(X, X_source, new, half_width, n_components, scale)


@pytest.mark.parametrize(
    ("half_width", "n_components", "scale"), [(5, 2, True), (12, 3, True), (12, 8, False)]
)
def test_agrees_with_chemotools_on_corn(corn_pair, half_width, n_components, scale):
    # Every third channel: 700 local models of chemotools take half a second.
    target, source = (spectra[:, ::3] for spectra in corn_pair)
    check_against_chemotools(target[:30], source[:30], target, half_width, n_components, scale)


def test_pcr_equals_a_regression_on_principal_components_of_each_window():
    X, X_source = pair()
    for half_width, n_components in ((3, 2), (12, 4)):
        pds = PiecewiseDirectStandardization(
            half_width, n_components, regression="pcr", scale=False
        ).fit(X, X_source=X_source)
        expected = np.empty_like(X)
        for j in range(50):
            local = X[:, window(j, half_width, 50)]
            model = make_pipeline(PCA(n_components), LinearRegression()).fit(local, X_source[:, j])
            expected[:, j] = model.predict(local)
        np.testing.assert_allclose(pds.transform(X), expected, atol=1e-10)


@pytest.mark.parametrize("towards_identity", [False, True])
@pytest.mark.parametrize("half_width", [3, 12])
def test_ridge_minimises_the_penalised_squares_of_each_window(half_width, towards_identity):
    X, X_source = pair()
    pds = PiecewiseDirectStandardization(
        half_width,
        regression="ridge",
        alpha=0.02,
        scale=False,
        towards_identity=towards_identity,
    ).fit(X, X_source=X_source)
    for j in (0, 2, 25, 49):
        columns = window(j, half_width, 50)
        local = X[:, columns] - X[:, columns].mean(axis=0)
        centre = np.zeros(local.shape[1])
        centre[j - columns.start] = towards_identity
        penalty = 0.02 * np.square(local).sum() / local.shape[1]
        y = X_source[:, j] - X_source[:, j].mean()
        model = Ridge(penalty, fit_intercept=False).fit(local, y - local @ centre)
        np.testing.assert_allclose(dense(pds)[columns, j], centre + model.coef_, atol=1e-9)
        assert np.count_nonzero(dense(pds)[:, j]) == local.shape[1]


@pytest.mark.parametrize("scale", [False, True])
def test_strong_ridge_towards_identity_is_a_mean_shift(scale):
    X, X_source = pair()
    pds = PiecewiseDirectStandardization(
        regression="ridge", alpha=1e9, towards_identity=True, scale=scale
    ).fit(X, X_source=X_source)
    shift = MeanShift().fit(X, X_source=X_source)
    np.testing.assert_allclose(pds.transform(X), shift.transform(X), atol=1e-6)


@pytest.mark.parametrize("regression", ["pls", "pcr", "ridge"])
@pytest.mark.parametrize("scale", [False, True])
def test_equal_instruments_need_no_correction_towards_identity(regression, scale):
    X = pair()[0]
    pds = PiecewiseDirectStandardization(
        3, 2, regression=regression, towards_identity=True, scale=scale
    )
    np.testing.assert_allclose(pds.fit(X, X_source=X).transform(X), X, atol=1e-12)


def test_double_window_pools_the_channels_around_each_source_channel():
    X, X_source = pair(n_samples=6)
    target, source = X - X.mean(axis=0), X_source - X_source.mean(axis=0)
    half_width, around = 4, 2
    pds = PiecewiseDirectStandardization(
        half_width, 20, regression="pcr", source_window_length=around, scale=False
    )
    with pytest.warns(UserWarning, match="n_components=20 is clipped to 9"):
        pds.fit(X, X_source=X_source)
    for j in (0, 1, 5, 25, 47, 49):
        below, above = min(half_width, j), min(half_width, 49 - j)
        pooled = [
            i
            for i in range(max(0, j - around), min(50, j + around + 1))
            if i - below >= 0 and i + above < 50
        ]
        rows = np.vstack([target[:, i - below : i + above + 1] for i in pooled])
        y = np.concatenate([source[:, i] for i in pooled])
        expected = np.linalg.lstsq(rows, y, rcond=None)[0]
        np.testing.assert_allclose(
            dense(pds)[j - below : j + above + 1, j], expected, rtol=1e-6, atol=1e-8
        )


def test_double_window_needs_fewer_standards_for_the_same_map_everywhere():
    X_source = pair(n_samples=40)[1]
    X = gaussian_filter1d(X_source, 1.0, axis=1) + 0.1
    errors = {}
    for around in (0, 3):
        pds = PiecewiseDirectStandardization(
            3, 5, source_window_length=around, scale=False, towards_identity=True
        )
        pds.fit(X[:6], X_source=X_source[:6])
        inside = slice(8, -8)
        errors[around] = np.abs(pds.transform(X[6:]) - X_source[6:])[:, inside].mean()
    assert errors[3] < 0.5 * errors[0]


def test_latent_variables_beyond_the_rank_of_a_window_change_nothing():
    # Three pure spectra: every window has rank 3, and the edge windows have 3 channels.
    rng = np.random.default_rng(0)
    concentrations = rng.random((12, 3))
    X, X_source = concentrations @ rng.random((3, 30)), concentrations @ rng.random((3, 30))
    for n_components in (3, 5):
        pds = PiecewiseDirectStandardization(2, n_components).fit(X, X_source=X_source)
        np.testing.assert_allclose(pds.transform(X), X_source, atol=1e-9)


@pytest.mark.parametrize(
    ("n_samples", "half_width", "allowed"), [(15, 2, 5), (4, 10, 3), (4, 100, 3)]
)
@pytest.mark.parametrize("regression", ["pls", "pcr"])
def test_components_beyond_window_or_standards_are_clipped_with_a_warning(
    n_samples, half_width, allowed, regression
):
    X, X_source = pair(n_samples)
    width = min(2 * half_width + 1, 50)
    message = f"to {allowed}: windows have {width} channels and there are {n_samples} standards"
    with pytest.warns(UserWarning, match=message):
        clipped = PiecewiseDirectStandardization(half_width, 40, regression=regression).fit(
            X, X_source=X_source
        )
    most = PiecewiseDirectStandardization(half_width, allowed, regression=regression).fit(
        X, X_source=X_source
    )
    assert clipped.n_components_ == allowed
    np.testing.assert_allclose(clipped.transform(X), most.transform(X))


@pytest.mark.filterwarnings("ignore:n_components")
def test_a_grid_wider_than_the_window_is_searched_to_its_end():
    X, X_source = pair(12)

    def smoothness(pds, X, y=None):
        return -np.abs(np.diff(pds.transform(X))).mean()

    search = GridSearchCV(
        PiecewiseDirectStandardization(1), {"n_components": [1, 30]}, scoring=smoothness, cv=3
    ).fit(X, X_source=X_source)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_channels_of_unequal_instruments_correspond_in_proportion():
    X = pair()[0]
    pds = PiecewiseDirectStandardization(0).fit(X[:, :49], X_source=X[:, :49:2])
    np.testing.assert_array_equal(pds.centres_, np.arange(0, 49, 2))
    np.testing.assert_allclose(pds.transform(X[:, :49]), X[:, :49:2], atol=1e-12)


def test_axes_place_the_windows():
    X = pair()[0]
    wavelengths = 1100.0 + 2 * np.arange(50)
    pds = PiecewiseDirectStandardization(
        1, wavelengths=wavelengths, source_wavelengths=wavelengths[40:9:-3] + 0.4
    ).fit(X, X_source=X[:, 40:9:-3])
    np.testing.assert_array_equal(pds.centres_, np.arange(40, 9, -3))
    assert pds.transform(X).shape == (15, 11)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"wavelengths": np.arange(1100.0, 1150)}, "Pass both"),
        ({"source_wavelengths": np.arange(1100.0, 1150)}, "Pass both"),
        (
            {
                "wavelengths": np.arange(1100.0, 1150),
                "source_wavelengths": np.arange(1110.0, 1160),
            },
            "9 source channels lie outside the 1100 to 1149 nm",
        ),
        (
            {"wavelengths": np.arange(1100.0, 1149), "source_wavelengths": np.arange(1100.0, 1150)},
            "49 positions but the spectra have 50 channels",
        ),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes, message):
    X, X_source = pair()
    with pytest.raises(ValueError, match=message):
        PiecewiseDirectStandardization(**axes).fit(X, X_source=X_source)


def test_a_channel_constant_to_rounding_predicts_nothing():
    X, X_source = pair()
    X[:, 20] = 0.1 + 1e-17 * np.arange(15)
    X_source[:, 30] = 0.3
    pds = PiecewiseDirectStandardization(2, 2).fit(X, X_source=X_source)
    assert not dense(pds)[20].any()
    np.testing.assert_allclose(pds.transform(X)[:, 30], 0.3)
    assert np.abs(dense(pds)).max() < 1e3


def test_one_standard_is_too_few():
    X, X_source = pair(1)
    with pytest.raises(ValueError, match="n_samples = 1 is too few standards"):
        PiecewiseDirectStandardization().fit(X, X_source=X_source)
