"""Regression vectors: exact for linear models, refused or measured for the others."""

import csv

import numpy as np
import pytest
from chemotools.baseline import NonNegative
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn.cross_decomposition import PLSRegression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import spectralfm
from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.transfer import (
    AveragedPLS,
    CalibrationTransfer,
    DifferencePenalizedRidge,
    DirectStandardization,
    DomainInvariantPLS,
    MeanShift,
    OptimalTransportStandardization,
    PiecewiseDirectStandardization,
    PLSRegressionCV,
    SlopeBiasCorrection,
    Standards,
    TransferEnsemble,
)

PAIR = make_instrument_pair(n_samples=64, n_channels=40, random_state=0)
X, X_TARGET, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y
WAVELENGTHS = np.linspace(1100, 2500, 40)
STANDARDS = Standards(X[:8], X_TARGET[:8])
DERIVATIVE = SavitzkyGolay(7, polyorder=2, deriv=1)
VIEWS = [FunctionTransformer(), DERIVATIVE]
SOURCE = FrozenEstimator(make_pipeline(DERIVATIVE, StandardScaler(), PLSRegression(3)).fit(X, Y))


def moved(transfer, **kwargs):
    return CalibrationTransfer(SOURCE, transfer, **kwargs).fit(X_TARGET[:8], X_source=X[:8])


LINEAR = {
    "pipeline": lambda: SOURCE.estimator,
    "PDS": lambda: moved(PiecewiseDirectStandardization(), slope_bias=True),
    "DS on raw spectra": lambda: moved(DirectStandardization(), insert_at=0),
    "Gaussian transport": lambda: moved(OptimalTransportStandardization()),
    "SBC": lambda: SlopeBiasCorrection(SOURCE).fit(X_TARGET[:8], Y[:8]),
    "ridge": lambda: DifferencePenalizedRidge(preprocessing=VIEWS).fit(X, Y, standards=STANDARDS),
    "di-PLS": lambda: DomainInvariantPLS(3).fit(X, Y[:, 0], standards=STANDARDS),
    "AveragedPLS": lambda: AveragedPLS(4, preprocessing=VIEWS).fit(X, Y, standards=STANDARDS),
    "PLSRegressionCV": lambda: PLSRegressionCV(4, preprocessing=[DERIVATIVE]).fit(X, Y),
    "average": lambda: TransferEnsemble(
        [
            ("ridge", DifferencePenalizedRidge(preprocessing=VIEWS)),
            ("PLS", AveragedPLS(4, standardizer=MeanShift(), preprocessing=VIEWS)),
        ]
    ).fit(X, Y, standards=STANDARDS),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models(name):
    model = LINEAR[name]()
    vector = spectralfm.to_b_vector(model, X_TARGET, wavelengths=WAVELENGTHS)
    predicted = model.predict(X_TARGET).reshape(len(X), -1)
    assert vector.coef.shape == (predicted.shape[1], 40) and vector.unit == "nm"
    np.testing.assert_allclose(X_TARGET @ vector.coef.T + vector.intercept, predicted, atol=1e-9)
    np.testing.assert_array_equal(
        vector.predict(X_TARGET), X_TARGET @ vector.coef.T + vector.intercept
    )
    fidelity = vector.fidelity
    assert fidelity.exact and not fidelity.left_out and fidelity.n_spectra == len(X)
    assert (fidelity.rms <= fidelity.largest).all() and fidelity.largest.max() < 1e-9
    np.testing.assert_allclose(fidelity.spread, predicted.std(axis=0))


def test_it_is_the_vector_of_plain_models():
    """Against what is known without asking the model."""
    ridge = Ridge(1e-3).fit(X, Y)
    vector = spectralfm.to_b_vector(ridge)
    np.testing.assert_allclose(vector.coef, ridge.coef_, atol=1e-10)
    np.testing.assert_allclose(vector.intercept, ridge.intercept_, atol=1e-10)
    assert vector.unit == "channel" and list(vector.axis) == list(range(40))
    scaled = make_pipeline(StandardScaler(), Ridge(1e-3)).fit(X, Y[:, 0])
    coef = scaled[1].coef_ / scaled[0].scale_
    np.testing.assert_allclose(spectralfm.to_b_vector(scaled).coef[0], coef, rtol=1e-9)


NOT_LINEAR = {
    "SNV": (
        lambda: make_pipeline(StandardNormalVariate(), PLSRegression(2)).fit(X, Y),
        "SNV, which divides",
    ),
    "clipping": (
        lambda: make_pipeline(DERIVATIVE, NonNegative(), PLSRegression(2)).fit(X, Y),
        "results off by",
    ),
    "clipping of what is positive": (
        lambda: make_pipeline(NonNegative(), PLSRegression(2)).fit(X, Y),
        "results off by",
    ),
    "logarithm": (
        lambda: make_pipeline(FunctionTransformer(np.log10), Ridge()).fit(X - X.min() + 1, Y),
        "results off by",
    ),
    "caution": (
        lambda: TransferEnsemble(
            [("ridge", DifferencePenalizedRidge(preprocessing=VIEWS))],
            cautious=DifferencePenalizedRidge(preprocessing=VIEWS, noise_floors=[1e5]),
        ).fit(X, Y),
        "caution about spectra unlike those of the source",
    ),
    "plan": (lambda: moved(OptimalTransportStandardization("emd")), "the transport plan"),
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_other_models_are_refused_with_the_reason(name):
    make, reason = NOT_LINEAR[name]
    with pytest.raises(ValueError, match=f"is not linear .*{reason}.*approximate=True"):
        spectralfm.to_b_vector(make())


def test_approximation(tiny_weights):
    model = SpectralFMRegressor(tiny_weights, wavelengths=WAVELENGTHS).fit(X[:40], Y[:40, 0])
    with pytest.raises(ValueError, match="the network of SpectralFMRegressor"):
        spectralfm.to_b_vector(model, X)
    with pytest.raises(ValueError, match="pass X, at least 10"):
        spectralfm.to_b_vector(model, approximate=True)
    vector = spectralfm.to_b_vector(model, X[:40], approximate=True)
    fidelity = vector.fidelity
    assert not fidelity.exact and fidelity.left_out and vector.unit == "nm"
    # What it says of spectra left out holds for others, about.
    off = vector.predict(X[40:])[:, 0] - model.predict(X[40:])
    rms = np.sqrt(np.square(off).mean())
    assert 0.2 * fidelity.rms[0] < rms < 5 * fidelity.rms[0] < fidelity.spread[0]


def test_csv(tmp_path):
    vector = spectralfm.to_b_vector(SOURCE.estimator, wavelengths=WAVELENGTHS)
    vector.to_csv(tmp_path / "b.csv")
    with open(tmp_path / "b.csv", newline="") as file:
        heading, intercept, *rows = csv.reader(file)
    assert heading == ["wavelength_nm", *(f"b{i}" for i in range(Y.shape[1]))]
    assert intercept[0] == "intercept" and len(rows) == 40
    table = np.array(rows, dtype=float)
    np.testing.assert_allclose(table[:, 0], WAVELENGTHS, rtol=1e-9)
    np.testing.assert_array_equal(table[:, 1:].T, vector.coef)
    np.testing.assert_array_equal(np.array(intercept[1:], dtype=float), vector.intercept)


def test_the_axis(tiny_weights):
    ridge = Ridge().fit(X, Y)
    assert spectralfm.to_b_vector(ridge, wavenumbers=1e7 / WAVELENGTHS).unit == "cm-1"
    with pytest.raises(ValueError, match="not both"):
        spectralfm.to_b_vector(ridge, wavelengths=WAVELENGTHS, wavenumbers=1e7 / WAVELENGTHS)
    pandas = pytest.importorskip("pandas")
    named = Ridge().fit(pandas.DataFrame(X, columns=[f"{w:.2f}" for w in WAVELENGTHS]), Y)
    vector = spectralfm.to_b_vector(named)
    assert vector.unit == "nm"
    np.testing.assert_allclose(vector.axis, WAVELENGTHS, atol=0.01)


def test_bad_input():
    ridge = Ridge().fit(X, Y)
    with pytest.raises(ValueError, match="X has 39 channels, but the model has 40"):
        spectralfm.to_b_vector(ridge, X[:, 1:])
    with pytest.raises(ValueError, match="StandardScaler predicts no property"):
        spectralfm.to_b_vector(StandardScaler().fit(X))
    with pytest.raises(ValueError, match="X has 39 channels, but the vector has 40"):
        spectralfm.to_b_vector(ridge).predict(X[:, 1:])
