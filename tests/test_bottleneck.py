"""KL against torch.distributions, the sign of the adversary, and a toy that must come apart."""

import numpy as np
import pytest
import torch
from torch import distributions, nn

from spectralfm.losses.bottleneck import (
    bottleneck_loss,
    same_instrument_loss,
    squared_correlation,
)
from spectralfm.nn.bottleneck import (
    InstrumentReader,
    Summary,
    VariationalBottleneck,
    gaussian_kl,
    gradient_reversal,
)

torch.set_num_threads(1)


def test_kl_equals_torch_distributions():
    torch.manual_seed(0)
    bottleneck = VariationalBottleneck(10, n_chem=6, n_inst=3).double()
    z = bottleneck(5 * torch.randn(8, 10, dtype=torch.float64))
    expected = 0.0
    for mean, logvar in ((z.chem_mean, z.chem_logvar), (z.inst_mean, z.inst_logvar)):
        latent = distributions.Normal(mean, (0.5 * logvar).exp())
        prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        kl = distributions.kl_divergence(latent, prior).sum(-1).mean()
        torch.testing.assert_close(gaussian_kl(mean, logvar), kl)
        expected += kl
    torch.testing.assert_close(z.kl, expected)


def test_samples_in_training_have_the_stated_moments_and_evaluation_gives_the_mean():
    torch.manual_seed(0)
    bottleneck = VariationalBottleneck(10, n_chem=6, n_inst=3)
    h = torch.randn(1, 10).expand(20000, 10)
    z = bottleneck(h)
    torch.testing.assert_close(z.chem.mean(0), z.chem_mean[0], rtol=0, atol=0.05)
    torch.testing.assert_close(z.chem.var(0).log(), z.chem_logvar[0], rtol=0, atol=0.05)
    z = bottleneck.eval()(h[:2])
    assert torch.equal(z.chem, z.chem_mean) and torch.equal(z.inst, z.inst_mean)


def test_enormous_log_variance_stays_finite_and_alive():
    bottleneck = VariationalBottleneck(1, n_chem=1, n_inst=1)
    h = torch.tensor([[200.0]], requires_grad=True)
    nn.init.ones_(bottleneck.chem.weight)
    z = bottleneck(h)
    assert torch.isfinite(torch.stack([z.kl, z.chem.squeeze()])).all()
    (grad,) = torch.autograd.grad(z.kl, h)
    assert torch.isfinite(grad).all() and grad.abs() > 0


def test_gradient_reversal():
    x = torch.randn(3, requires_grad=True)
    y = gradient_reversal(x, 0.5)
    assert torch.equal(y, x)
    (grad,) = torch.autograd.grad((y * torch.tensor([1.0, 2.0, 3.0])).sum(), x)
    torch.testing.assert_close(grad, torch.tensor([-0.5, -1.0, -1.5]))


def test_adversary_gets_better_and_the_latent_gets_worse_for_it():
    torch.manual_seed(0)
    reader, huber = InstrumentReader(4, 3, 2), nn.functional.smooth_l1_loss
    chem, inst = torch.randn(50, 4, requires_grad=True), torch.randn(50, 3, requires_grad=True)
    instrument = torch.randn(50, 2)

    def errors(chem, inst):
        return torch.stack([huber(reading, instrument) for reading in reader(chem, inst)])

    before = errors(chem, inst)
    loss = bottleneck_loss(torch.zeros(()), *reader(chem, inst), instrument)
    torch.testing.assert_close(loss, before.sum())
    loss.backward()
    with torch.no_grad():
        assert errors(chem - chem.grad, inst)[1] > before[1]  # a step down hides the instrument
        assert errors(chem, inst - inst.grad)[0] < before[0]  # and shows it here
        for parameter in reader.parameters():
            parameter -= 0.1 * parameter.grad
        assert (errors(chem, inst) < before).all()


def test_squared_correlation_equals_numpy():
    torch.manual_seed(0)
    latent, known = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 2, dtype=torch.float64)
    r = np.corrcoef(latent.numpy(), known.numpy(), rowvar=False)[:3, 3:]
    expected = np.log1p((r**2).sum(0)).mean() - np.log1p(3 / 19)
    assert squared_correlation(latent, known).item() == pytest.approx(expected, abs=1e-5)


def test_likeness_equals_its_definition_and_skips_unknown_instruments():
    torch.manual_seed(0)
    z, label = torch.randn(6, 3), torch.tensor([0, 0, 0, 1, 1, 2])
    unit = nn.functional.normalize(z, dim=1).numpy()
    expected = []
    for i in range(5):  # the last has no other spectrum of its instrument
        e = {k: np.exp(unit[i] @ unit[k] / 0.2) for k in range(6) if k != i}
        same = [k for k in e if label[k] == label[i]]
        expected.append(-np.mean([np.log(e[k] / sum(e.values())) for k in same]))
    assert same_instrument_loss(z, label).item() == pytest.approx(np.mean(expected), rel=1e-5)
    more = torch.cat([z, torch.randn(2, 3)]), torch.cat([label, torch.tensor([-1, -1])])
    torch.testing.assert_close(same_instrument_loss(*more), same_instrument_loss(z, label))
    assert same_instrument_loss(z, torch.arange(6)).item() == 0.0
    assert not same_instrument_loss(z.requires_grad_(), label, weight=0).requires_grad


def test_the_summary_reads_places_and_no_padding():
    torch.manual_seed(0)
    summary, h, features = Summary(8, 3), torch.randn(2, 34, 8), torch.randn(2, 32, 3)
    padding = torch.zeros(2, 34, dtype=torch.bool)
    before, detail = summary(h, features, padding)
    assert before.shape == (2, 8) and detail.shape == (2, 16 * 3) == (2, summary.n_detail)
    # 32 tokens in 16 segments: means of two.
    torch.testing.assert_close(detail, features.unflatten(1, (16, 2)).mean(2).mT.flatten(1))
    flipped = torch.cat([h[:, :2], h[:, 2:].flip(1)], 1)
    assert not torch.allclose(summary(flipped, features, padding)[0], before)
    padding[:, 20:] = True
    without = summary(h, features, padding)
    h[:, 20:] = features[:, 18:] = 100.0
    torch.testing.assert_close(summary(h, features, padding), without)


def test_detail_reaches_the_instrument_latent_alone():
    torch.manual_seed(0)
    bottleneck = VariationalBottleneck(8, n_chem=6, n_inst=3, n_detail=5).eval()
    h, detail = torch.randn(4, 8), torch.randn(4, 5)
    before, after = bottleneck(h, detail), bottleneck(h, detail + 1)
    torch.testing.assert_close(before.chem, after.chem, rtol=0, atol=0)
    assert not torch.allclose(before.inst, after.inst)


def test_unknown_instruments_do_not_count():
    reading, instrument = torch.randn(4, 2), torch.randn(4, 2)
    instrument[1:] = torch.nan
    zero = torch.zeros(())
    expected = nn.functional.smooth_l1_loss(reading[:1], instrument[:1])
    torch.testing.assert_close(bottleneck_loss(zero, reading, None, instrument), expected)
    classes = torch.tensor([1, -1, -1, -1])
    expected = nn.functional.cross_entropy(reading[:1], classes[:1])
    torch.testing.assert_close(bottleneck_loss(zero, reading, None, classes), expected)
    assert bottleneck_loss(zero, reading, None, torch.full((4,), -1)).item() == 0.0


def test_weight_zero_has_no_graph():
    kl = torch.ones((), requires_grad=True)
    loss = bottleneck_loss(kl, weight=0)
    assert loss.item() == 0.0 and not loss.requires_grad


def explained(z, y):
    """R2 on new samples of a linear probe with squares of the latents."""
    z = torch.cat([z, z.square(), torch.ones(len(z), 1)], dim=1)
    half = len(z) // 2
    coefficients = torch.linalg.lstsq(z[:half], y[:half]).solution
    residual = y[half:] - z[half:] @ coefficients
    return 1 - (residual.var(0) / y[half:].var(0)).mean().item()


def test_chemistry_and_instrument_come_apart():
    """With latents hardly wider than what they hold; with 64 and 32 it depends on the seed."""
    n_chem, n_inst = 6, 4
    torch.manual_seed(0)
    mix = torch.linalg.qr(torch.randn(12, 12))[0][:5]

    def draw(n):
        chemistry, instrument = torch.randn(n, 3), torch.randn(n, 2)
        return chemistry, instrument, torch.cat([chemistry, instrument], 1) @ mix

    encoder = nn.Sequential(nn.Linear(12, 32), nn.GELU())
    bottleneck = VariationalBottleneck(32, n_chem, n_inst)
    decoder, reader = nn.Linear(n_chem + n_inst, 12), InstrumentReader(n_chem, n_inst, 2)
    parts = nn.ModuleList([encoder, bottleneck, decoder, reader])
    optimizer = torch.optim.Adam(parts.parameters(), lr=3e-3)
    for step in range(600):
        _, instrument, x = draw(128)
        z = bottleneck(encoder(x))
        readings = reader(z.chem, z.inst, scale=min(0.3, step / 1000))
        loss = 10 * nn.functional.mse_loss(decoder(torch.cat([z.chem, z.inst], 1)), x)
        loss = loss + bottleneck_loss(z.kl, *readings, instrument, z.chem_mean, z.inst_mean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    chemistry, instrument, x = draw(2000)
    with torch.no_grad():
        z = bottleneck.eval()(encoder(x))
    assert explained(z.inst, instrument) > 0.9 and explained(z.chem, chemistry) > 0.9
    assert explained(z.chem, instrument) < 0.2 and explained(z.inst, chemistry) < 0.2


@pytest.mark.parametrize("training", [True, False])
def test_gradients_reach_both_heads(training):
    bottleneck = VariationalBottleneck(4, n_chem=3, n_inst=2).train(training)
    bottleneck(torch.randn(5, 4)).kl.backward()
    for parameter in bottleneck.parameters():
        assert parameter.grad.abs().sum() > 0
