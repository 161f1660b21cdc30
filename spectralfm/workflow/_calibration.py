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
from ..transfer import Unpaired
from ._folder import Run, check_run_dir, dump_model, write_run

Array = NDArray[np.float64]


def finetune(
    task: TransferTask,
    run_dir: str | os.PathLike[str],
    *,
    n_standards: int = 10,
    checkpoint: str | os.PathLike[str] | None = "small",
    tuning: str = "head",
    max_steps: int = 100,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Calibrate on the source with standards, and score the model on the target.

    Parameters
    ----------
    task : TransferTask
        The calibration to be moved. Spectra of the target without reference values help to fit.
    run_dir : str or path-like
        Folder of the run, missing or empty.
    n_standards : int, default=10
        How many standards, >= 0, Kennard-Stone chooses by the source spectra of the pairs.
    checkpoint : str, path-like or None, default="small"
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
        Figures of merit on the test samples of the target, if there are any, and what was used.

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
    )
    unpaired = None if task.X_unlabelled is None else Unpaired(task.X_unlabelled)
    model.fit(task.X, task.y, standards=standards, X_target=unpaired)
    metrics = {
        **_described(task),
        "n_calibration": len(task.X),
        "n_standards": n_standards,
        **_merits(task, model, task.X_test),
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
    """Predict the spectra of the target in a task with the model of a run.

    Parameters
    ----------
    run : Run
        What `read_run` returned.
    task : TransferTask
        Spectra of the target, resampled if they lie on another axis than the model's.
    run_dir : str or path-like
        Folder of the new run, missing or empty. It holds the predictions, in the order of the
        spectra, those of unknown reference last.
    arguments : mapping, optional
        What the run shall remember, plain JSON.

    Returns
    -------
    dict
        Figures of merit on the test samples, if there are any.

    Raises
    ------
    ValueError
        If the folder is not empty, or the spectra do not fit the model.
    """
    check_run_dir(run_dir)
    spectra, n_test = _on_axis_of(run.model, task), len(task.y_test)
    predicted = run.model.predict(spectra).tolist()
    metrics = {**_described(task), **_merits(task, run.model, spectra[:n_test])}
    reference = [*map(repr, task.y_test.tolist()), *[""] * (len(predicted) - n_test)]
    rows = [f"{y},{y_hat!r}\n" for y, y_hat in zip(reference, predicted, strict=True)]
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
    """Adapt the model of a run to the spectra of the target; reference values only score it.

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
        The reconstruction errors, whether the adapted weights were accepted, and, where there are
        test samples, figures of merit after the adaptation and ``before`` it.

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
    report, tested = adapter.report_, spectra[: len(task.y_test)]
    metrics = {
        **_described(task),
        **_merits(task, adapter, tested),
        "before": _merits(task, run.model, tested),
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
        "n_unlabelled": 0 if task.X_unlabelled is None else len(task.X_unlabelled),
    }


def _merits(
    task: TransferTask, model: SpectralFMRegressor | TestTimeAdapter, X_test: Array
) -> dict[str, float]:
    """Score a model on the test samples; nothing is said where there are none."""
    if not len(task.y_test):
        return {}
    (row,) = figures_of_merit(task, {"SpectralFM": model.predict(X_test)})
    return {name: row[name] for name in ("rmsep", "sep", "bias", "slope", "r2", "rpd")}


def _on_axis_of(model: SpectralFMRegressor, task: TransferTask) -> Array:
    """Return test and unlabelled spectra on the axis that the model was fitted on."""
    parts = [task.X_test] if task.X_unlabelled is None else [task.X_test, task.X_unlabelled]
    spectra = np.vstack(parts)
    if task.wavenumbers is None or model.wavenumbers is None:
        return spectra
    axis = model.axis_
    if len(axis) == len(task.wavenumbers) and np.allclose(axis, task.wavenumbers, rtol=1e-9):
        return spectra
    return resample(spectra, task.wavenumbers, axis, unit="cm-1")
