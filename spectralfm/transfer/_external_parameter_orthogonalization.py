"""External parameter orthogonalization: remove the instrument difference subspace."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from .._validation import clip_components
from ._difference_filter import DifferenceFilter


class ExternalParameterOrthogonalization(DifferenceFilter):
    r"""Project spectra onto what both instruments record alike (EPO).

    .. math:: \hat X = X (I - V_k V_k^\top), \qquad D = X_t - X_s = U S V^\top

    The :math:`k` leading right singular vectors of the paired differences are removed from the
    spectra of *both* instruments, and the calibration is fitted on what is left.

    Parameters
    ----------
    n_components : int, default=2
        Number of directions to remove, at least 0. More than the standards span is clipped with a
        warning.
    center : bool, default=False
        Whether the mean difference is subtracted from :math:`D` first. False: the mean shift
        between the instruments counts as a direction, usually the first, and the offset is removed
        with it. True: only the scatter of the differences is removed and the offset stays; correct
        it otherwise, for example with `MeanShift` on the target spectra.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_channels)
        Orthonormal directions that are removed.
    singular_values_ : ndarray of shape (n_components,)
        Their singular values in :math:`D`, absorbance units.
    shrinkage_ : ndarray of shape (n_components,)
        Share of each direction that is left: zeros.
    n_components_ : int
        Number of directions removed.
    n_standards_ : int
        Number of pairs the directions were learned from.

    See Also
    --------
    GeneralizedLeastSquaresWeighting : Shrink all difference directions instead of removing some.
    DifferencePenalizedRidge : Penalise them in the regression vector.

    Notes
    -----
    The source calibration must be refitted on filtered spectra; a frozen model cannot use EPO.
    Reference values of the standards are not needed. What the property shares with the removed
    directions is lost: with many components, or differences that look like the analyte, the
    model loses sensitivity. Few standards span few directions, so an instrument difference that
    none of them shows stays in the spectra.

    Directions are ordered by variance, not by the harm they do to the model: choose
    ``n_components`` by the error on standards, not by explained difference.

    References
    ----------
    .. [1] Roger, J.-M., Chauchard, F., & Bellon-Maurel, V. (2003). EPO-PLS external parameter
       orthogonalisation of PLS: application to temperature-independent measurement of sugar
       content of intact fruits. Chemometrics and Intelligent Laboratory Systems, 66(2), 191-204.
       https://doi.org/10.1016/S0169-7439(03)00051-0

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn
    >>> from sklearn.cross_decomposition import PLSRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from spectralfm.transfer import ExternalParameterOrthogonalization, Standards
    >>> rng = np.random.default_rng(0)
    >>> X, drift = rng.random((30, 50)), rng.random(50)
    >>> y = X[:, 3]
    >>> X_target = X + rng.random((30, 1)) * drift
    >>> standards = Standards(source=X[:5], target=X_target[:5])
    >>> model = make_pipeline(ExternalParameterOrthogonalization(1), PLSRegression(5))
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     _ = model.fit(X, y, standards=standards)
    >>> np.allclose(model.predict(X), model.predict(X_target))
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 0, None, closed="left")],
        "center": ["boolean"],
    }

    def __init__(self, n_components: int = 2, *, center: bool = False) -> None:
        self.n_components = n_components
        self.center = center

    def _shrinkage(self, singular_values: NDArray[np.float64]) -> NDArray[np.float64]:
        self.n_components_ = len(singular_values)
        if self.n_standards_:
            self.n_components_ = clip_components(
                self.n_components,
                len(singular_values),
                why=f"the differences of {self.n_standards_} standards span no more directions",
            )
        return np.zeros(self.n_components_)
