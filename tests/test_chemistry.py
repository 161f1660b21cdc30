"""Simulated substances and mixtures: band shapes against scipy, composition, overtones."""

import numpy as np
import pytest
import torch
from scipy.special import voigt_profile

from spectralfm.simulation import pseudo_voigt, simulate_mixtures, simulate_substances
from spectralfm.simulation._chemistry import _overtones

NIR = 1e7 / torch.arange(1100.0, 2500.0, 4.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_the_ends_of_the_mixture_are_gaussian_and_lorentzian(mixing):
    distance, width = torch.linspace(-40, 40, 101, dtype=torch.float64), 13.0
    sigma, gamma = (width / 2.354820045, 0.0) if mixing == 0 else (0.0, width / 2)
    expected = voigt_profile(distance.numpy(), sigma, gamma) / voigt_profile(0.0, sigma, gamma)
    made = pseudo_voigt(distance, torch.tensor(width), torch.tensor(mixing, dtype=torch.float64))
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("modality", "axis"),
    [
        ("nir", NIR),
        ("NIR", 1e7 / torch.arange(450.0, 700.0, 2.0)),
        ("mir", torch.linspace(4000.0, 650.0, 200)),
        ("Raman", torch.linspace(200.0, 3200.0, 300)),
    ],
)
def test_mixtures_obey_beer_and_lambert(modality, axis):
    made = simulate_mixtures(40, axis, seeded(), modality=modality)
    assert torch.equal(made.spectra, made.amounts @ made.substances)
    assert made.spectra.isfinite().all() and (made.substances >= 0).all()
    assert (made.amounts >= 0).all()
    torch.testing.assert_close(made.amounts.sum(1), torch.ones(40))
    heights = made.substances.amax(1)
    assert ((heights > 0.099) & (heights < 2.001)).all()
    again = simulate_mixtures(40, axis, seeded(), modality=modality)
    assert torch.equal(made.spectra, again.spectra)
    assert not torch.equal(simulate_mixtures(40, axis, seeded(1)).spectra, made.spectra)


def test_substances_differ_and_amounts_vary():
    made = simulate_mixtures(200, NIR, seeded(3), n_substances=5)
    assert made.substances.shape == (5, len(NIR))
    likeness = np.corrcoef(made.substances.numpy())
    assert likeness[np.triu_indices(5, 1)].max() < 0.95
    assert (made.amounts.std(0) > 0).all()


def test_overtones_lie_where_those_of_hydrogen_do():
    """First overtones of C-H, N-H and O-H: 1400 to 1900 nm; heights fall with the order."""
    first, heights = [], []
    for seed in range(50):
        centres, weaker = _overtones(seeded(seed))
        pure = centres.reshape(2, -1, 4)[0]
        first.append(1e7 / pure[:, 1])
        heights.append(weaker.reshape(2, -1, 4)[0])
        assert (pure.diff(dim=1) > 0).all() and (pure.diff(dim=1).diff(dim=1) < 0).all()
    first, heights = torch.cat(first), torch.cat(heights)
    assert first.min() > 1350 and first.max() < 1950
    means = heights.mean(0)
    assert (means[1:] < 0.5 * means[:-1]).all()


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="at least two substances, got 1"):
        simulate_mixtures(3, NIR, seeded(), n_substances=1)
    with pytest.raises(ValueError, match="modality must be one of nir, mir, raman, got 'uv'"):
        simulate_substances(2, NIR, seeded(), modality="uv")
