"""Notice when a training goes wrong, which neither torch nor skorch does."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

import torch
from torch import Tensor

WINDOW = 20
"""Steps whose median loss stands for where a training is: one odd batch is no divergence."""

LARGEST_GROWTH = 100.0
"""A training whose loss has grown by more than this diverges, even if its numbers are finite."""

REMEDY = "Lower learning_rate, clip harder, or look for extreme values in the data."


class DivergenceError(FloatingPointError, ValueError):
    """The loss or the weights stopped being finite, or the loss grew without bound."""


def check_loss(terms: dict[str, float], step: int) -> None:
    """Raise if a term of the loss is not finite, and say which."""
    bad = [f"{name} = {value}" for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise DivergenceError(f"The loss is not finite at step {step}: {', '.join(bad)}. {REMEDY}")


def check_gradient(norm: Tensor, step: int) -> None:
    """Raise if the gradient is not finite."""
    if not math.isfinite(norm.item()):
        raise DivergenceError(f"The gradient is not finite at step {step}. {REMEDY}")


def check_weights(named: Iterable[tuple[str, Tensor]], step: int) -> None:
    """Raise if a weight is not finite."""
    for name, tensor in named:
        if not torch.isfinite(tensor).all():
            raise DivergenceError(f"The weights {name} are not finite at step {step}. {REMEDY}")


def check_growth(first: Sequence[float], recent: Sequence[float], step: int) -> None:
    """Raise if the median loss is far above that of the first steps."""
    start, now = median(first), median(recent)
    if start > 0 and now > LARGEST_GROWTH * start:
        raise DivergenceError(
            f"The loss grew from {start:.3g} to {now:.3g} by step {step}. {REMEDY}"
        )
