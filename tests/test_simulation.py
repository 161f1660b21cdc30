"""Effects of instruments against what is known of them, and the simulator that composes them."""

import dataclasses
import math

import pytest
import torch
from scipy.special import ive

from spectralfm import simulation as sim
from spectralfm.simulation import Instruments, InstrumentSimulator

torch.set_num_threads(1)
NM = torch.arange(1000.0, 2501.0, 2.0, dtype=torch.float64)
MODALITIES = {"nir": 1e7 / NM, "mir": torch.linspace(600, 3800, 701), "raman": NM}
PER_SCAN = {"path_length", "baseline", "fluorescence", "noise", "spikes"}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def band(axis, centre=1700.0, fwhm=60.0, height=1.0):
    return (height * torch.exp(-4 * math.log(2) * ((axis - centre) / fwhm) ** 2))[None]


def spectra(axis, n=8):
    span = axis.max() - axis.min()
    centres = axis.min() + span * torch.linspace(0.2, 0.8, n)
    return 0.3 + torch.cat([band(axis, c, 0.1 * span) + band(axis, c + 400, 300) for c in centres])


def centre(x, axis):
    return ((x * axis).sum(1) / x.sum(1)).item()


def width(x, axis):
    """Full width at half maximum from the second moment, which is exact for a Gaussian."""
    mean = centre(x, axis)
    return math.sqrt(8 * math.log(2) * ((x * (axis - mean) ** 2).sum(1) / x.sum(1)).item())


def ideal(modality="nir", n=1, **parameters) -> tuple[InstrumentSimulator, Instruments]:
    """Return a simulator and instruments that are ideal but for some parameters."""
    simulator = InstrumentSimulator(amplitude=0, modality=modality)
    instruments = simulator.sample_instruments(n, seeded())
    values = {
        name: torch.as_tensor(value, dtype=torch.float64).expand(getattr(instruments, name).shape)
        for name, value in parameters.items()
    }
    return simulator, dataclasses.replace(instruments, **values)


def record(x, axis, modality="nir", seed=0, **parameters):
    simulator, instruments = ideal(modality, **parameters)
    return simulator.apply(x, axis, instruments, seeded(seed))


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("shift", [-4.3, 0.7, 2.0])
def test_shift_moves_a_band_by_nm_in_the_near_infrared(shift):
    moved = record(band(NM), 1e7 / NM, shift=shift)
    assert centre(moved, NM) - 1700 == pytest.approx(shift, abs=1e-3)
    finer = torch.arange(1690.0, 1710.0, 0.01, dtype=torch.float64)
    maximum = finer[sim._interpolation.interpolate(moved, NM[None], finer[None]).argmax()]
    assert maximum - 1700 == pytest.approx(shift, abs=0.02)


def test_shift_stretch_and_bend_are_legendre_terms_of_the_range():
    for where, position in ((1150.0, -0.5), (1600.0, 0.0), (2050.0, 0.5)):
        moved = record(band(NM, where), 1e7 / NM, shift=1.0, stretch=2.0, bend=-1.5)
        expected = 1.0 + 2.0 * position - 1.5 * (3 * position**2 - 1) / 2
        assert centre(moved, NM) - where == pytest.approx(expected, abs=0.02)


def test_laser_and_shift_move_raman_spectra_together_in_wavenumbers():
    moved = record(band(NM), NM, "raman", shift=1.5, laser=-4.0)
    assert centre(moved, NM) - 1700 == pytest.approx(-2.5, abs=1e-3)


@pytest.mark.parametrize("fwhm", [3.0, 12.0, 40.0])
def test_broadening_adds_widths_in_quadrature_and_keeps_the_area(fwhm):
    narrow = band(NM, height=1e-6)  # weak: transmittance is linear in absorbance
    wide = sim.broadening(narrow, NM[None], column(fwhm))
    assert width(wide, NM) == pytest.approx(math.hypot(60.0, fwhm), rel=1e-4)
    assert wide.sum().item() == pytest.approx(narrow.sum().item(), rel=1e-6)
    raman = sim.broadening(band(NM), NM[None], column(fwhm), absorbance=False)
    assert width(raman, NM) == pytest.approx(math.hypot(60.0, fwhm), rel=1e-4)


def test_broadening_averages_transmittance_over_the_slit():
    x = band(NM, fwhm=40.0, height=2.0)
    variance = (20.0 / 2) ** 2 / (8 * math.log(2))  # channels
    distance = (torch.arange(len(NM))[:, None] - torch.arange(len(NM))).abs()
    slit = torch.from_numpy(ive(distance.numpy(), variance))  # discrete Gaussian: exp(-t) I_n(t)
    expected = -torch.log10(10**-x @ slit)[:, 50:-50]
    recorded = sim.broadening(x, NM[None], column(20.0))[:, 50:-50]
    assert torch.allclose(recorded, expected, atol=1e-9)
    slit = torch.exp(-4 * math.log(2) * ((NM[:, None] - NM) / 20) ** 2)
    expected = -torch.log10(10**-x @ (slit / slit.sum(0)))[:, 50:-50]
    assert torch.allclose(recorded, expected, atol=3e-3)


def test_broadening_has_the_same_width_everywhere_on_an_uneven_axis():
    axis = (1e7 / torch.linspace(4000, 10000, 1500, dtype=torch.float64)).flip(0)
    for where in (1150.0, 1700.0, 2300.0):
        x = band(axis, where, 40.0, height=1e-6)
        step = axis.diff().mean() / torch.gradient(axis)[0]  # weigh channels by their width
        wide = sim.broadening(x, axis[None], column(30.0))
        assert width(wide / step, axis) == pytest.approx(50.0, rel=2e-3)


def test_stray_light():
    x = torch.zeros(1, 1000, dtype=torch.float64)
    x[0, ::100] = torch.linspace(0, 6, 10)
    transmittance = 10**-x
    for fraction in (1e-3, 0.05):
        mean = transmittance.mean()
        expected = -torch.log10((transmittance + fraction * mean) / (1 + fraction))
        assert torch.allclose(sim.stray_light(x, column(fraction)), expected)
    flat = torch.full((1, 50), 3.0)
    assert torch.allclose(sim.stray_light(flat, torch.tensor([[0.1]])), flat)


def test_nonlinearity_leaves_full_scale_and_raises_weak_signals():
    x = torch.tensor([[0.0, 1.0, 30.0]], dtype=torch.float64)
    read = 10 ** -sim.detector_nonlinearity(x, column(0.1))
    expected = 10**-x * 1.1 / (1 + 0.1 * 10**-x)
    assert torch.allclose(read, expected, rtol=1e-12)
    light = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    read = sim.detector_nonlinearity(light, column(0.1), absorbance=False)
    assert torch.allclose(read, torch.tensor([[0.0, 0.55 / 1.05, 1.0]], dtype=torch.float64))


def test_gain_and_offset_fields():
    x = spectra(NM)
    first = torch.eye(6, dtype=torch.float64)[0]
    recorded = record(x, 1e7 / NM, gain=math.log(1.05) * first, offset=0.02 * first)
    assert torch.allclose(recorded, 1.05 * x + 0.02)
    field = record(x, 1e7 / NM, offset=torch.eye(6, dtype=torch.float64)[3]) - x
    expected = torch.cos(3 * math.pi * (NM - 700) / 1800)
    assert torch.allclose(field, expected.expand_as(x), atol=1e-9)


def test_stitching_steps_at_its_junctions():
    steps = record(torch.zeros(1, len(NM)), 1e7 / NM, junction=[1200.5, 1800.0], step=[0.01, 0.02])
    expected = 0.01 * (NM > 1200.5) + 0.02 * (NM > 1800)
    assert torch.allclose(steps[0], expected.float())


def test_fringes_repeat_with_their_period():
    wavenumbers = torch.arange(4000.0, 9000.0, 2.0, dtype=torch.float64)
    x = torch.zeros(1, len(wavenumbers), dtype=torch.float64)
    waves = {"fringe_cosine": 0.003, "fringe_sine": 0.004, "fringe_period": 100.0}
    pattern = record(x, wavenumbers, **waves)
    assert torch.allclose(pattern[:, 50:], pattern[:, :-50], atol=1e-12)
    assert pattern.std().item() == pytest.approx(0.005 / math.sqrt(2), rel=1e-2)
    light = record(band(NM), NM, "raman", **waves)
    assert light.abs().max() <= 1.005  # relative to the light, not added to it
    assert not light[band(NM) < 1e-12].abs().max() > 1e-12


def test_path_length_and_baseline_are_drawn_anew_for_every_scan():
    x = spectra(NM).repeat(125, 1)
    scatter = (record(x, 1e7 / NM, path_length=0.1) / x).log()
    assert scatter.diff(n=2).abs().max() < 1e-9  # a line along the axis
    for where, expected in ((1600, 0.1), (2500, 0.1 * math.sqrt(2))):
        at = scatter[:, (NM - where).abs().argmin()]
        assert at.std().item() == pytest.approx(expected, rel=0.06)
    added = record(x, 1e7 / NM, baseline=0.05) - x
    assert added.diff(n=3).abs().max() < 1e-12  # a parabola
    middle = added[:, (NM - 1600).abs().argmin()]
    assert middle.std().item() == pytest.approx(0.05 * math.hypot(1, 1 / 6), rel=0.05)
    simulator, instruments = ideal(path_length=0.1)
    generator = seeded()
    scans = [simulator.apply(x[:2], 1e7 / NM, instruments, generator) for _ in range(2)]
    assert not torch.allclose(*scans)


def test_noise_has_its_standard_deviation_and_grows_with_absorbance():
    x = torch.zeros(400, len(NM))
    x[:, 300:] = 1.0
    added = record(x, 1e7 / NM, noise=1e-3, noise_growth=0.5) - x
    assert added[:, :300].std().item() == pytest.approx(1e-3, rel=0.01)
    assert added[:, 300:].std().item() == pytest.approx(1e-3 * math.sqrt(10), rel=0.01)
    neighbours = (added[:, 1:300] * added[:, :299]).mean() / 1e-6
    assert abs(neighbours) < 0.01
    light = 0.25 * band(NM, fwhm=3.0).repeat(400, 1) + torch.linspace(0, 1, len(NM))
    added = record(light, NM, "raman", noise=1e-3, noise_growth=0.5) - light
    assert added[:, -1].std() > 1.5 * added[:, len(NM) // 4].std()


def test_drift_is_shared_by_neighbours():
    x = torch.zeros(1000, len(NM))
    added = record(x, 1e7 / NM, drift=1e-3, drift_length=50.0)
    assert added.std().item() == pytest.approx(1e-3, rel=0.03)
    sigma = 50 / 2 / math.sqrt(8 * math.log(2))  # in channels
    for lag in (10, 20):
        shared = (added[:, lag:] * added[:, :-lag]).mean().item() / 1e-6
        assert shared == pytest.approx(math.exp(-(lag**2) / (4 * sigma**2)), abs=0.03)


def test_fluorescence_is_broad_and_spikes_are_rare():
    x = band(NM).float().repeat(1500, 1)
    background = record(x, NM, "raman", fluorescence=2.0) - x
    assert background.min() > -1e-6
    assert background.amax(1).median().item() == pytest.approx(2.0, rel=0.1)
    assert background.diff().abs().max() < 0.05
    rays = record(x, NM, "raman", spikes=0.5) - x
    assert rays.min() > -1e-6
    hit = (rays > 1e-5).sum().item() / 2  # a spike spills into the next channel
    assert hit == pytest.approx(750, rel=0.15)
    assert rays.sum().item() == pytest.approx(1.5 * 750, rel=0.15)


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_ideal_instrument_changes_nothing(modality):
    axis = MODALITIES[modality]
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        x = spectra(axis).to(dtype)
        recorded = record(x, axis, modality)
        assert recorded.dtype == dtype
        assert torch.allclose(recorded, x, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_effect_switches_on_alone(modality):
    axis = MODALITIES[modality]
    x = spectra(axis).double()
    everything = InstrumentSimulator(modality=modality)
    drawn = everything.sample_instruments(len(x), seeded())
    names = []
    for effect in everything.effects:
        simulator = InstrumentSimulator(effects=[effect], modality=modality, decades=0)
        instruments = simulator.sample_instruments(len(x), seeded())
        first, again, other = (
            simulator.apply(x, axis, instruments, seeded(seed)) for seed in (1, 1, 2)
        )
        assert (first - x).abs().amax(1).min() > (0 if effect != "spikes" else -1)
        assert (first - x).abs().max() > 1e-4
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (effect not in PER_SCAN)
        names += instruments.names
    assert sorted(names) == sorted(drawn.names)


def test_switching_an_effect_off_leaves_the_other_draws_alone():
    all_on = InstrumentSimulator().sample_instruments(5, seeded())
    some = InstrumentSimulator(effects=("shift", "gain")).sample_instruments(5, seeded())
    assert torch.equal(all_on.shift, some.shift)
    assert torch.equal(all_on.gain, some.gain)
    assert some.names == ("shift", "stretch", "bend", *(f"gain_{k}" for k in range(6)))
    assert not some.offset.any()


def test_amplitude_scales_all_or_some_effects():
    one, three = (InstrumentSimulator(amplitude=a).sample_instruments(5, seeded()) for a in (1, 3))
    assert torch.allclose(three.shift, 3 * one.shift)
    assert torch.allclose(three.noise, 3 * one.noise)
    assert torch.equal(three.junction, one.junction)
    part = InstrumentSimulator(amplitude={"shift": 0}).sample_instruments(5, seeded())
    assert not part.shift.any()
    assert torch.equal(part.noise, one.noise)


@pytest.mark.parametrize("modality", MODALITIES)
def test_parameters_are_standardised_and_amplitudes_span_two_decades(modality):
    instruments = InstrumentSimulator(modality=modality).sample_instruments(20000, seeded())
    parameters = instruments.parameters()
    assert parameters.shape == (20000, len(instruments.names))
    assert parameters.mean(0).abs().max() < 0.03
    assert (parameters.std(0) - 1).abs().max() < 0.03
    logarithms = instruments.fwhm.log10()
    assert (logarithms.max() - logarithms.min()).item() == pytest.approx(2, abs=0.01)
    assert logarithms.std().item() == pytest.approx(2 / math.sqrt(12), rel=0.02)


@pytest.mark.parametrize("modality", MODALITIES)
def test_order_of_channels_rows_of_axes_and_precision_do_not_matter(modality):
    axis = MODALITIES[modality]
    x = spectra(axis).double()
    simulator = InstrumentSimulator(modality=modality)
    instruments = simulator.sample_instruments(len(x), seeded())
    recorded = simulator.apply(x, axis, instruments, seeded(1))
    reversed_ = simulator.apply(x.flip(1), axis.flip(0), instruments, seeded(1)).flip(1)
    assert torch.equal(recorded, reversed_)
    rows = simulator.apply(x, axis.expand_as(x), instruments, seeded(1))
    assert torch.allclose(recorded, rows, atol=1e-9)
    single = simulator.apply(x.float(), axis, instruments, seeded(1))
    assert torch.allclose(recorded, single.double(), atol=2e-4)
    assert torch.equal(recorded, simulator.apply(x, axis, instruments, seeded(1)))


def test_one_instrument_records_all_samples_and_rows_can_be_picked():
    x = spectra(NM)
    simulator = InstrumentSimulator(effects=("shift", "gain", "stray_light"))
    instruments = simulator.sample_instruments(3, seeded())
    alone = simulator.apply(x, 1e7 / NM, instruments[1:2], seeded())
    picked = instruments[torch.full((len(x),), 1)]
    assert len(picked) == len(x)
    assert torch.allclose(alone, simulator.apply(x, 1e7 / NM, picked, seeded()))


def test_views_are_the_same_samples_on_two_instruments():
    x = spectra(NM)
    simulator = InstrumentSimulator()
    views, again = (simulator.views(x, 1e7 / NM, seeded(3)) for _ in range(2))
    assert torch.equal(views.first, again.first)
    assert torch.equal(views.second, again.second)
    assert views.first.shape == x.shape
    parameters = views.first_instruments.parameters(), views.second_instruments.parameters()
    assert (parameters[0] - parameters[1]).abs().amin(0).max() > 0


@pytest.mark.parametrize("modality", MODALITIES)
def test_gradients(modality):
    axis = MODALITIES[modality][::30].double()
    x = spectra(axis, 2).double() + 1e-4 * axis  # no two channels equal: extremes have no gradient
    x.requires_grad_()
    simulator = InstrumentSimulator(modality=modality)
    instruments = simulator.sample_instruments(2, seeded())
    fwhm = torch.tensor([20.0, 30.0], dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([3.1, -2.2], dtype=torch.float64, requires_grad=True)

    def recorded(x, fwhm, shift):
        changed = dataclasses.replace(instruments, fwhm=fwhm, shift=shift)
        return simulator.apply(x, axis, changed, seeded())

    assert torch.autograd.gradcheck(recorded, (x, fwhm, shift), atol=1e-5)


def test_extreme_spectra_stay_finite():
    gap = torch.cat([NM[:200], NM[500:]])
    dense = torch.cat([spectra(gap), 110 * spectra(gap), -3 * spectra(gap), 0 * spectra(gap)])
    simulator = InstrumentSimulator(decades=0, amplitude=2)
    for x in (dense.float(), dense):
        views = simulator.views(x, 1e7 / gap, seeded())
        assert views.first.isfinite().all()
        assert views.second.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modality": "uv"}, "nir, mir, raman"),
        ({"effects": ("shfit",)}, "shfit.*path_length"),
        ({"effects": ("laser",)}, "laser.*nir"),
        ({"amplitude": -1}, ">= 0"),
        ({"amplitude": {"nosie": 1}}, "nosie"),
    ],
)
def test_wrong_constructor_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        InstrumentSimulator(**arguments)


def test_wrong_spectra():
    simulator, instruments = ideal(n=3)
    x, axis = spectra(NM, 2), 1e7 / NM
    one = instruments[:1]
    nan = x.clone()
    nan[0, 3] = torch.nan
    for wrong, message in (
        ((x, axis, instruments), "as many"),
        ((x, axis, ideal("mir")[1]), "nir instruments"),
        ((x[:, 1:], axis, one), "axis"),
        ((nan, axis, one), "finite"),
        ((x, axis - axis.max(), one), "positive"),
        ((x, axis.clone().index_fill(0, torch.tensor([4]), axis[7]), one), "repeats"),
    ):
        with pytest.raises(ValueError, match=message):
            simulator.apply(*wrong, seeded())
