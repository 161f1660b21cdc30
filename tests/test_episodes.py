"""Episodes: what they draw, and that their loss is that of a calibration made by hand."""

import numpy as np
import pytest
import torch

from spectralfm.foundation._episodes import (
    HEAVIER,
    LEAST,
    PENALTIES,
    PROPERTIES,
    STANDARDS,
    draw_episode,
    episode_loss,
)

AXIS = 1e7 / torch.linspace(1100.0, 2500.0, 120, dtype=torch.float64)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pool(n=80):
    bands = torch.exp(-(((AXIS[:, None] - torch.tensor([5200.0, 6900.0, 8300.0])) / 200) ** 2)).T
    return (torch.rand(n, 3, generator=seeded()) @ bands.float()) + 0.3


@pytest.mark.parametrize("modality", ["nir", "mir", "raman"])
def test_episodes_are_finite_standardised_and_follow_the_seed(modality):
    axis = AXIS if modality == "nir" else torch.linspace(400.0, 3400.0, 120, dtype=torch.float64)
    for seed in range(12):
        drawn = draw_episode(pool(), axis, modality, 20, seeded(seed))
        again = draw_episode(pool(), axis, modality, 20, seeded(seed))
        assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))
        assert drawn.first.shape == drawn.second.shape == (20, len(drawn.axis))
        assert drawn.first.isfinite().all() and drawn.second.isfinite().all()
        assert drawn.y.shape == (20, PROPERTIES)
        torch.testing.assert_close(drawn.y.mean(0), torch.zeros(PROPERTIES, dtype=torch.float64))
        assert not torch.equal(drawn.first, drawn.second)


def test_few_spectra_on_one_axis_give_simulated_samples():
    axes = AXIS + torch.arange(9)[:, None] * 50.0
    for seed in range(4):
        drawn = draw_episode(pool(9), axes, "nir", 20, seeded(seed))
        assert len(drawn.first) == 20
        assert any(torch.equal(drawn.axis, row) for row in axes)


def ridge(Z, y, penalty, rows=None):
    mean, y_mean = Z.mean(0), y.mean(0)
    A = Z - mean
    amount = penalty * (A**2).sum()
    R = A if rows is None else np.vstack([A, rows])
    target = y - y_mean if rows is None else np.vstack([y - y_mean, np.zeros((len(rows), 2))])
    coef = np.linalg.solve(R.T @ R + amount * np.eye(Z.shape[1]), R.T @ target)
    return lambda X: (X - mean) @ coef + y_mean


def test_the_loss_is_that_of_calibrations_made_by_hand():
    torch.manual_seed(0)
    first = torch.randn(24, 7, dtype=torch.float64)
    second = first + 0.3 * torch.randn(24, 7, dtype=torch.float64) + 0.5
    y = first[:, :2] + 0.1 * torch.randn(24, 2, dtype=torch.float64)
    a, b, known = first.numpy(), second.numpy(), y.numpy()
    half, logs = 12, []
    for source, target in ((a, b), (b, a)):
        difference = (target - source)[:STANDARDS]
        shift = difference.mean(0)
        rows = np.sqrt(half / STANDARDS) * (difference - shift)
        ways = [
            (target[half:], HEAVIER, None),
            (target[half:] - target[half:].mean(0) + source[:half].mean(0), 1.0, None),
            (target[half:] - shift, 1.0, rows),
            (source[half:], 1.0, None),
        ]
        for X, factor, nuisance in ways:
            models = [ridge(source[:half], known[:half], factor * p, nuisance) for p in PENALTIES]
            missed = np.mean([model(X) for model in models], 0) - known[half:]
            relative = (missed**2).mean(0) / known[half:].var(0, ddof=1)
            logs.append(np.log(relative + LEAST).mean())
    assert episode_loss(first, second, y).item() == pytest.approx(np.mean(logs), rel=1e-9)


def test_features_that_ignore_the_instrument_lose_less():
    torch.manual_seed(0)
    chemistry, y = torch.randn(24, 5), torch.randn(24, 1)
    chemistry[:, :1] = y
    assert episode_loss(chemistry, chemistry, y) < episode_loss(chemistry, chemistry + 0.5, y)
    chemistry.requires_grad_()
    episode_loss(chemistry, chemistry + 0.1, y).backward()
    assert chemistry.grad.abs().sum() > 0
