"""Cross-validation of spectra that several instruments recorded of the same samples."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold


class PairedSplit(GroupKFold):
    """Keep a sample's spectra from all instruments on one side of every split.

    Stack the spectra of all instruments in ``X`` and pass the sample of each row as ``groups``.
    A random split instead would test on samples that the model knows from the other instrument,
    and report an error that no new sample will have.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, 2 to the number of samples.
    train_on : array-like of bool of shape (n_spectra,), optional
        Rows that may be trained on, for example ``instrument == "source"``.
    test_on : array-like of bool of shape (n_spectra,), optional
        Rows that may be tested on, for example ``instrument == "target"``.
    shuffle : bool, default=True
        Whether to draw the folds at random.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.model_selection import PairedSplit
    >>> sample, instrument = np.tile([0, 1, 2], 2), np.repeat(["source", "target"], 3)
    >>> split = PairedSplit(3, test_on=instrument == "target", random_state=0)
    >>> for train, test in split.split(np.zeros((6, 4)), groups=sample):
    ...     print("train on", sample[train], "test on", sample[test])
    train on [0 1 0 1] test on [2]
    train on [0 2 0 2] test on [1]
    train on [1 2 1 2] test on [0]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        train_on: ArrayLike | None = None,
        test_on: ArrayLike | None = None,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        # GroupKFold refuses a seed when it does not shuffle; here the seed is just not used.
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state if shuffle else None)
        self.train_on = train_on
        self.test_on = test_on

    def split(
        self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield rows to train on and rows to test on.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_channels)
            Spectra of all instruments, one below the other.
        y : array-like of shape (n_spectra,), optional
            Ignored.
        groups : array-like of shape (n_spectra,)
            Sample of each row.

        Yields
        ------
        train, test : ndarray of int
            Row numbers.

        Raises
        ------
        ValueError
            If ``groups`` is missing, a mask has another length than ``X``, or a fold is empty.
        """
        if groups is None:
            raise ValueError(
                "PairedSplit needs groups=, the sample of each row, to know which spectra belong "
                "together."
            )
        n = np.shape(groups)[0]
        masks = [_rows(self.train_on, n, "train_on"), _rows(self.test_on, n, "test_on")]
        for fold, sides in enumerate(super().split(X, y, groups)):
            train, test = (rows[mask[rows]] for rows, mask in zip(sides, masks, strict=True))
            if not (len(train) and len(test)):
                raise ValueError(
                    f"Fold {fold} has {len(train)} spectra to train on and {len(test)} to test on. "
                    "Use fewer folds, or check train_on and test_on."
                )
            yield train, test


def _rows(mask: ArrayLike | None, n: int, name: str) -> NDArray[np.bool_]:
    """Return a mask over the rows, all of them by default."""
    if mask is None:
        return np.ones(n, dtype=bool)
    rows = np.asarray(mask)
    if rows.dtype != bool or rows.shape != (n,):
        raise ValueError(
            f"{name} must be True or False for each of the {n} rows of X, not {rows.dtype} of "
            f"shape {rows.shape}."
        )
    return rows
