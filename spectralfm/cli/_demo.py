"""``spectralfm demo``: move a calibration to another spectrometer with every method.

It prints their errors and draws them.
"""

import argparse
from pathlib import Path

from ..comparison import (
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
from ._own_files import add_own_files

SETS = {"corn": corn_set, "tablets": tablets_set, "simulated": simulated_set}

STANDARDS = 10
COUNTS = (3, 5, 10, 20)
CURVES = ("mean shift", "PDS", "EPO", "TransferEnsemble", RECALIBRATION)
N_SPLITS = 8
"""Of the curves over the number of standards."""


def add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
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
    add_own_files(demo)
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
    named = [*own, args.references_csv]
    check_figure_path(args.output)
    for path in (Path(args.output), table):
        if path.absolute() in [Path(name).absolute() for name in named if name]:
            raise ValueError(f"{path} holds your spectra, and would be overwritten.")
        if not path.absolute().parent.is_dir():
            raise ValueError(f"There is no folder {path.absolute().parent}.")
    if table.absolute() == Path(args.output).absolute():
        raise ValueError(f"{table} cannot be both figure and table.")
    data = _own_files(args, own) if any(named) else _set(args)
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
    return CSVFiles.load(
        source_csv,
        target_csv,
        standards_csv,
        unit=args.unit,
        references_csv=args.references_csv,
    )


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
