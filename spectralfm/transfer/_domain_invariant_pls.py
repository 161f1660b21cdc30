"""Domain-invariant PLS: latent variables whose variance is the same on every instrument."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, solve_triangular
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._validation import check_spectra, clip_components
from ._base import LinearTransferRegressor
from ._discrepancy import summed_discrepancy
from ._standards import Standards, Unpaired, are_groups

Array = NDArray[np.float64]


class DomainInvariantPLS(LinearTransferRegressor):
    r"""PLS whose scores vary as much on the target as on the source (di-PLS, mdi-PLS).

    Each latent variable has the weight vector

    .. math::
        w = \arg\min_w \lVert X - y w^\top \rVert_F^2 + \lambda\, w^\top \tilde\Delta w
          = \left(I + \frac{\lambda}{y^\top y} \tilde\Delta\right)^{-1} \frac{X^\top y}{y^\top y},
        \qquad
        \tilde\Delta = \sum_k \left|\frac{X_{s,k}^\top X_{s,k}}{n_{s,k} - 1}
          - \frac{X_{t,k}^\top X_{t,k}}{n_{t,k} - 1}\right|

    normed to 1, where :math:`|A|` has the eigenvectors of :math:`A` and the magnitudes of its
    eigenvalues. All matrices are centred with their own mean and deflated with their own scores.

    Parameters
    ----------
    n_components : int, default=5
        Number of LVs, at least 1; clipped with a warning to what the calibration set supports.
    penalty : float or "auto", default="auto"
        :math:`\lambda \ge 0`, in units of ``y`` squared over ``X`` squared. 0 is PLS. "auto" sets
        for each LV the value at which both terms are equally curved along the PLS weight vector
        :math:`u`, :math:`\lambda = y^\top y / u^\top \tilde\Delta u`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_targets, n_channels)
        Regression vectors, the same on all instruments.
    intercept_ : ndarray of shape (n_targets,)
        Intercepts on the first target instrument.
    coef_path_ : ndarray of shape (n_components, n_targets, n_channels)
        Regression vectors of 1 to ``n_components_`` LVs; the last are ``coef_``. Each belongs to
        the mean of ``y`` at ``target_means_``.
    target_means_ : ndarray of shape (n_domains, n_channels)
        Spectrum of each target instrument at which the mean of ``y`` is predicted.
    y_mean_ : ndarray of shape (n_targets,)
        Mean of ``y``.
    penalties_ : ndarray of shape (n_targets, n_components)
        Penalty of each LV.
    n_components_ : int
        Number of LVs.

    See Also
    --------
    DifferencePenalizedRidge : Penalise paired differences in a ridge regression.
    ExternalParameterOrthogonalization : Remove paired differences before the regression.

    Notes
    -----
    *Where the target spectra come from.* ``X_target`` is compared with ``X``, its mean is where
    the mean of ``y`` is predicted: right if both hold the same kind of samples, else a difference
    in composition is taken for the instrument's. ``standards`` are compared with each other, and
    move the mean of ``X`` by their mean difference, whatever the samples. With both, both
    covariance differences are penalised and the standards set the mean. A list as ``X_target``
    holds one instrument each (mdi-PLS); the standards then belong to the first.

    *Departures from the papers.* Each property is a model of its own. "auto" equates curvatures
    where the authors' own program equates the two terms; that is the same when ``y`` varies much
    more than ``X``, but does not depend on their units.

    *When it fails.* A difference of mean and variance is all it sees: instruments that differ
    by a wavelength shift with equal covariances pass unnoticed, and where the target needs
    other channels (different optics) no common weight vector is good. With few standards the
    covariances are rough.

    References
    ----------
    .. [1] Nikzad-Langerodi, R., Zellinger, W., Lughofer, E., & Saminger-Platz, S. (2018).
       Domain-invariant partial-least-squares regression. Analytical Chemistry, 90(11), 6693-6701.
       https://doi.org/10.1021/acs.analchem.8b00498
    .. [2] Nikzad-Langerodi, R., Zellinger, W., Saminger-Platz, S., & Moser, B. A. (2020). Domain
       adaptation for regression under Beer-Lambert's law. Knowledge-Based Systems, 210, 106447.
       https://doi.org/10.1016/j.knosys.2020.106447
    .. [3] Mikulasek, B., Fonseca Diaz, V., Gabauer, D., Herwig, C., & Nikzad-Langerodi, R. (2023).
       Partial least squares regression with multiple domains. Journal of Chemometrics, 37(5),
       e3477. https://doi.org/10.1002/cem.3477

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import DomainInvariantPLS, Unpaired
    >>> rng = np.random.default_rng(0)
    >>> pure = np.exp(-0.5 * ((np.arange(50) - np.array([[15], [30]])) / 6) ** 2)
    >>> y = rng.random((60, 1))
    >>> X = np.hstack([y, rng.random((60, 1))]) @ pure
    >>> X_target = X + rng.normal(size=(60, 1)) * pure[1] + 0.1
    >>> model = DomainInvariantPLS(n_components=2).fit(X, y.ravel(), X_target=Unpaired(X_target))
    >>> bool(model.score(X_target, y.ravel()) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "penalty": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, n_components: int = 5, penalty: Any = "auto") -> None:
        self.n_components = n_components
        self.penalty = penalty

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        standards: Standards | None = None,
        X_target: Unpaired | ArrayLike | Sequence[Unpaired] | Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Calibrate on the source so that the model holds on the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Calibration spectra recorded on the source instrument.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        standards : Standards, optional
            Samples measured on the source and the first target instrument.
        X_target : Unpaired or array-like of shape (n_spectra, n_channels), or list, optional
            Unlabelled spectra of the target instrument; a list of them for several instruments.

        Returns
        -------
        self : object
            The fitted regressor. With neither standards nor ``X_target`` it is PLS.

        Raises
        ------
        TypeError
            If ``standards`` is not a `Standards`.
        ValueError
            If spectra or reference values are not finite, constant, or of unequal width.
        """
        return super().fit(X, y, standards=standards, X_target=X_target)  # type: ignore[arg-type]

    def predict(self, X: ArrayLike, *, domain: int = 0) -> NDArray[np.float64]:
        """Predict the properties of samples measured on a target instrument.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels)
            Spectra recorded on a target instrument.
        domain : int, default=0
            Which of the target instruments of the list given to ``fit``, from 0.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions in the unit of the reference values.

        Raises
        ------
        ValueError
            If ``domain`` is not one of the target instruments.
        """
        check_is_fitted(self)
        n_domains = len(self.target_means_)
        if domain not in range(n_domains):
            raise ValueError(
                f"domain = {domain} is not one of the {n_domains} target instruments of fit: "
                f"pass 0 to {n_domains - 1}."
            )
        spectra = check_spectra(self, X)
        predictions = (spectra - self.target_means_[domain]) @ self.coef_.T
        predictions = predictions + self.y_mean_
        return predictions[:, 0] if self.one_target_ else predictions

    def _check_target(self, X_target: Any, n_channels: int) -> Array:
        groups = [
            super(DomainInvariantPLS, self)._check_target(group, n_channels)
            for group in (X_target if are_groups(X_target) else [X_target])
        ]
        self.domain_sizes_ = [len(group) for group in groups]
        return np.vstack(groups)

    def _fit_linear(
        self, X: Array, y: Array, standards: Standards | None, X_target: Array | None
    ) -> tuple[Array, Array]:
        self.n_components_ = clip_components(
            self.n_components,
            min(len(X) - 1, X.shape[1]),
            why=f"{len(X)} spectra of {X.shape[1]} channels support no more",
        )
        mean = X.mean(axis=0)
        targets = []
        if X_target is not None:
            targets = np.split(X_target, np.cumsum(self.domain_sizes_)[:-1])
        pairs = [(X, target) for target in targets]
        means = [target.mean(axis=0) for target in targets] or [mean]
        if standards is not None:
            pairs.append((standards.source, standards.target))
            means[0] = mean + (standards.target - standards.source).mean(axis=0)
        self.target_means_ = np.vstack(means)
        self.y_mean_ = y.mean(axis=0)

        # All weights and loadings lie in the row space of the spectra: work there.
        blocks = [X - mean] + [part - part.mean(axis=0) for pair in pairs for part in pair]
        basis = _row_basis(np.vstack(blocks))
        X_c, *parts = [block @ basis for block in blocks]
        domains = list(zip(parts[::2], parts[1::2], strict=True))
        fits = [self._fit_property(X_c, column, domains) for column in (y - self.y_mean_).T]
        self.coef_path_ = np.stack([vectors @ basis.T for vectors, _ in fits], axis=1)
        coef = self.coef_path_[-1].copy()
        self.penalties_ = np.vstack([penalties for _, penalties in fits])
        return coef, self.y_mean_ - coef @ self.target_means_[0]

    def _fit_property(
        self, X: Array, y: Array, domains: list[tuple[Array, Array]]
    ) -> tuple[Array, Array]:
        """Return vectors (n_components, r) of all numbers of LVs and penalties (n_components,).

        Past the last LV that the spectra support the vectors repeat.
        """
        W, P = (np.zeros((X.shape[1], self.n_components_)) for _ in range(2))
        c, penalties = np.zeros(self.n_components_), np.zeros(self.n_components_)
        # Scores below this are rounding error: the spectra hold no more directions.
        smallest = max(X.shape) * np.finfo(np.float64).eps * np.linalg.norm(X)
        n_used = 0
        while n_used < self.n_components_:
            w = X.T @ y
            if domains and self.penalty != 0:
                directions, sizes = summed_discrepancy(domains)
                scores = directions.T @ w
                loss = y @ y
                penalty = self.penalty
                if penalty == "auto":
                    harm = sizes @ scores**2
                    penalty = loss * (w @ w) / harm if harm > 0 else 0.0
                penalties[n_used] = penalty
                strength = penalty * sizes / loss if loss > 0 else 0.0 * sizes
                w = w - directions @ (strength / (1 + strength) * scores)
            t = X @ w / max(np.linalg.norm(w), np.finfo(np.float64).tiny)
            if np.linalg.norm(t) <= smallest:
                break
            w /= np.linalg.norm(w)
            p = X.T @ t / (t @ t)
            W[:, n_used], P[:, n_used], c[n_used] = w, p, y @ t / (t @ t)
            X, y = X - np.outer(t, p), y - t * c[n_used]
            domains = [(_deflate(source, w), _deflate(target, w)) for source, target in domains]
            n_used += 1
        W, P, c = W[:, :n_used], P[:, :n_used], c[:n_used]
        # Column a of the rotations W (P'W)^-1 needs the first a LVs only.
        rotations = solve_triangular((P.T @ W).T, W.T, lower=True, unit_diagonal=True)
        vectors = np.zeros((self.n_components_, len(W)))
        vectors[:n_used] = np.cumsum(c[:, None] * rotations, axis=0)
        if n_used:
            vectors[n_used:] = vectors[n_used - 1]
        return vectors, penalties


def _row_basis(rows: Array) -> Array:
    """Return an orthonormal basis of the row space (n_channels, r)."""
    if len(rows) >= rows.shape[1]:
        return np.eye(rows.shape[1])
    basis, _ = qr(rows.T, mode="economic")
    return basis


def _deflate(X: Array, w: Array) -> Array:
    """Remove what the scores along ``w`` explain of ``X`` itself."""
    t = X @ w
    length = t @ t
    if length == 0:
        return X
    rest = X - np.outer(t, t @ X / length)
    # What is left of used-up spectra is rounding: its directions must not be penalised.
    return rest if np.linalg.norm(rest) > 1e-10 * np.linalg.norm(X) else np.zeros_like(X)
