"""Build a corpus: stream spectra of many sources into one file."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .._download import write_atomically
from ._assemble import assemble
from ._files import FolderSource
from ._layout import import_h5py
from ._parts import Cursor, Part, Parts, checksum
from ._record import Item, Record, Source, check_record_axis, modality_of, reasons

PART_ROWS, PART_VALUES = 4096, 1 << 23
"""Spectra and values (32 MiB) after which a part is written."""


class CorpusSummary(NamedTuple):
    """What a build did.

    Parameters
    ----------
    path : Path
        The corpus.
    bad_files : Path
        List of what could not be used, one JSON object a line: source, item, reason.
    n_spectra : int
        Spectra in the corpus.
    n_bad : int
        Lines of that list.
    n_duplicates : int
        Spectra left out because an earlier one has the same axis and values.
    n_excluded : int
        Rows left out on request.
    by_source : dict of str to int
        Spectra of each source.
    seconds : float
        Time of this run.
    """

    path: Path
    bad_files: Path
    n_spectra: int
    n_bad: int
    n_duplicates: int
    n_excluded: int
    by_source: dict[str, int]
    seconds: float


def build_corpus(
    output: str | os.PathLike[str],
    sources: Sequence[Source],
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> CorpusSummary:
    """Stream the spectra of many sources into one HDF5 file.

    Spectra keep their axis and their values, as float32. Equal ones are kept once. What cannot be
    read is listed with its reason in ``<output>.bad.jsonl``. A build that was killed goes on where
    it was: what it had read waits in the folder ``<output>.partial``.

    Parameters
    ----------
    output : str or path-like
        The corpus to write.
    sources : sequence of sources
        See `open_source`; their names must differ.
    overwrite : bool, default=False
        Replace a corpus that is there.
    progress : bool, default=False
        Show a progress bar on a terminal.

    Returns
    -------
    CorpusSummary
        Counts, and where the list of bad files is.

    Raises
    ------
    FileExistsError
        If the output exists, no build of it was interrupted, and ``overwrite`` is False.
    ValueError
        If two sources have one name, an interrupted build had other sources, or no spectrum could
        be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from spectralfm.datasets.corpora import NpzSource, SpectralCorpus, build_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "leaves.npz")
    ...     values = np.random.default_rng(0).random((3, 5))
    ...     np.savez(path, values=values, axis=np.linspace(1100, 2500, 5), axis_unit="nm")
    ...     summary = build_corpus(os.path.join(folder, "corpus.h5"), [NpzSource(path)])
    ...     with SpectralCorpus(summary.path) as corpus:
    ...         print(len(corpus), corpus.modalities(), corpus.ids(0, 1))
    3 ['NIR'] ['leaves 0']
    """
    import_h5py()
    started = time.monotonic()
    output = Path(output)
    bad_files = output.with_name(output.name + ".bad.jsonl")
    folder = output.with_name(output.name + ".partial")
    if output.exists() and not folder.exists() and not overwrite:
        raise FileExistsError(f"{output} exists. Pass another name, or overwrite.")
    names = [source.name for source in sources]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"Two sources are named {repeated[0]}: pass name= to tell them apart.")
    for source in sources:
        if isinstance(source, FolderSource):
            source.leave_out(output, bad_files, folder)
    for left in output.parent.glob(f".{output.name}.*.part"):  # what a killed build was writing
        left.unlink()
    plan = {source.name: [source.licence, source.fingerprint()] for source in sources}
    parts = Parts(folder, plan)
    _read(sources, parts, progress)
    metas = [parts.meta(path) for path in parts.paths]
    bad = [line for meta in metas for line in meta["bad"]]
    listed = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in bad)
    write_atomically(bad_files, listed.encode())
    if not any(meta["rows"]["length"] for meta in metas):
        parts.delete()
        raise ValueError(f"No spectrum could be read. {bad_files} says why, of {len(bad)} items.")
    attributes = assemble(output, parts, metas)
    parts.delete()
    by_source: dict[str, int] = {}
    for name in (name for meta in metas for name in meta["rows"]["source"]):
        by_source[name] = by_source.get(name, 0) + 1
    return CorpusSummary(
        output,
        bad_files,
        attributes["n_spectra"],
        attributes["n_bad"],
        attributes["n_duplicates"],
        attributes["n_excluded"],
        by_source,
        time.monotonic() - started,
    )


def _read(sources: Sequence[Source], parts: Parts, progress: bool) -> None:
    """Read on from the last part."""
    cursor, known = parts.cursor(), parts.hashes()
    done = sum(parts.meta(path)["counts"]["items"] for path in parts.paths)
    total = sum(map(len, sources))
    part, axes = Part(), dict[tuple, str]()
    disable = None if progress else True
    with tqdm(total=total, initial=done, unit="items", disable=disable) as bar:
        for k in range(cursor.source, len(sources)):
            start = cursor.start if k == cursor.source else 0
            for item in sources[k].items(start):
                _add(item, sources[k], part, known, axes)
                part.counts["items"] += 1
                bar.update()
                full = len(part.hashes) >= PART_ROWS or part.n_values >= PART_VALUES
                if item.next is not None and (full or len(part.bad) >= PART_ROWS):
                    parts.append(part, Cursor(k, item.next))
                    part = Part()
        if part.counts["items"]:
            parts.append(part, Cursor(len(sources), 0))


def _add(item: Item, source: Source, part: Part, known: set[bytes], axes: dict[tuple, str]) -> None:
    """Put the spectra of one item into the part, or say why not."""

    def refuse(label: str, reason: str) -> None:
        line = {"source": source.name, "item": label, "reason": reason}
        part.bad.append({key: _unicode(text) for key, text in line.items()})

    record = item.record
    if record is None:
        if item.reason:
            refuse(item.label, item.reason)
        else:
            part.counts["excluded"] += 1
        return
    try:
        modality = _checked_modality(record, axes)
    except ValueError as error:
        refuse(item.label, str(error))
        return
    for row, reason in enumerate(reasons(record.X)):
        if reason:
            refuse(record.ids[row], reason)
            continue
        found = checksum(record.unit, record.axis, record.X[row])
        if found in known:
            part.counts["duplicates"] += 1
            continue
        known.add(found)
        part.add(record, row, modality, source.licence, found)


def _unicode(text: str) -> str:
    """Return a text that can be written: names of files may hold bytes that are no text."""
    return text.encode("utf-8", "replace").decode()


def _checked_modality(record: Record, axes: dict[tuple, str]) -> str:
    """Return the modality of a record with a valid axis; each axis is checked once."""
    key = (record.unit, record.X.shape[1], hash(np.asarray(record.axis).tobytes()))
    if key not in axes:
        check_record_axis(record)
        axes[key] = modality_of(record.axis, record.unit)
    return record.modality or axes[key]
