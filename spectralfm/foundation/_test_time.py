"""Adaptation of a fitted estimator to unlabelled spectra of the target instrument."""

import copy
import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._net import seed_of
from .._savable import SavableMixin
from .._validation import check_same_channels, check_spectra, forget
from ..checkpoint import parse_weights
from ..nn.embedding import MODALITIES
from ._adaptation import adapt
from ._delegation import DelegatingMixin, thawed
from ._torch_estimator import EncoderMixin


class TestTimeAdapter(SavableMixin, DelegatingMixin, BaseEstimator):
    r"""Adapt a copy of a fitted estimator by reconstructing hidden parts of target spectra.

    .. math:: \theta \leftarrow \theta - \eta \nabla_\theta
              \frac{1}{|M|} \sum_{i \in M} (\hat p_i - p_i)^2

    over patches :math:`p_i` that a mask M hides from the encoder; :math:`\theta` are its layer
    norms or low-rank adapters. The head stays as it is.

    Parameters
    ----------
    estimator : estimator
        Fitted `SpectralFMEncoder`, `SpectralFMRegressor`, `SpectralFMClassifier` or
        `SpectralFMStandardizer`; within `FrozenEstimator` where the adapter will be cloned. One
        that is not fitted is first fitted to the spectra given to ``fit``. It is never changed.
    n_steps : int, default=20
        Steps, >= 1, of up to 16 spectra.
    parameters : {"norm", "lora"}, default="norm"
        Which weights adapt: gains and offsets of the layer norms, or adapters of the attention,
        merged in the end.
    lora_rank : int, default=4
        Rank of the adapters, >= 1.
    mask_ratio : float, default=0.4
        Share of the patches hidden, in (0, 1).
    learning_rate : float, default=1e-3
        Largest learning rate, > 0.
    random_state : int, RandomState instance or None, default=None
        Seed of masks, order and adapters.
    device : str, default="auto"
        Where the network runs: "cpu", "cuda", or CUDA if there is one.
    n_threads : int, default=1
        Threads of the CPU, at least 1.

    Attributes
    ----------
    estimator_ : estimator
        The adapted copy, to which all methods delegate; after `rollback`, a copy of the original.
    report_ : Bunch
        ``loss_before`` and ``loss_after``, the reconstruction error under masks not trained on;
        ``accepted``, whether the adapted weights are in use; ``parameters``, ``n_steps``,
        ``n_spectra``, ``n_trained`` weights; ``changed``, for every tensor that is not as it was,
        the norm of its change over its norm, before or after, whichever is larger.

    Raises
    ------
    TypeError
        In ``fit``, if the estimator holds no encoder.

    See Also
    --------
    SpectralFMRegressor : Takes unlabelled target spectra into account when it is fitted.

    Notes
    -----
    Adaptation helps the encoder read spectra of the target; the head still expects latents of the
    original, so nothing guarantees better predictions: check them on known samples, and
    `rollback`. The adapted weights are taken only if the reconstruction error falls.
    An untrained encoder reconstructs nothing: adapting one makes no sense.

    Departure from [1]_: the spectra are adapted to once, in ``fit``, never within ``predict``.

    References
    ----------
    .. [1] Gandelsman, Y., Sun, Y., Chen, X., & Efros, A. A. (2022). Test-time training with masked
       autoencoders. https://arxiv.org/abs/2209.07522

    Examples
    --------
    >>> import numpy as np
    >>> from spectralfm.foundation import SpectralFMRegressor, TestTimeAdapter
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((12, 60)).cumsum(axis=1)
    >>> model = SpectralFMRegressor(wavelengths=np.linspace(1100, 2500, 60), random_state=0)
    >>> model = model.fit(X, X[:, 30] - X[:, 10])
    >>> before = model.predict(X)
    >>> adapter = TestTimeAdapter(model, n_steps=3, random_state=0).fit(1.1 * X[:4])
    >>> adapter.predict(X).shape, sorted(adapter.report_)[:3]
    ((12,), ['accepted', 'changed', 'loss_after'])
    >>> bool((adapter.rollback().predict(X) == before).all())
    True
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "parameters": [StrOptions({"norm", "lora"})],
        "lora_rank": [Interval(Integral, 1, None, closed="left")],
        "mask_ratio": [Interval(Real, 0, 1, closed="neither")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_steps: int = 20,
        parameters: Literal["norm", "lora"] = "norm",
        lora_rank: int = 4,
        mask_ratio: float = 0.4,
        learning_rate: float = 1e-3,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        n_threads: int = 1,
    ) -> None:
        self.estimator = estimator
        self.n_steps = n_steps
        self.parameters = parameters
        self.lora_rank = lora_rank
        self.mask_ratio = mask_ratio
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Adapt a copy of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_channels)
            Unlabelled spectra of the target instrument.
        y : array-like, optional
            Used only to fit an estimator that is not fitted.

        Returns
        -------
        self : object
            The adapter.
        """
        forget(self)
        self._validate_params()
        model = self._copy_fitted(X, y)
        spectra = check_spectra(self, X, reset=True)
        check_same_channels(spectra.shape[1], model.n_features_in_, name="X", of="the estimator")
        weights = model.weights_
        x, axis = model._as_tensors(model._on_encoder_axis(spectra), torch.device("cpu"))
        adapted = adapt(
            weights,
            x.float(),
            axis,
            torch.tensor(MODALITIES.index(model.modality_)),
            parameters=self.parameters,
            lora_rank=self.lora_rank,
            mask_ratio=self.mask_ratio,
            n_steps=self.n_steps,
            learning_rate=self.learning_rate,
            seed=seed_of(self.random_state),
            device=self.device,
            n_threads=self.n_threads,
        )
        accepted = adapted.loss_after < adapted.loss_before
        if accepted:
            model._set_weights(adapted.encoder)
        self.original_weights_ = weights
        self.estimator_ = model
        self.report_ = Bunch(
            loss_before=adapted.loss_before,
            loss_after=adapted.loss_after,
            accepted=accepted,
            parameters=self.parameters,
            n_steps=self.n_steps,
            n_spectra=len(spectra),
            n_trained=adapted.n_trained,
            changed=_changes(weights, model.weights_),
        )
        return self

    def rollback(self) -> Self:
        """Take the adaptation back: from now on, results are those of the original, bit for bit.

        Returns
        -------
        self : object
            The adapter; its report says that nothing is adapted.
        """
        check_is_fitted(self)
        self.estimator_._restore_weights(self.original_weights_)
        self.report_ = Bunch(**{**self.report_, "accepted": False, "changed": {}})
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "report_")

    def __sklearn_tags__(self) -> Tags:
        tags, inner = super().__sklearn_tags__(), get_tags(thawed(self.estimator))
        tags.estimator_type, tags.target_tags = inner.estimator_type, inner.target_tags
        tags.transformer_tags = inner.transformer_tags
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        return tags

    def _copy_fitted(self, X: ArrayLike, y: ArrayLike | None) -> Any:
        """Return a copy of the estimator, fitted."""
        inner = thawed(self.estimator)
        if not isinstance(inner, EncoderMixin):
            raise TypeError(
                f"The {type(inner).__name__} given to TestTimeAdapter holds no encoder: pass a "
                "SpectralFMEncoder, SpectralFMRegressor, SpectralFMClassifier or "
                "SpectralFMStandardizer. Of an UnequalAxesRegressor adapt regressor_, with spectra "
                "from its resample()."
            )
        try:
            check_is_fitted(inner)
        except NotFittedError:
            if isinstance(self.estimator, FrozenEstimator):
                raise
            warnings.warn(
                f"The {type(inner).__name__} of TestTimeAdapter is not fitted, so it is fitted to "
                "the target spectra. Pass FrozenEstimator(model) to adapt a calibration of the "
                "source: clone and GridSearchCV forget what an unfrozen estimator learned."
            )
            model = clone(inner)
            if model.random_state is None:
                model.set_params(random_state=seed_of(self.random_state))
            model.fit(X, y)
        else:
            model = copy.deepcopy(inner)
        if not hasattr(model, "weights_"):
            raise ValueError(
                f"The {type(inner).__name__} loaded no weights, because it had no X_source: there "
                "is nothing to adapt."
            )
        return model


def _changes(before: bytes, after: bytes) -> dict[str, float]:
    """Return the change of every tensor that differs, relative to the larger of both."""
    old, new = parse_weights(before).state_dict, parse_weights(after).state_dict
    return {
        name: float((new[name] - old[name]).norm() / max(new[name].norm(), old[name].norm()))
        for name in old
        if not torch.equal(old[name], new[name])
    }
