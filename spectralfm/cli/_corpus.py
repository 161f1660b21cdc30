"""``spectralfm corpus``: build a corpus of spectra, look at one, verify one."""

import argparse
import inspect
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..axis import UNITS
from ..datasets.corpora import NpzSource, Source, SpectralCorpus, build_corpus, source_kind

MODALITIES = ("NIR", "MIR", "Raman", "unknown")


def add_corpus(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the group of commands to the parser."""
    corpus = commands.add_parser(
        "corpus",
        help="stream spectra of many sources into one file for pretraining",
        description="Build a corpus of spectra in one HDF5 file, look at one, verify one.",
    )
    actions = corpus.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_build(actions)
    for name, run, text in (
        ("info", describe, "count spectra by source, modality and licence"),
        ("verify", verify, "compare the SHA-256 of all contents with those written with them"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        action.add_argument("corpus", metavar="CORPUS", help="HDF5 file of a corpus")
        action.set_defaults(run=run)


def _add_build(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``spectralfm corpus build``."""
    build = actions.add_parser(
        "build",
        help="build a corpus",
        description="Stream the spectra of all sources into one file. A build that was killed goes "
        "on where it was. What cannot be read is listed, with its reason, in OUTPUT.bad.jsonl.",
    )
    build.set_defaults(run=build_from_arguments)
    build.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder of files, a zip archive of them, a database in SQLite or Parquet, an .npz "
        "file, or a file of an instrument; NAME=PATH gives it another name",
    )
    build.add_argument("--output", required=True, metavar="CORPUS", help="HDF5 file to write")
    build.add_argument("--overwrite", action="store_true", help="replace a corpus that is there")
    build.add_argument(
        "--licence",
        action="append",
        metavar="[NAME=]TEXT",
        help="licence of the source of this name, or of all others; repeat it",
    )
    build.add_argument(
        "--exclude",
        action="append",
        metavar="COLUMN=VALUE",
        help="leave out rows of .npz files, such as source=prosail; repeat it",
    )
    build.add_argument("--unit", choices=UNITS, help="unit of axes that files do not state")
    build.add_argument("--modality", choices=MODALITIES, help="default: stated, or guessed by axis")
    build.add_argument("--pattern", metavar="GLOB", help="which files of folders (default: all)")
    tables = build.add_argument_group("databases")
    tables.add_argument("--table", metavar="NAME", help="table of SQLite with the spectra")
    tables.add_argument("--axis", metavar="COLUMN", help="column of wavenumbers in cm-1")
    tables.add_argument("--spectra", action="append", metavar="COLUMN", help="column of spectra")
    tables.add_argument("--id", metavar="COLUMN", help="column of names")


def build_from_arguments(args: argparse.Namespace) -> None:
    """Build a corpus.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm corpus build``.

    Raises
    ------
    ValueError
        If an option fits no source, or as `build_corpus`.
    """
    sources = _sources(args)
    summary = build_corpus(args.output, sources, overwrite=args.overwrite, progress=True)
    megabytes = summary.path.stat().st_size / 1e6
    for name, count in summary.by_source.items():
        print(f"{count:>10,}  {name}")
    print(
        f"{summary.n_spectra:>10,}  spectra in {summary.path}: {megabytes:.1f} MB, "
        f"{summary.seconds:.1f} s"
    )
    print(
        f"{summary.n_duplicates:>10,}  duplicates and {summary.n_excluded:,} excluded rows left out"
    )
    print(f"{summary.n_bad:>10,}  bad items, listed in {summary.bad_files}")


def describe(args: argparse.Namespace) -> None:
    """Print what a corpus holds; spectra are not read.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm corpus info``.
    """
    with SpectralCorpus(args.corpus, verify=False) as corpus:
        lengths = corpus.lengths()
        print(
            f"{len(corpus):,} spectra of {lengths.min():,} to {lengths.max():,} channels, "
            f"{lengths.sum():,} values; SHA-256 of the tables {corpus.attributes['digest']}"
        )
        left_out = {"bad items": "n_bad", "duplicates": "n_duplicates", "excluded": "n_excluded"}
        counts = ", ".join(f"{corpus.attributes[key]:,} {text}" for text, key in left_out.items())
        print(f"left out: {counts}")
        for kind in ("source", "modality", "quantity", "licence"):
            names, counted = np.unique(corpus.labels(kind), return_counts=True)
            print(f"\n{kind}")
            for name, count in zip(names, counted, strict=True):
                print(f"{count:>10,}  {name}")


def verify(args: argparse.Namespace) -> None:
    """Compare the checksums of a corpus.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of ``spectralfm corpus verify``.

    Raises
    ------
    CorruptCorpusError
        If one differs.
    """
    started = time.monotonic()
    with SpectralCorpus(args.corpus) as corpus:
        seconds = time.monotonic() - started
        print(f"{args.corpus}: all {corpus.n_blocks:,} blocks are as written ({seconds:.1f} s)")


def _sources(args: argparse.Namespace) -> list[Source]:
    """Open all sources, each with the options of its kind."""
    named = [_named(text) for text in args.sources]
    licences = _licences(args.licence or [], [name for name, _ in named])
    keys = ("unit", "modality", "pattern", "table", "axis", "spectra", "id")
    given = {key: getattr(args, key) for key in keys if getattr(args, key) is not None}
    exclude = _excluded(args.exclude or [])
    sources, used = [], set[str]()
    for name, path in named:
        kind = source_kind(path)
        options = {k: v for k, v in given.items() if k in inspect.signature(kind).parameters}
        used |= set(options)
        licence = licences.get(name, licences.get(""))
        common: dict[str, Any] = {"name": name} | ({"licence": licence} if licence else {})
        if kind is NpzSource and exclude:
            present = NpzSource(path).having(exclude)
            used |= {f"exclude {column}={v}" for column in present for v in present[column]}
            options["exclude"] = present
        sources.append(kind(path, **common, **options))
    wanted = set(given) | {f"exclude {column}={v}" for column in exclude for v in exclude[column]}
    if wanted - used:
        raise ValueError(f"--{min(wanted - used)} fits none of the sources.")
    return sources


def _named(text: str) -> tuple[str, Path]:
    """Return name and path of a source."""
    name, found, path = text.partition("=")
    if found and not Path(text).exists():
        return name, Path(path)
    whole = Path(text)
    return (whole.absolute().name if whole.is_dir() else whole.stem), whole


def _licences(texts: list[str], names: list[str]) -> dict[str, str]:
    """Return the licence of each source, that of all others under an empty name."""
    licences = {}
    for text in texts:
        name, _, licence = text.partition("=")
        if name in names:
            licences[name] = licence
        else:
            licences[""] = text
    return licences


def _excluded(texts: list[str]) -> dict[str, list[str]]:
    """Return the values to leave out, by column."""
    exclude: dict[str, list[str]] = {}
    for text in texts:
        column, found, value = text.partition("=")
        if not found:
            raise ValueError(f"--exclude {text}: write COLUMN=VALUE.")
        exclude.setdefault(column, []).append(value)
    return exclude
