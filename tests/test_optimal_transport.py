import subprocess
import sys

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from spectralfm.transfer import MeanShift, OptimalTransportStandardization
from spectralfm.transfer._optimal_transport import _check_cost

# POT imports torch, and torch warns about NumPy's or CUDA's absence on some machines.
ot = pytest.importorskip("ot")


def populations(n_target=15, n_source=22, n_channels=40, seed=0):
    """Unpaired spectra of one population on two instruments that differ in offset and gain."""
    rng = np.random.default_rng(seed)
    pure = rng.random((3, n_channels))
    X = 0.8 * rng.random((n_target, 3)) @ pure + 0.1
    X_source = rng.random((n_source, 3)) @ pure
    noise = 1e-3 * rng.normal(size=(n_target + n_source, n_channels))
    return X + noise[:n_target], X_source + noise[n_target:]


def absolute(reg, X, X_source):
    return reg * (X.var(axis=0).sum() + X_source.var(axis=0).sum()) / 2


@pytest.mark.parametrize(("n_channels", "reg"), [(6, 1e-3), (40, 1e-3), (40, 0.1)])
def test_linear_map_equals_pot_in_the_space_of_all_channels(n_channels, reg):
    X, X_source = populations(n_channels=n_channels)
    ours = OptimalTransportStandardization(reg=reg).fit(X, X_source=X_source)
    A, b = ot.gaussian.empirical_bures_wasserstein_mapping(
        X, X_source, reg=absolute(reg, X, X_source)
    )
    new = populations(seed=1, n_channels=n_channels)[0]
    np.testing.assert_allclose(ours.transform(new), new @ A + b, atol=1e-8)


def test_linear_map_equals_pot_on_the_scores_of_joint_components():
    X, X_source = populations()
    ours = OptimalTransportStandardization(reg=1e-3, n_components=2).fit(X, X_source=X_source)
    target = (X - X.mean(axis=0)) @ ours.components_.T
    source = (X_source - X_source.mean(axis=0)) @ ours.components_.T
    A, _ = ot.gaussian.empirical_bures_wasserstein_mapping(
        target, source, reg=absolute(1e-3, X, X_source)
    )
    np.testing.assert_allclose(ours.coef_, A, atol=1e-10)
    rest = np.linalg.svd(ours.components_)[2][2:]
    shift = MeanShift().fit(X, X_source=X_source)
    np.testing.assert_allclose(ours.transform(X) @ rest.T, shift.transform(X) @ rest.T)


def test_linear_map_gives_target_spectra_the_moments_of_the_source():
    X, X_source = populations(60, 80, n_channels=5)
    mapped = OptimalTransportStandardization(reg=1e-12).fit_transform(X, X_source=X_source)
    np.testing.assert_allclose(mapped.mean(axis=0), X_source.mean(axis=0))
    np.testing.assert_allclose(np.cov(mapped.T, ddof=0), np.cov(X_source.T, ddof=0), atol=1e-8)


def test_strong_regularization_of_the_linear_map_is_a_mean_shift():
    X, X_source = populations()
    mapped = OptimalTransportStandardization(reg=1e8).fit_transform(X, X_source=X_source)
    shifted = MeanShift().fit_transform(X, X_source=X_source)
    np.testing.assert_allclose(mapped, shifted, atol=1e-6)


def test_exact_plan_and_map_equal_pot():
    X, X_source = populations()
    ours = OptimalTransportStandardization("emd").fit(X, X_source=X_source)
    theirs = ot.da.EMDTransport().fit(Xs=X, Xt=X_source)
    np.testing.assert_allclose(ours.plan_, theirs.coupling_, atol=1e-12)
    for spectra in (X, populations(seed=1)[0]):
        np.testing.assert_allclose(
            ours.transform(spectra), theirs.transform(Xs=spectra), atol=1e-10
        )


def test_entropic_plan_and_map_equal_pot_at_the_relative_regularization():
    X, X_source = populations()
    ours = OptimalTransportStandardization("sinkhorn").fit(X, X_source=X_source)
    cost = ot.dist(X - X.mean(axis=0), X_source - X_source.mean(axis=0))
    theirs = ot.da.SinkhornTransport(
        reg_e=0.05 * np.median(cost), method="sinkhorn_log", max_iter=2000, tol=1e-9
    ).fit(Xs=X, Xt=X_source)
    np.testing.assert_allclose(ours.plan_, theirs.coupling_, atol=1e-8)
    for spectra in (X, populations(seed=1)[0]):
        np.testing.assert_allclose(ours.transform(spectra), theirs.transform(Xs=spectra), atol=1e-6)


def test_entropic_plan_approaches_the_exact_one():
    X, X_source = populations(12, 12)
    exact = OptimalTransportStandardization("emd").fit(X, X_source=X_source).plan_
    gaps = []
    for reg in (0.5, 0.05, 0.005):
        plan = OptimalTransportStandardization("sinkhorn", reg=reg).fit(X, X_source=X_source).plan_
        gaps.append(np.abs(plan - exact).sum())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.1


@pytest.mark.parametrize("method", ["linear", "emd", "sinkhorn"])
def test_an_offset_between_the_instruments_changes_nothing_but_the_offset(method):
    X, X_source = populations()
    transport = OptimalTransportStandardization(method)
    mapped = transport.fit_transform(X, X_source=X_source)
    far = transport.fit_transform(X + 50.0, X_source=X_source)
    np.testing.assert_allclose(far, mapped, atol=1e-8)


@pytest.mark.parametrize("method", ["emd", "sinkhorn"])
def test_plans_use_every_spectrum_by_its_weight(method):
    X, X_source = populations()
    plan = OptimalTransportStandardization(method).fit(X, X_source=X_source).plan_
    np.testing.assert_allclose(plan.sum(axis=1), 1 / 15, rtol=1e-6)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 22, rtol=1e-6)


def test_an_unconverged_plan_is_announced():
    X, X_source = populations()
    transport = OptimalTransportStandardization("sinkhorn", reg=1e-5)
    with pytest.warns(ConvergenceWarning, match="not converged. Raise reg"):
        transport.fit(X, X_source=X_source)


def test_a_plan_that_loses_mass_is_refused(monkeypatch):
    def broken(a, b, M, *_, **__):
        return 3e-4 * M / M.sum(), {"log_v": b}

    monkeypatch.setattr(ot.bregman, "sinkhorn_log", broken)
    X, X_source = populations()
    with pytest.raises(ValueError, match="mass of 0.0003 instead of 1.*Raise reg"):
        OptimalTransportStandardization("sinkhorn").fit(X, X_source=X_source)


def test_distances_must_be_finite():
    with pytest.raises(ValueError, match="not finite"):
        _check_cost(np.array([[1.0, np.nan], [1.0, 1.0]]))


@pytest.mark.parametrize("method", ["linear", "emd", "sinkhorn"])
def test_spectra_without_variance_are_shifted(method):
    X, X_source = np.full((3, 20), 0.3), np.full((4, 20), 0.5)
    transport = OptimalTransportStandardization(method).fit(X, X_source=X_source)
    np.testing.assert_allclose(transport.transform(X), 0.5)


def test_components_beyond_the_spectra_are_clipped_with_both_numbers():
    X, X_source = populations(5, 6)
    with pytest.warns(UserWarning, match="n_components=40 is clipped to 9"):
        OptimalTransportStandardization(n_components=40).fit(X, X_source=X_source)


@pytest.mark.parametrize(("n_target", "n_source", "who"), [(1, 9, "target"), (9, 1, "source")])
def test_one_spectrum_has_no_distribution(n_target, n_source, who):
    X, X_source = populations(n_target, n_source)
    with pytest.raises(ValueError, match=f"n_samples = 1 is too few {who} spectra"):
        OptimalTransportStandardization().fit(X, X_source=X_source)


def test_unequal_axes_are_refused():
    X, X_source = populations()
    with pytest.raises(ValueError, match="X_source has 39 channels, but X has 40"):
        OptimalTransportStandardization().fit(X, X_source=X_source[:, :-1])


def test_the_linear_map_loads_no_torch():
    code = (
        "import sys, numpy as np; from spectralfm.transfer import OptimalTransportStandardization;"
        "X = np.random.default_rng(0).random((2, 5, 12));"
        "OptimalTransportStandardization().fit(X[0], X_source=X[1]);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
