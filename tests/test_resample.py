"""Interpolation is exact for cubics, faithful for band-limited spectra, and never invents."""

import pytest
import torch

from spectralfm.nn.resample import SpectralGrid, resample, unwarp, warp

torch.set_num_threads(1)

NIR = 1e7 / torch.arange(1100.0, 2500.0, 2.0, dtype=torch.float64)  # corn: 700 channels, in nm
TABLET = 1e7 / torch.arange(600.0, 1900.0, 2.0, dtype=torch.float64)  # 650 channels
MIR = torch.linspace(4000.0, 650.0, 1024, dtype=torch.float64)
RAMAN = torch.linspace(50.0, 3500.0, 3400, dtype=torch.float64)
UNEVEN = torch.cumsum(torch.rand(300, generator=torch.Generator().manual_seed(0)) + 0.2, 0).double()


def cubic(axis):
    t = (axis - axis.mean()) / axis.std()
    return torch.stack([torch.ones_like(t), 1 - 2 * t, t**2 - t, 0.3 * t**3 - t**2 + 2])


@pytest.mark.parametrize("axis", [NIR, TABLET, MIR, RAMAN, UNEVEN + 1000], ids=len)
def test_cubics_are_exact(axis):
    values, grid, measured = SpectralGrid(2048)(cubic(axis), axis)
    assert measured.all()
    assert grid[0, 0] == axis.min()
    assert grid[0, -1] == axis.max()
    t = (grid[0] - axis.mean()) / axis.std()
    expected = torch.stack([torch.ones_like(t), 1 - 2 * t, t**2 - t, 0.3 * t**3 - t**2 + 2])
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("axis", "period"), [(NIR, 10), (TABLET, 10), (MIR, 10), (RAMAN, 30)])
def test_round_trip_of_band_limited_spectra(axis, period):
    phase = torch.arange(len(axis), dtype=torch.float64) * 2 * torch.pi / period
    x = torch.stack([torch.sin(phase), torch.cos(0.7 * phase + 1)])
    values, grid, _ = SpectralGrid(2048)(x, axis)
    assert (resample(values, grid, axis) - x).abs().max() < 1e-4


def test_grid_is_equidistant_where_it_says():
    torch.testing.assert_close(unwarp(warp(NIR)), NIR)
    _, grid, _ = SpectralGrid(2048)(torch.ones(1, 1024).double(), MIR)
    steps = warp(grid[0]).diff()
    torch.testing.assert_close(steps, steps.mean().expand_as(steps))


@pytest.mark.parametrize("same_axis", [True, False])
def test_order_of_the_channels_does_not_matter(same_axis):
    x = torch.rand(3, 700, dtype=torch.float64)
    axis = NIR if same_axis else NIR + torch.tensor([[0.0], [5.0], [9.0]])
    order = torch.randperm(700)
    a, b = SpectralGrid(512)(x, axis), SpectralGrid(512)(x[:, order], axis[..., order])
    for one, other in zip(a, b, strict=True):
        assert torch.equal(one, other)


def test_rows_with_their_own_axes_equal_one_by_one():
    x = torch.rand(3, 700)
    axes = NIR + torch.tensor([[0.0], [50.0], [-300.0]])
    grid = SpectralGrid(256, axis_min=4100.0, axis_max=9500.0)
    together = grid(x, axes)
    for row in range(3):
        for one, all_rows in zip(grid(x[row : row + 1], axes[row]), together, strict=True):
            assert torch.equal(one[0], all_rows[row])


def test_what_was_not_measured_is_masked():
    x = torch.rand(2, 700).double() + 1
    values, grid, measured = SpectralGrid(1000, axis_min=3000.0, axis_max=12000.0)(x, NIR)
    covered = (grid >= NIR.min()) & (grid <= NIR.max())
    assert torch.equal(measured, covered)
    assert 0.2 < covered.double().mean() < 0.8
    assert (values[~covered] == 0).all()
    torch.testing.assert_close(values[covered].view(2, -1), resample(x, NIR, grid[0, covered[0]]))


def test_margin_allows_a_little_extrapolation():
    grid = SpectralGrid(1000, axis_min=3990.0, axis_max=9100.0, margin=20.0)
    values, points, measured = grid(cubic(NIR), NIR)
    assert measured.all()
    t = (points[0] - NIR.mean()) / NIR.std()
    torch.testing.assert_close(values[3], 0.3 * t**3 - t**2 + 2, rtol=0, atol=1e-9)


def test_no_interpolation_across_a_gap():
    kept = (NIR < 5000) | (NIR > 5400)  # the band of water was cut out
    x = torch.rand(1, int(kept.sum())).double()
    values, grid, measured = SpectralGrid(2048)(x, NIR[kept])
    below, above = NIR[kept & (NIR < 5000)].max(), NIR[kept & (NIR > 5400)].min()
    assert torch.equal(measured, (grid <= below) | (grid >= above))
    changed = x.clone()
    changed[:, NIR[kept] > 5400] += 1e6
    again = SpectralGrid(2048)(changed, NIR[kept]).values
    assert torch.equal(again[grid <= below], values[grid <= below])
    with pytest.raises(ValueError, match=r"5200 cm-1 was not measured"):
        resample(x, NIR[kept], torch.tensor([4500.0, 5200.0]))


def test_hidden_points_cannot_be_told_from_the_others():
    torch.manual_seed(0)
    x = torch.rand(2, 700).double()
    grid = SpectralGrid(2048)
    values, points, _ = grid(x, NIR)
    hidden = torch.zeros(2, 2048, dtype=torch.bool)
    hidden[0, 300:396] = hidden[1, :64] = hidden[1, 1000:1032] = True
    seen = grid(x, NIR, hidden)
    under = torch.zeros(2, 700, dtype=torch.bool)  # channels among the hidden points
    for row, first, last in ((0, 300, 395), (1, 0, 63), (1, 1000, 1031)):
        low, high = points[row, first], points[row, last]
        under[row] |= (low <= NIR) & (high >= NIR)
    assert (under.sum(1) > 20).all()
    changed = grid(x.masked_fill(under, float("nan")), NIR, hidden)
    for one, other in zip(seen, changed, strict=True):
        assert torch.equal(one, other)
    assert not seen.measured[hidden].any()
    assert seen.measured.double().mean() > 0.9
    # Far from what is hidden, nothing changes.
    torch.testing.assert_close(seen.values[0, 500:], values[0, 500:])


def test_gradient():
    x = torch.rand(2, 20, dtype=torch.float64, requires_grad=True)
    grid = SpectralGrid(50, axis_min=900.0, axis_max=1100.0)
    axis = torch.linspace(950.0, 1120.0, 20)
    assert torch.autograd.gradcheck(lambda x: grid(x, axis).values, x)


def test_dtype_is_kept():
    values, grid, _ = SpectralGrid(64)(torch.rand(2, 700), NIR.float())
    assert (values.dtype, grid.dtype) == (torch.float32, torch.float64)


@pytest.mark.parametrize(
    ("axis", "word"),
    [
        (NIR[:-1], "their axis"),
        (NIR.clone().index_fill_(0, torch.tensor([3]), NIR[5].item()), "repeats"),
        (NIR.clone().index_fill_(0, torch.tensor([3]), float("nan")), "finite"),
        (torch.arange(1100.0, 2500.0, 2.0), "not nm"),
    ],
)
def test_refuses_an_axis(axis, word):
    with pytest.raises(ValueError, match=word):
        SpectralGrid(64, axis_min=4000.0, axis_max=9000.0)(torch.rand(2, 700), axis)


def test_refuses_to_extrapolate():
    x = torch.rand(2, 700)
    with pytest.raises(ValueError, match=r"3990 cm-1 was not measured.*extrapolated by 5 cm-1"):
        resample(x, NIR, torch.tensor([4500.0, 3990.0]), margin=5.0)
    assert resample(x, NIR, torch.tensor([3990.0]), margin=20.0).isfinite().all()
    assert resample(x, NIR, NIR.float()).isfinite().all()  # rounding is no extrapolation


@pytest.mark.parametrize(
    "arguments", [{"n_grid": 3}, {"margin": -1.0}, {"axis_min": 9e3, "axis_max": 4e3}]
)
def test_refuses_parameters(arguments):
    with pytest.raises(ValueError, match="n_grid must be"):
        SpectralGrid(**arguments)
