"""Spectra of all instruments in one array, as domain adaptation libraries keep them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import check_matrix, check_reference_values
from ._standards import Standards, Unpaired


def from_sample_domain(
    X: ArrayLike,
    y: ArrayLike,
    sample_domain: ArrayLike,
    *,
    sample_ids: ArrayLike | None = None,
    target: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], Standards | Unpaired]:
    """Split stacked spectra by the sign of their domain, as skada writes it.

    Parameters
    ----------
    X : array-like of shape (n_spectra, n_channels)
        Spectra of all instruments, on one axis.
    y : array-like of shape (n_spectra,) or (n_spectra, n_targets)
        Reference values. Those of target spectra are not used, and may be masked: NaN, or -1.
    sample_domain : array-like of shape (n_spectra,)
        Whole numbers: zero or more for spectra of a source, less than zero for those of a target.
        Several sources are taken together.
    sample_ids : array-like of shape (n_spectra,), optional
        Name of the sample of each spectrum. Samples measured on both sides, once on each, become
        standards; other target spectra are left out.
    target : int, optional
        Which target, where there are several.

    Returns
    -------
    X : ndarray of shape (n_samples, n_channels)
        Spectra recorded on the sources.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Their reference values.
    target : Unpaired or Standards
        Spectra recorded on the target: with ``sample_ids`` the standards, their values with them.

    Raises
    ------
    ValueError
        If spectra are not finite, a side has none, there are several targets and none is named, no
        sample was measured on both sides, or one was measured twice on a side.

    See Also
    --------
    DomainInvariantPLS, TransferEnsemble : Take what it returns.

    Notes
    -----
    The convention is that of skada 0.6 [1]_, ``sample_domain >= 0`` for sources; the package is not
    needed.

    References
    ----------
    .. [1] Gnassounou, T., Kachaiev, O., Flamary, R., Collas, A., Lalou, Y., de Mathelin, A., et al.
       (2024). SKADA-Bench: benchmarking unsupervised domain adaptation methods with realistic
       validation. https://doi.org/10.48550/arXiv.2407.11676

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import DomainInvariantPLS, from_sample_domain
    >>> X = np.random.default_rng(0).random((30, 20))
    >>> y = np.where(np.arange(30) < 20, X[:, 3], np.nan)
    >>> sample_domain = np.where(np.arange(30) < 20, 1, -2)
    >>> source, values, target = from_sample_domain(X, y, sample_domain)
    >>> target
    Unpaired(10 spectra, 20 target channels)
    >>> model = DomainInvariantPLS(2).fit(source, values, X_target=target)
    """
    spectra = check_matrix(X, name="X")
    domain = np.asarray(sample_domain)
    if domain.shape != (len(spectra),) or domain.dtype.kind not in "iu":
        raise ValueError(
            f"sample_domain must be {len(spectra)} whole numbers, one a spectrum, got an array of "
            f"{domain.dtype} of shape {domain.shape}."
        )
    is_source = domain >= 0
    targets = np.unique(domain[~is_source])
    if not is_source.any() or not targets.size:
        raise ValueError(
            f"sample_domain has {is_source.sum()} spectra of a source (0 or more) and "
            f"{(~is_source).sum()} of a target (less than 0): both are needed."
        )
    if target is None and len(targets) > 1:
        raise ValueError(f"There are several targets: choose target= out of {targets.tolist()}.")
    chosen = int(targets[0]) if target is None else target
    if chosen not in targets:
        raise ValueError(f"target = {chosen} is none of the targets {targets.tolist()}.")
    is_target = domain == chosen
    values = np.asarray(y)
    if values.shape[:1] != (len(spectra),):
        raise ValueError(f"y has shape {values.shape}, but there are {len(spectra)} spectra.")
    source_values = check_reference_values(values[is_source], spectra[is_source])
    if sample_ids is None:
        return spectra[is_source], source_values, Unpaired(spectra[is_target])
    names = np.asarray(sample_ids)
    if names.shape != (len(spectra),):
        raise ValueError(
            f"sample_ids has shape {names.shape}, but there are {len(spectra)} spectra."
        )
    on_source, on_target = (
        _once(names[side], what) for side, what in ((is_source, "source"), (is_target, "target"))
    )
    common = [name for name in on_source if name in on_target]
    if not common:
        raise ValueError("No sample was measured on both sides: leave sample_ids out, or mend it.")
    rows = [on_source[name] for name in common]
    paired = [on_target[name] for name in common]
    standards = Standards(spectra[is_source][rows], spectra[is_target][paired], source_values[rows])
    return spectra[is_source], source_values, standards


def _once(names: NDArray, what: str) -> dict:
    """Return the row of each sample, which must be there once."""
    rows = {name: row for row, name in enumerate(names.tolist())}
    if len(rows) < len(names):
        found, counts = np.unique(names, return_counts=True)
        most = found.tolist()[counts.argmax()]
        raise ValueError(
            f"sample {most!r} was measured {counts.max()} times on the {what}: "
            "average replicates first."
        )
    return rows
