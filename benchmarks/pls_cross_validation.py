"""Cross-validation of all LVs: ours against GridSearchCV and ikpls, 80 spectra of 700 channels.

``taskset -c 1 python benchmarks/pls_cross_validation.py`` prints the ratios and writes
``benchmarks/results/pls_cross_validation.csv``.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from _provenance import interleaved, write_csv
from ikpls.fast_cross_validation.numpy import PLS as FastPLS
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.preprocessing import FunctionTransformer

from spectralfm.datasets import make_instrument_pair
from spectralfm.transfer import PLSRegressionCV
from spectralfm.transfer._folds import joint_folds

N_COMPONENTS = 15


def main() -> None:
    """Time the three, check that they agree, print and write the ratios."""
    pair = make_instrument_pair(n_samples=80, n_channels=700, random_state=0)
    X, y = pair.spectra["source"], pair.y[:, 0]
    no_rows = np.empty(0, dtype=np.intp)
    folds, _ = joint_folds(len(X), no_rows, no_rows, 10)

    def ours() -> np.ndarray:
        model = PLSRegressionCV(N_COMPONENTS, preprocessing=[FunctionTransformer()])
        return model.fit(X, y).rmsecv_.ravel()

    def grid_search() -> np.ndarray:
        grid = {"n_components": range(1, N_COMPONENTS + 1)}
        search = GridSearchCV(
            PLSRegression(scale=False), grid, cv=PredefinedSplit(folds),
            scoring="neg_mean_squared_error", refit=False,
        )  # fmt: skip
        return search.fit(X, y).cv_results_["mean_test_score"]

    def ikpls() -> np.ndarray:
        pls = FastPLS(center_X=True, center_Y=True, scale_X=False, scale_Y=False)
        errors = pls.cross_validate(
            X, y[:, None], A=N_COMPONENTS, folds=folds, verbose=0, n_jobs=1,
            metric_function=lambda truth, predicted: np.square(predicted - truth).sum(axis=(1, 2)),
        )  # fmt: skip
        return np.sqrt(sum(errors.values()) / len(X))

    # Ten folds of eight: the mean of the folds' mean squares is the overall mean square.
    np.testing.assert_allclose(ours(), np.sqrt(-grid_search()), rtol=1e-6)
    np.testing.assert_allclose(ours(), ikpls(), rtol=1e-6)
    seconds = interleaved({"ours": ours, "GridSearchCV": grid_search, "ikpls": ikpls}, rounds=7)
    rows = [
        {"what": name, "ms": f"{1e3 * t:.2f}", "times ours": f"{t / seconds['ours']:.1f}"}
        for name, t in seconds.items()
    ]
    for row in rows:
        print(*row.values(), sep="\t")
    write_csv("pls_cross_validation", rows, "numpy", "scikit-learn", "ikpls")


if __name__ == "__main__":
    main()
