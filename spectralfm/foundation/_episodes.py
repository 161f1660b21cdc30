r"""Episodes: small calibration transfers of known outcome, on which the features are trained.

An episode draws samples of known composition, records all of them with two simulated instruments A
and B, calibrates on some of them on A and predicts the others on B:

.. math:: \ell = \frac1M \sum_m \log \Big( \epsilon + \frac{\lVert y - \hat y_m(B) \rVert^2}
                                                        {\lVert y - \bar y \rVert^2} \Big)

The calibration is a ridge regression in closed form, so that the loss reaches the features which
it is made on, of samples and of instruments. It is made M times: knowing nothing of B, the mean of
B's spectra, or some standards; each time for A as for B as source.

Dimensions: n samples, K substances, L channels, k properties, d features.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..nn.heads import ridge_solve
from ..simulation import InstrumentSimulator, simulate_mixtures, simulate_substances

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Ridge penalties whose predictions are averaged, over the sum of squares of the features."""

HEAVIER = 10.0
"""Factor on them where nothing is known of the target: what is not measured must not be trusted."""

STANDARDS = 5
"""Samples measured on both instruments."""

FEWEST = 4 * STANDARDS
"""Samples of an episode at least."""

LEAST = 3e-3
"""Relative error that is as good as none."""

MILDEST = 1.7
"""Decades by which the instruments of an episode may be milder than the prior."""

PRESENT = 0.75
"""Chance of an effect to be part of an episode."""

NEIGHBOURS = 512
"""Spectra among which those of one kind of samples are looked for."""

PROPERTIES = 6
"""Properties of an episode."""


class Episode(NamedTuple):
    """Samples of known composition on two instruments.

    Attributes
    ----------
    first, second : Tensor of shape (n, L)
        Spectra of the same samples on instrument A and B.
    axis : Tensor of shape (L,)
        Wavenumbers, cm-1.
    y : Tensor of shape (n, k)
        Properties, standardised.
    """

    first: Tensor
    second: Tensor
    axis: Tensor
    y: Tensor


def draw_episode(
    spectra: Tensor, axis: Tensor, modality: str, n_samples: int, generator: torch.Generator
) -> Episode:
    """Draw samples, properties and two instruments.

    Parameters
    ----------
    spectra : Tensor of shape (N, L)
        Real spectra in random order, `NEIGHBOURS` of them or fewer: of half of the episodes they
        are the samples, with substances added.
    axis : Tensor of shape (L,) or (N, L)
        Their wavenumbers, cm-1.
    modality : {"nir", "mir", "raman"}
        Kind of spectra and instruments.
    n_samples : int
        Samples n wanted.
    generator : torch.Generator
        Source of all draws.

    Returns
    -------
    Episode
        Real spectra are a window of the axis; so few of them on one axis that an episode would
        repeat samples are replaced by simulated mixtures.
    """

    def uniform() -> float:
        return float(torch.rand((), generator=generator))

    rows, place = _alike(spectra, axis, n_samples, generator)
    if uniform() < 0.5 or len(rows) < n_samples:
        made = simulate_mixtures(n_samples, place, generator, modality=modality)
        x, known = made.spectra, made.amounts
    else:
        x, place = window(rows, place, generator)
        amount = 10 ** (1.5 * uniform() - 1.2)
        substances = simulate_substances(3, place, generator, modality=modality)
        known = torch._standard_gamma(torch.full((n_samples, 3), 2.0), generator=generator)
        added = known @ substances
        scale = x.std(0).mean() / added.std(0).mean().clamp(min=1e-9)
        x = x + amount * scale * added
    order = torch.randperm(known.shape[1], generator=generator)[: PROPERTIES // 2]
    heights = _band_heights(x, PROPERTIES - len(order), generator)
    y = torch.cat([known[:, order].to(x), heights], 1).double()
    y = (y - y.mean(0)) / y.std(0).clamp(min=1e-12)
    simulator = _mild_simulator(modality, generator)
    first, second = (
        simulator.apply(x, place, simulator.sample_instruments(1, generator), generator)
        for _ in range(2)
    )
    return Episode(first, second, place, y)


def episode_loss(first: Tensor, second: Tensor, y: Tensor) -> Tensor:
    """Calibrate on one instrument, predict on the other, both ways.

    Parameters
    ----------
    first, second : Tensor of shape (n, d)
        Features of the samples on both instruments; the first half of the samples calibrates.
    y : Tensor of shape (n, k)
        Properties.

    Returns
    -------
    Tensor of shape ()
        Mean logarithm of the relative squared error: 0 is as good as predicting the mean.
    """
    half = len(y) // 2
    known, wanted = y[:half], y[half:]
    losses = []
    for source, target in ((first, second), (second, first)):
        calibration, test = source[:half], target[half:]
        difference = target[:STANDARDS] - source[:STANDARDS]
        shift = difference.mean(0)
        nuisance = (half / STANDARDS) ** 0.5 * (difference - shift)
        ways = (
            (test, HEAVIER, None),
            (test - (test.mean(0) - calibration.mean(0)), 1.0, None),
            (test - shift, 1.0, nuisance),
            (source[half:], 1.0, None),  # the source itself must not be forgotten
        )
        for features, factor, rows in ways:
            penalty = factor * torch.tensor(PENALTIES, dtype=y.dtype, device=y.device)
            coef, intercept = ridge_solve(calibration, known, penalty, nuisance=rows)
            predicted = (features @ coef + intercept).mean(0)  # (Q, n, k) -> (n, k)
            missed = (predicted - wanted).square().mean(0) / wanted.var(0).clamp(min=1e-6)  # (k,)
            losses.append((missed + LEAST).log().mean())
    return torch.stack(losses).mean()


def _alike(
    spectra: Tensor, axis: Tensor, n_samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return up to n spectra of one kind and axis, the neighbours of the first."""
    anchor, rows, place = spectra[0], spectra, axis
    if axis.ndim == 2:
        place = axis[0]
        rows = spectra[((axis - place).abs() < 1e-3 * place.abs()).all(1)]
    shape = rows - rows.mean(1, keepdim=True)
    distance = (shape - (anchor - anchor.mean())).square().sum(1)
    # From the nearest to anything: samples of one plant, or of all the world.
    share = float(torch.rand((), generator=generator))
    n_kept = round(n_samples * (max(len(rows) / n_samples, 1.0) ** share))
    near = distance.argsort()[:n_kept]
    return rows[near[torch.randperm(len(near), generator=generator)[:n_samples]]], place


def window(x: Tensor, axis: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return between a third and all of the channels, at least 40 of them."""
    share, start = torch.rand(2, generator=generator).tolist()
    n_channels = x.shape[1]
    n_kept = min(max(round(n_channels * (1 + 2 * share) / 3), 40), n_channels)
    first = round(start * (n_channels - n_kept))
    return x[:, first : first + n_kept], axis[..., first : first + n_kept]


def _band_heights(x: Tensor, n_bands: int, generator: torch.Generator) -> Tensor:
    """Return heights (n, b) at random channels over a line between the feet of a band."""
    n_channels = x.shape[1]
    reach = torch.randint(2, max(n_channels // 10, 3), (n_bands,), generator=generator)
    place = torch.rand(n_bands, generator=generator)
    middle = reach + (place * (n_channels - 2 * reach)).long()
    middle = torch.minimum(middle, n_channels - 1 - reach)
    return x[:, middle] - (x[:, middle - reach] + x[:, middle + reach]) / 2


def _mild_simulator(modality: str, generator: torch.Generator) -> InstrumentSimulator:
    """Return a simulator with some of the effects, milder than the prior or as it is."""
    severity = float(torch.rand((), generator=generator))
    every = InstrumentSimulator(modality=modality).effects
    kept = torch.rand(len(every), generator=generator) < PRESENT
    effects = [effect for effect, keep in zip(every, kept.tolist(), strict=True) if keep]
    return InstrumentSimulator(
        modality=modality, effects=effects, amplitude=10 ** (-MILDEST * severity), decades=1.0
    )
