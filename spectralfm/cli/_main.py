"""Parse the arguments, run the command, tell errors and warnings in one line."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from .. import __version__
from ._corpus import add_corpus
from ._demo import add_demo
from ._pretrain import add_pretrain
from ._runs import add_runs


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
    add_demo(commands)
    add_runs(commands)
    add_corpus(commands)
    add_pretrain(commands)
    return parser


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
