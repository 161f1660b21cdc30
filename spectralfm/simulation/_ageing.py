"""Instruments change: lamps age, gratings warm up, mirrors get dirty."""

from dataclasses import replace

import torch
from torch import Generator

from ._instruments import Instruments
from ._priors import PRIORS
from ._simulator import InstrumentSimulator


def aged(
    instruments: Instruments, simulator: InstrumentSimulator, step: float, generator: Generator
) -> Instruments:
    r"""Return instruments as they are a while later: one step of a random walk.

    .. math:: \theta' = \theta + s\, \epsilon \quad\text{(signed)}, \qquad
              \theta' = \theta\, e^{s z} \quad\text{(positive)}

    where :math:`\epsilon` are the parameters of an instrument drawn anew and z is standard normal.

    Parameters
    ----------
    instruments : Instruments
        As they are now, drawn from ``simulator``.
    simulator : InstrumentSimulator
        Prior of the changes.
    step : float
        Size s of the step, >= 0: 0.1 is a tenth of what instruments differ by.
    generator : torch.Generator
        Source of all draws.

    Returns
    -------
    Instruments
        Wavelength error, gain, offset, steps and fringes have moved; line shape, stray light,
        noise and scatter have grown or shrunk; where junctions and fringes sit stays.

    Raises
    ------
    ValueError
        If ``step`` is negative.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.simulation import InstrumentSimulator, aged
    >>> simulator, generator = InstrumentSimulator(), torch.Generator().manual_seed(0)
    >>> new = simulator.sample_instruments(2, generator)
    >>> old = aged(new, simulator, 0.1, generator)
    >>> bool((old.shift != new.shift).all()), torch.equal(old.junction, new.junction)
    (True, True)
    """
    if step < 0:
        raise ValueError(f"step must be >= 0, got {step}.")
    drawn = simulator.sample_instruments(len(instruments), generator)
    changed = {}
    for name, prior in PRIORS.items():
        now = getattr(instruments, name)
        if prior.kind == "signed":
            changed[name] = now + step * getattr(drawn, name)
        elif prior.kind == "positive":
            device = generator.device
            z = torch.randn(now.shape, generator=generator, device=device, dtype=torch.float64)
            changed[name] = now * torch.exp(step * z)
    return replace(instruments, **changed)
