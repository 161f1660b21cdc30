"""Every sample as two simulated instruments record it: what pretraining learns from."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..simulation import Instruments, InstrumentSimulator

SCAN_EFFECTS = ("noise", "spikes")
"""The last effects, which no network can predict: denoising takes them away."""

SAMPLES = 8
"""Samples that a first instrument records."""

MODALITIES = {"NIR": "nir", "MIR": "mir", "Raman": "raman", "unknown": "mir"}


class SimulatedViews(NamedTuple):
    """One batch.

    Attributes
    ----------
    first : Tensor of shape (B, L)
        The samples, some on each of a few instruments.
    first_smooth : Tensor of shape (B, L)
        The same recordings without noise and spikes.
    second : Tensor of shape (B, L)
        The same samples on instruments of their own, without noise and spikes: what a transfer
        should be.
    second_noisy : Tensor of shape (B, L)
        The same recordings with them.
    parameters : Tensor of shape (B, P)
        Standardised parameters of the first instruments.
    columns : Tensor of shape (P,), int64
        Their places among `parameter_names`.
    instruments : Tensor of shape (B,), int64
        Which of the first instruments recorded each sample, numbered from 0.
    """

    first: Tensor
    first_smooth: Tensor
    second: Tensor
    second_noisy: Tensor
    parameters: Tensor
    columns: Tensor
    instruments: Tensor


def parameter_names() -> tuple[str, ...]:
    """Return the names of the instrument parameters of all modalities."""
    names: dict[str, None] = {}
    for modality in sorted(set(MODALITIES.values())):
        drawn = InstrumentSimulator(modality=modality).sample_instruments(1, torch.Generator())
        names |= dict.fromkeys(drawn.names)
    return tuple(names)


class ViewSimulator:
    """Draws the views of spectra of one modality.

    Parameters
    ----------
    modality : {"NIR", "MIR", "Raman", "unknown"}
        Kind of the spectra; unknown ones are taken for MIR.
    """

    def __init__(self, modality: str) -> None:
        kind = MODALITIES[modality]
        self.whole = InstrumentSimulator(modality=kind)
        effects = self.whole.effects
        self.optics = InstrumentSimulator(
            modality=kind, effects=[effect for effect in effects if effect not in SCAN_EFFECTS]
        )
        self.scan = InstrumentSimulator(
            modality=kind, effects=[effect for effect in effects if effect in SCAN_EFFECTS]
        )
        drawn = self.whole.sample_instruments(1, torch.Generator())
        places = {name: place for place, name in enumerate(parameter_names())}
        self.columns = torch.tensor([places[name] for name in drawn.names])

    def __call__(self, x: Tensor, axis: Tensor, generator: torch.Generator) -> SimulatedViews:
        """Record spectra (B, L) twice, on an axis (L,) or (B, L) in cm-1."""
        # Few first instruments, each with several samples: what they share is the instrument.
        n_shared = max(len(x) // SAMPLES, min(len(x), 2))
        label = torch.randperm(len(x), generator=generator) % n_shared
        first, first_smooth, instruments = self._record(x, axis, label, generator)
        own = torch.arange(len(x))
        second_noisy, second, _ = self._record(x, axis, own, generator)
        parameters = instruments.parameters().to(x)
        columns, label = self.columns.to(x.device), label.to(x.device)
        return SimulatedViews(first, first_smooth, second, second_noisy, parameters, columns, label)

    def _record(
        self, x: Tensor, axis: Tensor, label: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Instruments]:
        instruments = self.whole.sample_instruments(int(label.max()) + 1, generator)[label]
        optics = replace(instruments, effects=self.optics.effects)
        scan = replace(instruments, effects=self.scan.effects)
        smooth = self.optics.apply(x, axis, optics, generator)
        return self.scan.apply(smooth, axis, scan, generator), smooth, instruments
