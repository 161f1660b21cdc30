"""Virtual instruments: known differences come back, their covariance, their size, their use."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from spectralfm.checkpoint import dump_weights, parse_weights
from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import InstrumentPrior, SpectralFMEncoder
from spectralfm.foundation._first_order import AMPLITUDES, first_order_effects
from spectralfm.foundation._low_rank import low_rank_factor, main_directions
from spectralfm.metrics import rmsep
from spectralfm.simulation import InstrumentSimulator, broadening, wavelength_shift
from spectralfm.transfer import DifferencePenalizedRidge, Standards, Unpaired

PAIR = make_instrument_pair(n_samples=60, n_channels=140, random_state=0, scatter=0.02)
X, AXIS = PAIR.spectra["source"], PAIR.wavelengths
CLEAN = make_instrument_pair(n_samples=6, n_channels=700, random_state=0, noise=0.0)
SMOOTH, FINE = CLEAN.spectra["source"], CLEAN.wavelengths


def prior(kind="physics", **parameters):
    return InstrumentPrior(kind, **{"wavelengths": AXIS, "random_state": 0} | parameters)


@pytest.fixture
def trained(tiny_weights, tmp_path):
    """Weights whose operator writes something, as after a training."""
    weights = parse_weights(tiny_weights.read_bytes())
    state = dict(weights.state_dict)
    generator = torch.Generator().manual_seed(0)
    shape = state["operator.amplitude.weight"].shape
    state["operator.amplitude.weight"] = 0.1 * torch.randn(shape, generator=generator)
    path = tmp_path / "trained.safetensors"
    data = dump_weights(
        state,
        config=weights.config,
        architecture=weights.architecture,
        axis_range=weights.axis_range,
    )
    path.write_bytes(data)
    return path


# First-order effects


@pytest.mark.parametrize("step", [1, -1])
def test_first_order_effects_are_the_limits_of_the_simulated_ones(step):
    terms = first_order_effects(SMOOTH[:, ::step], 1e7 / FINE[::step], "nir")
    assert terms.shape == (3 + 1 + 6 + 6, *SMOOTH.shape)
    terms = terms[..., ::step]
    x, nm = torch.tensor(SMOOTH), torch.tensor(FINE)[None]
    small = 0.05
    moved = wavelength_shift(x, nm, torch.full((6, 1), -small, dtype=torch.float64)) - x
    inside = slice(10, -10)
    expected = moved.numpy() / small * AMPLITUDES["nir"]["shift"]
    error = np.abs(terms[0] - expected)[:, inside].max()
    assert error < 0.02 * np.abs(expected).max()
    wide = torch.full((6, 1), 10.0, dtype=torch.float64)
    blurred = (broadening(x, nm, wide, absorbance=False) - x).numpy()
    error = np.abs(terms[3] - blurred)[:, inside].max()
    assert error < 0.1 * np.abs(blurred).max()
    np.testing.assert_allclose(terms[4], 0.1 * SMOOTH)
    np.testing.assert_allclose(terms[10], 0.1)
    np.testing.assert_allclose(terms[11, 0], 0.05 * np.cos(np.linspace(0, np.pi, 700)), atol=1e-12)


def test_first_order_effects_of_raman_scale_with_the_spectra():
    axis = np.linspace(200.0, 3000.0, 700)
    one, two = (first_order_effects(s * SMOOTH, axis, "raman") for s in (1, 500))
    np.testing.assert_allclose(two, 500 * one, rtol=1e-9, atol=1e-9)


def test_effects_can_be_chosen():
    only = first_order_effects(X, 1e7 / AXIS, "nir", ["offset"])
    assert only.shape[0] == 6 and not np.ptp(only, axis=1).any()
    with pytest.raises(ValueError, match="fringes: no effect in closed form. Those are shift"):
        prior(effects=["fringes"]).sample(X)
    with pytest.raises(ValueError, match="at least 3 are needed"):
        prior(wavelengths=[1000, 1100]).sample(X[:, :2])


# Samples and covariances


def test_the_covariance_of_physics_is_that_of_its_samples():
    few = X[:8]
    differences = (prior().sample(few, 4000) - few).reshape(-1, 140)
    sampled = differences.T @ differences / len(differences)
    factor = prior().covariance(few, rank=140)
    np.testing.assert_allclose(factor.T @ factor, sampled, atol=0.06 * np.abs(sampled).max())


def test_the_covariance_of_the_simulator_is_that_of_its_instruments():
    effects = ["shift", "gain", "offset"]  # nothing that differs from scan to scan
    few = X[:8]
    simulated = prior("simulator", effects=effects)
    factor = simulated.covariance(few, n_instruments=50, rank=140)
    simulator = InstrumentSimulator(effects=effects)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    instruments = simulator.sample_instruments(50, torch.Generator().manual_seed(seed))
    place, x = torch.tensor(1e7 / AXIS), torch.tensor(few)
    differences = np.concatenate(
        [simulator.apply(x, place, one, torch.Generator()) - x for one in map_rows(instruments)]
    )
    expected = differences.T @ differences / len(differences)
    np.testing.assert_allclose(factor.T @ factor, expected, atol=1e-10)
    gram = factor @ factor.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-8 * gram[0, 0])
    assert (np.diff(np.diag(gram)) <= 0).all()
    truncated = simulated.covariance(few, n_instruments=50, rank=4)
    np.testing.assert_allclose(np.abs(truncated), np.abs(factor[:4]), atol=1e-8)


def map_rows(instruments):
    return [instruments[i : i + 1] for i in range(len(instruments))]


def test_noise_is_in_the_samples_but_has_no_direction():
    noisy = prior("simulator", effects=["noise"])
    assert (noisy.sample(X, 2) != X).all()
    assert noisy.covariance(X).shape == (0, 140)


@pytest.mark.parametrize("kind", ["physics", "simulator"])
def test_samples_repeat_with_the_seed_and_differ_between_instruments(kind):
    first, again = prior(kind).sample(X, 3), prior(kind).sample(X, 3)
    other = prior(kind, random_state=1).sample(X, 3)
    assert first.shape == (3, 60, 140) and np.array_equal(first, again)
    assert not np.allclose(first, other) and not np.allclose(first[0], first[1])
    ascending = prior(kind, wavelengths=None, wavenumbers=1e7 / AXIS).sample(X, 3)
    np.testing.assert_allclose(ascending, first, atol=1e-9)


def test_raman_and_unknown_spectra_have_priors():
    axis = np.linspace(200.0, 3000.0, 140)
    for modality in ("auto", "MIR", "unknown"):
        for kind in ("physics", "simulator"):
            one = prior(kind, wavelengths=None, wavenumbers=axis, modality=modality)
            assert np.isfinite(one.sample(X, 2)).all()


def test_large_sets_are_thinned_at_random():
    assert prior().covariance(X).shape == prior().covariance(X[:32]).shape
    assert not np.allclose(prior().covariance(X), prior(random_state=1).covariance(X))


def test_low_rank_factor_is_that_of_the_singular_values():
    rng = np.random.default_rng(0)
    for shape in ((30, 12), (12, 30)):
        rows = rng.normal(size=shape)
        factor = low_rank_factor(rows, 5)
        _, values, vectors = np.linalg.svd(rows)
        signs = np.sign((factor * vectors[:5]).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(signs * factor, values[:5, None] * vectors[:5], atol=1e-10)
        directions = main_directions(rows, 3)
        np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-12)
    assert low_rank_factor(np.ones((4, 6)), 5).shape == (1, 6)


# Learned instruments


@pytest.mark.parametrize("weights", [None, "untrained"])
def test_an_untrained_operator_is_refused(weights, tiny_weights):
    learned = prior("learned", checkpoint=tiny_weights if weights else None)
    for call in (learned.sample, learned.covariance):
        with pytest.raises(ValueError, match="needs a trained encoder: the operator of checkpoint"):
            call(X)


def test_learned_instruments_are_written_by_the_operator(trained):
    learned = prior("learned", checkpoint=trained, latents="normal")
    written = learned.sample(X[:5], 3)
    assert np.array_equal(written, learned.sample(X[:5], 3))
    encoder = SpectralFMEncoder(trained, wavelengths=AXIS).fit(X[:5]).encoder_
    latents = np.random.RandomState(0)
    latents.randint(2**31 - 1)  # the seed of simulated instruments is drawn first
    z = torch.tensor(latents.standard_normal((3, 4)))
    encoding = encoder(torch.tensor(X[:5]), torch.tensor(1e7 / AXIS), torch.tensor(1))
    spectra = encoding.spectra
    on_grid = encoder.transfer(encoding, z[1].expand(5, -1)).numpy()
    given = (spectra.values * spectra.scale + spectra.center).numpy()
    place = spectra.axis[0].numpy()
    for row in range(5):
        change = np.interp(1e7 / AXIS, place, (on_grid - given)[row])
        np.testing.assert_allclose(
            written[1, row] - X[row], change, atol=0.02 * np.abs(change).max()
        )


def test_latents_of_simulated_instruments(trained):
    learned = prior("learned", checkpoint=trained)
    factor = learned.covariance(X, n_instruments=6, rank=4)
    assert factor.shape == (4, 140) and np.isfinite(factor).all()
    # Instruments that differ by nothing the encoder sees have the latent of the spectra.
    same = prior("learned", checkpoint=trained, effects=[])
    small, large = (np.abs(one.sample(X[:1], 3) - X[:1]).max() for one in (same, learned))
    assert small < 1e-9 < large


# What it is for


@pytest.mark.parametrize("kind", ["physics", "simulator"])
def test_its_covariance_is_a_prior_of_the_ridge_without_any_target_spectrum(kind):
    """Lower error on the target, and steadier predictions over instruments never drawn before."""
    y, X_target = PAIR.y, PAIR.spectra["target"]
    factor = prior(kind).covariance(X[:40])
    plain = DifferencePenalizedRidge().fit(X[:40], y[:40])
    expecting = DifferencePenalizedRidge(prior=factor).fit(X[:40], y[:40])
    errors = [rmsep(y[40:], model.predict(X_target[40:])) for model in (plain, expecting)]
    assert errors[1] < 0.6 * errors[0]
    new = prior(kind, random_state=1).sample(X[40:], 20)
    changes = [
        np.median([np.abs(m.predict(one) - m.predict(X[40:])).mean() for one in new])
        for m in (plain, expecting)
    ]
    assert changes[1] < 0.5 * changes[0]


def test_the_covariance_tells_how_far_predictions_will_move():
    rng = np.random.default_rng(0)
    b = rng.normal(size=140)
    few = X[:20]
    factor = prior(random_state=1).covariance(few, rank=140)
    moves = (prior().sample(few, 2000) - few) @ b
    assert np.square(factor @ b).sum() == pytest.approx(np.square(moves).mean(), rel=0.15)


# Its size


@pytest.mark.parametrize("kind", ["physics", "simulator"])
@pytest.mark.parametrize("truth", [0.1, 1.0, 5.0])
def test_standards_tell_the_amplitude(kind, truth):
    """The median of 15 instruments, and each as far as they differ in size themselves."""
    fitted = []
    for seed in range(15):
        one = prior(kind, random_state=100 + seed)
        one.amplitude_ = truth
        target = one.sample(X[:5])[0] + 2e-4 * np.random.default_rng(seed).normal(size=(5, 140))
        one = prior(kind).fit_amplitude(X, standards=Standards(X[:5], target))
        fitted.append(one.amplitude_)
    ratio = np.log(np.array(fitted) / truth)
    allowed = np.log(4 if kind == "physics" else 20)  # simulated ones span two decades themselves
    assert np.abs(ratio).max() < allowed
    assert np.abs(np.median(ratio)) < np.log(1.8)


@pytest.mark.parametrize("truth", [0.3, 3.0])
def test_unlabelled_spectra_of_another_population_tell_it_roughly(truth):
    """The target's samples are richer and thicker; that is not read as the instrument."""
    changed = make_instrument_pair(n_samples=60, n_channels=140, random_state=0).spectra["source"]
    rich = 1.3 * changed[np.argsort(PAIR.y[:, 0])[-25:]]
    fitted = []
    for seed in range(15):
        one = prior(random_state=100 + seed)
        one.amplitude_ = truth
        found = prior().fit_amplitude(X, X_target=Unpaired(one.sample(rich)[0]))
        fitted.append(found.amplitude_)
    assert np.abs(np.median(np.log(np.array(fitted) / truth))) < np.log(2)
    unchanged = prior().fit_amplitude(X, X_target=rich)
    assert unchanged.amplitude_ < 0.1


def test_a_new_constituent_is_taken_for_an_instrument():
    """The documented failure: unlabelled spectra cannot tell a new band from a new instrument."""
    band = 0.2 * np.exp(-0.5 * ((AXIS - 1750) / 25) ** 2)
    assert prior().fit_amplitude(X, X_target=X[:25] + band).amplitude_ > 0.5


def test_one_real_standard_tells_about_as_much_as_ten(corn_pair):
    X_target, X_source = corn_pair
    one = InstrumentPrior(wavelengths=np.arange(1100, 2499, 2), random_state=0)
    found = [
        one.fit_amplitude(X_source, standards=Standards(X_source[:n], X_target[:n])).amplitude_
        for n in (1, 3, 10)
    ]
    assert max(found) < 2 * min(found) and 0.2 < found[2] < 1.0


def test_an_amplitude_scales_everything_and_is_forgotten():
    one = prior()
    before = one.covariance(X), one.sample(X)
    one.fit_amplitude(X, standards=Standards(X[:3], X[:3] + 0.2 * (before[1][0, :3] - X[:3])))
    a = one.amplitude_
    np.testing.assert_allclose(one.covariance(X), a * before[0])
    np.testing.assert_allclose(one.sample(X) - X, a * (before[1] - X))
    assert np.median(one.amplitude_ratios_) == a and one.amplitude_ratios_.shape == (10,)
    with pytest.raises(ValueError, match="do not differ where this prior expects it"):
        one.fit_amplitude(X, standards=Standards(X[:3], X[:3]))
    assert not hasattr(one, "amplitude_")


def test_estimator_habits():
    one = prior("simulator", effects=["shift"])
    assert repr(clone(one)) == repr(one)
    one.fit_amplitude(X, standards=Standards(X[:4], PAIR.spectra["target"][:4]))
    assert not hasattr(clone(one), "amplitude_")
    loaded = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(loaded.sample(X, 2), one.sample(X, 2))


def test_bad_input():
    with pytest.raises(ValueError, match="'kind' parameter of InstrumentPrior must be"):
        prior("magic").sample(X)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        prior().sample(X, 0)
    with pytest.raises(ValueError, match="rank must be a whole number"):
        prior().covariance(X, rank=2.5)
    with pytest.raises(ValueError, match="NaN"):
        prior().sample(np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="wavelengths"):
        prior(wavelengths=AXIS[1:]).covariance(X)
    with pytest.warns(UserWarning, match="axis of the spectra is not known"):
        prior(wavelengths=None).sample(X)
    with pytest.raises(ValueError, match="Give standards or X_target"):
        prior().fit_amplitude(X)
    with pytest.raises(ValueError, match="standards has 139 channels, but X has 140"):
        prior().fit_amplitude(X, standards=Standards(X[:3, 1:], X[:3]))
    with pytest.raises(ValueError, match="n_samples = 11 is too few source spectra"):
        prior().fit_amplitude(X[:11], X_target=X)
    with pytest.raises(ValueError, match="n_samples = 1 is too few spectra of the target"):
        prior().fit_amplitude(X, X_target=X[:1])
