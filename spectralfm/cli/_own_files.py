"""The options that name spectra of your own, shared by the commands."""

import argparse


def add_own_files(command: argparse.ArgumentParser) -> None:
    """Add the options that name CSV files."""
    own = command.add_argument_group(
        "spectra of your own",
        "The first column holds the sample id, columns named by a number are channels, other "
        "columns of numbers are properties.",
    )
    own.add_argument("--source-csv", metavar="CSV", help="calibration spectra and values, source")
    own.add_argument(
        "--target-csv",
        metavar="CSV",
        help="target spectra; values, where known, score the result (demo needs some)",
    )
    own.add_argument(
        "--standards-csv", metavar="CSV", help="samples of the source file, measured on the target"
    )
    own.add_argument(
        "--references-csv", metavar="CSV", help="reference values by sample id, if in a file apart"
    )
    own.add_argument("--unit", choices=["nm", "um", "cm-1"], help="unit of the channels")
