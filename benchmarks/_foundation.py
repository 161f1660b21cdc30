"""The foundation methods of the transfer benchmark: the default, and what each part of it earns.

A task's spectra are encoded once by the weights that are not tuned; the rest is as users get it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from _protocol import BUDGETS, STANDARDS, Array, Budget, Task
from sklearn.preprocessing import FunctionTransformer

from spectralfm.foundation import (
    InstrumentPrior,
    SpectralFMRegressor,
    SpectralFMStandardizer,
    TestTimeAdapter,
)
from spectralfm.foundation._network_ensemble import NETWORK_CAUTION
from spectralfm.transfer import DifferencePenalizedRidge
from spectralfm.transfer._families import cautious_ridge
from spectralfm.transfer._preprocessing import shape_preprocessing

SLOW_SPLITS, SLOW_SPLITS_QUICK = 3, 1
"""On so many splits run the methods that take seconds a fit, and in a quick run."""

TUNING_STEPS = 30
"""Steps of fine-tuning, a third of the default: 16 spectra each, so ten passes over corn."""


class RememberingRegressor(SpectralFMRegressor):
    """The regressor, which encodes no spectrum twice where ``known`` is kept."""

    known: dict[Any, Array]

    def _encode(self, X: Array, read: Callable) -> Array:
        keys = [(read.__name__, row.tobytes()) for row in X]
        new = {key: row for key, row in zip(keys, X, strict=True) if key not in self.known}
        if new:
            found = super()._encode(np.array([*new.values()]), read)
            self.known.update(zip(new, found, strict=True))
        return np.array([self.known[key] for key in keys])


def _default(task: Task, **options: Any) -> SpectralFMRegressor:
    """Return the regressor for encodings that other methods share."""
    model = RememberingRegressor(task.checkpoint, wavelengths=task.wavelengths, **options)
    model.known = task.encodings
    return model


def _head(**options: Any) -> Callable[[Task, Budget], Array]:
    """Make a method of the regressor on the encoder as it is."""

    def method(task: Task, n: Budget) -> Array:
        model = _default(task, **options)
        return model.fit(task.X, task.y, **task.given(n)).predict(task.X_test)

    return method


def _network_member(task: Task, n: Budget) -> Array:
    """Predict with the noise-aware ridge on the encoder's features, as the stack has it."""
    encoder = _default(task, stack=False).fit(task.X[:3], task.y[:3])

    def features(X: Array) -> Array:
        return encoder._encode(X, _features)

    read = [FunctionTransformer(features)]
    shape = shape_preprocessing(task.X.shape[1])
    cautious = cautious_ridge(NETWORK_CAUTION, read)
    ridge = cautious if n == "none" else DifferencePenalizedRidge(preprocessing=[*shape, *read])
    return ridge.fit(task.X, task.y, **task.given(n)).predict(task.X_test)


def _features(encoder: Any, encoding: Any) -> Any:
    return encoding.features.flatten(1)


def _operator(task: Task, n: int) -> Array:
    """Write target spectra as the source's by the Fourier operator, and keep the source model."""
    standards = task.standards(n)
    standardizer = SpectralFMStandardizer(task.checkpoint, wavelengths=task.wavelengths)
    standardizer.fit(standards.target, X_source=standards.source)
    return task.source_model.predict(standardizer.transform(task.X_test))


def _untrained(task: Task, n: Budget) -> Array:
    """Predict with the default, but weights drawn at random."""
    model = SpectralFMRegressor(None, wavelengths=task.wavelengths, random_state=task.seed)
    return model.fit(task.X, task.y, **task.given(n)).predict(task.X_test)


def _tuned(task: Task, n: int) -> Array:
    """Fine-tune adapters; features of standards, or of source and target as a whole, agree."""
    model = SpectralFMRegressor(
        task.checkpoint, wavelengths=task.wavelengths, tuning="lora", max_steps=TUNING_STEPS,
        random_state=task.seed,
    )  # fmt: skip
    return model.fit(task.X, task.y, **task.given(n)).predict(task.X_test)


def _test_time(task: Task, n: int) -> Array:
    """Adapt the default to the target spectra at hand."""
    model = SpectralFMRegressor(task.checkpoint, wavelengths=task.wavelengths)
    model.fit(task.X, task.y, **task.given(n))
    spectra = task.standards(n).target if n else task.X_test
    adapter = TestTimeAdapter(model, random_state=task.seed).fit(spectra)
    return adapter.predict(task.X_test)


def physics_prior(task: Task, n: Budget) -> Array:
    """Predict with the noise-aware ridge that expects first-order instrument effects."""
    prior = InstrumentPrior("physics", wavelengths=task.wavelengths, random_state=task.seed)
    ridge = DifferencePenalizedRidge(prior=prior.covariance(task.X))
    return ridge.fit(task.X, task.y, **task.given(n)).predict(task.X_test)


FOUNDATION: dict[str, tuple[Callable, tuple[Budget, ...]]] = {
    "SpectralFM": (_head(), BUDGETS),
    "network member alone": (_network_member, BUDGETS),
    "one ridge, latents and spectrum": (_head(stack=False), BUDGETS),
    "one ridge, latents only": (_head(stack=False, spectrum=None), BUDGETS),
    "FNO standardization": (_operator, STANDARDS),
}
"""Name in the table -> method and its budgets."""

SLOW: dict[str, tuple[Callable, tuple[Budget, ...]]] = {
    "SpectralFM, untrained": (_untrained, BUDGETS),
    "SpectralFM, LoRA with paired consistency": (_tuned, (3, 10)),
    "SpectralFM, LoRA with OT of latents": (_tuned, (0,)),
    "SpectralFM, test-time training": (_test_time, (0, 3, 10)),
}
"""The same of those that run on few splits."""
