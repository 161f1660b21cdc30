"""What each method costs to fit and to apply: milliseconds of one core, defaults everywhere.

Fifty calibration samples, ten standards, 700 channels, one property, 100 new spectra. What corrects
spectra is timed without the calibration behind it.
"""

import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

from functools import partial

from _provenance import interleaved, write_csv
from sklearn.frozen import FrozenEstimator

from spectralfm.datasets import make_instrument_pair
from spectralfm.foundation import SpectralFMRegressor, SpectralFMStandardizer
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


def main() -> None:
    """Time all methods in turns and write the table."""
    pair = make_instrument_pair(n_samples=160, n_channels=700, random_state=0)
    X, X_target, y = pair.spectra["source"], pair.spectra["target"], pair.y[:, 0]
    standards, new = Standards(X[:10], X_target[:10], y[:10]), X_target[60:]
    frozen = FrozenEstimator(PLSRegressionCV().fit(X[:50], y[:50]))
    axis = {"wavelengths": pair.wavelengths}
    corrections = [
        MeanShift(),
        DirectStandardization(),
        PiecewiseDirectStandardization(),
        RidgeDirectStandardization(),
        SpectralSpaceTransformation(),
        CanonicalCorrelationTransfer(),
        OptimalTransportStandardization(),
        ExternalParameterOrthogonalization(),
        GeneralizedLeastSquaresWeighting(),
        SpectralFMStandardizer(**axis),
    ]
    frozen_models = [SlopeBiasCorrection(frozen), CalibrationTransfer(frozen)]
    refitted = [
        DifferencePenalizedRidge(),
        DomainInvariantPLS(),
        AveragedPLS(),
        TransferEnsemble(),
        SpectralFMRegressor(**axis),
    ]
    fits, calls = {}, {}
    for one in corrections:
        fits[one] = partial(one.fit, X_target[:10], X_source=X[:10])
        calls[one] = partial(one.transform, new)
    for one in frozen_models:
        given = {} if isinstance(one, SlopeBiasCorrection) else {"X_source": X[:10]}
        fits[one] = partial(one.fit, X_target[:10], y[:10], **given)
        calls[one] = partial(one.predict, new)
    calibration = PLSRegressionCV()
    fits[calibration] = partial(calibration.fit, X[:50], y[:50])
    calls[calibration] = partial(calibration.predict, new)
    for one in refitted:
        fits[one] = partial(one.fit, X[:50], y[:50], standards=standards)
        calls[one] = partial(one.predict, new)
    names = {one: type(one).__name__ for one in fits}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = interleaved({names[one]: call for one, call in fits.items()}, rounds=3)
        apply = interleaved({names[one]: call for one, call in calls.items()}, rounds=3)
    rows = [
        {"method": name, "fit_ms": f"{1e3 * fit[name]:.3g}", "apply_ms": f"{1e3 * apply[name]:.3g}"}
        for name in fit
    ]
    for row in rows:
        print(f"| `{row['method']}` | {row['fit_ms']} | {row['apply_ms']} |")
    write_csv("method_cost", rows, "numpy", "scikit-learn", "torch")


if __name__ == "__main__":
    main()
