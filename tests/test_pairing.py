from itertools import permutations

import numpy as np
import pytest

from spectralfm.datasets import make_instrument_pair
from spectralfm.transfer import Standards, TransferEnsemble, Unpaired, _pairing
from spectralfm.transfer._pairing import looks_paired

PAIR = make_instrument_pair(n_samples=60, n_channels=80, random_state=0)
X, X_TARGET, Y = PAIR.spectra["source"], PAIR.spectra["target"], PAIR.y[:, 0]


@pytest.mark.parametrize("n", [8, 12, 30])
def test_pairs_are_recognised_and_shuffled_rows_mostly_not(n):
    rng, passed = np.random.default_rng(n), 0
    for _ in range(40):
        rows = rng.permutation(60)[:n]
        assert looks_paired(Standards(X[rows], X_TARGET[rows]))
        passed += looks_paired(Standards(X[rows], X_TARGET[rng.permutation(rows)]))
    assert passed <= 9  # 5 % of 40 in each of two views, and luck


def test_the_share_of_orders_is_counted(monkeypatch):
    """With six standards all 720 orders can be tried."""
    monkeypatch.setattr(_pairing, "FEWEST", 6)
    rng, decided = np.random.default_rng(1), 0
    for _ in range(40):
        source = rng.standard_normal((6, 20))
        target = source + 2.0 * rng.standard_normal((6, 20))
        S, T = (part - part.mean(1, keepdims=True) for part in (source, target))
        S, T = (part / part.std(1, keepdims=True) for part in (S, T))
        S, T = (part - part.mean(0) for part in (S, T))
        S, T = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (S, T))
        sums = np.array([(S * T[list(order)]).sum() for order in permutations(range(6))])
        share = np.mean(sums > sums[0] + 1e-9)
        if abs(share - 0.05) > 0.02:  # farther than 999 random orders err
            assert looks_paired(Standards(source, target)) == (share <= 0.05)
            decided += 1
    assert decided > 25


def test_few_standards_and_replicates_pass():
    assert looks_paired(Standards(X[:7], X_TARGET[[1, 2, 3, 0, 5, 6, 4]]))
    twice = np.repeat(np.arange(4), 3)
    assert looks_paired(Standards(X[twice], X_TARGET[twice]))


def test_the_ensemble_takes_shuffled_standards_for_unlabelled_spectra():
    shuffled = np.roll(np.arange(12), 5)
    with pytest.warns(UserWarning, match="12 standards do not belong together"):
        model = TransferEnsemble().fit(X, Y, standards=Standards(X[:12], X_TARGET[shuffled]))
    plain = TransferEnsemble().fit(X, Y, X_target=Unpaired(X_TARGET[shuffled]))
    np.testing.assert_allclose(model.predict(X_TARGET), plain.predict(X_TARGET))
    assert model.score(X_TARGET, Y) > 0.5
