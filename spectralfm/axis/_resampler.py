"""Resampling as a step of a pipeline."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._validation import check_spectra, forget
from ._axis import check_axis
from ._resample import resample


class Resampler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Resample spectra onto another axis inside a pipeline.

    Give the axis the spectra are recorded on as ``wavelengths`` or ``wavenumbers``, and the axis
    wanted as ``new_wavelengths`` or ``new_wavenumbers``.

    Parameters
    ----------
    wavelengths : array-like of shape (n_channels,), optional
        Where the spectra are recorded, nm. When neither this nor ``wavenumbers`` is given, the
        float-like column names of a DataFrame are the axis, in the unit of the new one.
    wavenumbers : array-like of shape (n_channels,), optional
        The same in cm-1.
    new_wavelengths : array-like of shape (n_new_channels,), optional
        Where they are wanted, nm. When neither this nor ``new_wavenumbers`` is given, spectra pass
        unchanged.
    new_wavenumbers : array-like of shape (n_new_channels,), optional
        The same in cm-1.
    margin : float, default=0.5
        How far the new axis may reach beyond the recorded one, in channel spacings, >= 0.

    Attributes
    ----------
    axis_ : ndarray of shape (n_channels,)
        Axis of the spectra; None if it was not needed.
    new_axis_ : ndarray of shape (n_new_channels,)
        Axis wanted; None if spectra pass unchanged.
    unit_, new_unit_ : {"nm", "cm-1"}
        Units of the two.

    See Also
    --------
    resample : The same as a function, with its notes on accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.axis import Resampler
    >>> wavelengths = np.linspace(1100, 2498, 700)
    >>> X = np.sin(wavelengths / 200)[np.newaxis]
    >>> resampler = Resampler(wavelengths=wavelengths, new_wavenumbers=[9000, 8000, 5000])
    >>> np.allclose(resampler.fit_transform(X), np.sin(1e7 / np.array([9000, 8000, 5000]) / 200))
    True
    >>> resampler.get_feature_names_out()
    array(['9000', '8000', '5000'], dtype=object)
    """

    _parameter_constraints: dict = {
        "wavelengths": ["array-like", None],
        "wavenumbers": ["array-like", None],
        "new_wavelengths": ["array-like", None],
        "new_wavenumbers": ["array-like", None],
        "margin": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        wavelengths: ArrayLike | None = None,
        wavenumbers: ArrayLike | None = None,
        *,
        new_wavelengths: ArrayLike | None = None,
        new_wavenumbers: ArrayLike | None = None,
        margin: float = 0.5,
    ) -> None:
        self.wavelengths = wavelengths
        self.wavenumbers = wavenumbers
        self.new_wavelengths = new_wavelengths
        self.new_wavenumbers = new_wavenumbers
        self.margin = margin

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check that the axes fit the spectra and each other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the recorded axis.
        y : ignored
            Present for pipelines.

        Returns
        -------
        self : object
            The fitted resampler.

        Raises
        ------
        ValueError
            If an axis is given twice, is not valid, does not have one position a channel, or the
            new one reaches beyond the recorded one.
        """
        forget(self)
        self._validate_params()
        names = getattr(X, "columns", None)
        X = check_spectra(self, X, reset=True)
        new_axis, new_unit = _either(
            self.new_wavelengths, self.new_wavenumbers, "new_wavelengths", "new_wavenumbers"
        )
        axis, unit = _either(self.wavelengths, self.wavenumbers, "wavelengths", "wavenumbers")
        if axis is None and new_axis is not None:
            axis, unit = _axis_from_names(names), new_unit
        self.unit_, self.new_unit_ = unit, new_unit
        self.axis_ = None if axis is None else check_axis(axis, unit=unit, n_channels=X.shape[1])
        self.new_axis_ = (
            None if new_axis is None else check_axis(new_axis, unit=new_unit, name="new_axis")
        )
        self._resample(X[:1])
        self.n_channels_out_ = X.shape[1] if self.new_axis_ is None else len(self.new_axis_)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Write spectra on the new axis.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra on the recorded axis.

        Returns
        -------
        ndarray of shape (n_samples, n_new_channels)
            Spectra on the new axis, in its order.
        """
        check_is_fitted(self)
        X = check_spectra(self, X)
        return self._resample(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_channels_out_")

    def _resample(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.axis_ is None or self.new_axis_ is None:
            return X.copy()
        return resample(
            X,
            self.axis_,
            self.new_axis_,
            unit=self.unit_,
            new_unit=self.new_unit_,
            margin=self.margin,
        )

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the channels by their position on the new axis.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the recorded channels, returned when spectra pass unchanged.

        Returns
        -------
        ndarray of shape (n_new_channels,)
            Positions on the new axis as text.
        """
        names = super().get_feature_names_out(input_features)
        if self.new_axis_ is None:
            return names
        return np.asarray([f"{position:.10g}" for position in self.new_axis_], dtype=object)


def _either(
    wavelengths: ArrayLike | None, wavenumbers: ArrayLike | None, *names: str
) -> tuple[ArrayLike | None, str]:
    """Return the axis that was given, with its unit."""
    if wavelengths is not None and wavenumbers is not None:
        raise ValueError(f"Give either {names[0]} or {names[1]}, not both.")
    return (wavelengths, "nm") if wavenumbers is None else (wavenumbers, "cm-1")


def _axis_from_names(names: Any) -> NDArray[np.float64]:
    """Read the axis from float-like column names."""
    unknown = (
        "The axis of the spectra is not known. Pass wavelengths= (nm) or wavenumbers= (cm-1), or "
        "a DataFrame whose column names are the axis."
    )
    if names is None:
        raise ValueError(unknown)
    try:
        return np.asarray([float(name) for name in names])
    except (TypeError, ValueError):
        raise ValueError(unknown) from None
