"""What a guard found about a batch of spectra."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IN_DOMAIN, OTHER_INSTRUMENT, OTHER_CHEMISTRY = 1, -1, -2

FLAGS = {
    IN_DOMAIN: "in domain",
    OTHER_INSTRUMENT: "other instrument",
    OTHER_CHEMISTRY: "other chemistry",
}
"""Words for what `InstrumentGuard.predict` returns: positive in domain, negative outside."""


@dataclass(frozen=True)
class ApplicabilityReport:
    """Statistics and flags of spectra, each and as a group.

    Parameters
    ----------
    spectra : structured ndarray of shape (n_samples,)
        Fields ``t2`` and ``q``, over their limits; ``z_inst`` and ``z_chem``, squared distances of
        the latents over their limits, NaN without encoder; ``score``, their sum; ``p``, the
        conformal p-value; ``chemistry``, the probability of another chemistry given strangeness;
        ``flag``, -2, -1 or 1 as `FLAGS` spells out.
    alpha : float
        False alarm rate of the flags.
    group_p : float
        p-value of the hypothesis that the group is like the calibration spectra.
    group_excess : float
        Median Q over its limit after the mean of the group was moved to that of the calibration.
    group_flag : int
        As ``flag``.

    Examples
    --------
    >>> from spectralfm.applicability import InstrumentGuard
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import Standards
    >>> pair = make_instrument_pair(random_state=0)
    >>> X, X_target = pair.spectra["source"], pair.spectra["target"]
    >>> guard = InstrumentGuard(wavelengths=pair.wavelengths, random_state=0)
    >>> guard = guard.fit(X[:60], standards=Standards(X[:8], X_target[:8]))
    >>> print(guard.report(X_target[60:]))
    20 spectra: 0 in domain, 20 other instrument, 0 other chemistry (alpha 0.05)
    as a group: other instrument (p 0.0005)
    """

    spectra: NDArray[np.void]
    alpha: float
    group_p: float
    group_excess: float
    group_flag: int

    @property
    def flags(self) -> NDArray[np.str_]:
        """Flags in words, (n_samples,)."""
        return np.array([FLAGS[int(flag)] for flag in self.spectra["flag"]])

    @property
    def counts(self) -> dict[str, int]:
        """Number of spectra by flag."""
        return {word: int(np.sum(self.spectra["flag"] == flag)) for flag, word in FLAGS.items()}

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {word}" for word, n in self.counts.items())
        return (
            f"{len(self.spectra)} spectra: {counts} (alpha {self.alpha:g})\n"
            f"as a group: {FLAGS[self.group_flag]} (p {self.group_p:.2g})"
        )
