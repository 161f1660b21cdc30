"""Estimators as parts of an ONNX graph, each as its ``predict`` or ``transform`` computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from chemotools.scatter import StandardNormalVariate
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from .._validation import FEWEST_CHANNELS
from ..conformal import ConformalRegressor
from ..foundation import (
    SpectralFMClassifier,
    SpectralFMEncoder,
    SpectralFMRegressor,
    TestTimeAdapter,
)
from ..foundation._features import FeatureMixin
from ..foundation._network_features import NetworkFeatures
from ..foundation._torch_estimator import EncoderMixin
from ..transfer import CalibrationTransfer, PLSRegressionCV, SlopeBiasCorrection, TransferEnsemble
from ..transfer._averaging import AveragingRegressor
from ..transfer._preprocessing import curvature
from ..transfer._source_domain import FOREIGN, SourceDomain
from ._affine import ROUNDING, find_affine, never_affine
from ._onnx_graph import Graph
from ._onnx_network import Encoded, encode, flat, pooled

Array = NDArray[np.float64]

UNARY = {
    np.log: "Log", np.exp: "Exp", np.sqrt: "Sqrt", np.abs: "Abs", np.negative: "Neg",
    np.reciprocal: "Reciprocal",
}  # fmt: skip
"""Functions of a `FunctionTransformer` that are operators of ONNX."""

LOGARITHMS = {np.log10: np.log(10.0), np.log2: np.log(2.0)}
"""What the natural logarithm is divided by."""


class Writer:
    """Writes estimators into a graph; an encoder that several parts read is written once.

    Parameters
    ----------
    g : Graph
        Where to write.
    """

    def __init__(self, g: Graph) -> None:
        self.g = g
        self._encoded: dict[tuple[str, int], Encoded] = {}

    def predict(self, x: str, model: Any, n_channels: int) -> str:
        """Write what ``model.predict`` does.

        Parameters
        ----------
        x : str
            Spectra (B, n_channels).
        model : estimator
            Fitted regressor, or classifier: then its probabilities.
        n_channels : int
            Number of channels.

        Returns
        -------
        str
            Predictions (B, n_targets), or probabilities (B, n_classes).

        Raises
        ------
        ValueError
            If there is no graph for a part of the model.
        """
        g = self.g
        if isinstance(model, FrozenEstimator):
            return self.predict(x, model.estimator, n_channels)
        if isinstance(model, ConformalRegressor | TestTimeAdapter):
            return self.predict(x, model.estimator_, n_channels)
        if isinstance(model, SpectralFMClassifier):
            return self._classify(x, model)
        if isinstance(model, SpectralFMRegressor):
            if model.stack:
                return self.predict(x, model.ensemble_, n_channels)
            Z = g.sub(self._scaled(x, model), model.feature_shift_)
            return g.linear(Z, model.coef_, model.intercept_)
        if isinstance(model, TransferEnsemble):
            return self._ensemble(x, model, n_channels)
        if isinstance(model, CalibrationTransfer):
            return self.predict(x, model.pipeline_, n_channels)
        if isinstance(model, SlopeBiasCorrection):
            y = self.predict(x, model.estimator_, n_channels)
            return g.add(g.mul(y, model.slope_), model.bias_)
        if isinstance(model, PLSRegressionCV):
            parts = zip(model.preprocessing_, model.coef_, model.intercept_, strict=True)
            columns = [
                g.linear(self.transform(x, view, n_channels)[0], b[:, None], np.array([b0]))
                for view, b, b0 in parts
            ]
            return g.concat(columns, 1)
        if isinstance(model, AveragingRegressor):
            return self._terms(x, model, n_channels)
        if isinstance(model, Pipeline):
            x, n_channels = self._steps(x, model.steps[:-1], n_channels)
            return self.predict(x, model.steps[-1][1], n_channels)
        return self._affine(x, model, model.predict, n_channels)[0]

    def transform(self, x: str, model: Any, n_channels: int) -> tuple[str, int]:
        """Write what ``model.transform`` does.

        Parameters
        ----------
        x : str
            Spectra (B, n_channels).
        model : transformer
            Fitted, or "passthrough" or None.
        n_channels : int
            Number of channels.

        Returns
        -------
        str
            What it returns.
        int
            Number of its columns; -1 for those of a network.

        Raises
        ------
        ValueError
            If there is no graph for it.
        """
        g = self.g
        if model is None or model == "passthrough":
            return x, n_channels
        if isinstance(model, FrozenEstimator):
            return self.transform(x, model.estimator, n_channels)
        if isinstance(model, TestTimeAdapter):
            return self.transform(x, model.estimator_, n_channels)
        if isinstance(model, Pipeline):
            return self._steps(x, model.steps, n_channels)
        if isinstance(model, StandardNormalVariate):
            return self._variates(x), n_channels
        if isinstance(model, NetworkFeatures):
            return flat(g, self._encode(x, model.owner.estimator).features), -1
        if isinstance(model, SpectralFMEncoder):
            encoded = self._encode(x, model)
            named = {
                "chem": encoded.chem,
                "inst": encoded.inst,
                "features": flat(g, encoded.features),
                "tokens": flat(g, encoded.tokens),
            }
            if model.output not in named:
                raise ValueError(
                    f'There is no ONNX graph for output="{model.output}" of a SpectralFMEncoder: '
                    f"choose one of {', '.join(named)}."
                )
            return named[model.output], model.n_outputs_
        if isinstance(model, FunctionTransformer) and model.kw_args is None:
            if model.func is None:
                return x, n_channels
            if model.func in UNARY:
                return g(UNARY[model.func], x), n_channels
            if model.func in LOGARITHMS:
                return g.div(g("Log", x), LOGARITHMS[model.func]), n_channels
        return self._affine(x, model, model.transform, n_channels)

    def _steps(self, x: str, steps: list[tuple[str, Any]], n_channels: int) -> tuple[str, int]:
        for _, step in steps:
            x, n_channels = self.transform(x, step, n_channels)
        return x, n_channels

    def _affine(
        self, x: str, model: Any, method: Callable[[Array], Any], n_channels: int
    ) -> tuple[str, int]:
        """Write a matrix and an offset, if that is what a model is."""
        kind = type(model).__name__
        if not never_affine([model]) and n_channels > 0:
            affine, off = find_affine(method, n_channels)
            if off <= ROUNDING:
                return self.g.linear(x, *affine), affine.matrix.shape[1]
        raise ValueError(
            f"There is no ONNX graph for {kind}, which is no matrix and offset. Leave it out of "
            "what is exported, or deploy the model with spectralfm.save."
        )

    def _variates(self, x: str) -> str:
        """Write standard normal variates."""
        g = self.g
        centred = g.sub(x, g.mean(x, 1))
        return g.div(centred, g("Sqrt", g.mean(g.mul(centred, centred), 1)))

    def _terms(self, x: str, model: AveragingRegressor, n_channels: int) -> str:
        """Write the sum of the terms of an average, each preprocessing once."""
        g = self.g
        read: dict[int, tuple[str, int]] = {}
        total: Any = None
        for (preprocessing, standardizer), coef, intercept in model.terms_:
            key = id(preprocessing)
            if key not in read:
                read[key] = self.transform(x, preprocessing, n_channels)
            seen, n_seen = read[key]
            if standardizer is not None:
                seen, n_seen = self.transform(seen, standardizer, n_seen)
            y = g.linear(seen, coef.T, intercept)
            total = y if total is None else g.add(total, y)
        return total

    def _ensemble(self, x: str, model: TransferEnsemble, n_channels: int) -> str:
        """Write the mean of families, and what is cautious about foreign spectra."""
        g = self.g
        mean: Any = None
        for (_, member), weights in zip(model.members_, model.weights_, strict=True):
            if weights.any():
                y = g.mul(self.predict(x, member, n_channels), weights)
                mean = y if mean is None else g.add(mean, y)
        if model.cautious_ is None or model.domain_ is None or not model.domain_.views:
            return mean
        share = self._foreignness(x, model.domain_, n_channels)
        cautious = self.predict(x, model.cautious_, n_channels)
        return g.add(g.mul(g.sub(1.0, share), mean), g.mul(share, cautious))

    def _foreignness(self, x: str, domain: SourceDomain, n_channels: int) -> str:
        """Write how unlike those of the source spectra are (B, 1)."""
        g, largest = self.g, 1.0
        for number, (pca, limit) in enumerate(domain.views):
            view = x
            if number:  # the first are the spectra themselves
                fitted = curvature().fit(np.zeros((1, n_channels)))
                view, _ = self._affine(x, fitted, fitted.transform, n_channels)
            d = g.sub(self._diagnosed(view), pca.mean_)
            rest = g.sub(d, g.matmul(g.matmul(d, pca.components_.T), pca.components_))
            largest = g("Max", g.div(g.sum(g.mul(rest, rest), 1), limit), largest)
        return g("Min", g.div(g("Log", largest), np.log(FOREIGN)), 1.0)

    def _diagnosed(self, x: str) -> str:
        """Write standard normal variates, of flat spectra too."""
        g, eps = self.g, 10 * np.finfo(np.float64).eps
        centred = g.sub(x, g.mean(x, 1))
        deviation = g("Sqrt", g.mean(g.mul(centred, centred), 1))
        smallest = g.mul(g("ReduceMax", g("Abs", x), axes=[1], keepdims=1), eps)
        return g.div(centred, g.where(g("Greater", deviation, smallest), deviation, 1.0))

    def _encode(self, x: str, estimator: EncoderMixin) -> Encoded:
        key = (x, id(estimator))
        if key not in self._encoded:
            self._encoded[key] = encode(self.g, x, estimator)
        return self._encoded[key]

    def _scaled(self, x: str, model: FeatureMixin) -> str:
        """Write the scaled features (B, n_features) of a head."""
        g, encoded = self.g, self._encode(x, model)
        blocks = [encoded.chem, flat(g, encoded.features)]
        if model.n_segments:
            blocks += pooled(g, encoded, model.n_segments)
        if model.spectrum is not None:
            n_channels = len(model.axis_)
            snv = model.spectrum == "snv" and n_channels >= FEWEST_CHANNELS
            blocks.append(self._variates(x) if snv else x)
        F = g.concat(blocks, 1)
        return g.mul(g.sub(F, model.feature_mean_), model.feature_gain_)

    def _classify(self, x: str, model: SpectralFMClassifier) -> str:
        """Write the probabilities (B, n_classes)."""
        g = self.g
        Z = g.sub(self._scaled(x, model), model.feature_shift_)
        if len(model.directions_):
            along = g.mul(g.matmul(Z, model.directions_.T), 1 - model.shrinkage_)
            Z = g.sub(Z, g.matmul(along, model.directions_))
        return self._logistic(Z, model.classifier_)

    def _logistic(self, x: str, model: LogisticRegression) -> str:
        logits = self.g.linear(x, model.coef_.T, model.intercept_)
        if len(model.classes_) == 2:
            second = self.g("Sigmoid", logits)
            return self.g.concat([self.g.sub(1.0, second), second], 1)
        return self.g("Softmax", logits, axis=1)
