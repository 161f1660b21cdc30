"""Spectra of the target instrument, as objects that cross-validation passes whole.

scikit-learn slices any array-like metadata as long as ``X``; it leaves these objects alone.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from .._validation import check_magnitude, check_matrix, check_paired, refuse_masked, refuse_text


class Standards:
    """Samples measured on both instruments, rows paired.

    Parameters
    ----------
    source : array-like of shape (n_standards, n_source_channels)
        Spectra of the standards on the source instrument.
    target : array-like of shape (n_standards, n_target_channels)
        Spectra of the same samples, in the same order, on the target instrument.
    y : array-like of shape (n_standards,) or (n_standards, n_targets), optional
        Reference values of the standards, NaN where one is not known.

    Raises
    ------
    ValueError
        If the rows do not pair up, a spectrum is not finite, or a value is infinite.

    Notes
    -----
    A pipeline's preprocessing sees ``X`` but not the standards, so the regressor would compare raw
    with preprocessed spectra: preprocess them first, or use the regressor's ``preprocessing``.

    Examples
    --------
    >>> from spectralfm.transfer import Standards
    >>> Standards(source=[[0.1, 0.2], [0.2, 0.4]], target=[[0.2, 0.3], [0.3, 0.5]])
    Standards(2 pairs, 2 source and 2 target channels, without y)
    """

    def __init__(self, source: ArrayLike, target: ArrayLike, y: ArrayLike | None = None) -> None:
        self.source = check_matrix(source, name="standards.source")
        self.target = check_matrix(target, name="standards.target")
        check_paired(self.target, self.source, name="standards.source")
        self.y: NDArray[np.float64] | None = None
        if y is not None:
            refuse_masked(y, name="standards.y")
            refuse_text(y, name="standards.y")
            self.y = check_array(
                y,
                dtype=np.float64,
                ensure_2d=False,
                ensure_all_finite="allow-nan",
                input_name="standards.y",
            )
            check_paired(self.target, self.y, name="standards.y")
            check_magnitude(self.y, name="standards.y")

    @property
    def n_standards(self) -> int:
        """Number of samples measured on both instruments."""
        return len(self.source)

    def take(self, rows: ArrayLike) -> "Standards":
        """Return some of the standards, pairs kept together.

        Parameters
        ----------
        rows : array-like of int or bool
            Their indices, or a mask of all.

        Returns
        -------
        Standards
            The standards at ``rows``.
        """
        rows = np.asarray(rows)
        return Standards(
            self.source[rows], self.target[rows], None if self.y is None else self.y[rows]
        )

    def __repr__(self) -> str:
        known = "without" if self.y is None else "with"
        return (
            f"Standards({self.n_standards} pairs, {self.source.shape[1]} source and "
            f"{self.target.shape[1]} target channels, {known} y)"
        )


class Unpaired:
    """Unlabelled spectra of the target instrument, of samples the source need not have seen.

    Parameters
    ----------
    target : array-like of shape (n_spectra, n_target_channels)
        Spectra recorded on the target instrument.

    Raises
    ------
    ValueError
        If a spectrum is not finite.

    Examples
    --------
    >>> from spectralfm.transfer import Unpaired
    >>> Unpaired([[0.2, 0.3], [0.3, 0.5], [0.1, 0.4]])
    Unpaired(3 spectra, 2 target channels)
    """

    def __init__(self, target: ArrayLike) -> None:
        self.target = check_matrix(target, name="X_target")

    def __repr__(self) -> str:
        return f"Unpaired({len(self.target)} spectra, {self.target.shape[1]} target channels)"


def check_standards(standards: object) -> None:
    """Raise TypeError unless these are `Standards`."""
    if not isinstance(standards, Standards):
        raise TypeError(
            f"standards must be Standards(source=..., target=...), not "
            f"{type(standards).__name__}: wrap the paired spectra."
        )


def are_groups(X_target: object) -> bool:
    """Say whether unlabelled spectra are a list of one group an instrument."""
    return (
        isinstance(X_target, list | tuple)
        and len(X_target) > 0
        and all(isinstance(group, Unpaired) or np.ndim(group) == 2 for group in X_target)
    )
