"""Neighbours: chemotools, pandas, polars, skada, and methods of packages that may be missing."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from chemotools.adaptation import DirectStandardization as ChemotoolsDS
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn import config_context, get_config, set_config
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from test_bad_input import CALIBRATION, NAMES, SOURCE, TARGET, Y, apply, good, made, name_of
from test_estimator_checks import CLASSICAL

from spectralfm import transfer
from spectralfm.foundation import SpectralFMEncoder, SpectralFMRegressor
from spectralfm.transfer import CalibrationTransfer, Standards, Unpaired, from_sample_domain

pl = pytest.importorskip("polars")

STANDARDIZERS = [
    one
    for one in CLASSICAL
    if hasattr(one, "transform") and getattr(one, "paired", False) and not hasattr(one, "predict")
]


@pytest.mark.parametrize("step", [*STANDARDIZERS, ChemotoolsDS()], ids=name_of)
def test_standardizers_in_pipelines_of_chemotools(step):
    """Ours and theirs behind preprocessing of chemotools, where X_source is routed to them."""
    snv = StandardNormalVariate().fit(SOURCE)
    with config_context(enable_metadata_routing=True):
        step = clone(step)
        if isinstance(step, ChemotoolsDS):
            step = step.set_fit_request(X_source=True)
        pipeline = make_pipeline(StandardNormalVariate(), step)
        pipeline.fit(TARGET, X_source=snv.transform(SOURCE))
    alone = clone(step).fit(snv.transform(TARGET), X_source=snv.transform(SOURCE))
    np.testing.assert_allclose(
        pipeline.transform(TARGET), alone.transform(snv.transform(TARGET)), atol=1e-12
    )


@pytest.mark.parametrize("step", [*STANDARDIZERS, ChemotoolsDS()], ids=name_of)
@pytest.mark.parametrize("insert_at", [0, 1, 2])
def test_source_models_with_preprocessing_of_chemotools(step, insert_at):
    steps = StandardNormalVariate(), SavitzkyGolay(window_length=5), PLSRegression(3)
    source = make_pipeline(*steps).fit(CALIBRATION, Y)
    model = CalibrationTransfer(FrozenEstimator(source), step, insert_at=insert_at)
    model.fit(TARGET, X_source=SOURCE)
    assert model.insert_at_ == insert_at and np.isfinite(model.predict(TARGET)).all()


def in_frames(kind, known):
    """Return arguments of fit whose spectra stand in data frames."""
    frame = {
        "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
        "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    }[kind]
    moved = dict(known)
    for name in ("X", "X_source"):
        if name in known:
            moved[name] = frame(known[name])
    if "standards" in known:
        moved["standards"] = Standards(frame(SOURCE), frame(TARGET))
    return moved, frame


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("estimator", CLASSICAL, ids=name_of)
def test_frames_in_give_the_same_numbers(estimator, kind):
    plain = made(estimator)
    with_frames = made(estimator)
    plain.fit(**good(plain))
    known, frame = in_frames(kind, good(with_frames))
    with_frames.fit(**known)
    answer = apply(with_frames, frame(TARGET))
    np.testing.assert_allclose(np.asarray(answer), apply(plain, TARGET), rtol=1e-9, atol=1e-12)
    assert list(with_frames.feature_names_in_) == NAMES


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("cls", [SpectralFMEncoder, SpectralFMRegressor])
def test_the_columns_of_frames_are_the_axis(cls, kind, tiny_weights):
    said = cls(tiny_weights, wavelengths=np.array(NAMES, float), random_state=0)
    read = cls(tiny_weights, random_state=0)
    known, frame = in_frames(kind, {"X": CALIBRATION, "y": Y})
    said.fit(CALIBRATION, Y)
    read.fit(**known)
    np.testing.assert_array_equal(read.axis_, said.axis_)
    np.testing.assert_allclose(apply(read, frame(TARGET)), apply(said, TARGET), rtol=1e-9)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize(
    "estimator", [one for one in CLASSICAL if hasattr(one, "set_output")], ids=name_of
)
def test_frames_out(estimator, kind):
    estimator = made(estimator)
    known, frame = in_frames(kind, good(estimator))
    moved = estimator.set_output(transform=kind).fit(**known).transform(frame(TARGET))
    assert type(moved).__module__.partition(".")[0] == kind
    assert list(moved.columns) == list(estimator.get_feature_names_out())
    assert moved.shape == (len(TARGET), len(moved.columns))


def stacked():
    X = np.vstack([CALIBRATION, TARGET])
    ids = np.array([*range(len(CALIBRATION)), *range(len(TARGET))])
    return X, np.concatenate([Y, np.full(len(TARGET), np.nan)]), ids


def test_sample_domain_of_skada():
    """What skada's own packing makes of two instruments comes apart again."""
    routing = get_config()["enable_metadata_routing"]
    pytest.importorskip("skada")
    set_config(enable_metadata_routing=routing)  # importing skada switches it on
    from skada.datasets import DomainAwareDataset

    data = DomainAwareDataset()
    data.add_domain(CALIBRATION, Y, "source")
    data.add_domain(TARGET, Y[: len(TARGET)], "target")
    packed = data.pack(
        as_sources=["source"], as_targets=["target"], mask_target_labels=True, return_type="array"
    )
    X, y, target = from_sample_domain(*packed)
    np.testing.assert_array_equal(X, CALIBRATION)
    np.testing.assert_array_equal(y, Y)
    assert isinstance(target, Unpaired)
    np.testing.assert_array_equal(target.target, TARGET)


def test_sample_domain_zero_is_a_source_and_order_does_not_matter():
    X, y, ids = stacked()
    domain = np.where(np.arange(len(X)) < len(CALIBRATION), 0, -3)
    order = np.random.default_rng(0).permutation(len(X))
    source, values, standards = from_sample_domain(
        X[order], y[order], domain[order], sample_ids=ids[order]
    )
    assert isinstance(standards, Standards) and standards.n_standards == len(TARGET)
    for pair_source, pair_target in zip(standards.source, standards.target, strict=True):
        row = int(np.flatnonzero((pair_source == SOURCE).all(axis=1))[0])
        np.testing.assert_array_equal(pair_target, TARGET[row])
    model = transfer.DifferencePenalizedRidge().fit(source, values, standards=standards)
    assert np.isfinite(model.predict(TARGET)).all()


def test_sample_domain_refuses_what_it_cannot_split():
    X, y, ids = stacked()
    domain = np.where(np.arange(len(X)) < len(CALIBRATION), 1, -2)
    refused = [
        ((X, y, np.abs(domain)), {}, "28 spectra of a source .* 0 of a target"),
        ((X, y, domain * 1.0), {}, "28 whole numbers"),
        ((X, y, domain[1:]), {}, "28 whole numbers"),
        ((X, y[1:], domain), {}, "y has shape"),
        ((X, y, domain), {"target": -1}, r"target = -1 is none of the targets \[-2\]"),
        (
            (X, y, np.where(np.arange(28) == 27, -4, domain)),
            {},
            r"choose target= out of \[-4, -2\]",
        ),
        ((X, y, domain), {"sample_ids": ids[1:]}, "sample_ids has shape"),
        ((X, y, domain), {"sample_ids": np.arange(28)}, "No sample was measured on both"),
        ((X, y, domain), {"sample_ids": 0 * ids}, "sample 0 was measured 20 times on the source"),
        ((X, np.full(28, np.nan), domain), {}, "NaN"),
    ]
    for known, more, message in refused:
        with pytest.raises(ValueError, match=message):
            from_sample_domain(*known, **more)


def test_optional_methods_are_there_if_their_package_is(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from importlib.util import find_spec

    import _methods
    from _protocol import tasks

    there = {
        "TabPFN, pooled": find_spec("tabpfn"),
        "AOM-PLS of nirs4all, pooled": find_spec("nirs4all"),
    }
    assert {name for name in there if name in _methods.METHODS} == {n for n in there if there[n]}

    class TabPFNRegressor(Ridge):
        """Takes the place of the one that is not installed."""

    stand_in = ModuleType("tabpfn")
    stand_in.TabPFNRegressor = TabPFNRegressor
    monkeypatch.setitem(sys.modules, "tabpfn", stand_in)
    monkeypatch.setattr(_methods, "find_spec", lambda name: name == "tabpfn" or None)
    method = _methods.optional_methods()["TabPFN, pooled"]
    task = next(tasks("simulated", 1))
    blind, told = method.predict(task, "none"), method.predict(task, 10)
    assert blind.shape == told.shape == task.y_test.shape
    assert not np.allclose(blind, told)
