"""Predict spectra that do not fit into memory, batch by batch."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm


def predict_batches(
    estimator: Any,
    X: Any,
    *,
    batch_size: int = 4096,
    out: Any = None,
    start: int = 0,
    method: str = "predict",
    verbose: bool = False,
) -> Any:
    r"""Predict spectra that are on disk, in memory bounded by one batch of them.

    .. math:: \hat y_{ib \dots (i+1)b - 1} = f(x_{ib \dots (i+1)b - 1}), \qquad i = 0, 1, \dots

    Parameters
    ----------
    estimator : fitted estimator
        Any of this package's or of scikit-learn's.
    X : array, memmap, HDF5 dataset or DataFrame of shape (n_samples, n_channels)
        Whatever has a length and is cut into rows by slices: ``np.load(path, mmap_mode="r")``,
        ``h5py.File(path)["spectra"]``. One slice of ``batch_size`` rows is read at a time.
    batch_size : int, default=4096
        Spectra a batch, at least 1.
    out : array, memmap or HDF5 dataset of shape (n_samples, ...), optional
        Where predictions are written, row by row with ``X``. By default they are yielded.
    start : int, default=0
        First row predicted, to go on where an earlier call stopped; rows of ``out`` before it stay
        as they are.
    method : str, default="predict"
        Which method of the estimator, one that returns an array: "transform" encodes spectra.
    verbose : bool, default=False
        Whether to show progress on a terminal.

    Returns
    -------
    iterator of ndarray, or ``out``
        Predictions of one batch after the other (n_rows, ...), each computed when it is asked for.
        With ``out``, that, filled.

    Raises
    ------
    TypeError
        If ``X`` cannot be cut into rows, or the method does not return an array.
    ValueError
        If a spectrum is not finite or refused by the estimator, its row counted in all of ``X``; if
        rows have another number of channels than the first, or ``out`` another shape than
        the predictions. Batches before it were yielded or written.

    Notes
    -----
    Predictions are those of ``estimator.predict(X)``, to rounding: matrix products of other
    sizes may differ in the last digits. The pages of a memory-mapped file are given back to the
    system after each batch; otherwise they count as memory of the process, up to the whole file.

    To be able to go on after an interruption, fill a memmap with NaN first; the row to start from
    is then ``int(np.isnan(out).argmax())``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from spectralfm import predict_batches
    >>> X = np.random.default_rng(0).random((1000, 20))
    >>> model = LinearRegression().fit(X[:50], X[:50, 3])
    >>> [batch.shape for batch in predict_batches(model, X, batch_size=400)]
    [(400,), (400,), (200,)]
    >>> predicted = predict_batches(model, X, batch_size=400, out=np.empty(1000))
    >>> bool(np.allclose(predicted, X[:, 3]))
    True
    """
    n = _n_rows(X)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    if not 0 <= start <= n:
        raise ValueError(f"start must be a row of X, 0 to {n}, got {start}.")
    if out is not None and len(out) != n:
        raise ValueError(f"out has {len(out)} rows, but X has {n}: give one row a spectrum.")
    call = getattr(estimator, method)
    batches = _predictions(call, X, n, batch_size, start, verbose)
    if out is None:
        return batches
    for predicted in batches:
        stop = start + len(predicted)
        if predicted.shape[1:] != tuple(out.shape[1:]):
            raise ValueError(
                f"out holds {tuple(out.shape[1:])} values a row, but {method} gives "
                f"{predicted.shape[1:]}: make it of shape {(n, *predicted.shape[1:])}."
            )
        out[start:stop] = predicted
        _give_back(out, start, stop)
        start = stop
    return out


def _predictions(
    call: Any, X: Any, n: int, batch_size: int, start: int, verbose: bool
) -> Iterator[NDArray]:
    """Yield the predictions of one batch after the other."""
    n_channels = None
    with tqdm(total=n, initial=start, unit="spectra", disable=None if verbose else True) as bar:
        while start < n:
            stop = min(start + batch_size, n)
            spectra = _rows(X, start, stop)
            if n_channels is None and len(spectra.shape) == 2:
                n_channels = spectra.shape[1]
            if spectra.shape != (stop - start, n_channels):
                raise ValueError(
                    f"rows {start} to {stop - 1} of X have shape {spectra.shape}, not "
                    f"({stop - start}, {n_channels or 'n_channels'}): put one spectrum in a row, "
                    "all on one axis."
                )
            _require_finite(spectra, start)
            predicted = _call(call, spectra, start)
            _give_back(X, start, stop)
            yield predicted
            bar.update(stop - start)
            start = stop


def _n_rows(X: Any) -> int:
    """Return the number of rows of something that can be cut into rows."""
    if isinstance(X, str | bytes) or not (hasattr(X, "__len__") and hasattr(X, "__getitem__")):
        raise TypeError(
            f"X must be cut into rows by slices, which {type(X).__name__} is not: open the file, "
            'with np.load(path, mmap_mode="r") or h5py.File(path)["spectra"].'
        )
    return len(X)


def _rows(X: Any, start: int, stop: int) -> Any:
    """Return rows as an array, or as a DataFrame where they were in one."""
    if hasattr(X, "columns"):
        return X.iloc[start:stop] if hasattr(X, "iloc") else X[start:stop]
    return np.asarray(X[start:stop])


def _require_finite(spectra: Any, start: int) -> None:
    """Raise if a spectrum is not finite, and say which of all."""
    numbers = np.asarray(spectra)
    if numbers.dtype.kind not in "fc":
        return
    bad = ~np.isfinite(numbers)
    if bad.any():
        row, channel = np.argwhere(bad)[0]
        raise ValueError(
            f"row {start + row} of X holds {numbers[row, channel]} in channel {channel}. Remove "
            "the spectrum, or cut all spectra to the channels every instrument recorded."
        )


def _call(call: Any, spectra: Any, start: int) -> NDArray:
    """Return predictions of a batch, or say which of all rows is refused."""
    try:
        predicted = call(spectra)
    except ValueError as error:
        low, high = 0, len(spectra)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _refusal(call, spectra, low, middle) else (middle, high)
        refusal = _refusal(call, spectra, low, high)
        if refusal is None:  # only all together
            raise ValueError(
                f"rows {start} to {start + len(spectra) - 1} of X are refused: {error}"
            ) from error
        raise ValueError(
            f"row {start + low} of X is refused; alone, as row 0: {refusal}"
        ) from error
    if not hasattr(predicted, "shape") or len(predicted) != len(spectra):
        raise TypeError(
            f"{getattr(call, '__name__', 'the method')} must return an array of one row a spectrum,"
            f" not {type(predicted).__name__}."
        )
    return np.asarray(predicted)


def _refusal(call: Any, spectra: Any, start: int, stop: int) -> ValueError | None:
    """Return why some rows of a batch are refused."""
    try:
        call(_rows(spectra, start, stop))
    except ValueError as error:
        return error
    return None


def _give_back(array: Any, start: int, stop: int) -> None:
    """Tell the system that rows of a memory-mapped file need not stay in memory.

    What was written to them is not lost: they are shared with the file. Private copies (mode "c")
    are, so these stay.
    """
    mapped = getattr(array, "_mmap", None)
    if not isinstance(mapped, mmap.mmap) or array.mode == "c" or not hasattr(mapped, "madvise"):
        return
    rows = array[start:stop]
    if not rows.flags["C_CONTIGUOUS"] or not rows.size:
        return
    first = rows.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    begin = first // mmap.PAGESIZE * mmap.PAGESIZE
    mapped.madvise(mmap.MADV_DONTNEED, begin, first + rows.nbytes - begin)
