"""What can be read from an encoder: hidden patches, instruments, chemistry."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm._net import isolated
from spectralfm.foundation import SpectraGroup
from spectralfm.foundation._pretraining_losses import BLOCK
from spectralfm.foundation._simulated_views import MODALITIES as KINDS
from spectralfm.losses import block_mask
from spectralfm.losses.masked import hidden_channels
from spectralfm.nn.embedding import MODALITIES
from spectralfm.nn.encoder import SpectralEncoder
from spectralfm.simulation import InstrumentSimulator

N_INSTRUMENTS = 6
PENALTIES = np.logspace(-8, 2, 21)


def tensors(group: SpectraGroup) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return spectra, wavenumbers and modality as the encoder takes them."""
    x, axis = torch.tensor(group.X, dtype=torch.float32), torch.tensor(group.wavenumbers)
    return x, axis, torch.tensor(MODALITIES.index(group.modality))


@torch.no_grad()
def masked_error(
    encoder: SpectralEncoder, group: SpectraGroup, known: SpectraGroup | None = None
) -> dict[str, float]:
    """Return mean squared errors of hidden patches over those of a line between neighbours.

    With spectra ``known`` of the same kind, also that of their principal components, as many as
    the chemistry latent has dimensions: the expectation of what is hidden given what is seen.
    """
    x, axis, kind = tensors(group)
    embed = encoder.embed
    with isolated(1):
        mask = block_mask(embed.n_tokens, 0.4, n_spectra=len(x), block=BLOCK)
    encoding = encoder(x, axis, kind, mask)
    spectra = encoding.spectra
    hidden = hidden_channels(mask, embed.patch, embed.stride) & embed.grid(x, axis).measured
    counted = embed.patches(hidden) & mask.unsqueeze(2)
    values = embed.patches(spectra.values)

    def error(patches: torch.Tensor) -> torch.Tensor:
        return ((patches - values).square() * counted).sum((1, 2)) / counted.sum((1, 2))

    network, line = error(encoder.reconstruct(encoding)), error(embed.patches(spectra.seen))
    found = {
        "masked_over_line": float(network.mean() / line.mean()),
        "median_over_line": float((network / line.clamp(min=1e-9)).median()),
        "least_load": float(encoder.moe.last_load.min()),
    }
    if known is not None:
        n = min(encoder.bottleneck.chem.out_features // 2, len(known.X) - 1)
        training = embed.prepare(*tensors(known)[:2]).values
        guess = embed.patches(conditional_mean(training, spectra.values, hidden, n))
        found["pca_over_line"] = float(error(guess).mean() / line.mean())
        found["median_pca_over_line"] = float((error(guess) / line.clamp(min=1e-9)).median())
    return found


def conditional_mean(
    training: torch.Tensor, values: torch.Tensor, hidden: torch.Tensor, n_components: int
) -> torch.Tensor:
    """Return spectra (B, G) with what is hidden as probabilistic PCA of training (n, G) has it."""
    training, mean = training.double(), training.double().mean(0)
    _, sizes, directions = torch.linalg.svd(training - mean, full_matrices=False)
    variances = sizes.square() / (len(training) - 1)
    noise = variances[n_components:].sum() / training.shape[1] + 1e-9
    loadings = directions[:n_components] * variances[:n_components].sqrt()[:, None]  # (k, G)
    # A spectrum's level is that of what is seen of it: a constant is free.
    loadings = torch.cat([loadings, torch.ones_like(mean)[None]])
    rows = []
    for row, gone in zip(values.double(), hidden, strict=True):
        seen = loadings[:, ~gone]
        system = seen @ seen.T + noise * torch.eye(len(loadings), dtype=seen.dtype)
        scores = torch.linalg.solve(system, seen @ (row - mean)[~gone])
        rows.append(torch.where(gone, mean + scores @ loadings, row))
    return torch.stack(rows).to(values.dtype)


@torch.no_grad()
def simulated_instruments(encoder: SpectralEncoder, group: SpectraGroup) -> dict[str, float]:
    """Read instrument and chemistry from both latents; the mean over three sets of instruments."""
    x, axis, kind = tensors(group)
    scores = []
    own = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
    left, sizes, _ = torch.linalg.svd(own - own.mean(0), full_matrices=False)
    for draw in range(3):
        generator = torch.Generator().manual_seed(draw)
        simulator = InstrumentSimulator(modality=KINDS[group.modality])
        instruments = simulator.sample_instruments(N_INSTRUMENTS, generator)
        label = torch.randint(N_INSTRUMENTS, (3, len(x)), generator=generator)
        latents = [
            encoder(simulator.apply(x, axis, instruments[one], generator), axis, kind).latents
            for one in label
        ]
        y, chemistry = label.flatten().numpy(), (left[:, :4] * sizes[:4]).repeat(3, 1).numpy()
        fit = np.tile(np.arange(len(x)) < len(x) // 2, 3)
        for name in ("inst_mean", "chem_mean"):
            z = torch.cat([getattr(latent, name) for latent in latents]).numpy()
            scores.append(instrument_accuracy(z[fit], y[fit], z[~fit], y[~fit]))
            regress = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 5, 12)))
            missed = regress.fit(z[fit], chemistry[fit]).predict(z[~fit]) - chemistry[~fit]
            scores.append(1 - (missed**2).sum() / (chemistry[~fit] ** 2).sum())
    names = ("instrument_from_inst", "chemistry_from_inst", "instrument_from_chem",
             "chemistry_from_chem")  # fmt: skip
    return dict(zip(names, np.reshape(scores, (3, 4)).mean(0), strict=True))


def instrument_accuracy(
    Z: np.ndarray, label: np.ndarray, Z_new: np.ndarray, label_new: np.ndarray
) -> float:
    """Return how often a linear classifier names the instrument of spectra it was not fitted to."""
    classify = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=300))
    return float(classify.fit(Z, label).score(Z_new, label_new))


def chemistry_r2(Z: np.ndarray, Y: np.ndarray) -> float:
    """Return the mean R2 over properties of ridges in five-fold cross-validation."""
    Z = (Z - Z.mean(0)) / np.sqrt(Z.var(0).sum())
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(RidgeCV(PENALTIES), Z, Y, cv=folds).reshape(Y.shape)
    return float((1 - np.square(predicted - Y).sum(0) / np.square(Y - Y.mean(0)).sum(0)).mean())
