"""Decode the data lines of JCAMP-DX: plain, packed, squeezed, difference and duplicate form."""

import os
import re
from typing import NamedTuple

from ._spectra import corrupt

SQUEEZED = dict(zip("@ABCDEFGHIabcdefghi", [*range(10), *range(-1, -10, -1)], strict=True))
DIFFERENCE = dict(zip("%JKLMNOPQRjklmnopqr", [*range(10), *range(-1, -10, -1)], strict=True))
DUPLICATE = dict(zip("STUVWXYZs", range(1, 10), strict=True))

_PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_NUMBERS = re.compile(rf"{_PLAIN}(?:[Ee][+-]?\d+)?|\?")
_CODED = re.compile(rf"[@A-Ia-i%J-Rj-r][\d.]*|[S-Zs]\d*|{_PLAIN}|\?")
_CODE = re.compile(r"[@A-DF-Ia-df-i%J-Zj-s]")
_SEPARATORS = re.compile(r"[\s,;]*")


class DataLine(NamedTuple):
    """One decoded line: where it stands, its first number, the others."""

    number: int
    x: float
    values: list[float]


def tokens(lines: list[tuple[int, str]], path: str | os.PathLike[str]) -> list[tuple[int, list]]:
    """Split data lines into numbers and codes; anything else is an error that names the line.

    The letter E is an exponent unless another letter shows that the block is coded.
    """
    coded = any(_CODE.search(text) for _, text in lines)
    pattern = _CODED if coded else _NUMBERS
    found = []
    for number, text in lines:
        rest = _SEPARATORS.sub("", pattern.sub("", text))
        if rest:
            raise corrupt(path, f"line {number}", f"{rest[:20]!r} is no number")
        words = pattern.findall(text)
        if "?" in words:
            raise corrupt(path, f"line {number}", "a value is missing ('?')")
        if words:
            found.append((number, words))
    return found


def decode(
    lines: list[tuple[int, str]], path: str | os.PathLike[str], *, n_points: int
) -> list[DataLine]:
    """Decode lines of the form ``(X++(Y..Y))``.

    Parameters
    ----------
    lines : list of (int, str)
        Number and text of each line, comments removed.
    path : str or path-like
        The file, for the message.
    n_points : int
        Values expected; more are an error.

    Returns
    -------
    list of DataLine
        Lines of abscissa and ordinates, in the factors of the file. A line that follows one in
        difference form repeats its last value as a check: it is compared and left out.

    Raises
    ------
    CorruptSpectrumError
        If a line holds anything else, the check fails, or there are too many values.

    References
    ----------
    .. [1] R. S. McDonald, P. A. Wilks, "JCAMP-DX: a standard form for exchange of infrared spectra
       in computer readable form", Appl. Spectrosc. 42 (1988) 151, doi:10.1366/0003702884428734.
    """
    decoded: list[DataLine] = []
    last, differences, count = None, False, 0
    for number, words in tokens(lines, path):
        where = f"line {number}"
        try:
            x = float(words[0])
            values, ends_in_difference = _values(words[1:], n_points)
        except (ValueError, IndexError):
            raise corrupt(path, where, "the codes make no numbers") from None
        if count == n_points and len(values) == 1:
            continue  # A closing check, which some writers leave at zero.
        if differences and values:
            if values[0] != last:
                what = f"it starts at {values[0]:g}, but the line before ends at {last:g}"
                raise corrupt(path, where, what)
            last, differences = values[-1], ends_in_difference
            values = values[1:]
        elif values:
            last, differences = values[-1], ends_in_difference
        count += len(values)
        if count > n_points:
            raise corrupt(path, where, f"there are more values than NPOINTS={n_points}")
        decoded.append(DataLine(number, x, values))
    return decoded


def _values(words: list[str], limit: int) -> tuple[list[float], bool]:
    """Return the ordinates of a line, and whether the last one was a difference."""
    values: list[float] = []
    step: float | None = None
    for word in words:
        code = word[0]
        if code in DUPLICATE:
            repeats = int(str(DUPLICATE[code]) + word[1:]) - 1
            if repeats > limit:
                raise ValueError("more repeats than values")
            if step is None:
                values += [values[-1]] * repeats
            else:
                values += [values[-1] + (k + 1) * step for k in range(repeats)]
            continue
        if code in DIFFERENCE:
            step = _number(DIFFERENCE[code], word)
            values.append(values[-1] + step)
            continue
        step = None
        values.append(_number(SQUEEZED[code], word) if code in SQUEEZED else float(word))
    return values, step is not None


def _number(digit: int, word: str) -> float:
    """Return the number of a first digit with sign and the digits after it."""
    size = float(f"{abs(digit)}{word[1:]}")
    return -size if digit < 0 else size
