"""ONNX graphs predict what the estimators predict, whatever the batch."""

import json

import numpy as np
import pytest
import torch
from chemotools.baseline import NonNegative
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import MultiplicativeScatterCorrection, StandardNormalVariate
from scipy.special import erf
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import spectralfm
from spectralfm.conformal import ConformalRegressor
from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import (
    SpectralFMClassifier,
    SpectralFMEncoder,
    SpectralFMRegressor,
    SpectralFMStandardizer,
)
from spectralfm.nn.kan import KANLinear
from spectralfm.transfer import (
    AveragedPLS,
    CalibrationTransfer,
    DifferencePenalizedRidge,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    Standards,
    TransferEnsemble,
)

pytest.importorskip("onnx", reason="the extra onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

PAIR = make_instrument_pair(n_samples=64, n_channels=40, random_state=0)
X, X_TARGET, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y
WAVELENGTHS = np.linspace(1100, 2500, 40)
GAP = np.r_[np.linspace(1100, 1380, 20), np.linspace(1700, 2500, 20)]
GRADES = np.geomspace(1e-5, 1e-2, 64)[:, None]
STANDARDS = Standards(X[:6], X_TARGET[:6])
SOURCE = FrozenEstimator(
    make_pipeline(SavitzkyGolay(7), StandardNormalVariate(), PLSRegression(3)).fit(X, Y)
)


def run(path, spectra):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, {"spectra": rows})[0], session


def worst(model, tmp_path, dtype="float64", spectra=X_TARGET, method="predict"):
    """Return the largest relative deviation over batches of 1, 7 and 64."""
    path = tmp_path / "model.onnx"
    spectralfm.to_onnx(model, path, dtype=dtype)
    predict, _ = run(path, spectra)
    expected = getattr(model, method)(spectra)
    off = 0.0
    for n in (1, 7, 64):
        found = predict(spectra[:n].astype(dtype))
        assert found.dtype == np.float64 and found.shape == expected[:n].shape
        off = max(off, np.abs(found - expected[:n]).max() / np.abs(expected[:n]).max())
    return off


def logarithm():
    steps = FunctionTransformer(np.log10), StandardScaler(), PCA(4), Ridge(1e-6)
    return make_pipeline(*steps).fit(X - X.min() + 0.1, Y)


CLASSICAL = {
    "PLS after a derivative": lambda: make_pipeline(
        SavitzkyGolay(7, polyorder=2, deriv=1), PLSRegression(4)
    ).fit(X, Y[:, 0]),
    "PLSRegressionCV": lambda: PLSRegressionCV(4).fit(X, Y),
    "AveragedPLS": lambda: AveragedPLS(4).fit(X, Y, standards=STANDARDS),
    "ridge": lambda: DifferencePenalizedRidge().fit(X, Y[:, 0], standards=STANDARDS),
    "ensemble": lambda: TransferEnsemble().fit(X, Y, standards=STANDARDS),
    "ensemble, nothing of the target": lambda: TransferEnsemble().fit(X[:40], Y[:40]),
    "moved": lambda: CalibrationTransfer(
        SOURCE, PiecewiseDirectStandardization(), slope_bias=True
    ).fit(X_TARGET[:8], X_source=X[:8]),
    "conformal": lambda: ConformalRegressor(SOURCE).conformalize(X_TARGET[:20], Y[:20]),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_models(name, tmp_path):
    assert worst(CLASSICAL[name](), tmp_path) < 1e-9


def test_logarithms(tmp_path):
    assert worst(logarithm(), tmp_path, spectra=X - X.min() + 0.1) < 1e-9


def test_caution_about_foreign_spectra(tmp_path):
    """Spectra of the source, a little foreign and wholly foreign ones go through one graph."""
    model = TransferEnsemble().fit(X[:40], Y[:40])
    spectra = X + GRADES * np.random.default_rng(0).normal(size=X.shape)
    share = model.domain_.foreignness(spectra)
    assert (share == 0).any() and (share == 1).any() and ((share > 0) & (share < 1)).any()
    assert worst(model, tmp_path, spectra=spectra) < 1e-9


@pytest.fixture(scope="module")
def known(tiny_weights):
    return {"checkpoint": tiny_weights, "wavelengths": WAVELENGTHS}


def test_the_default_regressor(known, tmp_path):
    model = SpectralFMRegressor(**known).fit(X[:40], Y[:40, 0])
    assert worst(model, tmp_path, "float32") < 1e-5
    mixed = X + GRADES * np.random.default_rng(0).normal(size=X.shape)
    assert len(np.unique(model.ensemble_.domain_.foreignness(mixed))) >= 3
    assert worst(model, tmp_path, spectra=mixed) < 1e-9


def test_a_regressor_with_standards(known, tmp_path):
    model = SpectralFMRegressor(**known).fit(X[:40], Y[:40], standards=STANDARDS)
    model.ensemble_.weights_[:] = 1 / len(model.ensemble_.weights_)  # the network counts
    assert worst(model, tmp_path) < 1e-9


@pytest.mark.parametrize("axis", [WAVELENGTHS, GAP], ids=["whole", "gap"])
def test_heads_on_the_network(tiny_weights, axis, tmp_path):
    known = {"checkpoint": tiny_weights, "wavelengths": axis}
    ridge = SpectralFMRegressor(stack=False, spectrum="raw", **known)
    ridge.fit(X[:40], Y[:40], standards=STANDARDS)
    assert worst(ridge, tmp_path) < 1e-6
    labels = np.digitize(Y[:, 0], np.quantile(Y[:, 0], [0.3, 0.6]))
    classifier = SpectralFMClassifier(**known).fit(X, labels, standards=STANDARDS)
    # In a gap the features hardly vary, and their gains are large.
    assert worst(classifier, tmp_path, method="predict_proba") < 1e-6


@pytest.mark.parametrize("output", ["chem", "inst", "features", "tokens"])
def test_outputs_of_the_encoder(output, known, tmp_path):
    encoder = SpectralFMEncoder(output=output, **known).fit(X)
    assert worst(encoder, tmp_path, method="transform") < 1e-9


def test_two_classes_and_few_channels(tiny_weights, tmp_path):
    few = np.array([1100.0, 1700.0, 2300.0])
    labels = np.where(Y[:, 0] > np.median(Y[:, 0]), "wet", "dry")
    model = SpectralFMClassifier(tiny_weights, wavelengths=few).fit(X[:, 5:35:10], labels)
    off = worst(model, tmp_path, spectra=X_TARGET[:, 5:35:10], method="predict_proba")
    assert off < 1e-7


def test_uneven_splines_and_other_orders():
    from spectralfm.deployment._onnx_graph import Graph
    from spectralfm.deployment._onnx_layers import kan

    rng = torch.Generator().manual_seed(0)
    for order in (1, 2, 3):
        layer = KANLinear(3, 2, 4, order).double()
        layer.update_grid(torch.randn(200, 3, generator=rng).double(), uniform=0.3)
        g = Graph()
        y = kan(g, "spectra", layer)
        graph = g.finished("kan", [("spectra", ["B", "N", 3])], [(y, ["B", "N", 2])])
        opset = [g.onnx.helper.make_opsetid("", 17)]
        proto = g.onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        x = 2 * torch.randn(2, 50, 3, generator=rng).double()
        found = run(proto.SerializeToString(), x)[0](x.numpy())
        np.testing.assert_allclose(found, layer(x).detach().numpy(), atol=1e-11)


def test_functions_that_runtimes_lack():
    from spectralfm.deployment._onnx_graph import Graph

    x = np.r_[np.linspace(-30, 30, 1001), -1e-9, 0.0, 1e-9, 20.0, 1e6][:, None]
    wanted = {
        "erf": erf(x),
        "asinh": np.arcsinh(np.clip(x, -1e6, 1e6)),
        "softplus": torch.nn.functional.softplus(torch.tensor(x)).numpy(),
        "gelu": torch.nn.functional.gelu(torch.tensor(x)).numpy(),
    }
    for name, expected in wanted.items():
        g = Graph()
        y = getattr(g, name)("spectra")
        graph = g.finished("one", [("spectra", ["B", 1])], [(y, ["B", 1])])
        opset = [g.onnx.helper.make_opsetid("", 17)]
        proto = g.onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        found = run(proto.SerializeToString(), x)[0](x)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_linear_models_are_one_product(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    spectralfm.to_onnx(CLASSICAL["PLS after a derivative"](), path)
    model = onnx.load(path)
    assert {node.op_type for node in model.graph.node} <= {"MatMul", "Add", "Reshape", "Identity"}
    known = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(known["channels"])["n_channels"] == 40 and known["estimator"] == "Pipeline"
    assert model.graph.input[0].name == "spectra" and model.graph.output[0].name == "y"


def test_what_has_no_graph(known, tmp_path):
    path = tmp_path / "model.onnx"
    for step, name in (
        (MultiplicativeScatterCorrection(), "MultiplicativeScatterCorrection"),
        (NonNegative(), "NonNegative"),
        (OptimalTransportStandardization("emd"), "OptimalTransportStandardization"),
    ):
        if name.startswith("Optimal"):
            step = FrozenEstimator(step.fit(X_TARGET, X_source=X))
        model = make_pipeline(step, StandardNormalVariate(), PLSRegression(2)).fit(X, Y)
        with pytest.raises(ValueError, match=f"no ONNX graph for {name}, .*spectralfm.save"):
            spectralfm.to_onnx(model, path)
    standardizer = SpectralFMStandardizer(**known).fit(X_TARGET[:6], X_source=X[:6])
    with pytest.raises(ValueError, match="no ONNX graph for SpectralFMStandardizer"):
        spectralfm.to_onnx(standardizer, path)
    encoder = SpectralFMEncoder(output="reconstruction", **known).fit(X)
    with pytest.raises(ValueError, match='output="reconstruction"'):
        spectralfm.to_onnx(encoder, path)
    with pytest.raises(ValueError, match="dtype must be"):
        spectralfm.to_onnx(Ridge().fit(X, Y), path, dtype="float16")
    assert not path.exists()


def test_without_onnx(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'spectralfm\[onnx\]'"):
        spectralfm.to_onnx(Ridge().fit(X, Y), tmp_path / "model.onnx")
