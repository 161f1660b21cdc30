"""Sample selection that spreads over the spectra: Kennard-Stone, SPXY and DUPLEX."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.utils.validation import check_array, check_consistent_length

from .._validation import check_enough, check_matrix

Rows = NDArray[np.intp]
Distance = Callable[[Rows], NDArray[np.float64]]
"""Distances of some rows to all: (n_rows,) to (n_rows, n_samples)."""

ROWS_AT_ONCE = 256


def kennard_stone(X: ArrayLike, n_samples: int) -> Rows:
    r"""Select spectra that cover the space evenly.

    The two most distant spectra come first; then, again and again, the spectrum whose nearest
    selected neighbour is farthest away:

    .. math:: k = \arg\max_{i \notin S} \min_{j \in S} \lVert x_i - x_j \rVert_2

    Parameters
    ----------
    X : array-like of shape (n_spectra, n_channels)
        Spectra, as they are: distances are Euclidean over all channels, without scaling.
    n_samples : int
        How many to select, 1 to n_spectra.

    Returns
    -------
    ndarray of shape (n_samples,)
        Rows in the order of selection, so the first m of them are the selection of m.

    Raises
    ------
    ValueError
        If fewer spectra are given than asked for, or a value is not finite.

    Notes
    -----
    Outliers are distant, so they are selected first: remove them before. Ties go to the lower row.

    References
    ----------
    .. [1] Kennard, R. W., & Stone, L. A. (1969). Computer aided design of experiments.
       Technometrics, 11(1), 137-148. https://doi.org/10.1080/00401706.1969.10490666

    Examples
    --------
    >>> from spectralfm.model_selection import kennard_stone
    >>> kennard_stone([[0.0], [1.0], [4.0], [10.0]], 3)
    array([0, 3, 2])
    """
    X = _spectra(X, n_samples)
    return _max_min(_euclidean(X), len(X), n_samples)


def spxy(X: ArrayLike, y: ArrayLike, n_samples: int) -> Rows:
    r"""Select samples that cover spectra and reference values evenly.

    Kennard-Stone on the joint distance

    .. math:: d_{ij} = \frac{\lVert x_i - x_j \rVert}{\max_{pq} \lVert x_p - x_q \rVert}
                     + \frac{\lVert y_i - y_j \rVert}{\max_{pq} \lVert y_p - y_q \rVert}

    Parameters
    ----------
    X : array-like of shape (n_spectra, n_channels)
        Spectra.
    y : array-like of shape (n_spectra,) or (n_spectra, n_targets)
        Reference values; several properties are scaled to equal variance first.
    n_samples : int
        How many to select, 1 to n_spectra.

    Returns
    -------
    ndarray of shape (n_samples,)
        Rows in the order of selection.

    Raises
    ------
    ValueError
        If fewer samples are given than asked for, lengths differ, or a value is not finite.

    References
    ----------
    .. [1] Galvao, R. K. H., Araujo, M. C. U., Jose, G. E., Pontes, M. J. C., Silva, E. C., &
       Saldanha, T. C. B. (2005). A method for calibration and validation subset partitioning.
       Talanta, 67(4), 736-740. https://doi.org/10.1016/j.talanta.2005.03.025

    Examples
    --------
    >>> from spectralfm.model_selection import spxy
    >>> spxy([[0.0], [1.0], [2.0], [10.0]], [5.0, 0.0, 6.0, 9.0], 3)
    array([1, 3, 2])
    """
    X = _spectra(X, n_samples)
    values = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_consistent_length(X, values)
    values = values.reshape(len(values), -1)
    spread = values.std(axis=0)
    values = values / np.where(spread > 0, spread, 1)
    parts = [_euclidean(X), _euclidean(values)]
    scales = [_farthest_pair(part, len(X))[1] or 1.0 for part in parts]

    def joint(rows: Rows) -> NDArray[np.float64]:
        return parts[0](rows) / scales[0] + parts[1](rows) / scales[1]

    return _max_min(joint, len(X), n_samples)


def duplex(X: ArrayLike, n_samples: int, n_test: int | None = None) -> tuple[Rows, Rows]:
    """Split spectra into two sets that cover the space alike, by turns.

    The two most distant spectra go to the first set, the two most distant of the rest to the
    second; then each set in turn takes the spectrum farthest from what it holds.

    Parameters
    ----------
    X : array-like of shape (n_spectra, n_channels)
        Spectra, as they are.
    n_samples : int
        Size of the first set, at least 2.
    n_test : int, optional
        Size of the second set, at least 2. By default ``n_samples``, or what is left.

    Returns
    -------
    selected : ndarray of shape (n_samples,)
        Rows of the first set in the order of selection.
    test : ndarray of shape (n_test,)
        Rows of the second set in the order of selection.

    Raises
    ------
    ValueError
        If there are too few spectra for both sets, or a value is not finite.

    Notes
    -----
    Snee orthonormalises the variables first; that would blow up the noise of spectra, so it is left
    to the caller (pass scores of a PCA).

    References
    ----------
    .. [1] Snee, R. D. (1977). Validation of regression models: methods and examples. Technometrics,
       19(4), 415-428. https://doi.org/10.1080/00401706.1977.10489581

    Examples
    --------
    >>> from spectralfm.model_selection import duplex
    >>> duplex([[0.0], [1.0], [4.0], [6.0], [10.0], [11.0]], 3)
    (array([0, 5, 3]), array([1, 4, 2]))
    """
    X = check_matrix(X, name="X")
    if n_samples < 2 or (n_test is not None and n_test < 2):
        raise ValueError(f"DUPLEX needs at least 2 in either set, not {n_samples} and {n_test}.")
    needed = n_samples + (2 if n_test is None else n_test)
    check_enough(len(X), needed, what="spectra for two sets", remedy="Ask for fewer.")
    n_test = min(n_samples, len(X) - n_samples) if n_test is None else n_test
    distance = _euclidean(X)
    first = list(_farthest_pair(distance, len(X))[0])
    rest = np.setdiff1d(np.arange(len(X)), first)
    second = list(rest[list(_farthest_pair(_euclidean(X[rest]), len(rest))[0])])
    sets, sizes = (first, second), (n_samples, n_test)
    nearest = [distance(np.asarray(rows)).min(axis=0) for rows in sets]
    taken = np.zeros(len(X), dtype=bool)
    taken[first + second] = True
    while len(first) < n_samples or len(second) < n_test:
        for rows, size, near in zip(sets, sizes, nearest, strict=True):
            if len(rows) == size:
                continue
            row = int(np.argmax(np.where(taken, -np.inf, near)))
            rows.append(row)
            taken[row] = True
            np.minimum(near, distance(np.asarray([row]))[0], out=near)
    return np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)


def _spectra(X: ArrayLike, n_samples: int) -> NDArray[np.float64]:
    """Return checked spectra, at least as many as asked for."""
    X = check_matrix(X, name="X")
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, not {n_samples}.")
    check_enough(len(X), n_samples, what="samples to select from", remedy="Ask for fewer.")
    return X


def _euclidean(X: NDArray[np.float64]) -> Distance:
    """Return the function from rows to their distances to all rows."""

    def distance(rows: Rows) -> NDArray[np.float64]:
        return cdist(X[rows], X)

    return distance


def _farthest_pair(distance: Distance, n: int) -> tuple[tuple[int, int], float]:
    """Return the two most distant rows and their distance, a block of rows at a time."""
    pair, farthest = (0, 0), -1.0
    for start in range(0, n, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, n))
        block = distance(rows)
        block[rows - start, rows] = -1.0
        i, j = np.unravel_index(np.argmax(block), block.shape)
        if block[i, j] > farthest:
            pair, farthest = (int(rows[i]), int(j)), float(block[i, j])
    return pair, max(farthest, 0.0)


def _max_min(distance: Distance, n: int, n_samples: int) -> Rows:
    """Grow a selection from the two most distant rows."""
    selected = list(_farthest_pair(distance, n)[0])[: min(n_samples, n)]
    nearest = distance(np.asarray(selected)).min(axis=0)
    nearest[selected] = -np.inf
    while len(selected) < n_samples:
        row = int(np.argmax(nearest))
        selected.append(row)
        np.minimum(nearest, distance(np.asarray([row]))[0], out=nearest)
        nearest[row] = -np.inf
    return np.asarray(selected, dtype=np.intp)
