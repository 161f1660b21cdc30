"""Predictions batch by batch: the same numbers, in bounded memory, and errors that name the row."""

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.preprocessing import StandardScaler

from spectralfm import predict_batches
from spectralfm.foundation import SpectralFMRegressor
from spectralfm.transfer import AveragedPLS

RNG = np.random.default_rng(0)
X = RNG.random((103, 20)) + 1
Y = X[:, 3] - X[:, 7]
MODEL = PLSRegression(3).fit(X[:50], Y[:50])


class Counting:
    """A source that remembers the largest slice asked of it, and refuses to be read whole."""

    largest = 0

    def __len__(self):
        return len(X)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.largest = max(self.largest, rows.stop - rows.start)
        return X[rows]


def test_one_batch_at_a_time_and_only_when_asked():
    source = Counting()
    batches = predict_batches(MODEL, source, batch_size=10)
    assert source.largest == 0
    first = next(batches)
    np.testing.assert_allclose(first, MODEL.predict(X[:10]), rtol=1e-12)
    rest = [len(batch) for batch in batches]
    assert rest == [10] * 9 + [3] and source.largest == 10


def npy(tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def hdf5(tmp_path):
    file = h5py.File(tmp_path / "X.h5", "w")
    return file.create_dataset("spectra", data=X, chunks=(16, 20))


SOURCES = {
    "memmap": npy,
    "HDF5": hdf5,
    "list": lambda folder: X.tolist(),
    "view of a memmap": lambda folder: npy(folder)[3:],
    "private memmap": lambda folder: np.memmap(npy(folder).filename, "f4", "c", 128, (103, 20)),
}


@pytest.mark.parametrize("source", list(SOURCES.values()), ids=list(SOURCES))
@pytest.mark.parametrize("batch_size", [1, 16, 103, 1000])
def test_equal_to_predict(source, batch_size, tmp_path):
    rows = source(tmp_path)
    whole = MODEL.predict(np.array(rows))
    out = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", shape=(len(rows),))
    assert predict_batches(MODEL, rows, batch_size=batch_size, out=out) is out
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), whole, rtol=1e-12)
    np.testing.assert_allclose(np.concatenate([*predict_batches(MODEL, rows)]), whole, rtol=1e-12)


def test_into_hdf5_with_several_properties(tmp_path):
    model = PLSRegression(3).fit(X, np.column_stack([Y, 2 * Y]))
    with h5py.File(tmp_path / "y.h5", "w") as file:
        out = file.create_dataset("y", (103, 2), dtype="f8")
        predict_batches(model, X, batch_size=40, out=out)
        np.testing.assert_allclose(out[:], model.predict(X), rtol=1e-6)


def test_data_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=[f"{1100 + 2 * i}" for i in range(20)])
    model = AveragedPLS().fit(frame[:50], Y[:50])
    predicted = np.concatenate([*predict_batches(model, frame, batch_size=40)])
    np.testing.assert_allclose(predicted, model.predict(frame), rtol=1e-12)


def test_a_foundation_model_and_another_method(tiny_weights):
    axis = np.linspace(1100, 2500, 20)
    model = SpectralFMRegressor(tiny_weights, wavelengths=axis, random_state=0).fit(X[:30], Y[:30])
    predicted = np.concatenate([*predict_batches(model, X, batch_size=17)])
    np.testing.assert_allclose(predicted, model.predict(X), rtol=1e-9)
    scaler = StandardScaler().fit(X)
    scaled = predict_batches(scaler, X, batch_size=17, out=np.empty_like(X), method="transform")
    np.testing.assert_allclose(scaled, scaler.transform(X))


def test_going_on_after_an_interruption(tmp_path):
    out = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", shape=(len(X),))
    out[:] = np.nan
    spoiled = X.copy()
    spoiled[45, 2] = np.nan
    with pytest.raises(ValueError, match="row 45 of X holds nan in channel 2"):
        predict_batches(MODEL, spoiled, batch_size=10, out=out)
    start = int(np.isnan(out).argmax())
    assert start == 40
    predict_batches(MODEL, X, batch_size=10, out=out, start=start)
    np.testing.assert_allclose(out, MODEL.predict(X), rtol=1e-12)


def test_refused_rows_are_named_in_all_of_x():
    model = AveragedPLS().fit(X[:50], Y[:50])
    spoiled = X.copy()
    spoiled[[71, 88]] = 0
    with pytest.raises(ValueError, match=r"^row 71 of X is refused; .*all-zero spectra"):
        [*predict_batches(model, spoiled, batch_size=30)]
    with pytest.raises(ValueError, match="row 0 of X is refused.* 19 features.* 20 features"):
        [*predict_batches(model, X[:, 1:], batch_size=30)]


class Together:
    def predict(self, X):
        if len(X) > 1:
            raise ValueError("too many")
        return X[:, 0]


def test_a_batch_refused_as_a_whole():
    with pytest.raises(ValueError, match="rows 4 to 7 of X are refused: too many"):
        [*predict_batches(Together(), X, batch_size=4, start=4)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": "spectra.npy"}, TypeError, "mmap_mode"),
        ({"X": iter(X)}, TypeError, "cut into rows"),
        ({"X": X[None]}, ValueError, r"rows 0 to 0 of X have shape \(1, 103, 20\)"),
        ({"X": [[1.0, 2.0]] * 2 + [[1.0]] * 2, "batch_size": 2}, ValueError, "rows 2 to 3"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"start": 104}, ValueError, "start must be a row of X, 0 to 103"),
        ({"out": np.empty(10)}, ValueError, "out has 10 rows, but X has 103"),
        ({"out": np.empty((103, 2))}, ValueError, r"make it of shape \(103,\)"),
        ({"estimator": object()}, AttributeError, "predict"),
    ],
)
def test_bad_arguments(arguments, error, message):
    model = StandardizeFirst() if "X" in arguments else MODEL
    with pytest.raises(error, match=message):
        list(predict_batches(**({"estimator": model, "X": X} | arguments)))


class StandardizeFirst:
    def predict(self, X):
        return X[:, 0]


def test_a_method_that_returns_no_array():
    class Tuple:
        def predict(self, X):
            return X[:, 0], X[:, 1]

    with pytest.raises(TypeError, match="must return an array of one row a spectrum, not tuple"):
        [*predict_batches(Tuple(), X)]


def test_no_rows():
    assert [*predict_batches(MODEL, X[:0])] == []


def test_memory_of_the_file_is_given_back(tmp_path):
    """The pages of a file that are in memory stay few, although all of it is read."""
    rows = 40_000
    file = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", "f4", (rows, 256))
    file[:] = 1
    del file
    source = np.load(tmp_path / "X.npy", mmap_mode="r")

    def resident():
        with open("/proc/self/smaps_rollup") as report:
            return int(next(line for line in report if line.startswith("Rss:")).split()[1]) * 1024

    try:
        before = resident()
    except OSError:
        pytest.skip("needs /proc/self/smaps_rollup")
    most = 0
    model = StandardizeFirst()
    for _ in predict_batches(model, source, batch_size=1000):
        most = max(most, resident() - before)
    assert most < 0.25 * source.nbytes
