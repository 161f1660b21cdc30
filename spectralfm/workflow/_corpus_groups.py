"""From a corpus to the groups of spectra that pretraining reads: one source, kind and grid each."""

import numpy as np
from numpy.typing import NDArray

from ..datasets.corpora import SpectralCorpus, in_wavenumbers
from ..foundation import SpectraGroup

LEAST_REFLECTANCE, LARGEST_REFLECTANCE = 1e-3, 2.0
"""Reflectances that are believed; spectra that go beyond at more than one channel of a hundred are
left out."""

PERCENT = 2.0
"""Median above which reflectances are percents."""

FEWEST_SPECTRA, FEWEST_CHANNELS = 8, 32
"""Groups with fewer spectra, and spectra with fewer channels, are left out."""


def corpus_groups(corpus: SpectralCorpus) -> tuple[list[SpectraGroup], dict[str, int]]:
    """Return what of a corpus can be pretrained on.

    Parameters
    ----------
    corpus : SpectralCorpus
        An open corpus.

    Returns
    -------
    groups : list of SpectraGroup
        Absorbance or Raman intensities on wavenumbers, in memory.
    used : dict of str to int
        Number of spectra of every source; what is missing of it was flat, had too few channels, or
        was not of its quantity.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    sources, quantities = corpus.labels("source"), corpus.labels("quantity")
    groups: list[SpectraGroup] = []
    used: dict[str, int] = {}
    for source in np.unique(sources):
        for quantity in np.unique(quantities[sources == source]):
            rows = (sources == source) & (quantities == quantity)
            for batch in corpus.blocks(len(corpus), buffer=corpus.n_blocks, rows=rows):
                X, kept = as_absorbance(batch.X.astype(np.float64), str(quantity))
                axes = np.broadcast_to(in_wavenumbers(batch), X.shape)
                if kept.sum() < FEWEST_SPECTRA or X.shape[1] < FEWEST_CHANNELS:
                    continue
                X, axes = X[kept].astype(np.float32), axes[kept]
                shared = bool((axes == axes[0]).all())
                groups.append(SpectraGroup(X, axes[0] if shared else axes, batch.modality))
                used[str(source)] = used.get(str(source), 0) + len(X)
    if not groups:
        raise ValueError(
            f"{corpus.path} holds nothing to pretrain on: groups of at least {FEWEST_SPECTRA} "
            f"spectra with {FEWEST_CHANNELS} channels. Build it from more."
        )
    return groups, used


def as_absorbance(
    X: NDArray[np.float64], quantity: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    r"""Turn reflectance and transmittance into absorbance, and tell which spectra are sound.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Spectra.
    quantity : str
        What they are, in words: those of reflectance and transmittance, as fractions or percents,
        are turned; all others are taken as they are.

    Returns
    -------
    X : ndarray of shape (n_samples, n_channels)
        Absorbance, :math:`-\log_{10}` of reflectance or transmittance, or as it was.
    sound : ndarray of shape (n_samples,), bool
        False for spectra that are not finite, flat, or no reflectance.
    """
    sound = np.isfinite(X).all(axis=1) & (np.ptp(X, axis=1) > 1e-4 * np.abs(X).max(axis=1))
    words = quantity.lower()
    if "reflect" not in words and "transmi" not in words:
        return X, sound
    if np.nanmedian(X) > PERCENT:
        X = X / 100
    believed = (X > LEAST_REFLECTANCE) & (X < LARGEST_REFLECTANCE)
    sound &= believed.mean(axis=1) > 0.99
    return -np.log10(np.clip(X, LEAST_REFLECTANCE, LARGEST_REFLECTANCE)), sound
