"""The command ``spectralfm``.

``spectralfm demo`` moves a calibration from one spectrometer to another with every method, prints
their errors and draws them. ``spectralfm smoke`` checks that the foundation model works;
``finetune``, ``evaluate`` and ``adapt`` run it on spectra of your own and leave a folder each.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from . import __version__
from .comparison import (
    RECALIBRATION,
    Comparison,
    CSVFiles,
    PairedSet,
    check_figure_path,
    compare_methods,
    corn_set,
    draw_figure,
    format_table,
    simulated_set,
    standards_curves,
    tablets_set,
    write_table,
)

SETS = {"corn": corn_set, "tablets": tablets_set, "simulated": simulated_set}

STANDARDS = 10
COUNTS = (3, 5, 10, 20)
CURVES = ("mean shift", "PDS", "EPO", "TransferEnsemble", RECALIBRATION)
N_SPLITS = 8
"""Of the curves over the number of standards."""

MERITS = ("rmsep", "sep", "bias", "slope", "r2", "rpd")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        Exit status: 0; 1 if a check of ``smoke`` failed; or 2 after an error, which is told in one
        line on stderr.
    """
    args = _parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            status = args.run(args)
        except (OSError, ValueError, ImportError) as error:
            print(f"spectralfm: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return status or 0


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="spectralfm", description="Move a spectroscopic calibration between instruments."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )
    demo = commands.add_parser(
        "demo",
        help="transfer one calibration with every method, print the errors and draw them",
        description="Calibrate on a source instrument, move the calibration to a target instrument "
        "with every method, and compare the errors on test samples. Without real spectra and "
        "network a simulated pair of instruments is used, and the first line says so.",
    )
    demo.set_defaults(run=demonstrate)
    demo.add_argument("--dataset", choices=list(SETS), help="spectra to use (default: corn)")
    demo.add_argument("--source", help="instrument of the calibration (default: m5, or tablets: 1)")
    demo.add_argument("--target", help="instrument to move it to (default: mp6, or tablets: 2)")
    _add_own_files(demo)
    demo.add_argument("--property", metavar="NAME", help="default: the first one; or all")
    demo.add_argument(
        "--standards", type=int, metavar="N", help="default: 10; with files of your own, all"
    )
    demo.add_argument("--seed", type=int, default=0, help="of the split (default: 0)")
    demo.add_argument(
        "--output", metavar="FILE", default="transfer.png", help="figure (default: transfer.png)"
    )
    demo.add_argument(
        "--table", metavar="FILE", help="CSV of the table (default: beside the figure)"
    )
    smoke = commands.add_parser(
        "smoke", help="check every part of the foundation model, in seconds"
    )
    smoke.set_defaults(run=check_installation)
    smoke.add_argument("--seed", type=int, default=0, help="of the encoder (default: 0)")
    finetune = commands.add_parser(
        "finetune", help="calibrate with the foundation model so that it holds on the target"
    )
    _add_run(finetune)
    finetune.add_argument("--property", metavar="NAME", help="default: the first one")
    finetune.add_argument(
        "--standards", type=int, metavar="N", help="default: 10; with CSV files, all"
    )
    finetune.add_argument("--tuning", choices=["head", "lora", "full"], default="head")
    finetune.add_argument("--checkpoint", metavar="FILE", help="default: an untrained encoder")
    finetune.add_argument("--max-steps", type=int, default=100, help="of lora and full (100)")
    finetune.add_argument("--seed", type=int, default=0, help="of split and model (default: 0)")
    evaluate = commands.add_parser("evaluate", help="predict the target with the model of a run")
    adapt = commands.add_parser("adapt", help="adapt the model of a run to unlabelled spectra")
    for command in (evaluate, adapt):
        command.add_argument("model", metavar="RUN", help="folder of a run that you trust")
        _add_run(command)
    adapt.add_argument("--steps", type=int, default=20, help="default: 20")
    adapt.add_argument("--parameters", choices=["norm", "lora"], default="norm")
    adapt.add_argument("--seed", type=int, default=0, help="of the adaptation (default: 0)")
    return parser


def _add_own_files(command: argparse.ArgumentParser) -> None:
    """Add the options that name CSV files."""
    own = command.add_argument_group(
        "spectra of your own",
        "The first column holds the sample id, columns named by a number are channels, other "
        "columns of numbers are properties.",
    )
    own.add_argument("--source-csv", metavar="CSV", help="calibration spectra and values, source")
    own.add_argument("--target-csv", metavar="CSV", help="test spectra and values, target")
    own.add_argument(
        "--standards-csv", metavar="CSV", help="samples of the source file, measured on the target"
    )
    own.add_argument("--unit", choices=["nm", "um", "cm-1"], help="unit of the channels")


def _add_run(command: argparse.ArgumentParser) -> None:
    """Add the options that name the spectra and the folder of a run."""
    command.set_defaults(run=execute_run)
    command.add_argument(
        "--run-dir", metavar="FOLDER", required=True, help="folder to be made: runs/NAME"
    )
    command.add_argument("--npz", metavar="FILE", help="spectra, one array X_NAME an instrument")
    command.add_argument("--source", metavar="NAME", help="instrument in it (default: the first)")
    command.add_argument("--target", metavar="NAME", help="instrument in it (default: the second)")
    _add_own_files(command)


def demonstrate(args: argparse.Namespace) -> None:
    """Compare all methods on a set of spectra.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm demo``.

    Raises
    ------
    ValueError
        If arguments contradict each other or the data.
    """
    table = Path(args.table) if args.table else Path(args.output).with_suffix(".csv")
    own = [args.source_csv, args.target_csv, args.standards_csv]
    check_figure_path(args.output)
    for path in (Path(args.output), table):
        if path.absolute() in [Path(name).absolute() for name in own if name]:
            raise ValueError(f"{path} holds your spectra, and would be overwritten.")
        if not path.absolute().parent.is_dir():
            raise ValueError(f"There is no folder {path.absolute().parent}.")
    if table.absolute() == Path(args.output).absolute():
        raise ValueError(f"{table} cannot be both figure and table.")
    data = _own_files(args, own) if any(own) else _set(args)
    comparisons = []
    for name in data.property_names if args.property == "all" else [args.property]:
        comparison = _compare(data, name, args)
        print(format_table(comparison), end="\n\n", flush=True)
        comparisons.append(comparison)
    write_table(comparisons, table)
    draw_figure(comparisons, args.output)
    print(f"Written: {table} and {args.output}")


def _own_files(args: argparse.Namespace, own: list[str | None]) -> CSVFiles:
    """Return what the CSV files hold."""
    source_csv, target_csv, standards_csv = own
    if source_csv is None or target_csv is None or standards_csv is None:
        raise ValueError("--source-csv, --target-csv and --standards-csv: give all three.")
    if args.dataset or args.source or args.target:
        raise ValueError("--dataset, --source and --target do not go with files of your own.")
    return CSVFiles.load(source_csv, target_csv, standards_csv, unit=args.unit)


def _set(args: argparse.Namespace) -> PairedSet:
    """Return the set asked for; if it is nowhere, say so and return a simulated one."""
    name = args.dataset or "corn"
    try:
        data = SETS[name]()
    except FileNotFoundError as error:
        print(
            f"SIMULATED spectra: the {name} set is not on this machine and could not be downloaded."
        )
        print(error, end="\n\n")
        args.source = args.target = None
        args.property = "all" if args.property == "all" else None
        return simulated_set()
    if name == "simulated":
        print("SIMULATED spectra, as asked for.\n")
    return data


def _compare(
    data: PairedSet | CSVFiles, property_name: str | None, args: argparse.Namespace
) -> Comparison:
    """Run all methods on one property, and some of them with other numbers of standards."""
    if isinstance(data, CSVFiles):
        tasks = [data.task(property_name)]
    else:
        tasks = [
            data.task(property_name, source=args.source, target=args.target, seed=args.seed + k)
            for k in range(N_SPLITS)
        ]
    available = tasks[0].pairs.n_standards
    n_standards = args.standards
    if n_standards is None:
        n_standards = available if isinstance(data, CSVFiles) else STANDARDS
    predictions = compare_methods(tasks[0], n_standards, verbose=True)
    counts = sorted({n for n in (*COUNTS, n_standards) if n <= available})
    curves = standards_curves(tasks, counts, methods=CURVES, verbose=True)
    return Comparison(tasks[0], n_standards, predictions, curves, len(tasks))


def check_installation(args: argparse.Namespace) -> int:
    """Check every part of the foundation model.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm smoke``.

    Returns
    -------
    int
        0 if every check held, else 1.
    """
    from .workflow import smoke

    failed = 0
    for check in smoke(args.seed):
        failed += not check.held
        print(f"{'ok' if check.held else 'FAILED':6}  {check.step:9}  {check.found}", flush=True)
    return int(failed > 0)


def execute_run(args: argparse.Namespace) -> None:
    """Run the foundation model on files, and tell what the folder of the run says.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm finetune``, ``evaluate`` or ``adapt``.
    """
    from .workflow import execute

    metrics = execute({name: value for name, value in vars(args).items() if name != "run"})
    unit = f" ({metrics['unit']})" if metrics["unit"] else ""
    print(
        f"{metrics['property']}{unit}, {metrics['source']} to {metrics['target']}, "
        f"{metrics['n_test']} test samples"
    )
    for label, merits in (("before: ", metrics.get("before")), ("", metrics)):
        if merits:
            print(label + ", ".join(f"{name.upper()} {merits[name]:.4g}" for name in MERITS))
    print(f"Written: {args.run_dir}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell a warning in one line, without the place in the code."""
    print(f"spectralfm: warning: {' '.join(str(message).split())}", file=sys.stderr)
