"""Model files: what goes in comes out, bit for bit, and nothing else does."""

import copy
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import spectralfm
from spectralfm.checkpoint import CorruptWeightsError, VersionSkewWarning
from spectralfm.checkpoint._container import pack, unpack
from spectralfm.checkpoint._versions import NUMERIC
from spectralfm.conformal import ConformalRegressor
from spectralfm.datasets import make_instrument_pair
from spectralfm.deployment import _model_file
from spectralfm.foundation import (
    SpectralFMClassifier,
    SpectralFMEncoder,
    SpectralFMRegressor,
    SpectralFMStandardizer,
    TestTimeAdapter,
)
from spectralfm.transfer import (
    AveragedPLS,
    CalibrationTransfer,
    CanonicalCorrelationTransfer,
    DifferencePenalizedRidge,
    DirectStandardization,
    DomainInvariantPLS,
    ExternalParameterOrthogonalization,
    GeneralizedLeastSquaresWeighting,
    MeanShift,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    RidgeDirectStandardization,
    SlopeBiasCorrection,
    SpectralSpaceTransformation,
    Standards,
    TransferEnsemble,
)

PAIR = make_instrument_pair(n_samples=50, n_channels=40, random_state=0)
X, X_TARGET, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y
WAVELENGTHS = np.linspace(1100, 2500, 40)
STANDARDS = Standards(X[:6], X_TARGET[:6])
DERIVATIVE = SavitzkyGolay(7, polyorder=2, deriv=1)
SOURCE = FrozenEstimator(
    make_pipeline(DERIVATIVE, StandardNormalVariate(), PLSRegression(3)).fit(X, Y)
)
LABELLED = X_TARGET[20:40], Y[20:40]


def moved(transfer, **kwargs):
    return CalibrationTransfer(SOURCE, transfer, **kwargs).fit(X_TARGET[:8], X_source=X[:8])


def standardized(transfer):
    return transfer.fit(X_TARGET[:8], X_source=X[:8])


def conformal(estimator, method="split", **kwargs):
    model = ConformalRegressor(estimator, method=method)
    if not isinstance(estimator, FrozenEstimator):
        samples = LABELLED if method != "split" else (X, Y)
        model.fit(*samples)
    return model.conformalize(*LABELLED, **kwargs)


CLASSICAL = {
    "MeanShift": lambda: standardized(MeanShift()),
    "DS": lambda: standardized(DirectStandardization()),
    "PDS": lambda: standardized(PiecewiseDirectStandardization()),
    "RDS": lambda: standardized(RidgeDirectStandardization()),
    "SST": lambda: standardized(SpectralSpaceTransformation()),
    "CCA": lambda: standardized(CanonicalCorrelationTransfer()),
    "OT": lambda: standardized(OptimalTransportStandardization()),
    "OT emd": lambda: standardized(OptimalTransportStandardization("emd")),
    "EPO": lambda: standardized(ExternalParameterOrthogonalization()),
    "GLSW": lambda: standardized(GeneralizedLeastSquaresWeighting()),
    "SBC": lambda: SlopeBiasCorrection(SOURCE).fit(X_TARGET[:8], Y[:8]),
    "PLSRegressionCV": lambda: PLSRegressionCV(4).fit(X, Y),
    "AveragedPLS": lambda: AveragedPLS(4).fit(X, Y, standards=STANDARDS),
    "ridge": lambda: DifferencePenalizedRidge().fit(X, Y, standards=STANDARDS),
    "di-PLS": lambda: DomainInvariantPLS(3).fit(X, Y, standards=STANDARDS),
    "ensemble": lambda: TransferEnsemble().fit(X, Y, standards=STANDARDS),
    "ensemble, nothing of the target": lambda: TransferEnsemble().fit(X, Y[:, 0]),
    "moved by PDS": lambda: moved(PiecewiseDirectStandardization(), slope_bias=True),
    "moved by DS, raw": lambda: moved(DirectStandardization(), insert_at=0),
    "its pipeline": lambda: moved(MeanShift(), insert_at=1).to_pipeline(),
    "split": lambda: conformal(SOURCE),
    "split, not frozen": lambda: ConformalRegressor(Ridge()).fit(X[:20], Y[:20]).conformalize(
        X_TARGET[20:40], Y[20:40]
    ),
    "mondrian": lambda: conformal(SOURCE, "mondrian", groups=["a", "b"] * 10),
    "weighted": lambda: conformal(SOURCE, "weighted", X_target=X_TARGET[40:]),
    "cv+": lambda: conformal(PLSRegressionCV(3), "cv+"),
    "full": lambda: conformal(SlopeBiasCorrection(SOURCE), "full"),
    "full ridge": lambda: conformal(
        make_pipeline(FrozenEstimator(StandardScaler().fit(X)), Ridge(1e-2)), "full"
    ),
    "scikit-learn": lambda: make_pipeline(
        FunctionTransformer(np.gradient, kw_args={"axis": 1}), StandardScaler(), Ridge(1e-3)
    ).fit(X, Y),
}  # fmt: skip


def outputs(model):
    if hasattr(model, "intervals_"):
        groups = ["a"] * len(X) if hasattr(model.intervals_, "by_group") else None
        return model.predict_interval(X_TARGET, groups)[1]
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            return getattr(model, method)(X_TARGET)
    raise AssertionError


def saved_and_loaded(model, tmp_path):
    spectralfm.save(model, tmp_path / "model.safetensors")
    return spectralfm.load(tmp_path / "model.safetensors", "cpu")


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.filterwarnings("ignore:.*(clipped|effective|samples are worth|Infinite).*")
def test_predictions_are_equal_bit_for_bit(name, tmp_path):
    model = CLASSICAL[name]()
    loaded = saved_and_loaded(model, tmp_path)
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(outputs(loaded), outputs(model))
    if hasattr(model, "get_params"):
        assert str(loaded.get_params(deep=False)) == str(model.get_params(deep=False))


@pytest.fixture(scope="module")
def foundation(tiny_weights):
    known = {"checkpoint": str(tiny_weights), "wavelengths": WAVELENGTHS}
    labels = np.where(Y[:, 0] > np.median(Y[:, 0]), "wet", "dry")
    encoder = SpectralFMEncoder(**known).fit(X)
    return {
        "encoder": encoder,
        "regressor": SpectralFMRegressor(**known).fit(X, Y[:, 0]),
        "ridge": SpectralFMRegressor(stack=False, **known).fit(X, Y, standards=STANDARDS),
        "classifier": SpectralFMClassifier(**known).fit(X, labels),
        "standardizer": standardized(SpectralFMStandardizer(**known)),
        "adapter": TestTimeAdapter(FrozenEstimator(encoder), n_steps=1).fit(X_TARGET),
    }


FOUNDATION = ("encoder", "regressor", "ridge", "classifier", "standardizer", "adapter")


@pytest.mark.parametrize("name", FOUNDATION)
def test_networks_come_back_bit_for_bit(name, foundation, tmp_path):
    model = foundation[name]
    loaded = saved_and_loaded(model, tmp_path)
    np.testing.assert_array_equal(outputs(loaded), outputs(model))
    if name == "regressor":  # the stack reads the features of the estimator that holds it
        assert loaded.ensemble_.cautious_.members_[1][1].terms_[0].view.preprocessing.owner
        assert loaded.weights_ == model.weights_
    if name == "classifier":
        assert list(loaded.predict(X[:3])) == list(model.predict(X[:3]))


def test_the_methods_of_estimators(tmp_path):
    path = tmp_path / "model"
    model = PLSRegressionCV(3).fit(X, Y)
    model.save(path, X_check=X_TARGET)
    np.testing.assert_array_equal(PLSRegressionCV.load(path).predict(X), model.predict(X))
    with pytest.raises(ValueError, match="holds a PLSRegressionCV, not a MeanShift: use spectral"):
        MeanShift.load(path)


def test_device(tmp_path, foundation):
    path = tmp_path / "model"
    spectralfm.save(foundation["encoder"], path)
    assert spectralfm.load(path).device == "auto" and spectralfm.load(path, "cpu").device == "cpu"
    with pytest.raises(ValueError, match="device must be"):
        spectralfm.load(path, "abacus")


def test_names_of_channels(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"{w:.0f} nm" for w in WAVELENGTHS])
    loaded = saved_and_loaded(PLSRegressionCV(3).fit(frame, Y), tmp_path)
    header, _ = opened((tmp_path / "model.safetensors").read_bytes())
    assert header["channels"]["names"] == list(frame.columns)
    assert len(loaded.predict(frame)) == len(X)
    with pytest.raises(ValueError, match="names"):
        loaded.predict(X)
    wrong = frame[frame.columns[::-1]]
    with pytest.raises(ValueError, match="names"):
        loaded.predict(wrong)


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(NotFittedError):
        spectralfm.save(PLSRegressionCV(), path)
    forest = make_pipeline(StandardScaler(), RandomForestRegressor(2, random_state=0)).fit(X, Y)
    with pytest.raises(ValueError, match=r"steps\[1\]\[1\] is sklearn.*Forest.* skops or pickle"):
        spectralfm.save(forest, path)
    scaled = make_pipeline(FunctionTransformer(lambda spectra: spectra), Ridge()).fit(X, Y)
    with pytest.raises(ValueError, match=r"func is the function tests?_deployment.*<lambda>"):
        spectralfm.save(scaled, path)
    broken = Ridge().fit(X, Y)
    broken.coef_ = np.full_like(broken.coef_, np.nan)
    with pytest.raises(ValueError, match="predict for the self-test are not finite"):
        spectralfm.save(broken, path)
    with pytest.raises(ValueError, match="X_check has 39 channels, but the model has 40"):
        spectralfm.save(Ridge().fit(X, Y), path, X_check=X[:, 1:])
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model"
    spectralfm.save(Ridge().fit(X, Y), path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="What was there before is intact"):
        spectralfm.save(Ridge(10.0).fit(X, Y), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


DATA = _model_file.dump(make_pipeline(StandardNormalVariate(), PLSRegression(2)).fit(X, Y))


def opened(data):
    return unpack("model", data, file="", fields=(), remedy="")


def forged(change):
    """Return the file after a change of header and tensors, signed again."""
    header, tensors = opened(DATA)
    change(header, tensors)
    for name in ("kind", "format", "versions"):
        del header[name]
    return pack("model", header, tensors, NUMERIC)


def flipped(position):
    data = bytearray(DATA)
    data[position] ^= 1
    return bytes(data)


def renamed(header, tensors):
    text = json.dumps(header["nodes"]).replace("sklearn.cross_decomposition.PLSRegression", "os.X")
    header["nodes"] = json.loads(text)


def with_nan(header, tensors):
    tensors["steps[1][1].coef_"][0, 0] = torch.nan


def with_another_number(header, tensors):
    tensors["steps[1][1].coef_"][0] *= 2


def with_a_bad_reference(header, tensors):
    header["root"] = {"node": 10_000}


def with_a_bad_node(header, tensors):
    header["nodes"][0] = {"_class__": "x"}


START = 8 + int.from_bytes(DATA[:8], "little")
DAMAGED = {
    "empty": (b"", "0 bytes that are not one"),
    "half the header": (DATA[:100], "not one, or not all of one"),
    "truncated": (DATA[:-1], "not one, or not all of one"),
    "a byte of the payload": (flipped(START + 100), "it was altered"),
    "the last byte": (flipped(len(DATA) - 1), "it was altered"),
    "a number of the header": (DATA.replace(b"_format\\\": 1", b"_format\\\": 2"), "altered"),
    "a class in the header": (DATA.replace(b"PLSRegression", b"PLSCanonical_"), "it was altered"),
    "no JSON": (save_tensors(load_tensors(DATA)), "the header of a spectralfm file, found none"),
    "text": (b"wavelength,absorbance\n1100,0.3\n" * 9, "not one, or not all of one"),
    "a pickle": (pickle.dumps(Ridge()), "a pickle, which was not opened because it can run code"),
    "NaN": (forged(with_nan), "finite numbers, found NaN or infinity in steps"),
    "another class": (forged(renamed), "os.X, which is not on the list of what a model file may"),
    "other predictions": (forged(with_another_number), "a deviation of .* of the largest.*torch"),
    "a bad reference": (forged(with_a_bad_reference), "a bad reference"),
    "a bad node": (forged(with_a_bad_node), "a node of kind _class__"),
    "newer": (forged(lambda header, _: header.update(model_format=2)), "format 2. Upgrade"),
    "no nodes": (forged(lambda header, _: header.pop("nodes")), "expected nodes in the header"),
    "weights": (pack("weights", {}, {}), "expected model, found weights"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found(name, tmp_path):
    data, message = DAMAGED[name]
    assert data != DATA
    path = tmp_path / "model"
    path.write_bytes(data)
    with pytest.raises(CorruptWeightsError, match=message) as caught:
        spectralfm.load(path)
    assert str(caught.value).startswith(f"{path}: expected ")


def test_every_class_of_a_file_is_on_the_list():
    """What a file names is compared with the list before anything is imported."""
    for name in ("os.system", "subprocess.Popen", "spectralfm.transfer._base.np", "numpy.load"):

        def change(header, tensors, name=name):
            header["nodes"][0] = {"object": name, "attributes": {}}

        with pytest.raises(CorruptWeightsError, match="expected parts of a model"):
            _model_file.parse(forged(change))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model file .*nothing"):
        spectralfm.load(tmp_path / "nothing")


def test_other_versions_warn():
    header, tensors = opened(DATA)
    assert {"spectralfm", "torch", "numpy", "scikit-learn", "scipy"} <= header["versions"].keys()
    versions = {**header["versions"], "scikit-learn": "1.2.3"}
    for name in ("kind", "format", "versions"):
        del header[name]
    # a dict later in the header wins, as in a file that an older version wrote
    data = pack("model", {**header, "versions": versions}, tensors)
    with pytest.warns(VersionSkewWarning, match=r"was written with scikit-learn 1\.2\.3 \(here "):
        _model_file.parse(data, file="model")


ALONE = """
import sys
for name in ("onnx", "onnxruntime", "onnxscript", "matplotlib", "pandas", "skops", "pyarrow"):
    sys.modules[name] = None
import numpy as np
import spectralfm
X = np.load(sys.argv[1])
for path in sys.argv[2:]:
    model = spectralfm.load(path, "cpu")
    result = model.predict(X) if hasattr(model, "predict") else model.transform(X)
    np.save(path + ".npy", result)
"""


def test_loading_needs_runtime_dependencies_only(tmp_path, foundation):
    np.save(tmp_path / "X.npy", X_TARGET)
    models = {
        "pds": moved(PiecewiseDirectStandardization()),
        "conformal": conformal(SOURCE),
        "regressor": foundation["regressor"],
    }
    for name, model in models.items():
        model.save(tmp_path / name)
    paths = [str(tmp_path / name) for name in ("X.npy", *models)]
    subprocess.run([sys.executable, "-W", "error", "-c", ALONE, *paths], check=True)
    for name, model in models.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), model.predict(X_TARGET))


def test_the_file_says_what_it_is(tmp_path, foundation):
    spectralfm.save(foundation["standardizer"], tmp_path / "model")
    header, tensors = opened((tmp_path / "model").read_bytes())
    assert re.search(r"SpectralFMStandardizer$", header["estimator"])
    np.testing.assert_allclose(header["channels"]["wavenumbers"], 1e7 / WAVELENGTHS)
    assert {"self-test/X", "self-test/transform", "offset_", "weights_"} <= tensors.keys()
    assert Path(tmp_path / "model").stat().st_size < 200_000


@pytest.mark.parametrize("name", FOUNDATION[:-1])
def test_skops_asks_for_one_type(name, foundation):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    model = foundation[name]
    data = skops.dumps(model)
    (kind,) = skops.get_untrusted_types(data=data)
    assert kind == f"{type(model).__module__}.{type(model).__name__}"
    np.testing.assert_array_equal(outputs(skops.loads(data, trusted=[kind])), outputs(model))


def test_a_pickle_of_the_stack_reads_its_own_encoder(foundation):
    model = foundation["regressor"]
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for one in copies:
        view = one.ensemble_.cautious_.members_[1][1].terms_[0].view
        assert view.preprocessing.owner.estimator is one
        np.testing.assert_array_equal(outputs(one), outputs(model))
    data = bytearray(pickle.dumps(model))
    data[data.index(b"__metadata__") + 3000] ^= 1
    with pytest.raises(CorruptWeightsError):
        pickle.loads(bytes(data)).predict(X)


def test_a_pickle_of_intervals_holds_numbers():
    model = conformal(PLSRegressionCV(3), "cv+")
    data = pickle.dumps(model)
    assert b"mapie" not in data
    np.testing.assert_array_equal(outputs(pickle.loads(data)), outputs(model))
