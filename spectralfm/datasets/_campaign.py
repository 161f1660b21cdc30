"""A simulated campaign: the same samples on many instruments, day after day."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

AXES = {"nir": (1100.0, 2498.0), "mir": (650.0, 4000.0), "raman": (200.0, 3200.0)}
"""First and last channel: nm for NIR, cm-1 otherwise."""

NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_channels": [Interval(Integral, 4, None, closed="left")],
        "n_instruments": [Interval(Integral, 1, None, closed="left")],
        "n_days": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 2, None, closed="left")],
        "modality": [StrOptions(set(AXES))],
        "effects": ["array-like", None],
        "amplitude": NOT_NEGATIVE,
        "decades": NOT_NEGATIVE,
        "drift": NOT_NEGATIVE,
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_instrument_campaign(
    n_samples: int = 60,
    n_channels: int = 200,
    *,
    n_instruments: int = 3,
    n_days: int = 4,
    n_components: int = 4,
    modality: str = "nir",
    effects: Sequence[str] | None = None,
    amplitude: float = 0.3,
    decades: float = 1.0,
    drift: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Simulate the same samples on several spectrometers over several days.

    .. math:: x_{idj} = R(s_j; \theta_{id}), \qquad s_j = \sum_k c_{jk} p_k, \qquad
              \theta_{i,d+1} = \theta_{id} \oplus \mathrm{drift}

    Sample j mixes simulated substances p and is recorded by instrument i on day d, whose parameters
    :math:`\theta` take a step of a random walk from day to day.

    Parameters
    ----------
    n_samples : int, default=60
        Number of samples, at least 1.
    n_channels : int, default=200
        Channels, at least 4: 1100 to 2498 nm (NIR), 650 to 4000 cm-1 (MIR) or 200 to 3200 cm-1
        (Raman).
    n_instruments : int, default=3
        Number of instruments, at least 1.
    n_days : int, default=4
        Number of days, at least 1.
    n_components : int, default=4
        Chemical components, at least 2. Their amounts sum to 100 %, so they are correlated.
    modality : {"nir", "mir", "raman"}, default="nir"
        Kind of spectra.
    effects : sequence of str, default=None
        Effects of the instruments, by their names in `spectralfm.simulation.InstrumentSimulator`;
        None means all.
    amplitude : float, default=0.3
        How much instruments differ, >= 0: 1 is as much as the simulator's prior, whose largest
        differences are those of handhelds. With 0 all are ideal.
    decades : float, default=1
        How many decades the sizes of their effects span, >= 0.
    drift : float, default=0.1
        Step from one day to the next, >= 0, as a part of what instruments differ by.
    random_state : int, RandomState instance or None, default=None
        Seed of chemistry, instruments, drift and noise.

    Returns
    -------
    Bunch
        ``spectra``: dict of "instrument 1" ... to ndarray (n_days, n_samples, n_channels),
        absorbance units or Raman intensities; ``pure`` (n_samples, n_channels), the samples without
        any instrument; ``wavelengths`` (n_channels,), nm, None unless NIR; ``wavenumbers``
        (n_channels,), cm-1; ``y`` (n_samples, n_components), percent; ``target_names``;
        ``sample_ids``; ``days`` (n_days,), counted from 0; ``parameters``: dict of parameter to
        ndarray (n_instruments, n_days) or (n_instruments, n_days, n_terms), in the units of
        `spectralfm.simulation.Instruments`; ``DESCR``.

    See Also
    --------
    make_instrument_pair : Two instruments, no drift, exact line shapes.

    Notes
    -----
    Needs torch, which it loads when called. Instruments are drawn independently: two of them differ
    by more than each from the ideal one.

    Examples
    --------
    A calibration of the first day ages, and does not fit another instrument:

    >>> from spectralfm.datasets import make_instrument_campaign
    >>> from spectralfm.metrics import rmsep
    >>> from spectralfm.transfer import PLSRegressionCV
    >>> campaign = make_instrument_campaign(n_days=10, random_state=1)
    >>> first, second = campaign.spectra["instrument 1"], campaign.spectra["instrument 2"]
    >>> first.shape, campaign.parameters["shift"].shape
    ((10, 60, 200), (3, 10))
    >>> y = campaign.y[:, 1]
    >>> model = PLSRegressionCV().fit(first[0, :40], y[:40])
    >>> errors = [rmsep(y[40:], model.predict(X[40:])) for X in (first[0], first[9], second[0])]
    >>> errors[0] < errors[1] < errors[2]
    True
    """
    # Here, so that the data sets load without torch.
    import torch

    from ..simulation import InstrumentSimulator, aged, simulate_mixtures

    seed = int(check_random_state(random_state).randint(2**31 - 1))
    generator = torch.Generator().manual_seed(seed)
    axis = np.linspace(*AXES[modality], n_channels)
    wavenumbers = 1e7 / axis if modality == "nir" else axis
    place = torch.from_numpy(wavenumbers)
    mixtures = simulate_mixtures(
        n_samples, place, generator, modality=modality, n_substances=n_components
    )
    simulator = InstrumentSimulator(
        effects=effects, amplitude=amplitude, decades=decades, modality=modality
    )
    pure = mixtures.spectra.double()
    days = [simulator.sample_instruments(n_instruments, generator)]
    for _ in range(n_days - 1):
        days.append(aged(days[-1], simulator, drift, generator))
    recorded = {
        f"instrument {i + 1}": torch.stack(
            [simulator.apply(pure, place, fleet[i : i + 1], generator) for fleet in days]
        ).numpy()
        for i in range(n_instruments)
    }
    values = [fleet.values() for fleet in days]
    parameters = {name: torch.stack([one[name] for one in values], 1).numpy() for name in values[0]}
    return Bunch(
        spectra=recorded,
        pure=pure.numpy(),
        wavelengths=axis if modality == "nir" else None,
        wavenumbers=wavenumbers,
        y=100 * mixtures.amounts.double().numpy(),
        target_names=[f"component {k + 1}" for k in range(n_components)],
        sample_ids=np.arange(n_samples),
        days=np.arange(n_days),
        parameters=parameters,
        DESCR=(
            f"Simulated {modality} campaign: {n_samples} samples of {n_components} components on "
            f"{n_instruments} instruments over {n_days} days. Instruments differ by {amplitude:g} "
            f"of the simulator's prior, and drift by {drift:g} of that a day."
        ),
    )
