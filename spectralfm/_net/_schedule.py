"""Learning rate as a function of the step."""

import math


def rate_factor(step: int, max_steps: int, warmup: float, min_lr_ratio: float) -> float:
    r"""Return the learning rate of a step over the largest: a ramp, then a cosine to a floor.

    .. math:: f(t) = \frac{t + 1}{w} \;(t < w), \qquad
              f(t) = m + \frac{1 - m}{2} \Big(1 + \cos \pi \frac{t - w}{T - w} \Big) \;(t \ge w)

    Parameters
    ----------
    step : int
        Step t, from 0.
    max_steps : int
        Steps T of the training.
    warmup : float
        Share of the steps, in [0, 1), on which the rate rises: w is this times T, rounded.
    min_lr_ratio : float
        Floor m, in [0, 1].

    Returns
    -------
    float
        In (0, 1].

    Examples
    --------
    >>> [round(rate_factor(t, 10, 0.2, 0.1), 2) for t in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.55, 0.13]
    """
    n_warm = round(warmup * max_steps)
    if step < n_warm:
        return (step + 1) / n_warm
    share = (step - n_warm) / max(max_steps - n_warm, 1)
    return min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * share)) / 2
