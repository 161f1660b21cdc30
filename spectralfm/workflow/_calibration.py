"""Fine-tune, evaluate and adapt a calibration; each leaves a run."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._validation import check_enough
from ..axis import resample
from ..comparison import TransferTask, figures_of_merit
from ..foundation import SpectralFMRegressor, TestTimeAdapter
from ..model_selection import kennard_stone
from ._folder import Run, check_run_dir, dump_model, write_run

Array = NDArray[np.float64]


def finetune(
    task: TransferTask,
    run_dir: str | os.PathLike[str],
    *,
    n_standards: int = 10,
    checkpoint: str | os.PathLike[str] | None = None,
    tuning: str = "head",
    max_steps: int = 100,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Calibrate on the source with standards, and score the model on the target.

    Parameters
    ----------
    task : TransferTask
        The calibration to be moved.
    run_dir : str or path-like
        Folder of the run, missing or empty.
    n_standards : int, default=10
        How many standards, >= 0, Kennard-Stone chooses by the source spectra of the pairs.
    checkpoint : str or path-like, optional
        Weights to start from, as in `spectralfm.foundation.SpectralFMRegressor`.
    tuning : {"head", "lora", "full"}, default="head"
        What is learned, as there.
    max_steps : int, default=100
        Steps of fine-tuning, >= 1.
    seed : int, default=0
        Seed of the model.
    arguments : mapping, optional
        What else the run shall remember, plain JSON.

    Returns
    -------
    dict
        Figures of merit on the test samples of the target, and what was used.

    Raises
    ------
    ValueError
        If the folder is not empty, there are fewer pairs, or an argument or the data are not valid.
    """
    check_run_dir(run_dir)
    if n_standards < 0:
        raise ValueError(f"The number of standards must be at least 0, not {n_standards}.")
    check_enough(
        task.pairs.n_standards,
        n_standards,
        what="samples measured on both instruments",
        remedy="Ask for fewer standards.",
    )
    standards = None
    if n_standards == 1:
        standards = task.pairs.take([0])
    elif n_standards:
        standards = task.pairs.take(kennard_stone(task.pairs.source, n_standards))
    model = SpectralFMRegressor(
        None if checkpoint is None else os.fspath(checkpoint),
        wavenumbers=task.wavenumbers,
        tuning=tuning,
        max_steps=max_steps,
        random_state=seed,
    ).fit(task.X, task.y, standards=standards)
    metrics = {
        **_described(task),
        "n_calibration": len(task.X),
        "n_standards": n_standards,
        **_merits(task, model.predict(task.X_test)),
    }
    called = {
        "n_standards": n_standards,
        "checkpoint": model.checkpoint,
        "tuning": tuning,
        "max_steps": max_steps,
    }
    write_run(
        run_dir,
        arguments={**(arguments or {}), **called},
        seed=seed,
        metrics=metrics,
        files=dump_model(model),
    )
    return metrics


def evaluate(
    run: Run,
    task: TransferTask,
    run_dir: str | os.PathLike[str],
    *,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Predict the test samples of a task with the model of a run.

    Parameters
    ----------
    run : Run
        What `read_run` returned.
    task : TransferTask
        Test spectra, resampled if they lie on another axis than the model's.
    run_dir : str or path-like
        Folder of the new run, missing or empty. It holds the predictions.
    arguments : mapping, optional
        What the run shall remember, plain JSON.

    Returns
    -------
    dict
        Figures of merit.

    Raises
    ------
    ValueError
        If the folder is not empty, or the spectra do not fit the model.
    """
    check_run_dir(run_dir)
    predicted = run.model.predict(_on_axis_of(run.model, task))
    metrics = {**_described(task), **_merits(task, predicted)}
    rows = [
        f"{y!r},{y_hat!r}\n"
        for y, y_hat in zip(task.y_test.tolist(), predicted.tolist(), strict=True)
    ]
    files = {"predictions.csv": "".join(["reference,predicted\n", *rows]).encode()}
    write_run(run_dir, arguments=arguments or {}, seed=run.seed, metrics=metrics, files=files)
    return metrics


def adapt(
    run: Run,
    task: TransferTask,
    run_dir: str | os.PathLike[str],
    *,
    n_steps: int = 20,
    parameters: Literal["norm", "lora"] = "norm",
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Adapt the model of a run to the test spectra of a task; their reference values only score it.

    Parameters
    ----------
    run : Run
        What `read_run` returned; its folder stays as it is.
    task : TransferTask
        Spectra of the target, resampled if they lie on another axis than the model's.
    run_dir : str or path-like
        Folder of the new run, missing or empty. It holds the adapted model.
    n_steps : int, default=20
        Steps, >= 1.
    parameters : {"norm", "lora"}, default="norm"
        Which weights adapt, as in `spectralfm.foundation.TestTimeAdapter`.
    seed : int, default=0
        Seed of masks, order and adapters.
    arguments : mapping, optional
        What else the run shall remember, plain JSON.

    Returns
    -------
    dict
        Figures of merit after the adaptation, ``before`` with those before it, the reconstruction
        errors, and whether the adapted weights were accepted.

    Raises
    ------
    ValueError
        If the folder is not empty, or the spectra do not fit the model.
    """
    check_run_dir(run_dir)
    spectra = _on_axis_of(run.model, task)
    adapter = TestTimeAdapter(
        run.model,
        n_steps=n_steps,
        parameters=parameters,
        random_state=seed,
    ).fit(spectra)
    report = adapter.report_
    metrics = {
        **_described(task),
        **_merits(task, adapter.predict(spectra)),
        "before": _merits(task, run.model.predict(spectra)),
        "accepted": report.accepted,
        "loss_before": report.loss_before,
        "loss_after": report.loss_after,
        "changed": report.changed,
    }
    write_run(
        run_dir,
        arguments={**(arguments or {}), "n_steps": n_steps, "parameters": parameters},
        seed=seed,
        metrics=metrics,
        files=dump_model(adapter.estimator_),
    )
    return metrics


def _described(task: TransferTask) -> dict[str, Any]:
    """Say what is predicted."""
    return {
        "dataset": task.dataset,
        "source": task.source,
        "target": task.target,
        "property": task.property_name,
        "unit": task.unit,
        "n_test": len(task.y_test),
    }


def _merits(task: TransferTask, predicted: Array) -> dict[str, float]:
    (row,) = figures_of_merit(task, {"SpectralFM": predicted})
    return {name: row[name] for name in ("rmsep", "sep", "bias", "slope", "r2", "rpd")}


def _on_axis_of(model: SpectralFMRegressor, task: TransferTask) -> Array:
    """Return the test spectra on the axis that the model was fitted on."""
    if task.wavenumbers is None or model.wavenumbers is None:
        return task.X_test
    axis = model.axis_
    if len(axis) == len(task.wavenumbers) and np.allclose(axis, task.wavenumbers, rtol=1e-9):
        return task.X_test
    return resample(task.X_test, task.wavenumbers, axis, unit="cm-1")
