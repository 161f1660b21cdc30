"""PLS averaged over latent variables and preprocessings instead of selecting one of each."""

from collections.abc import Iterable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._averaging import AveragingRegressor, Candidates, View, not_negative
from ._base import SpectraStandardizer
from ._folds import joint_folds
from ._pairs import Pairs
from ._pls_path import PLSFits, PLSPath
from ._preprocessing import averaged_preprocessing, fitted_views, preprocess

Array = NDArray[np.float64]


class AveragedPLS(AveragingRegressor):
    r"""PLS averaged over LVs, preprocessings and corrections, weighted by error on the standards.

    .. math:: \hat y = \sum_m w_m \left(\bar y + (f_m(x_t) - \bar x_m)^\top b_m\right), \qquad
        w_m \propto \exp\left(-\tfrac n2 (e_m / \min e - 1)\right)

    over settings m: a correction and preprocessing :math:`f_m` of target spectra and a PLS vector
    :math:`b_m` of 1 to ``max_components`` LVs. The error :math:`e_m` is that of the n standards,
    each predicted by a model without it, plus that of the calibration set in cross-validation.

    Parameters
    ----------
    max_components : int, default=15
        Largest number of LVs, at least 1; fewer where the samples do not support them.
    standardizer : transformer or list of transformers, default=None
        Corrections of preprocessed target spectra to average over, of signature
        ``fit(X, X_source=...)``. None is a mean shift.
    difference_weights : sequence of float, default=(0,)
        What the differences between paired spectra count for in the latent variables, at least 0,
        in calibration sets of the same size. A weight above 0 appends the differences, as
        spectra with no change in the property, to the calibration set. With a standardizer they
        are what it leaves of the difference of a standard it has not seen.
    use_target : bool, default=False
        Whether labelled standards join the calibration set with their target spectra.
    preprocessing : list of transformers, default=None
        Views of the spectra to average over, fitted on the source. None means none, first
        derivative, first derivative of SNV, and second derivative.
    cv : int, default=10
        Folds of the cross-validation, at least 2. A standard and its row in the calibration set
        are left out together, replicates of a standard too; up to ``cv`` standards each is alone
        in its fold.
    weigh_by : {"both", "standards"}, default="both"
        Whether the error on the source counts in the weights beside the error on the standards.

    Attributes
    ----------
    terms_ : list of Term
        Averaged regression vectors, one term a correction and preprocessing.
    settings_ : list of dict
        The settings averaged over.
    weights_ : ndarray of shape (n_settings, n_targets)
        Weight of each setting, columns summing to 1.
    standards_prediction_ : ndarray of shape (n_standards, n_targets)
        Average prediction of each standard by models fitted without it.
    standards_y_ : ndarray of shape (n_standards, n_targets)
        Values they are compared with.
    source_error_ : ndarray of shape (n_targets,)
        Weighted mean of the settings' cross-validated RMSE on the source.

    See Also
    --------
    TransferEnsemble : Averages over families of methods too.
    DifferencePenalizedRidge : Averages over penalties instead of LVs.

    Notes
    -----
    Each property has its own latent variables and weights. Standards that are rows of ``X``, or
    have known values in ``standards.y``, are calibration samples; the error of the others is their
    distance from what a ridge calibration reads in their source spectra.

    A correction and weights of differences need two standards, so that one can be left out: with
    one standard, or none, a mean shift takes their place. With unlabelled target spectra only,
    their mean sets the shift, and the error on the source the weights. With standards the
    unlabelled spectra are not used. With neither, it is a calibration of the source.

    References
    ----------
    .. [1] Zhang, M. H., Xu, Q. S., & Massart, D. L. (2004). Averaged and weighted average partial
       least squares. Analytica Chimica Acta, 504(2), 279-289.
       https://doi.org/10.1016/j.aca.2003.10.056

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.transfer import AveragedPLS, Standards
    >>> rng = np.random.default_rng(0)
    >>> pure = np.exp(-0.5 * ((np.arange(100) - np.array([[30], [60]])) / 9) ** 2)
    >>> y = rng.random((40, 2))
    >>> X = y @ pure + 1e-4 * rng.normal(size=(40, 100))
    >>> X_target = X + 0.1
    >>> model = AveragedPLS(max_components=5)
    >>> model = model.fit(X[:30], y[:30], standards=Standards(X[:5], X_target[:5]))
    >>> bool(model.score(X_target[30:], y[30:]) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "standardizer": [HasMethods(["fit", "transform"]), list, tuple, None],
        "difference_weights": ["array-like"],
        "use_target": ["boolean"],
        "preprocessing": [list, tuple, None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "weigh_by": [StrOptions({"both", "standards"})],
    }

    def __init__(
        self,
        max_components: int = 15,
        *,
        standardizer: Any = None,
        difference_weights: Sequence[float] = (0.0,),
        use_target: bool = False,
        preprocessing: list[Any] | None = None,
        cv: int = 10,
        weigh_by: str = "both",
    ) -> None:
        self.max_components = max_components
        self.standardizer = standardizer
        self.difference_weights = difference_weights
        self.use_target = use_target
        self.preprocessing = preprocessing
        self.cv = cv
        self.weigh_by = weigh_by

    def _candidates(self, pairs: Pairs, X_target: Array | None) -> Iterable[Candidates]:
        weights = not_negative("difference_weights", self.difference_weights)
        several = isinstance(self.standardizer, list | tuple)
        standardizers = list(self.standardizer) if several else [self.standardizer]
        if not standardizers:
            raise ValueError("standardizer is an empty list: give one or more, or None.")
        if pairs.n_distinct < 2:  # no difference would be left without a left-out standard
            weights = np.zeros(1)
        if pairs.n_distinct < 3:  # a single one would be left to learn a correction from
            standardizers = [None]
        for view in fitted_views(self.preprocessing, pairs.X, averaged_preprocessing):
            read = partial(preprocess, view)
            X, source, target = read(pairs.X), pairs.source, pairs.target
            if len(source):
                source = read(source, name="standards.source")
                target = read(target, name="standards.target")
            unlabelled = None
            if X_target is not None and not len(source):
                unlabelled = read(X_target, name="X_target")
            spectra = pairs._replace(X=X, source=source, target=target)
            refits: _Refits | None = None
            shared: dict[Any, Any] = {}
            for standardizer in standardizers:
                fitted, corrected = _leave_one_out(standardizer, source, target, pairs, shared)
                spectra = spectra._replace(target=corrected)
                # Unless target spectra take part in the latent variables, a correction alters none.
                if refits is None or weights.any() or self.use_target:
                    refits = self._refit(spectra, weights)
                yield self._assess(View(view, fitted), spectra, refits, unlabelled)

    def _refit(self, pairs: Pairs, weights: Array) -> "_Refits":
        """Fit all LVs and difference weights, to everything and without each fold."""
        folds, standard_folds = joint_folds(len(pairs.X), pairs.rows, pairs.samples, self.cv)
        fold_numbers = np.arange(folds.max() + 1)[:, None]
        kept, kept_standards = folds != fold_numbers, standard_folds != fold_numbers
        path = PLSPath(
            pairs.X,
            pairs.y,
            max_components=self.max_components,
            smallest=int(kept.sum(axis=1).min()),
            source=pairs.source,
            target=pairs.target,
            y_standards=pairs.y_standards,
            labelled=pairs.measured & self.use_target,
        )
        # One fit more than there are folds: to everything.
        samples = np.pad(kept, ((0, 1), (0, 0)), constant_values=True)
        standards = np.pad(kept_standards, ((0, 1), (0, 0)), constant_values=True)
        fits = [path.fit(samples, standards, weight) for weight in weights.tolist()]
        return _Refits(path, kept, kept_standards, weights.tolist(), fits)

    def _assess(
        self, view: View, pairs: Pairs, refits: "_Refits", unlabelled: Array | None
    ) -> Candidates:
        """Predict standards and calibration samples by models without them."""
        X, path, n = pairs.X, refits.path, len(pairs.source)
        shift = np.zeros(X.shape[1])
        if n and view.standardizer is None:
            shift = (pairs.target - pairs.source).mean(axis=0)
        elif unlabelled is not None:
            shift = unlabelled.mean(axis=0) - X.mean(axis=0)
        source, target = (
            (part - path.origin) @ path.directions.T for part in (pairs.source, pairs.target)
        )
        held_outs, errors, settings = [], [], []
        for weight, fits in zip(refits.weights, refits.fits, strict=True):
            held_out = np.empty((path.n_components, n, pairs.y.shape[1]))
            source_prediction = np.empty((path.n_components, *pairs.y.shape))
            for fold, (rows, standards) in enumerate(
                zip(refits.kept, refits.kept_standards, strict=True)
            ):
                source_prediction[:, ~rows] = fits.predict(fold, path.X[~rows])
                moved = np.zeros(path.X.shape[1])
                if view.standardizer is None and standards.any():
                    moved = (target[standards] - source[standards]).mean(axis=0)
                held_out[:, ~standards] = fits.predict(fold, target[~standards] - moved)
            held_outs.append(held_out)
            errors.append(np.sqrt(np.square(source_prediction - pairs.y).mean(axis=1)))
            unfitted = None if view.standardizer is None else clone(view.standardizer)
            settings += [
                {
                    "standardizer": unfitted,
                    "preprocessing": view.preprocessing,
                    "difference_weight": weight,
                    "n_components": k + 1,
                }
                for k in range(path.n_components)
            ]
        coef = np.concatenate([fits.vectors[-1] @ path.directions for fits in refits.fits])
        intercept = pairs.y.mean(axis=0) - coef @ (path.origin + shift)
        held_out, source_error = np.concatenate(held_outs), np.concatenate(errors)
        return Candidates(view, coef, intercept, held_out, source_error, settings)


class _Refits(NamedTuple):
    """PLS of one preprocessing, with each weight of the differences."""

    path: PLSPath
    kept: NDArray[np.bool_]
    """Calibration samples that each fold keeps (n_folds, n_samples)."""
    kept_standards: NDArray[np.bool_]
    """Standards that each fold keeps (n_folds, n_standards)."""
    weights: list[float]
    fits: list[PLSFits]
    """For each weight, the models without each fold, and last those of everything."""


def _leave_one_out(
    standardizer: Any, source: Array, target: Array, pairs: Pairs, shared: dict[Any, Any]
) -> tuple[SpectraStandardizer | None, Array]:
    """Fit the correction to all standards, and correct each by one that has not seen its sample."""
    if standardizer is None:
        return None, target
    fitted = clone(standardizer).fit(target, X_source=source)
    if isinstance(fitted, SpectraStandardizer) and pairs.n_distinct == len(source):
        in_closed_form = fitted._left_out(target, source, shared)
        if in_closed_form is not None:
            return fitted, in_closed_form
    corrected = np.empty_like(source)
    for number in range(pairs.n_distinct):
        out = pairs.samples == number
        one = clone(standardizer).fit(target[~out], X_source=source[~out])
        corrected[out] = np.asarray(one.transform(target[out]))
    return fitted, corrected
