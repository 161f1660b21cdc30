"""JCAMP-DX, the exchange format of IUPAC: ``.jdx``, ``.dx``, ``.jcm``."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ._asdf import decode, tokens
from ._spectra import Spectra, checked, corrupt, decode_text, read_bytes
from ._unit import resolve_unit, units_in

DATA = ("XYDATA", "XYPOINTS")
NOT_SPECTRA = ("NTUPLES", "PEAKTABLE", "PEAKASSIGNMENTS", "RADATA")


@dataclass
class Block:
    """Labels of one block, with the lines they stand on, and its lines of data."""

    line: int
    labels: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    data: list[tuple[int, str]] = field(default_factory=list)


def read_jcamp(path: str | os.PathLike[str], *, unit: str | None = None) -> Spectra:
    """Read spectra from a JCAMP-DX file.

    Parameters
    ----------
    path : str or path-like
        The file. Several blocks (``LINK``) are stacked if they share one axis.
    unit : {"nm", "um", "cm-1"}, optional
        Unit of the axis, for files without ``XUNITS``.

    Returns
    -------
    Spectra
        Ordinates times ``YFACTOR``, on the axis from ``FIRSTX`` to ``LASTX``; labels in
        ``metadata`` without blanks, in upper case.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptSpectrumError
        If a line, the number of values, the abscissa at the start of a line or the check of a
        difference form is wrong, or ``##END=`` is missing; the message names the line.
    ValueError
        If the file holds no spectrum over wavelength or wavenumber: NMR, peak tables, NTUPLES.

    Notes
    -----
    The decoder is the package's own: jcamp 1.3.2, which the tests compare it with, raises on
    comments in data lines, loops on duplicates of squeezed numbers and prints failed checks.

    Examples
    --------
    >>> import os, tempfile
    >>> from spectralfm.io import read_jcamp
    >>> text = '''##TITLE=ethanol
    ... ##JCAMP-DX=4.24
    ... ##XUNITS=1/CM
    ... ##YUNITS=ABSORBANCE
    ... ##FIRSTX=1000
    ... ##LASTX=1003
    ... ##NPOINTS=4
    ... ##XFACTOR=1
    ... ##YFACTOR=0.1
    ... ##XYDATA=(X++(Y..Y))
    ... 1000 1 2
    ... 1002 3 4
    ... ##END=
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ethanol.jdx")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     spectra = read_jcamp(path)
    >>> spectra.X.round(1), spectra.axis, spectra.unit
    (array([[0.1, 0.2, 0.3, 0.4]]), array([1000., 1001., 1002., 1003.]), 'cm-1')
    """
    path = Path(path)
    blocks = _blocks(decode_text(read_bytes(path), path), path)
    holding = [block for block in blocks if any(label in block.labels for label in DATA)]
    if not holding:
        other = [label for block in blocks for label in NOT_SPECTRA if label in block.labels]
        if other:
            raise ValueError(f"{path} holds ##{other[0]}, no spectrum. Export it as ##XYDATA.")
        raise corrupt(path, "end", "there is no ##XYDATA")
    spectra = [_spectrum(block, path, unit) for block in holding]
    first = spectra[0]
    if any(s.unit != first.unit or not np.array_equal(s.axis, first.axis) for s in spectra):
        raise ValueError(f"{path} holds {len(spectra)} spectra on different axes. Split the file.")
    metadata = {**first.metadata, "ids": [block.labels.get("TITLE", "") for block in holding]}
    return Spectra(np.vstack([s.X for s in spectra]), first.axis, first.unit, metadata)


def _blocks(text: str, path: Path) -> list[Block]:
    """Split the file into its blocks, nested ones after the one that links them."""
    closed, opened = [], []
    label, number = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("$$")[0].strip()
        if content.startswith("##"):
            name, found, value = content[2:].partition("=")
            label = re.sub(r"[\s\-_/]", "", name).upper()
            if not found:
                raise corrupt(path, f"line {number}", f"label {content[:20]!r} has no '='")
            if label == "TITLE":
                opened.append(Block(number))
            if not opened:
                raise corrupt(path, f"line {number}", "the file does not begin with ##TITLE=")
            if label == "END":
                closed.append(opened.pop())
                continue
            opened[-1].labels[label] = value.strip()
            opened[-1].lines[label] = number
        elif content and opened and label in DATA:
            opened[-1].data.append((number, content))
        elif content and opened and label != "END":
            opened[-1].labels[label] += f"\n{content}"
    if opened:
        raise corrupt(path, f"line {number}", "the file ends without ##END=")
    return sorted(closed, key=lambda block: block.line)


def _spectrum(block: Block, path: Path, unit: str | None) -> Spectra:
    """Decode the data of one block."""
    label = next(label for label in DATA if label in block.labels)
    where = f"line {block.lines[label]}"
    xunits = block.labels.get("XUNITS", "")
    allowed = units_in(xunits)
    kind = block.labels.get("DATATYPE", "")
    if xunits and not allowed and "ARBITRARY" not in xunits.upper():
        raise ValueError(f"{path}: its axis is in {xunits!r} ({kind}): no vibrational spectrum.")
    form = re.sub(r"\s", "", block.labels[label]).upper()
    x_factor, y_factor = _number(block, path, "XFACTOR", 1.0), _number(block, path, "YFACTOR", 1.0)
    n_points = round(_number(block, path, "NPOINTS"))
    if not 2 <= n_points <= 10**7:
        raise corrupt(path, f"line {block.lines['NPOINTS']}", f"NPOINTS is {n_points}")
    if form.startswith("(X++(Y..Y))"):
        axis = np.linspace(_number(block, path, "FIRSTX"), _number(block, path, "LASTX"), n_points)
        values: list[float] = []
        numbers: list[int] = []
        step = 2 * abs(axis[1] - axis[0]) + abs(x_factor)
        for data in decode(block.data, path, n_points=n_points):
            expected = axis[min(len(values), n_points - 1)]
            if data.values and abs(data.x * x_factor - expected) > step:
                raise corrupt(
                    path,
                    f"line {data.number}",
                    f"starts at {data.x * x_factor:g}, but {expected:g} comes next",
                )
            values += data.values
            numbers += [data.number] * len(data.values)
    elif form.startswith("(XY..XY)"):
        pairs = [(n, float(w)) for n, words in tokens(block.data, path) for w in words]
        if len(pairs) % 2:
            raise corrupt(path, f"line {pairs[-1][0]}", "an abscissa has no ordinate")
        axis = x_factor * np.asarray([x for _, x in pairs[::2]])
        values, numbers = [y for _, y in pairs[1::2]], [n for n, _ in pairs[1::2]]
    else:
        raise ValueError(f"{path}: {where}: the form {block.labels[label]!r} is not read.")
    if len(values) != n_points:
        last = numbers[-1] if numbers else block.lines[label]
        raise corrupt(path, f"line {last}", f"{len(values)} values, but NPOINTS={n_points}")
    metadata = {
        "format": "jcamp",
        "quantity": block.labels.get("YUNITS", "").lower(),
        **block.labels,
    }
    if "RAMAN" in kind.upper():
        metadata["modality"] = "Raman"
    found = resolve_unit(path, axis, unit=unit, allowed=allowed)
    X = y_factor * np.asarray(values, dtype=np.float64)
    return checked(path, X, axis, found, metadata, place=lambda k: f"line {numbers[k]}")


def _number(block: Block, path: Path, label: str, default: float | None = None) -> float:
    """Return the number of a label."""
    if not block.labels.get(label):
        if default is None:
            raise corrupt(path, f"line {block.line}", f"the block has no ##{label}")
        return default
    try:
        value = float(block.labels[label].replace(",", "."))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        text = block.labels[label]
        raise corrupt(path, f"line {block.lines[label]}", f"{label} is {text[:20]!r}")
    return value
