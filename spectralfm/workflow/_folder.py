"""The folder that a run leaves: whole or not at all, and never over another one."""

import hashlib
import io
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import joblib

from .. import __version__
from ..foundation import SpectralFMRegressor

MODEL, WEIGHTS, SUMS = "model.joblib", "weights.safetensors", "SHA256SUMS"

ENGINES = ("numpy", "scipy", "scikit-learn", "torch", "skorch")


class Run(NamedTuple):
    """What the folder of a run holds.

    Attributes
    ----------
    arguments : dict
        Arguments of the run.
    seed : int
        Its seed.
    metrics : dict
        Its figures of merit.
    model : SpectralFMRegressor
        The fitted model.
    """

    arguments: dict[str, Any]
    seed: int
    metrics: dict[str, Any]
    model: SpectralFMRegressor


def check_run_dir(run_dir: str | os.PathLike[str]) -> None:
    """Refuse a folder that holds something, before any work.

    Parameters
    ----------
    run_dir : str or path-like
        Where a run shall go; the folder may be missing or empty.

    Raises
    ------
    ValueError
        If it is a file, or a folder that is not empty.
    """
    path = Path(run_dir)
    if path.is_dir() and not any(path.iterdir()):
        return
    if os.path.lexists(path):
        raise ValueError(
            f"{path} is not an empty folder, and runs are never overwritten. Choose "
            "another folder, or delete this one."
        )


def write_run(
    run_dir: str | os.PathLike[str],
    *,
    arguments: Mapping[str, Any],
    seed: int,
    metrics: Mapping[str, Any],
    files: Mapping[str, bytes],
) -> None:
    """Write the folder of a run in one step.

    Parameters
    ----------
    run_dir : str or path-like
        The folder, missing or empty.
    arguments, metrics : mapping
        Plain JSON; a number that is not finite becomes null.
    seed : int
        Seed of the run.
    files : mapping of str to bytes
        What else the run made, by name of the file.

    Raises
    ------
    ValueError
        As `check_run_dir`.
    OSError
        If the disk is full or refuses.
    """
    path = Path(run_dir).absolute()
    check_run_dir(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    versions = {"python": platform.python_version(), "spectralfm": __version__}
    versions |= {name: version(name) for name in ENGINES}
    records = {"arguments": arguments, "seed": seed, "versions": versions, "metrics": metrics}
    contents = {
        f"{name}.json": (json.dumps(_plain(record), indent=2, allow_nan=False) + "\n").encode()
        for name, record in records.items()
    } | dict(files)
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in contents.items()]
    contents[SUMS] = "".join(sums).encode()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as room:
        part = Path(room) / "run"
        part.mkdir()
        for name, data in contents.items():
            (part / name).write_bytes(data)
        if path.is_dir():
            path.rmdir()
        part.rename(path)


def dump_model(model: SpectralFMRegressor) -> dict[str, bytes]:
    """Return a fitted model as files.

    Parameters
    ----------
    model : SpectralFMRegressor
        The model.

    Returns
    -------
    dict of str to bytes
        Its pickle, and the weights of its encoder for all who unpickle nothing.
    """
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return {MODEL: buffer.getvalue(), WEIGHTS: model.weights_}


def read_run(run_dir: str | os.PathLike[str]) -> Run:
    """Read a run that left a model.

    Parameters
    ----------
    run_dir : str or path-like
        Its folder.

    Returns
    -------
    Run
        What it holds.

    Raises
    ------
    FileNotFoundError
        If it is not the folder of a run, or the run left no model.
    ValueError
        If a file is not as the run wrote it.

    Notes
    -----
    The model is unpickled, which can run any code: read only runs whose origin you trust. The
    check of its SHA-256 finds damage, not malice.
    """
    path = Path(run_dir)
    if not (path / SUMS).is_file():
        raise FileNotFoundError(f"{path} is not the folder of a run: it holds no {SUMS}.")
    lines = (line.split("  ", 1) for line in (path / SUMS).read_text().splitlines())
    sums = {name: digest for digest, name in lines}
    if MODEL not in sums:
        raise FileNotFoundError(f"The run {path} left no model: name a finetune or adapt run.")
    contents = {name: (path / name).read_bytes() for name in sums}
    for name, data in contents.items():
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise ValueError(
                f"{path / name} is not as the run wrote it: its SHA-256 is not that in {SUMS}. "
                "Copy the folder again, or repeat the run."
            )
    arguments, seed, metrics = (
        json.loads(contents[f"{name}.json"]) for name in ("arguments", "seed", "metrics")
    )
    return Run(arguments, seed, metrics, joblib.load(io.BytesIO(contents[MODEL])))


def _plain(record: Any) -> Any:
    """Return the record with null for numbers that JSON does not know."""
    if isinstance(record, Mapping):
        return {key: _plain(value) for key, value in record.items()}
    return None if isinstance(record, float) and not isfinite(record) else record
