"""B-spline layer against SciPy, its own dense recursion, and two functions it must fit."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import nn

from spectralfm.nn.kan import KANLinear, update_grids

torch.set_num_threads(1)


def layer(n_in=3, n_out=2, grid_size=5, spline_order=3, *, moved=False, dtype=torch.float64):
    """A layer of known random weights; ``moved`` puts its knots at uneven places."""
    torch.manual_seed(0)
    kan = KANLinear(n_in, n_out, grid_size, spline_order, grid_range=(-2.0, 3.0)).to(dtype)
    nn.init.normal_(kan.spline_weight)
    if moved:
        kan.update_grid(torch.randn(400, n_in, dtype=dtype).exp(), uniform=0.3)
    return kan


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("grid_size, spline_order", [(5, 3), (1, 1), (8, 2), (3, 4)])
def test_basis_equals_scipy(grid_size, spline_order, moved):
    kan = layer(grid_size=grid_size, spline_order=spline_order, moved=moved)
    for feature, knots in enumerate(kan.grid.numpy()):
        x = np.linspace(knots[spline_order], knots[-spline_order - 1], 41)
        expected = BSpline.design_matrix(x, knots, spline_order).toarray()
        values = kan.basis(torch.from_numpy(x)[:, None].expand(-1, 3))[:, feature].numpy()
        np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("moved", [False, True])
def test_layer_equals_scipy_and_silu(moved):
    kan = layer(moved=moved)
    x = torch.rand(20, 3, dtype=torch.float64) * 0.9 + 0.05
    expected = np.zeros((20, 2))
    for out in range(2):
        for feature in range(3):
            column = x[:, feature].numpy()
            spline = BSpline(
                kan.grid[feature].numpy(), kan.spline_weight[out, feature].detach().numpy(), 3
            )
            silu = column / (1 + np.exp(-column))
            weight = kan.base_weight[out, feature].item()
            expected[:, out] += spline(column) + weight * silu
    np.testing.assert_allclose(kan(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("spline_order", [1, 2, 3, 4])
def test_fast_path_equals_dense_recursion(spline_order, moved):
    kan = layer(spline_order=spline_order, moved=moved)
    assert kan._uniform is not moved  # even knots are not looked up: two ways to test
    x = (3 * torch.randn(4, 6, 3, dtype=torch.float64)).requires_grad_()
    base = nn.functional.linear(nn.functional.silu(x), kan.base_weight)
    dense = base + nn.functional.linear(kan.basis(x).flatten(-2), kan.spline_weight.flatten(1))
    fast = kan(x)
    torch.testing.assert_close(fast, dense, rtol=1e-10, atol=1e-10)
    inputs = (x, kan.spline_weight, kan.base_weight)
    grad = torch.randn_like(dense)
    for given, expected in zip(
        torch.autograd.grad(fast, inputs, grad),
        torch.autograd.grad(dense, inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(given, expected, rtol=1e-10, atol=1e-10)


def test_many_tiles_and_blocks_equal_one(monkeypatch):
    kan = layer()
    x = torch.randn(50, 3, dtype=torch.float64)
    whole = kan(x)
    monkeypatch.setattr("spectralfm.nn._spline_linear.TILE", 96)
    monkeypatch.setattr("spectralfm.nn._spline_linear.BLOCK", 7)
    torch.testing.assert_close(kan(x), whole, rtol=0, atol=1e-14)


def test_partition_of_unity_everywhere():
    kan = layer(moved=True, dtype=torch.float32)
    x = torch.linspace(-8, 8, 200)[:, None].expand(-1, 3)
    torch.testing.assert_close(kan.basis(x).sum(-1), torch.ones(200, 3), rtol=0, atol=1e-4)


def test_off_grid_goes_on_along_the_tangent():
    kan = layer()
    nn.init.zeros_(kan.base_weight)
    x = torch.tensor([[3.0], [5.0], [7.0]], dtype=torch.float64).expand(3, 3).clone()
    x.requires_grad_()
    y = kan(x)
    (slope,) = torch.autograd.grad(y[:, 0].sum(), x)
    assert (slope.abs() > 1e-3).all()
    torch.testing.assert_close(y[2] - y[1], y[1] - y[0])
    torch.testing.assert_close(slope[2], slope[0])


def test_gradient_is_exact():
    kan = layer(moved=True)
    torch.autograd.gradcheck(kan, (torch.randn(5, 3, dtype=torch.float64, requires_grad=True),))


@pytest.mark.parametrize("function", [torch.square, lambda x: torch.sin(3 * x)], ids=["x^2", "sin"])
def test_fits_a_function(function):
    torch.manual_seed(0)
    kan = KANLinear(1, 1, 8, 3)
    x = torch.linspace(-1, 1, 256)[:, None]
    optimizer = torch.optim.LBFGS(kan.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (kan(x) - function(x)).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (kan(x) - function(x)).abs().max() < 1e-3


def test_update_grid_covers_the_data_and_keeps_a_polynomial():
    kan = layer(n_in=1, n_out=1)
    x = torch.linspace(-2, 3, 100, dtype=torch.float64)[:, None]
    cubic = x**3 - x
    kan.spline_weight.data[0, 0] = torch.linalg.lstsq(kan.basis(x)[:, 0], cubic).solution[:, 0]
    nn.init.zeros_(kan.base_weight)
    data = torch.rand(300, 1, dtype=torch.float64) ** 3  # in [0, 1], most near 0
    kan.update_grid(data, uniform=0.2)
    widths = kan.grid[0].diff()
    assert kan.grid[0, 3] == data.min() and kan.grid[0, -4] == data.max()
    assert widths[3] < widths[-4] / 2  # knots are dense where the data are
    torch.testing.assert_close(kan(data), data**3 - data, rtol=0, atol=1e-6)


def test_update_grid_of_a_constant_input_is_finite():
    kan = layer()
    kan.update_grid(torch.full((10, 3), 5.0, dtype=torch.float64))
    assert torch.isfinite(kan(torch.full((2, 3), 5.0, dtype=torch.float64))).all()


def test_update_grids_reaches_every_layer_with_its_own_input():
    torch.manual_seed(0)
    model = nn.Sequential(KANLinear(2, 4), KANLinear(4, 1))
    x = 5 + torch.rand(64, 2)
    update_grids(model, x)
    hidden = model[0](x)
    torch.testing.assert_close(model[1].grid[:, 3], hidden.min(0).values)
    torch.testing.assert_close(model[1].grid[:, -4], hidden.max(0).values)
    assert not model[0]._forward_pre_hooks


def test_loaded_and_copied_layers_give_equal_outputs():
    kan, x = layer(moved=True), torch.randn(9, 3, dtype=torch.float64)
    fresh = layer()
    fresh.load_state_dict(kan.state_dict())
    with torch.device("meta"):
        bare = KANLinear(3, 2)
    bare.load_state_dict(kan.state_dict(), assign=True)
    for other in (fresh, bare, copy.deepcopy(kan), pickle.loads(pickle.dumps(kan))):
        assert torch.equal(other(x), kan(x))


def test_nan_and_empty_inputs_pass_through():
    for kan in (layer(), layer(moved=True)):
        x = torch.zeros(2, 3, dtype=torch.float64)
        x[0, 1] = torch.nan
        assert torch.isnan(kan(x)[0]).all() and torch.isfinite(kan(x)[1]).all()
        assert kan(x[:0]).shape == (0, 2)


def test_autocast_multiplies_in_bfloat16():
    kan, x = layer(dtype=torch.float32), torch.randn(8, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = kan(x)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), kan(x), rtol=0.05, atol=0.1)
    low.float().sum().backward()
    assert kan.spline_weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    "arguments", [(0, 1), (1, 0), (1, 1, 0), (1, 1, 5, 0)], ids=["in", "out", "grid", "order"]
)
def test_sizes_below_one_are_refused(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        KANLinear(*arguments)


def test_bad_grids_are_refused():
    with pytest.raises(ValueError, match="ascending"):
        KANLinear(1, 1, grid_range=(1.0, 1.0))
    with pytest.raises(ValueError, match="uniform"):
        layer().update_grid(torch.rand(5, 3), uniform=0.0)
    with pytest.raises(ValueError, match="finite"):
        layer().update_grid(torch.full((5, 3), torch.nan))
