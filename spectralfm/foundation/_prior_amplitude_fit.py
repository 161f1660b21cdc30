"""Scale the differences that a prior expects to those that were measured."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from .._validation import check_enough, check_matrix, check_same_channels, forget
from ..transfer import Standards, Unpaired
from ._prior_amplitude import paired_ratios, unpaired_ratios
from ._prior_differences import DifferencesMixin, some_rows

INSTRUMENTS = 200
"""Virtual instruments with which observed differences are compared."""

FEWEST = 12
"""Source spectra whose main components tell chemistry from instruments."""


class AmplitudeMixin(DifferencesMixin):
    """The amplitude of `InstrumentPrior`: one factor on all differences."""

    random_state: int | np.random.RandomState | None

    def fit_amplitude(
        self,
        X: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | None = None,
    ) -> Self:
        """Scale the prior to what was measured on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra of the source instrument.
        standards : Standards, optional
            Samples measured on both instruments, on the axis of ``X``. One is enough.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), optional
            Unlabelled spectra of the target, at least 2, used where there are no standards; ``X``
            must then hold at least 12.

        Returns
        -------
        self : object
            With ``amplitude_``.

        Raises
        ------
        ValueError
            If neither is given, the spectra do not fit, or the two instruments do not differ.

        Notes
        -----
        The amplitude is the median, over the ten main directions of the virtual differences, of the
        ratio between what is observed and what half of all virtual instruments exceed. On virtual
        instruments of known amplitude it is right within a factor of two in nine of ten cases, with
        one standard as with ten: what limits it is that they are of one instrument.

        Without standards only the part of the means that the mean and the main components of ``X``
        do not span is compared. It fails where the target's samples hold constituents that the
        source's do not: a new band of 0.05 absorbance units counts as an amplitude of about 1. On
        corn it agrees with standards within a factor of 2, on tablets, soil and drugs it is up to
        20 times off, either way.
        """
        forget(self)
        spectra = self._check_spectra(X)
        axis = self._check_axis(X, spectra)
        rng = check_random_state(self.random_state)
        n_channels = spectra.shape[1]
        if standards is not None:
            check_same_channels(standards.source.shape[1], n_channels, name="standards", of="X")
            check_same_channels(standards.target.shape[1], n_channels, name="standards", of="X")
            differences = standards.target - standards.source
            virtual = self._differences(standards.source, axis, INSTRUMENTS, rng)
            ratios = paired_ratios(differences, virtual)
        elif X_target is not None:
            target = (
                X_target.target
                if isinstance(X_target, Unpaired)
                else check_matrix(X_target, name="X_target")
            )
            check_same_channels(target.shape[1], n_channels, name="X_target", of="X")
            remedy = "Pass more spectra, or standards."
            check_enough(len(spectra), FEWEST, what="source spectra", remedy=remedy)
            check_enough(len(target), 2, what="spectra of the target", remedy=remedy)
            virtual = self._differences(some_rows(spectra, rng), axis, INSTRUMENTS, rng)
            ratios = unpaired_ratios(spectra, target, virtual)
        else:
            raise ValueError("Give standards or X_target: without either the amplitude stays 1.")
        amplitude = float(np.median(ratios))
        if not (np.isfinite(amplitude) and amplitude > 0):
            raise ValueError(
                "The spectra of the two instruments do not differ where this prior expects it: "
                "there is nothing to scale. Check that they are of two instruments."
            )
        self.amplitude_, self.amplitude_ratios_ = amplitude, ratios
        return self

    @property
    def _amplitude(self) -> float:
        return getattr(self, "amplitude_", 1.0)
