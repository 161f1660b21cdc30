"""Regressors for instruments that record at different wavelengths."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    check_matrix,
    check_same_channels,
    check_spectra,
    check_targets,
    forget,
    forget_names,
)
from ..axis import axis_in_names, matched_channels, names_agree, resample, same_channels
from ._instrument_axes import axis_parameters, check_names, resolve_axes
from ._source_model import with_names
from ._standards import Standards, Unpaired, are_groups, check_standards

Array = NDArray[np.float64]


class UnequalAxesRegressor(MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Let a regressor use source and target instruments of different axes.

    The regressor sees all spectra on the source channels inside the range that both instruments
    recorded, at the coarser of the two resolutions: a channel of spacing g is averaged to

    .. math:: h(\lambda) = \max\big(g_s(\lambda), g_t(\lambda)\big)

    where it is finer, and a spline is interpolated where it is not.

    Parameters
    ----------
    regressor : estimator
        The calibration, which needs one axis: any of this package's with
        ``fit(X, y, *, standards, X_target)``, or any regressor if only ``X`` and ``y`` are given.
    wavelengths : array-like of shape (n_source_channels,), optional
        Where the source records, nm. When neither this nor ``wavenumbers`` is given, the float-like
        column names of a DataFrame are the wavelengths.
    wavenumbers : array-like of shape (n_source_channels,), optional
        The same in cm-1.
    target_wavelengths : array-like of shape (n_target_channels,), optional
        Where the target records, nm. When neither this nor ``target_wavenumbers`` is given, both
        record the same channels.
    target_wavenumbers : array-like of shape (n_target_channels,), optional
        The same in cm-1.

    Attributes
    ----------
    regressor_ : estimator
        The fitted regressor, on the channels ``axis_``. Where it, or a part of it, takes
        ``wavelengths`` and ``wavenumbers``, they were set to these.
    equal_axes_ : bool
        Whether both instruments record the same channels, to a thousandth of their spacing. Then
        nothing is resampled, and all is as with the regressor alone.
    unit_ : {"nm", "cm-1"}
        Unit of the following: that of the source.
    axis_ : ndarray of shape (n_channels,)
        Channels of the calibration, in the source's order; None if no axis is known.
    spacing_ : ndarray of shape (n_channels,)
        The coarser spacing there; None if the axes are equal.
    source_axis_ : ndarray of shape (n_source_channels,)
        Channels of the source; None if not known.
    target_axis_ : ndarray of shape (n_target_channels,)
        Channels of the target; None if not known.
    n_features_in_ : int
        Number of channels of the *target*, which ``predict`` takes.

    See Also
    --------
    spectralfm.axis.matched_channels : The channels and the resolution.
    spectralfm.axis.Resampler : Resampling as a step of a pipeline.
    PiecewiseDirectStandardization : A correction of spectra that needs no common axis.

    Notes
    -----
    *Spectra of the source* are accepted by ``predict`` as well, with ``instrument="source"``; by
    default it tells them by their number of channels, or by the names of a DataFrame's columns.
    So `GridSearchCV` and `cross_val_score` work, which score on samples of ``X``. Arrays of both
    instruments that are equally wide cannot be told apart, and are taken for the target's: search
    inside then, with ``UnequalAxesRegressor(GridSearchCV(regressor, grid), ...)``. The axis of the
    target is told to the constructor, since cross-validation would cut it.

    *What it cannot do.* What only one instrument records is lost to the calibration, and what the
    coarser one has blurred does not come back. If the property is seen only where the target does
    not record, no standards help. Spacings stand for resolutions: an instrument that samples more
    finely than it resolves is taken for sharper than it is, which standards must tell.

    *Measured.* With 10 standards the noise-aware ridge erred 1.57 and 1.86 times as much as a full
    recalibration on all channels of the target, between two handhelds of 908 to 1676 nm by 6 nm and
    1300 to 2600 nm by 4 to 16 nm, and 1.41 and 1.05 times between the first and one of 1550 to 1950
    nm by 2 nm: mean of 8 splits, properties made of what both record.

    References
    ----------
    .. [1] Feudale, R. N., Woody, N. A., Tan, H., Myles, A. J., Brown, S. D., & Ferre, J. (2002).
       Transfer of multivariate calibration models: a review. Chemometrics and Intelligent
       Laboratory Systems, 64(2), 181-192. https://doi.org/10.1016/S0169-7439(02)00085-0

    Examples
    --------
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import DifferencePenalizedRidge, Standards, UnequalAxesRegressor
    >>> pair = make_instrument_pair(80, 200, n_target_channels=120, random_state=0)
    >>> X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
    >>> model = UnequalAxesRegressor(
    ...     DifferencePenalizedRidge(),
    ...     wavelengths=pair.wavelengths["source"],
    ...     target_wavenumbers=1e7 / pair.wavelengths["target"],
    ... )
    >>> model = model.fit(X[:50], y[:50], standards=Standards(X[:10], X_target[:10]))
    >>> bool(model.score(X_target[50:], y[50:]) > 0.95)
    True
    >>> len(model.axis_), model.n_features_in_
    (200, 120)
    """

    __metadata_request__fit = {"standards": True, "X_target": True}

    source_axis_: Any
    target_axis_: Any
    axis_: Any
    spacing_: Any
    unit_: Any

    _parameter_constraints: dict = {
        "regressor": [HasMethods(["fit", "predict"])],
        "wavelengths": ["array-like", None],
        "wavenumbers": ["array-like", None],
        "target_wavelengths": ["array-like", None],
        "target_wavenumbers": ["array-like", None],
    }

    def __init__(
        self,
        regressor: Any,
        *,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        target_wavelengths: ArrayLike | None = None,
        target_wavenumbers: ArrayLike | None = None,
    ) -> None:
        self.regressor = regressor
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.target_wavelengths = target_wavelengths
        self.target_wavenumbers = target_wavenumbers

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | Sequence[Unpaired] | Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Fit the regressor to what both instruments record.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_source_channels)
            Calibration spectra recorded on the source instrument.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        standards : Standards, optional
            Samples measured on both instruments, each on its own axis.
        X_target : Unpaired or array-like of shape (n_spectra, n_target_channels), or list, optional
            Unlabelled spectra of the target instrument, as `Unpaired` within cross-validation; a
            list of them for regressors that take several instruments, all of which record the
            target's channels.

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        TypeError
            If ``standards`` is not a `Standards`, or the regressor takes none.
        ValueError
            If spectra or reference values are not finite or not as wide as their axis, an axis is
            not valid, or the instruments share fewer than ten channels.
        """
        forget(self)
        self._validate_params()
        spectra, y = check_targets(self, X, y)
        if standards is not None:
            check_standards(standards)
        self.source_axis_, self.target_axis_, self.unit_ = resolve_axes(
            self, getattr(X, "columns", None), spectra.shape[1]
        )
        axes = self.source_axis_, self.target_axis_
        self.equal_axes_ = self.source_axis_ is None or same_channels(*axes)
        self.axis_, self.spacing_ = self.source_axis_, None
        if not self.equal_axes_:
            self.axis_, self.spacing_ = matched_channels(*axes, unit=self.unit_)
            self.n_features_in_ = len(self.target_axis_)
            forget_names(self)  # they are the source's; the target's are compared with its axis
        paired = spectra[:0]
        if standards is not None:
            paired = standards.source
            check_same_channels(paired.shape[1], spectra.shape[1], name="standards.source", of="X")
        source, paired = self._source(spectra, paired)
        given: dict[str, Any] = {}
        if standards is not None:
            target = self._target(standards.target, "standards.target")
            given["standards"] = Standards(paired, target, standards.y)
        if X_target is not None:
            given["X_target"] = self._unlabelled(X_target)
        regressor = clone(self.regressor)
        regressor.set_params(**axis_parameters(regressor, self.axis_, self.unit_))
        named = self.equal_axes_ and hasattr(X, "columns")
        self.regressor_ = regressor.fit(X if named else source, y, **given)
        return self

    def predict(self, X: ArrayLike, *, instrument: str = "auto", **predict_params: Any) -> Array:
        """Predict the properties of samples measured on the target instrument, or the source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_target_channels)
            Spectra recorded on the target instrument, or (n_samples, n_source_channels) on the
            source.
        instrument : {"auto", "target", "source"}, default="auto"
            Which instrument recorded them. "auto" takes them for the target's unless their number
            of channels, or the column names of a DataFrame, are the source's alone.
        **predict_params : dict
            Further arguments of the regressor's ``predict``, such as ``domain``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions in the unit of the reference values.

        Raises
        ------
        ValueError
            If the spectra are not on the axis of an instrument.
        """
        spectra = self.resample(X, instrument=instrument)
        if self.equal_axes_:
            spectra = with_names(self.regressor_, X, spectra)
        return np.asarray(self.regressor_.predict(spectra, **predict_params), dtype=np.float64)

    def resample(self, X: ArrayLike, *, instrument: str = "auto") -> Array:
        """Return spectra on the channels of ``regressor_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_target_channels)
            Spectra, as ``predict`` takes them.
        instrument : {"auto", "target", "source"}, default="auto"
            Which instrument recorded them, as there.

        Returns
        -------
        ndarray of shape (n_samples, n_channels)
            Spectra at ``axis_``.
        """
        check_is_fitted(self)
        if instrument not in ("auto", "target", "source"):
            raise ValueError(
                f"instrument must be 'auto', 'target' or 'source', not {instrument!r}."
            )
        if self.equal_axes_:
            return check_spectra(self, X)
        named = axis_in_names(getattr(X, "columns", None))
        if instrument == "auto":
            instrument = self._recorded_on(X, named)
        axis = self.target_axis_ if instrument == "target" else self.source_axis_
        if named is not None and len(named) == len(axis):
            check_names(named, axis, self.unit_, instrument=instrument)
        values = np.asarray(X) if hasattr(X, "columns") else X
        if instrument == "target":
            return self._on_axis(check_spectra(self, values), axis)
        spectra = check_matrix(values, name="X")
        check_same_channels(spectra.shape[1], len(axis), name="X", of="the axis of the source")
        return self._on_axis(spectra, axis)

    def _recorded_on(self, X: ArrayLike, named: Array | None) -> str:
        """Tell which instrument recorded spectra; the target if nothing says otherwise."""
        source, target = self.source_axis_, self.target_axis_
        if named is not None:
            of_source, of_target = (names_agree(named, a, self.unit_) for a in (source, target))
            if of_source != of_target:
                return "source" if of_source else "target"
        width = np.shape(X)[1] if np.ndim(X) == 2 else len(target)
        return "source" if width == len(source) != len(target) else "target"

    def _on_axis(self, spectra: Array, axis: Array) -> Array:
        """Return checked spectra of an instrument at ``axis_``."""
        return resample(
            spectra, axis, self.axis_, unit=self.unit_, margin=0.01, spacing=self.spacing_
        )

    def _source(self, X: Array, paired: Array) -> tuple[Array, Array]:
        """Return calibration spectra and standards of the source; equal rows remain equal."""
        if self.equal_axes_:
            return X, paired
        both = np.vstack([X, paired])
        numbers: dict[bytes, int] = {}
        number_of = [numbers.setdefault(row.tobytes(), len(numbers)) for row in both]
        firsts = np.unique(number_of, return_index=True)[1]
        resampled = self._on_axis(both[firsts], self.source_axis_)[number_of]
        return resampled[: len(X)], resampled[len(X) :]

    def _target(self, spectra: Array, name: str) -> Array:
        """Return spectra of the target for the regressor, or say that their width is wrong."""
        if self.target_axis_ is None:
            check_same_channels(
                spectra.shape[1],
                self.n_features_in_,
                name=name,
                of="X",
                remedy="state wavelengths= and target_wavelengths=, then they are resampled.",
            )
            return spectra
        if spectra.shape[1] != len(self.target_axis_):
            raise ValueError(
                f"{name} has {spectra.shape[1]} channels, but the axis of the target has "
                f"{len(self.target_axis_)}. Pass the axis of these spectra as target_wavelengths= "
                "or target_wavenumbers=."
            )
        return spectra if self.equal_axes_ else self._on_axis(spectra, self.target_axis_)

    def _unlabelled(self, X_target: Any) -> Any:
        """Return unlabelled spectra of the target, or of several, for the regressor."""
        if are_groups(X_target):
            return [self._unlabelled(group) for group in X_target]
        group = X_target if isinstance(X_target, Unpaired) else Unpaired(X_target)
        return Unpaired(self._target(group.target, "X_target"))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "regressor_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags = get_tags(self.regressor).target_tags
        return tags
