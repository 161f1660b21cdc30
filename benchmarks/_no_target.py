"""Errors of calibrations that saw the source alone, on the other instrument."""

from collections.abc import Callable, Iterator

import numpy as np
from _protocol import Task, tasks
from _real_pairs import real_pairs
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectralfm.foundation import InstrumentPrior, SpectralFMEncoder
from spectralfm.foundation._encoder import OUTPUTS
from spectralfm.metrics import rmsep
from spectralfm.transfer import DifferencePenalizedRidge, PLSRegressionCV

FLOORS = {"": 1.0, ", 256 x floor": 256.0, ", 4096 x floor": 4096.0}
"""Factors on the noise floors of `DifferencePenalizedRidge`, which sees no noise of the target."""

PENALTIES = np.logspace(-3, 5, 17)

Priors = dict[str, Callable[..., InstrumentPrior]]


def no_target_errors(priors: Priors, checkpoint: str | None, n_splits: int) -> Iterator[dict]:
    """Yield RMSEPs of all calibrations, one a split, pair and property."""
    for dataset in ("corn", "tablets", "soil"):
        _, wavelengths, _ = next(real_pairs(dataset))
        for task in tasks(dataset, n_splits):
            for name, model in _calibrations(task, wavelengths, priors, checkpoint):
                predicted = model.predict(task.X_test).reshape(task.y_test.shape)
                row = {"group": task.group, "method": name, "n": 0, "seed": task.seed}
                row |= {"source": task.source, "target": task.target}
                for p, y_name in enumerate(task.properties):
                    error = rmsep(task.y_test[:, p], predicted[:, p])
                    yield row | {"property": y_name, "rmsep": error}


def _calibrations(
    task: Task, wavelengths: np.ndarray, priors: Priors, checkpoint: str | None
) -> Iterator[tuple[str, object]]:
    """Yield PLS, the averaged ridge without and with priors, a ridge on outputs of the encoder."""
    yield "PLS", task.source_model
    for kind in ("no", *priors):
        prior = None
        if kind in priors:
            prior = priors[kind](wavelengths=wavelengths).covariance(task.X)
        for name, factor in FLOORS.items():
            floors = [factor * floor for floor in DifferencePenalizedRidge().noise_floors]
            ridge = DifferencePenalizedRidge(noise_floors=floors, prior=prior)
            yield f"ridge, {kind} prior{name}", ridge.fit(task.X, task.y)
    for output in sorted({*OUTPUTS} - {"inst"}) if checkpoint else ():
        encoder = SpectralFMEncoder(checkpoint, wavelengths=wavelengths, output=output)
        ridge = make_pipeline(encoder, StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        yield f"ridge on {output}", ridge.fit(task.X, task.y)
    yield "full recalibration", PLSRegressionCV().fit(task.X_target, task.y)
