"""The pretrainer passes scikit-learn's checks entirely."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectralfm.foundation import SpectralFMPretrainer

# The axis of the checks' data is not known, and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TINY = SpectralFMPretrainer(
    d_model=16, n_mamba_layers=1, n_transformer_layers=1, n_heads=2, n_chem=8, n_inst=4,
    fno_modes=4, fno_width=8, fno_layers=1, n_grid=256, max_steps=1, batch_size=4,
)  # fmt: skip


@parametrize_with_checks([TINY])
def test_sklearn_check(estimator, check):
    check(estimator)
