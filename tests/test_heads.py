"""Heads: shapes, seams, a batch learned by heart, and ridge against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from spectralfm.nn.heads import (
    ClassificationHead,
    Projector,
    ReconstructionHead,
    RegressionHead,
    ridge_solve,
)

torch.set_num_threads(1)


def fit(module, inputs, targets, loss):
    """Train on one batch and return the last loss."""
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(module(inputs), targets)
        value.backward()
        return value

    optimizer.step(closure)
    return closure().item()


@pytest.mark.parametrize("patch, stride, n_channels", [(32, 16, 2048), (8, 8, 64), (6, 4, 50)])
def test_cut_and_assemble_are_inverse(patch, stride, n_channels):
    head = ReconstructionHead(4, patch, stride, n_channels)
    x = torch.randn(2, n_channels)
    patches = head.cut(x)
    assert patches.shape == (2, head.n_tokens, patch)
    assert head(torch.randn(2, head.n_tokens, 4)).shape == patches.shape
    torch.testing.assert_close(head.assemble(patches), x)


def test_patches_come_in_the_units_of_the_spectrum():
    head = ReconstructionHead(4, 8, 4, 40)
    tokens, offset, scale = (
        torch.randn(2, 9, 4),
        torch.tensor([1.0, -2.0]),
        torch.tensor([3.0, 0.1]),
    )
    plain, own = head(tokens), head(tokens, offset, scale)
    torch.testing.assert_close(own[1], plain[1] * 0.1 - 2)


def test_reconstruction_overfits_one_batch():
    torch.manual_seed(0)
    head = ReconstructionHead(32, 16, 8, 128)
    x = torch.sin(torch.linspace(0, 20, 128) + torch.rand(2, 1) * 6)
    patches, tokens = head.cut(x), torch.randn(2, head.n_tokens, 32)
    assert fit(head, tokens, patches, nn.functional.mse_loss) < 1e-3 * patches.var()


def test_patches_must_cover():
    with pytest.raises(ValueError, match="do not cover 2040"):
        ReconstructionHead(4, n_channels=2040)
    with pytest.raises(ValueError, match="do not cover"):
        ReconstructionHead(4, 8, 16, 40)


@pytest.mark.parametrize("d_hidden", [0, 16])
def test_regression_recovers_a_linear_map(d_hidden):
    torch.manual_seed(0)
    head, x = RegressionHead(5, 3, d_hidden), torch.randn(200, 5)
    weight, bias = torch.randn(3, 5), torch.randn(3)
    assert fit(head, x, x @ weight.T + bias, nn.functional.mse_loss) < 1e-6
    new = torch.randn(50, 5)
    torch.testing.assert_close(head(new), new @ weight.T + bias, rtol=0, atol=0.02)


def test_regression_learns_a_curve():
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 100)[:, None]
    assert fit(RegressionHead(1, 1, 32), x, x**2, nn.functional.mse_loss) < 1e-3


def test_classification_separates():
    torch.manual_seed(0)
    labels = torch.arange(90) % 3
    x = torch.randn(90, 4) * 0.3 + torch.eye(3, 4)[labels] * 3
    head = ClassificationHead(4, 3)
    fit(head, x, labels, nn.functional.cross_entropy)
    assert (head(x).argmax(1) == labels).all()


def test_projector_does_not_depend_on_the_batch():
    projector, z = Projector(6, 4), torch.randn(5, 6)
    torch.testing.assert_close(projector(z)[:1], projector(z[:1]))


@pytest.mark.parametrize("n, d", [(30, 5), (12, 40)], ids=["primal", "dual"])
@pytest.mark.parametrize("n_nuisance", [0, 3])
def test_ridge_equals_scikit_learn(n, d, n_nuisance):
    rng = np.random.default_rng(0)
    X, y, D = rng.random((n, d)) + 5, rng.random((n, 2)), rng.random((n_nuisance, d))
    centred = X - X.mean(0)
    alpha = 1e-3 * (centred**2).sum()
    rows, zeros = np.vstack([centred, D]), np.zeros((n_nuisance, 2))
    model = Ridge(alpha, fit_intercept=False).fit(rows, np.vstack([y - y.mean(0), zeros]))
    nuisance = torch.from_numpy(D) if n_nuisance else None
    coef, intercept = ridge_solve(torch.from_numpy(X), torch.from_numpy(y), 1e-3, nuisance=nuisance)
    np.testing.assert_allclose(coef.numpy(), model.coef_.T, atol=1e-10)
    np.testing.assert_allclose(intercept[0], y.mean(0) - X.mean(0) @ model.coef_.T, atol=1e-10)


@pytest.mark.parametrize("n", [4, 9], ids=["dual", "primal"])
def test_ridge_has_exact_gradients(n):
    torch.manual_seed(0)
    X, y, D, penalty = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, n, 6), (2, n, 1), (2, 2, 6), ())
    )
    torch.autograd.gradcheck(
        lambda X, y, D, penalty: ridge_solve(X, y, penalty.exp(), nuisance=D), (X, y, D, penalty)
    )


def test_ridge_forgets_the_unit_and_repeated_features():
    torch.manual_seed(0)
    X, y, new = torch.randn(10, 20), torch.randn(10, 1), torch.randn(5, 20)

    def predict(X, new):
        coef, intercept = ridge_solve(X, y, 0.01)
        return new @ coef + intercept

    expected = predict(X, new)
    torch.testing.assert_close(predict(1e4 * X, 1e4 * new), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(predict(X.repeat(1, 3), new.repeat(1, 3)), expected)


def test_ridge_of_constant_features_predicts_the_mean():
    y = torch.arange(4.0)[:, None]
    coef, intercept = ridge_solve(torch.ones(4, 3), y)
    assert not coef.any() and intercept.item() == pytest.approx(1.5)
