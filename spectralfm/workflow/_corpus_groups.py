"""From a corpus to the groups of spectra that pretraining reads: one source, kind and grid each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..axis import UNITS
from ..datasets.corpora import BlockReader, SpectralCorpus
from ._absorbance import PERCENT, believed, is_reflectance, is_varied
from ._stored_spectra import StoredSpectra

FEWEST_SPECTRA, FEWEST_CHANNELS = 8, 32
"""Groups with fewer spectra, and spectra with fewer channels, are left out."""

AT_ONCE = 4
"""Blocks in memory while a corpus is looked through."""

Kind = tuple[str, str, int, int, int]
"""Source, quantity, number of channels, and numbers of modality and unit."""


class Look(NamedTuple):
    """What a first look at spectra of one kind found; each array is of shape (n,).

    Attributes
    ----------
    rows : ndarray
        Their numbers in the corpus.
    varied : ndarray
        Which are finite and not flat.
    totals : ndarray
        Their sums.
    medians : ndarray
        Their medians, where they are reflectances.
    as_fraction, as_percent : ndarray
        Shares of channels with reflectances that can be true, as fractions and as percents.
    """

    rows: NDArray[np.int64]
    varied: NDArray[np.bool_]
    totals: NDArray[np.float64]
    medians: NDArray[np.float64]
    as_fraction: NDArray[np.float64]
    as_percent: NDArray[np.float64]


def corpus_groups(corpus: SpectralCorpus) -> tuple[list[StoredSpectra], dict[str, int]]:
    """Return what of a corpus can be pretrained on, after reading through it once.

    Parameters
    ----------
    corpus : SpectralCorpus
        An open corpus, which must stay open while the groups are used.

    Returns
    -------
    groups : list of StoredSpectra
        Absorbance or Raman intensities on wavenumbers, read from the file when they are needed.
    used : dict of str to int
        Number of spectra of every source; what is missing of it was flat, had too few channels, or
        was not of its quantity.

    Raises
    ------
    ValueError
        If nothing is left.
    CorruptCorpusError
        If a block does not have its checksum.
    """
    looks: dict[Kind, list[Look]] = {}
    for kind, look in _looks(corpus):
        looks.setdefault(kind, []).append(look)
    reader = BlockReader(corpus)
    groups: list[StoredSpectra] = []
    used: dict[str, int] = {}
    for kind in sorted(looks):
        source, quantity, n_channels, modality, _ = kind
        look = Look(*map(np.concatenate, zip(*looks.pop(kind), strict=True)))
        sound, full_scale = look.varied, None
        if is_reflectance(quantity) and sound.any():
            percent = np.median(look.medians[sound]) > PERCENT
            full_scale = 100.0 if percent else 1.0
            sound = sound & ((look.as_percent if percent else look.as_fraction) > 0.99)
        if sound.sum() < FEWEST_SPECTRA or n_channels < FEWEST_CHANNELS:
            continue
        order = np.argsort(look.rows[sound])
        rows, totals = look.rows[sound][order], look.totals[sound][order]
        name = corpus.modalities()[modality]
        groups.append(StoredSpectra(reader, rows, totals, name, full_scale))
        used[source] = used.get(source, 0) + len(rows)
    if not groups:
        raise ValueError(
            f"{corpus.path} holds nothing to pretrain on: groups of at least {FEWEST_SPECTRA} "
            f"spectra with {FEWEST_CHANNELS} channels. Build it from more."
        )
    return groups, used


def _looks(corpus: SpectralCorpus) -> Iterator[tuple[Kind, Look]]:
    """Read a corpus once, and yield what a few spectra of one kind are like."""
    sources, source_names = corpus.numbered_labels("source")
    quantities, quantity_names = corpus.numbered_labels("quantity")
    modalities = corpus.modalities()
    for batch in corpus.blocks(AT_ONCE * 64, buffer=AT_ONCE):
        pairs = np.stack([sources[batch.rows], quantities[batch.rows]])
        for source, quantity in np.unique(pairs, axis=1).T:
            mine = (pairs[0] == source) & (pairs[1] == quantity)
            X, words = batch.X[mine], quantity_names[quantity]
            n_channels, modality = X.shape[1], modalities.index(batch.modality)
            kind = (source_names[source], words, n_channels, modality, UNITS.index(batch.unit))
            yield kind, _look(X, batch.rows[mine], is_reflectance(words))


def _look(X: NDArray[np.float32], rows: NDArray[np.int64], reflectance: bool) -> Look:
    """Look at spectra (n, L)."""
    totals = X.sum(axis=1, dtype=np.float64)
    medians = as_fraction = as_percent = np.zeros(len(X))
    if reflectance:
        medians, as_fraction, as_percent = np.median(X, axis=1), believed(X), believed(X / 100)
    return Look(rows, is_varied(X), totals, medians, as_fraction, as_percent)
