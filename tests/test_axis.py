"""Units, checks, common axes and resampling."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectralfm.axis import (
    Resampler,
    check_axis,
    check_modality,
    common_axis,
    convert_axis,
    resample,
)

NIR = np.arange(1100.0, 2499, 2)


def bands(axis, n_spectra=20, seed=0):
    """Smooth absorption bands of 40 nm and more, as NIR spectra of solids have."""
    rng = np.random.default_rng(seed)
    centres, widths = rng.uniform(1000, 2600, 30), rng.uniform(40, 150, 30)
    basis = np.exp(-0.5 * ((np.asarray(axis)[:, None] - centres) / widths) ** 2)
    return rng.random((n_spectra, 30)) @ basis.T


def test_units_round_trip_and_known_values():
    for unit in ("um", "cm-1"):
        there = convert_axis(NIR, "nm", unit)
        np.testing.assert_allclose(convert_axis(there, unit, "nm"), NIR, rtol=1e-14)
    assert convert_axis([2500.0], "nm", "cm-1") == 4000
    assert convert_axis([2.5], "um", "cm-1") == pytest.approx(4000, rel=1e-15)
    assert convert_axis([1064.0], "nm", "um") == pytest.approx(1.064)


def test_a_raman_shift_has_no_wavelength():
    with pytest.raises(ValueError, match="laser line"):
        convert_axis(np.linspace(-100, 3500, 50), "cm-1", "nm")


@pytest.mark.parametrize(
    ("axis", "unit", "message"),
    [
        (NIR / 1000, "nm", "looks like um"),
        (NIR, "um", "looks like nm or cm-1"),
        (NIR / 1000, "cm-1", "looks like um"),
        (np.linspace(4000, 12000, 500), "nm", "looks like cm-1"),
        (np.linspace(4000, 650, 500), "nm", "looks like cm-1"),
        (np.linspace(50, 3200, 500), "nm", "looks like cm-1"),
        (np.r_[1100.0, 1102, 1102, 1104], "nm", "repeats 1102 nm at channels 1 and 2"),
        (np.r_[1100.0, 1104, 1102, 1106], "nm", r"turns at channel 1 \(1104 nm\)"),
        (np.r_[1100.0, np.nan], "nm", "NaN"),
        (NIR.reshape(2, -1), "nm", "one dimension"),
        (np.ma.masked_less(NIR, 1110), "nm", "masked array"),
        (NIR, "nanometer", "unit must be one of 'nm', 'um', 'cm-1'"),
    ],
)
def test_bad_axis_is_named(axis, unit, message):
    with pytest.raises(ValueError, match=message):
        check_axis(axis, unit=unit)


def test_axis_of_other_spectra_is_refused():
    with pytest.raises(ValueError, match="700 positions but the spectra have 650 channels"):
        check_axis(NIR, unit="nm", n_channels=650)


@pytest.mark.parametrize(
    ("axis", "unit"),
    [
        (np.arange(350.0, 2501), "nm"),
        (1e7 / np.linspace(650, 4000, 1000), "nm"),
        (np.linspace(4000, 400, 1800), "cm-1"),
        (np.linspace(-200, 3500, 1000), "cm-1"),
        (np.linspace(0.35, 15.4, 1000), "um"),
    ],
)
def test_real_axes_pass(axis, unit):
    assert (check_axis(axis, unit=unit) == axis).all()


@pytest.mark.parametrize("n_new", [40, 700, 2048])
def test_cubic_polynomials_are_reproduced_exactly(n_new):
    axis = np.sort(np.random.default_rng(1).uniform(1100, 2500, 60))
    new = np.linspace(axis[0], axis[-1], n_new)

    def cubic(x):
        return np.polynomial.polynomial.polyval((x - 1800) / 700, [1.0, -2, 0.5, 3])

    X, expected = cubic(axis)[None], cubic(new)
    np.testing.assert_allclose(resample(X, axis, new)[0], expected, atol=1e-12)


@pytest.mark.parametrize("n_channels", [700, 650])
def test_round_trip_of_band_limited_spectra(n_channels):
    axis = np.linspace(1100, 2498, n_channels)
    X = bands(axis)
    even = np.linspace(1100, 2498, 2048)
    there = resample(X, axis, even)
    back = resample(there, even, axis)
    assert np.abs(there - bands(even)).max() < 1e-4 * np.ptp(X)
    assert np.abs(back - X).max() < 1e-4 * np.ptp(X)


def test_order_and_unit_of_an_axis_do_not_matter():
    X, new = bands(NIR), np.linspace(1200, 2400, 333)
    expected = resample(X, NIR, new)
    np.testing.assert_allclose(resample(X[:, ::-1], NIR[::-1], new), expected, atol=1e-13)
    np.testing.assert_array_equal(resample(X, NIR, new[::-1]), expected[:, ::-1])
    in_wavenumbers = resample(X, NIR, 1e7 / new, new_unit="cm-1")
    np.testing.assert_allclose(in_wavenumbers, expected, atol=1e-12)
    # Interpolated along wavenumbers: another spline through the same points.
    other = resample(X, 1e7 / NIR, 1e7 / new, unit="cm-1")
    np.testing.assert_allclose(other, expected, atol=1e-5)


def test_the_same_axis_returns_a_copy():
    X = bands(NIR)
    same = resample(X, NIR, NIR.copy())
    assert (same == X).all()
    assert not np.shares_memory(same, X)


def test_extrapolation_is_refused_beyond_the_margin():
    X = bands(NIR)
    assert resample(X, NIR, [1099.0, 2499.0]).shape == (20, 2)
    with pytest.raises(ValueError, match="1098.9 to 2000 nm.*recorded from 1100 to 2498"):
        resample(X, NIR, [1098.9, 2000.0])
    assert resample(X, NIR, [1098.0, 2000.0], margin=1.0).shape == (20, 2)
    with pytest.raises(ValueError, match="extrapolated"):
        resample(X, NIR, [1099.9, 2000.0], margin=0)


def test_partial_overlap_names_the_shared_range_and_disjoint_axes_ask_for_the_unit():
    micronir, nirone = np.linspace(908.1, 1676.2, 125), np.arange(1550.0, 1951, 2)
    with pytest.raises(ValueError, match=r"overlap only from 1550 to 1676.2 nm.*common_axis"):
        resample(bands(micronir), micronir, nirone)
    shared = common_axis(micronir, nirone)
    assert len(shared) == ((micronir >= 1550) & (micronir <= 1676.2)).sum()
    assert resample(bands(nirone), nirone, shared).shape == (20, len(shared))
    with pytest.raises(ValueError, match="do not overlap. Check the unit"):
        resample(bands(NIR), NIR, np.linspace(600, 900, 50))
    with pytest.raises(ValueError, match="fewer than two channels"):
        common_axis(NIR, np.linspace(600, 900, 50))


def test_common_axis_of_descending_wavenumbers():
    shared = common_axis(np.arange(9000, 3999, -8), np.arange(10000, 4499, -16), unit="cm-1")
    assert shared[0] >= 4500
    assert shared[-1] <= 9000
    assert (np.diff(shared) == 16).all()


@parametrize_with_checks([Resampler()])
def test_sklearn_check(estimator, check):
    check(estimator)


def test_resampler_moves_an_instrument_onto_the_axis_of_a_pipeline():
    target = np.linspace(2500, 1090, 300)
    X, y = bands(NIR, 40), bands(np.array([1500.0]), 40)[:, 0]
    model = make_pipeline(Resampler(new_wavelengths=NIR, wavelengths=NIR), PLSRegression(5))
    model.fit(X, y)
    on_target = model.set_params(resampler__wavelengths=target)
    on_target[0].fit(bands(target, 40))
    np.testing.assert_allclose(on_target.predict(bands(target, 40)), model[1].predict(X), atol=1e-3)


def test_resampler_reads_the_axis_from_column_names():
    X, new = bands(NIR), [1500.0, 2000.5]
    expected = resample(X, NIR, new)
    for columns in (NIR, [f"{w:g}" for w in NIR]):
        frame = pd.DataFrame(X, columns=columns)
        resampler = Resampler(new_wavelengths=new).set_output(transform="pandas").fit(frame)
        out = resampler.transform(frame)
        np.testing.assert_array_equal(out.to_numpy(), expected)
        assert list(out.columns) == ["1500", "2000.5"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"new_wavelengths": [1500.0]}, "axis of the spectra is not known"),
        ({"wavelengths": NIR, "wavenumbers": NIR}, "either wavelengths or wavenumbers"),
        ({"wavelengths": NIR[:-1]}, "699 positions but the spectra have 700 channels"),
        ({"wavelengths": NIR, "new_wavelengths": [1000.0]}, "do not overlap"),
        ({"wavelengths": NIR, "new_wavenumbers": [1500.0]}, "do not overlap"),
        ({"margin": -1}, "margin"),
    ],
)
def test_resampler_refuses_in_fit(parameters, message):
    with pytest.raises(ValueError, match=message):
        Resampler(**parameters).fit(bands(NIR))


@pytest.mark.parametrize(
    "low, high, modality",
    [(1100, 2498, "NIR"), (400, 4000, "NIR"), (4000, 9090, "MIR"), (5000, 9000, "Raman")],
)
def test_a_modality_that_the_axis_contradicts_is_refused(low, high, modality):
    with pytest.raises(ValueError, match=f"modality is '{modality}'.*pass them as wave"):
        check_modality(np.linspace(low, high, 700), modality)


@pytest.mark.parametrize(
    "low, high, modality, expected",
    [
        (400, 4000, "auto", "MIR"),
        (650, 1800, "auto", "unknown"),
        (900, 1800, "auto", "unknown"),
        (200, 2400, "auto", "Raman"),
        (100, 3200, "Raman", "Raman"),
        (1100, 2498, "MIR", "MIR"),
        (1100, 2498, "unknown", "unknown"),
        (4000, 12500, "NIR", "NIR"),
        (3600, 7800, "MIR", "MIR"),
    ],
)
def test_plausible_axes_are_taken_without_a_word(low, high, modality, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_modality(np.linspace(low, high, 700), modality) == expected
        assert check_modality(1e7 / NIR) == "NIR"


def test_an_even_axis_of_nm_given_as_wavenumbers_is_warned_of():
    with pytest.warns(UserWarning, match="typical of near infrared spectra in nm"):
        assert check_modality(np.arange(1100.0, 2499.0, 2.0)) == "unknown"
