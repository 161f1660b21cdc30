"""Component spectra: the conditional expectation of a Gaussian, a line without them, no leaks."""

import numpy as np
import pytest
import torch

from spectralfm.nn.components import ComponentSpectra
from spectralfm.nn.encoder import SpectralEncoder

torch.set_num_threads(1)

KIND = torch.tensor(1)
AXIS = torch.linspace(4000.0, 10000.0, 120, dtype=torch.float64)
TINY = {
    "d_model": 16, "n_mamba_layers": 1, "n_transformer_layers": 1, "n_heads": 2, "n_chem": 8,
    "n_inst": 6, "fno_modes": 4, "fno_width": 8, "fno_layers": 1, "n_grid": 256,
}  # fmt: skip


def components(n=5):
    torch.manual_seed(0)
    return ComponentSpectra(n, n_modalities=2).double()


def gappy(n=4):
    """Random spectra, and what is seen of each: all but two stretches."""
    torch.manual_seed(1)
    seen = torch.ones(n, len(AXIS), dtype=torch.bool)
    for row, first in enumerate(range(5, 5 + 7 * n, 7)):
        seen[row, first : first + 20] = seen[row, 70:95] = False
    return torch.randn(n, len(AXIS), dtype=torch.float64).cumsum(1) / 5, seen


@torch.no_grad()
def test_what_is_hidden_is_the_conditional_expectation():
    """As numpy has it from the covariance of all points, plus a line through the residuals."""
    model, (x, seen) = components(), gappy()
    found = model(x, seen, AXIS.expand(4, -1), KIND).numpy()
    mean, loadings = (part[0].numpy() for part in model.spectra(AXIS[None], KIND))
    basis = np.column_stack([loadings, np.ones(len(AXIS))])
    covariance = basis @ basis.T
    for row, here, spectrum in zip(found, seen.numpy(), x.numpy(), strict=True):
        noise = model.log_noise.exp().item() ** 2 * here.sum()
        within = covariance[np.ix_(here, here)] + noise * np.eye(here.sum())
        deviation = np.linalg.solve(within, (spectrum - mean)[here])
        expected = mean + covariance[:, here] @ deviation
        place = np.arange(len(AXIS))
        expected += np.interp(place, place[here], (spectrum - expected)[here])
        np.testing.assert_allclose(row, expected, atol=1e-6)  # a line's shares are single
        np.testing.assert_allclose(row[here], spectrum[here], atol=1e-12)


@torch.no_grad()
def test_without_loadings_a_line_goes_on():
    model, (x, seen) = components(), gappy()
    torch.nn.init.zeros_(model.read.weight)
    found = model(x, seen, AXIS.expand(4, -1), KIND)
    place = np.arange(len(AXIS))
    for row, here, spectrum in zip(found.numpy(), seen.numpy(), x.numpy(), strict=True):
        np.testing.assert_allclose(row, np.interp(place, place[here], spectrum[here]), atol=1e-6)


@torch.no_grad()
def test_hidden_values_reach_nothing_and_batches_do_not_matter():
    model, (x, seen) = components(), gappy()
    expected = model(x, seen, AXIS.expand(4, -1), KIND)
    changed = torch.where(seen, x, torch.nan)
    torch.testing.assert_close(model(changed, seen, AXIS.expand(4, -1), KIND), expected)
    own = model(x, seen, AXIS.repeat(4, 1), KIND.repeat(4))  # an axis and a kind a spectrum
    torch.testing.assert_close(own, expected)
    nothing = model(x, torch.zeros_like(seen), AXIS.expand(4, -1), KIND)
    assert nothing.isfinite().all()


@torch.no_grad()
def test_components_belong_to_wavenumbers_and_kinds():
    model = components()
    mean, loadings = model.spectra(AXIS[None], KIND)
    fewer = model.spectra(AXIS[None, ::3], KIND)
    torch.testing.assert_close(fewer, (mean[:, ::3], loadings[:, ::3]))
    assert (model.spectra(AXIS[None], torch.tensor(0))[1] - loadings).abs().max() > 0.1


def test_they_learn_substances():
    """Mixtures of three substances: two bands of each are seen, the others are known from them."""
    torch.manual_seed(0)
    centres = torch.rand(3, 4, 1, dtype=torch.float64) * 5000 + 4500
    substances = torch.exp(-(((AXIS - centres) / 250) ** 2)).sum(1)
    model = components(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def errors(n=16):
        x = torch.rand(n, 3, dtype=torch.float64) @ substances
        x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
        seen = torch.ones(n, len(AXIS), dtype=torch.bool)
        first = int(torch.randint(95, ()))
        seen[:, first : first + 20] = False
        place = AXIS.expand(n, -1)
        line = torch.tensor(
            np.stack([np.interp(AXIS, AXIS[h], v[h]) for h, v in zip(seen, x, strict=True)])
        )
        return (model(x, seen, place, KIND) - x).square().mean(), (line - x).square().mean()

    for _ in range(60):
        optimizer.zero_grad()
        errors()[0].backward()
        optimizer.step()
    with torch.no_grad():
        missed, line = torch.tensor([errors() for _ in range(20)]).sum(0)
    assert missed < 0.25 * line


def test_none_is_refused():
    with pytest.raises(ValueError, match="n_components must be at least 1"):
        ComponentSpectra(0, n_modalities=2)


@torch.no_grad()
def test_reconstructions_start_from_what_is_expected():
    torch.manual_seed(0)
    encoder, x = SpectralEncoder(**TINY, n_components=4).double().eval(), gappy()[0]
    torch.nn.init.zeros_(encoder.reconstruction.linear.weight)
    mask = torch.zeros(4, encoder.embed.n_tokens, dtype=torch.bool)
    mask[:, 4:8] = True
    encoding = encoder(x, AXIS, KIND, mask)
    seen = encoding.spectra.looked_at
    assert seen.any() and not (seen & encoder.embed.covered(mask)).any()
    torch.testing.assert_close(encoding.expected[seen], encoding.spectra.values[seen])
    assert (encoding.expected - encoding.spectra.seen)[~seen].abs().max() > 0.1
    torch.testing.assert_close(
        encoder.reconstruct(encoding), encoder.embed.patches(encoding.expected)
    )
    whole = encoder(x, AXIS, KIND)
    assert torch.equal(whole.expected, whole.spectra.values)


@torch.no_grad()
def test_without_components_nothing_is_added():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = SpectralEncoder(**TINY)
        torch.manual_seed(0)
        more = SpectralEncoder(**TINY, n_components=4)
    names = plain.state_dict().keys()
    assert not any("components" in name for name in names)
    assert all(torch.equal(more.state_dict()[name], plain.state_dict()[name]) for name in names)
    x, mask = gappy()[0].float(), torch.rand(4, plain.embed.n_tokens) < 0.3
    encoding = plain.eval()(x, AXIS, KIND, mask)
    assert torch.equal(encoding.expected, encoding.spectra.seen)
