"""Sample selection as estimators: ``fit``, then ``indices_`` or ``get_support()``."""

from abc import ABC, abstractmethod
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._validation import check_spectra, check_targets, forget
from ._sequential import Rows, duplex, kennard_stone, spxy


class SampleSelector(BaseEstimator, ABC):
    """Choose rows of ``X``. A subclass writes `_select`."""

    _parameter_constraints: dict = {"n_samples": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_samples: int = 10) -> None:
        self.n_samples = n_samples

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Select samples.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_channels)
            Spectra, in a calibration transfer those recorded on the source.
        y : array-like of shape (n_spectra,) or (n_spectra, n_targets), optional
            Reference values; only SPXY uses them, and needs them.

        Returns
        -------
        self : object
            The selector, with ``indices_``.

        Raises
        ------
        ValueError
            If fewer spectra are given than asked for, or a value is not finite.
        """
        forget(self)
        self._validate_params()
        X, y = self._check(X, y)
        self.indices_ = self._select(X, y)
        self.n_samples_in_ = len(X)
        return self

    def get_support(self, indices: bool = False) -> NDArray[np.bool_] | Rows:
        """Return which rows were selected.

        Parameters
        ----------
        indices : bool, default=False
            Whether to return row numbers, ascending, instead of a mask.

        Returns
        -------
        ndarray of shape (n_spectra,) or (n_samples,)
            Mask over the rows of ``X``, or the row numbers; ``indices_`` holds them in the order
            of selection.
        """
        check_is_fitted(self)
        mask = np.zeros(self.n_samples_in_, dtype=bool)
        mask[self.indices_] = True
        return np.flatnonzero(mask) if indices else mask

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_samples_in_")

    def _check(
        self, X: ArrayLike, y: ArrayLike | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        return check_spectra(self, X, reset=True), None

    @abstractmethod
    def _select(self, X: NDArray[np.float64], y: Any) -> Rows:
        """Return the selected rows in the order of selection."""


class KennardStone(SampleSelector):
    """Select spectra that cover the space evenly; see `kennard_stone`.

    Parameters
    ----------
    n_samples : int, default=10
        How many to select, at least 1.

    Attributes
    ----------
    indices_ : ndarray of shape (n_samples,)
        Selected rows in the order of selection.
    n_samples_in_ : int
        Number of spectra seen.

    See Also
    --------
    SPXY : Covers the reference values too.
    DUPLEX : Splits into two sets that cover the space alike.

    Examples
    --------
    >>> from spectralfm.model_selection import KennardStone
    >>> selector = KennardStone(n_samples=2).fit([[0.0], [1.0], [4.0], [10.0]])
    >>> selector.indices_
    array([0, 3])
    >>> selector.get_support()
    array([ True, False, False,  True])
    """

    def _select(self, X: NDArray[np.float64], y: Any) -> Rows:
        return kennard_stone(X, self.n_samples)


class SPXY(SampleSelector):
    """Select samples that cover spectra and reference values evenly; see `spxy`.

    Parameters
    ----------
    n_samples : int, default=10
        How many to select, at least 1.

    Attributes
    ----------
    indices_ : ndarray of shape (n_samples,)
        Selected rows in the order of selection.
    n_samples_in_ : int
        Number of spectra seen.

    See Also
    --------
    KennardStone : Needs no reference values.

    Examples
    --------
    >>> from spectralfm.model_selection import SPXY
    >>> SPXY(n_samples=2).fit([[0.0], [1.0], [10.0]], [5.0, 0.0, 9.0]).indices_
    array([1, 2])
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _check(
        self, X: ArrayLike, y: ArrayLike | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        return check_targets(self, X, y)

    def _select(self, X: NDArray[np.float64], y: Any) -> Rows:
        return spxy(X, y, self.n_samples)


class DUPLEX(SampleSelector):
    """Split spectra into two sets that cover the space alike; see `duplex`.

    Parameters
    ----------
    n_samples : int, default=10
        Size of the first set, at least 2.
    n_test : int, optional
        Size of the second set, at least 2. By default ``n_samples``, or what is left.

    Attributes
    ----------
    indices_ : ndarray of shape (n_samples,)
        Rows of the first set in the order of selection.
    test_indices_ : ndarray of shape (n_test,)
        Rows of the second set in the order of selection.
    n_samples_in_ : int
        Number of spectra seen.

    See Also
    --------
    KennardStone : One set that covers the space.

    Examples
    --------
    >>> from spectralfm.model_selection import DUPLEX
    >>> selector = DUPLEX(n_samples=3).fit([[0.0], [1.0], [4.0], [6.0], [10.0], [11.0]])
    >>> selector.indices_, selector.test_indices_
    (array([0, 5, 3]), array([1, 4, 2]))
    """

    _parameter_constraints: dict = {
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "n_test": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(self, n_samples: int = 10, n_test: int | None = None) -> None:
        super().__init__(n_samples)
        self.n_test = n_test

    def _select(self, X: NDArray[np.float64], y: Any) -> Rows:
        selected, self.test_indices_ = duplex(X, self.n_samples, self.n_test)
        return selected
