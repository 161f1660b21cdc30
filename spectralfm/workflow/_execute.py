"""The commands that leave a run: from the names of files to its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..comparison import CSVFiles, TransferTask, npz_set
from ._calibration import adapt, evaluate, finetune
from ._folder import check_run_dir, read_run

CSV = ("source_csv", "target_csv", "standards_csv")
FILES = ("npz", *CSV)
PATHS = (*FILES, "references_csv")
CHOICES = (*PATHS, "source", "target", "unit")

STANDARDS = 10
"""Out of an .npz file, where every calibration sample is a pair."""


def execute(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Load the spectra, run the command and write the folder of the run.

    Parameters
    ----------
    arguments : mapping
        ``command``, "finetune", "evaluate" or "adapt", and the options of ``spectralfm`` with that
        command. Spectra that ``evaluate`` and ``adapt`` are not given are those of the run they
        continue, in the same split; the property always is.

    Returns
    -------
    dict
        The metrics of the run.

    Raises
    ------
    FileNotFoundError
        If a file or the run to be continued is missing.
    ValueError
        If the folder is not empty, arguments contradict each other, or data are not valid.
    """
    folder = arguments["run_dir"]
    check_run_dir(folder)
    files = {
        name: str(Path(value).absolute()) if name in PATHS else value
        for name in CHOICES
        if (value := arguments.get(name)) is not None
    }
    kept = {"command": arguments["command"]}
    if arguments["command"] == "finetune":
        seed = arguments["seed"]
        task = load_task(files, arguments["property"], seed)
        kept |= {**files, "property": task.property_name, "split_seed": seed}
        count = arguments["standards"]
        if count is None:
            available = task.pairs.n_standards
            count = min(STANDARDS, available) if "npz" in files else available
        options = {name: arguments[name] for name in ("checkpoint", "tuning", "max_steps")}
        return finetune(task, folder, n_standards=count, seed=seed, arguments=kept, **options)
    run = read_run(arguments["model"])
    if not any(name in files for name in FILES):
        files = {name: run.arguments[name] for name in CHOICES if name in run.arguments} | files
    split_seed = run.arguments.get("split_seed", run.seed)
    task = load_task(files, run.metrics["property"], split_seed)
    kept |= {**files, "property": task.property_name, "split_seed": split_seed}
    kept["model"] = str(Path(arguments["model"]).absolute())
    if arguments["command"] == "evaluate":
        return evaluate(run, task, folder, arguments=kept)
    return adapt(
        run,
        task,
        folder,
        n_steps=arguments["steps"],
        parameters=arguments["parameters"],
        seed=arguments["seed"],
        arguments=kept,
    )


def load_task(files: Mapping[str, Any], property_name: str | None, seed: int) -> TransferTask:
    """Return the calibration to be moved that files hold.

    Parameters
    ----------
    files : mapping
        ``npz``, with ``source`` and ``target`` to name instruments in it; or ``source_csv``,
        ``target_csv`` and ``standards_csv``, with ``unit`` and ``references_csv``.
    property_name : str or None
        Which property; None is the first.
    seed : int
        Seed of the split of an .npz file.

    Returns
    -------
    TransferTask
        The calibration.

    Raises
    ------
    ValueError
        If the files are neither one nor three, or not valid.
    """
    names = [name for name in FILES if name in files]
    if names == ["npz"]:
        if "unit" in files:
            raise ValueError("--unit does not go with --npz: the file says axis_unit.")
        if "references_csv" in files:
            raise ValueError("--references-csv goes with CSV files, not with --npz.")
        instruments = {"source": files.get("source"), "target": files.get("target")}
        return npz_set(files["npz"]).task(property_name, seed=seed, **instruments)
    if names == list(CSV):
        if "source" in files or "target" in files:
            raise ValueError("--source and --target name instruments of --npz, not of CSV files.")
        pair = CSVFiles.load(
            *(files[name] for name in CSV),
            unit=files.get("unit"),
            references_csv=files.get("references_csv"),
        )
        return pair.task(property_name, labelled=False)
    raise ValueError("Give --npz, or --source-csv, --target-csv and --standards-csv.")
