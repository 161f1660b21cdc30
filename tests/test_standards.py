"""Objects that cross-validation passes whole."""

import pickle

import numpy as np
import pandas as pd
import pytest

from spectralfm.transfer import Standards, Unpaired

SOURCE = np.arange(1.0, 13.0).reshape(4, 3)
TARGET = SOURCE[:, :2] + 0.5


def test_keeps_pairs_together():
    standards = Standards(SOURCE, TARGET, y=[1.0, 2.0, 3.0, 4.0])
    for rows in ([2, 0], [True, False, True, False]):
        some = standards.take(rows)
        np.testing.assert_array_equal(some.source, SOURCE[rows])
        np.testing.assert_array_equal(some.target, TARGET[rows])
        np.testing.assert_array_equal(some.y, np.arange(1.0, 5.0)[rows])
    assert Standards(SOURCE, TARGET).take([1]).y is None
    assert standards.n_standards == 4


def test_says_what_it_holds():
    assert repr(Standards(SOURCE, TARGET, [1, 2, 3, 4])) == (
        "Standards(4 pairs, 3 source and 2 target channels, with y)"
    )
    assert repr(Unpaired(TARGET)) == "Unpaired(4 spectra, 2 target channels)"


def test_data_frames_and_pickles():
    standards = Standards(pd.DataFrame(SOURCE), pd.DataFrame(TARGET), pd.Series([1, 2, 3, 4]))
    copy = pickle.loads(pickle.dumps(standards))
    np.testing.assert_array_equal(copy.source, SOURCE)
    assert copy.source.dtype == copy.y.dtype == np.float64


def test_values_may_be_unknown():
    standards = Standards(SOURCE, TARGET, y=[1.0, np.nan, 3.0, 4.0])
    assert np.isnan(standards.y).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.inf, 3.0, 4.0], "infinity"),
        (["1", "2", "3", "4"], "standards.y holds text"),
        (np.ma.masked_greater([1.0, 2.0, 3.0, 4.0], 3.0), "standards.y is a masked array"),
        (np.ones((4, 1, 1)), "dim 3"),
        ([1.0, 2.0], "standards.y has 2 .* target has 4"),
    ],
)
def test_bad_values(y, message):
    with pytest.raises(ValueError, match=message):
        Standards(SOURCE, TARGET, y=y)
