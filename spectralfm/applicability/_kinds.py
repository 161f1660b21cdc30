r"""Whether a strange spectrum looks like another instrument or like another chemistry.

.. math:: \log\frac{P(\text{chemistry})}{P(\text{instrument})} = b + w^\top \varphi(x)

a logistic regression, learned on what the calibration spectra would be on simulated instruments,
or with the spectrum of something else added. The features are how much of the residual outside the
latent space lies in directions that instruments differ by, and how large it is beside T2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..transfer import Standards
from ._latent_space import LatentSpace

Array = NDArray[np.float64]

FEWEST_CHANNELS = 10
"""Below, a residual has no shape to speak of."""

N_SPECTRA, N_INSTRUMENTS = 12, 40
"""Calibration spectra that are simulated anew, and instruments that record each."""

N_DIRECTIONS = (5, 10, 20)
"""Numbers of directions whose shares of the residual are compared."""

N_STANDARD_DIRECTIONS = 3
"""Directions that standards differ by."""

LEAST_SHARE = 1e-4
"""Shares nearer to 0 or 1 are as good as that."""

ADDED = (0.01, 3.0)
"""Height of what is added to a spectrum over its range, log-uniform: a trace to another product."""

FEWEST = 10
"""Strange simulated spectra of either kind that are needed to learn from."""


class Alternatives(NamedTuple):
    """Simulated spectra of either kind, (n_instrument or n_chemistry, n_channels)."""

    instrument: Array
    chemistry: Array


def simulated_alternatives(
    X: Array, axis: Array, modality: str, standards: Standards | None, seed: int
) -> Alternatives:
    """Record spectra with simulated instruments, and add something to them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra.
    axis : ndarray of shape (n_channels,)
        Wavenumbers, cm-1.
    modality : {"nir", "mir", "raman"}
        Kind of instruments.
    standards : Standards or None
        Samples measured on another instrument as well: half of the alternatives differ as they do.
    seed : int
        Of all draws.

    Returns
    -------
    Alternatives
        Of each kind 480.
    """
    import torch

    from ..foundation._virtual_instruments import simulated_differences
    from ..simulation import simulate_substances

    n = N_INSTRUMENTS if standards is None else N_INSTRUMENTS // 2
    moved = X + simulated_differences(X, axis, n, seed, modality=modality)  # (n, n_samples, L)
    instrument = moved.reshape(-1, X.shape[1])
    rng = np.random.default_rng(seed)
    if standards is not None:
        known = standards.target - standards.source
        rows = rng.integers(len(known), size=(len(instrument), 2))
        share = rng.random((len(instrument), 1))
        differences = share * known[rows[:, 0]] + (1 - share) * known[rows[:, 1]]
        again = X[rng.integers(len(X), size=len(instrument))]
        instrument = np.vstack([instrument, again + differences])
    generator = torch.Generator().manual_seed(seed)
    half = len(X) * N_INSTRUMENTS // 2
    pure = simulate_substances(half, torch.from_numpy(axis.copy()), generator, modality=modality)
    added = np.vstack([pure.numpy().astype(np.float64), _bands(axis, half, rng)])
    added /= np.maximum(np.ptp(added, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    height = ADDED[0] * (ADDED[1] / ADDED[0]) ** rng.random((len(added), 1))
    base = X[np.arange(len(added)) % len(X)]
    return Alternatives(instrument, base + height * np.ptp(base, axis=1, keepdims=True) * added)


class KindOfStrangeness:
    """Tells another instrument from another chemistry, spectrum by spectrum.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_channels)
        Calibration spectra, at most 12 of which are taken.
    latent : LatentSpace
        Their latent space.
    axis : ndarray of shape (n_channels,)
        Wavenumbers, cm-1.
    modality : {"nir", "mir", "raman"}
        Kind of instruments.
    standards : Standards or None
        Samples measured on another instrument as well.
    seed : int
        Of all draws.
    """

    def __init__(
        self,
        X: Array,
        latent: LatentSpace,
        axis: Array,
        modality: str,
        standards: Standards | None,
        seed: int,
    ) -> None:
        self.latent, self.classifier = latent, None
        self.directions: list[Array] = []
        if X.shape[1] < FEWEST_CHANNELS:
            return
        from ..foundation._first_order import first_order_effects

        some = X[np.random.default_rng(seed).permutation(len(X))[:N_SPECTRA]]
        effects = first_order_effects(some, axis, modality)  # (E, n, L)
        moved = [some + 0.1 * effect for effect in effects]
        self.directions = [self._span(moved, some, N_DIRECTIONS[-1])]
        if standards is not None:
            self.directions.append(
                self._span([standards.target], standards.source, N_STANDARD_DIRECTIONS)
            )
        alternatives = simulated_alternatives(some, axis, modality, standards, seed)
        kinds = [spectra[_strange(latent, spectra)] for spectra in alternatives]
        if min(map(len, kinds)) < FEWEST:
            return
        labels = np.repeat([0, 1], [len(spectra) for spectra in kinds])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        )
        self.classifier = model.fit(self._features(np.vstack(kinds)), labels)

    def chemistry(self, X: Array) -> NDArray[np.float64]:
        """Return the probability that a strange spectrum is another chemistry, (n_samples,).

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_channels)
            Spectra.

        Returns
        -------
        ndarray of shape (n_samples,)
            With even odds beforehand; 1 where nothing could be learned, as for few channels.
        """
        if self.classifier is None:
            return np.ones(len(X))
        return self.classifier.predict_proba(self._features(X))[:, 1]

    def without_standards(self, residuals: Array) -> Array:
        """Return residuals less what lies in directions that the standards differ by.

        Parameters
        ----------
        residuals : ndarray of shape (n_samples, n_channels_out)
            Outside the latent space.

        Returns
        -------
        ndarray of shape (n_samples, n_channels_out)
            The same without standards.
        """
        for directions in self.directions[1:]:
            residuals = residuals - residuals @ directions.T @ directions
        return residuals

    def _span(self, moved: list[Array], X: Array, n: int) -> Array:
        """Return the main directions (at most n, n_channels_out) of changes of residuals."""
        base = self.latent.residuals(X)
        changes = np.concatenate([self.latent.residuals(one) - base for one in moved])
        _, sizes, directions = np.linalg.svd(changes, full_matrices=False)
        return directions[:n][sizes[:n] > 1e-10 * max(sizes[0], np.finfo(np.float64).tiny)]

    def _features(self, X: Array) -> Array:
        residuals = self.latent.residuals(X)
        energy = np.maximum(np.square(residuals).sum(axis=1), np.finfo(np.float64).tiny)
        t2, q = self.latent.distances(X)
        columns = [np.log(np.maximum(d, LEAST_SHARE)) for d in (t2, q)]
        for directions in self.directions:
            shares = np.square(residuals @ directions.T).cumsum(axis=1) / energy[:, None]
            if not shares.shape[1]:
                continue
            for n in sorted({min(n, shares.shape[1]) for n in N_DIRECTIONS}):
                share = np.clip(shares[:, n - 1], LEAST_SHARE, 1 - LEAST_SHARE)
                columns.append(np.log(share / (1 - share)))
        return np.column_stack(columns)


def _strange(latent: LatentSpace, X: Array) -> NDArray[np.bool_]:
    """Return whether T2 and Q of spectra together exceed their limits."""
    return np.sum(latent.distances(X), axis=0) > 2.0


def _bands(axis: Array, n: int, rng: np.random.Generator) -> Array:
    """Draw n sums of one to three Gaussian bands, (n, n_channels), a 70th to a 10th wide."""
    width = np.ptp(axis)
    made = np.zeros((n, len(axis)))
    for k in range(3):
        centre = axis.min() + width * rng.random((n, 1))
        deviation = width * 10 ** rng.uniform(-1.85, -1.0, (n, 1)) / 2.355
        height = rng.standard_normal((n, 1)) * (rng.random((n, 1)) < 1 / (k + 1))
        made += height * np.exp(-0.5 * ((axis - centre) / deviation) ** 2)
    return made
