"""Original sets from every place they may come from, files of one's own, simulated pairs."""

import functools
import hashlib
import http.server
import io
import os
import threading
import urllib.error
import zipfile

import numpy as np
import pytest
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

from spectralfm.axis import resample
from spectralfm.datasets import (
    _corn,
    _download,
    _fetch,
    _tablets,
    fetch_corn,
    fetch_tablets,
    load_csv_pair,
    load_npz_pair,
    load_spectra_csv,
    make_instrument_pair,
)

REAL = os.environ.get("SPECTRALFM_DATA", "")
needs_data = pytest.mark.skipif(not REAL, reason="SPECTRALFM_DATA is not set: no real spectra")


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Every test starts without data, with an empty cache and without the network."""
    monkeypatch.delenv("SPECTRALFM_DATA", raising=False)
    monkeypatch.delenv("SPECTRALFM_OFFLINE", raising=False)
    monkeypatch.setenv("SPECTRALFM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_corn, "URL", "file:///there/is/no/corn.mat_.zip")
    monkeypatch.setattr(_tablets, "URL", "file:///there/is/no/nir_shootout_2002.mat_.zip")


def dataset_object(data, axis=None):
    """A PLS_Toolbox dataset object: a MATLAB object with cell arrays of (mode, set)."""
    nothing = np.zeros((0, 0))
    scales = np.empty((2, 1), dtype=object)
    scales[0, 0], scales[1, 0] = nothing, nothing if axis is None else np.asarray(axis)[None]
    record = np.zeros((1, 1), dtype=[("name", object), ("data", object), ("axisscale", object)])
    record["name"][0, 0], record["data"][0, 0] = "a set", data
    record["axisscale"][0, 0] = scales
    return MatlabObject(record, "dataset")


def matlab(objects):
    file = io.BytesIO()
    savemat(file, objects)
    return file.getvalue()


def corn_mat(spectra, wavelengths, y, glass):
    names = {f"{i}spec": dataset_object(X, wavelengths) for i, X in spectra.items()}
    names |= {f"{i}nbs": dataset_object(X, wavelengths) for i, X in glass.items()}
    return matlab({**names, "propvals": dataset_object(y)})


def zipped(**files):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name.replace("__dot__", "."), content)
    return archive.getvalue()


@pytest.fixture
def small_corn(monkeypatch):
    """A small set in the structure of corn.mat; its digest stands in for the real one."""
    rng = np.random.default_rng(0)
    axis = np.arange(1100.0, 1120, 2)
    spectra = {i: rng.random((6, 10)).round(6) for i in ("m5", "mp5", "mp6")}
    glass = {i: rng.random((3, 10)).round(6) for i in spectra}
    content = corn_mat(spectra, axis, rng.random((6, 4)).round(3), glass)
    monkeypatch.setattr(_corn, "DIGEST", _fetch.array_digest(_corn.parse_corn(content)))
    return content


@pytest.fixture
def server(tmp_path):
    """A folder served on this machine, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


# Original sets


@needs_data
def test_corn(monkeypatch):
    monkeypatch.setenv("SPECTRALFM_DATA", REAL)
    corn = fetch_corn()
    assert {i: X.shape for i, X in corn.spectra.items()} == dict.fromkeys(
        ("m5", "mp5", "mp6"), (80, 700)
    )
    assert {X.dtype for X in corn.spectra.values()} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(corn.wavelengths, np.arange(1100, 2499, 2))
    assert corn.y[0].tolist() == [10.448, 3.687, 8.746, 64.838]
    assert corn.target_names == ["Moisture", "Oil", "Protein", "Starch"]
    assert corn.spectra["m5"][0, 0] == pytest.approx(0.0444948, abs=1e-9)
    assert {i: len(X) for i, X in corn.glass_standards.items()} == {"m5": 3, "mp5": 4, "mp6": 4}
    assert len(corn.sample_ids) == 80


@needs_data
def test_tablets(monkeypatch):
    monkeypatch.setenv("SPECTRALFM_DATA", REAL)
    tablets = fetch_tablets()
    assert {i: X.shape for i, X in tablets.spectra.items()} == {"1": (655, 650), "2": (655, 650)}
    assert {s: len(rows) for s, rows in tablets.splits.items()} == {
        "calibrate": 155,
        "validate": 40,
        "test": 460,
    }
    assert sorted(np.concatenate(list(tablets.splits.values()))) == list(range(655))
    assert tablets.y[0].tolist() == [378.02, 20.9, 200.1]
    assert tablets.wavelengths[~tablets.saturated][[0, -1]].tolist() == [600, 1638]
    assert set(tablets.outliers) <= set(tablets.splits["calibrate"])
    # Sums over channels of the spectra of tablets 1 and 655, as published with the MATLAB file.
    sums = [tablets.spectra[i][row].sum() for i in "12" for row in (0, 194)]
    np.testing.assert_allclose(
        sums, [2394.013801, 2350.956163, 2416.590663, 2346.816269], atol=2e-5
    )


@needs_data
@pytest.mark.parametrize("name", ["corn", "tablets"])
def test_both_formats_hold_the_same_values(name, monkeypatch, tmp_path):
    """The MATLAB files hold the decimals that float32 rounds to the values of the archives."""
    monkeypatch.setenv("SPECTRALFM_DATA", REAL)
    fetch = {"corn": fetch_corn, "tablets": fetch_tablets}[name]
    first = fetch()
    decimals = {i: X.round(7 if name == "corn" else 6) for i, X in first.spectra.items()}
    if name == "corn":
        member = "corn.mat"
        content = corn_mat(decimals, first.wavelengths, first.y, first.glass_standards)
    else:
        member = "nir_shootout_2002.mat"
        objects = {}
        for part, rows in first.splits.items():
            for i, X in decimals.items():
                objects[f"{part}_{i}"] = dataset_object(X[rows], first.wavelengths)
            objects[f"{part}_Y"] = dataset_object(first.y[rows].astype(np.float32))
        content = matlab(objects)
    monkeypatch.delenv("SPECTRALFM_DATA")
    (tmp_path / member).write_bytes(content)
    second = fetch(data_home=tmp_path)
    for instrument, X in first.spectra.items():
        np.testing.assert_array_equal(second.spectra[instrument], X)
    np.testing.assert_array_equal(second.y, first.y)
    np.testing.assert_array_equal(second.wavelengths, first.wavelengths)
    assert list(second.sample_ids) == list(first.sample_ids)
    assert list(second.splits) == list(first.splits)


def test_download_once_then_read_the_cache(small_corn, server, monkeypatch, tmp_path, capfd):
    folder, address = server
    (folder / "corn.mat_.zip").write_bytes(
        zipped(__MACOSX__dot___corn__dot__mat=b"resource fork", corn__dot__mat=small_corn)
    )
    monkeypatch.setattr(_corn, "URL", f"{address}/corn.mat_.zip")
    corn = fetch_corn()
    assert corn.spectra["mp6"].shape == (6, 10)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["corn.mat"]
    (folder / "corn.mat_.zip").unlink()
    monkeypatch.setenv("SPECTRALFM_OFFLINE", "1")
    np.testing.assert_array_equal(fetch_corn().spectra["mp6"], corn.spectra["mp6"])


def test_an_error_lists_every_place(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECTRALFM_DATA", str(tmp_path / "data"))
    places = [
        str(tmp_path / "data" / "transfer" / "corn.npz"),
        str(tmp_path / "home" / "corn.mat"),
        "file:///there/is/no/corn.mat_.zip (failed",
    ]
    with pytest.raises(FileNotFoundError) as error:
        fetch_corn(data_home=tmp_path / "home")
    for place in places:
        assert place in str(error.value)
    assert "Download" in str(error.value)
    assert not (tmp_path / "home").exists()


def test_the_network_can_be_forbidden(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", pytest.fail)
    with pytest.raises(FileNotFoundError, match="download_if_missing is False"):
        fetch_tablets(download_if_missing=False)
    monkeypatch.setenv("SPECTRALFM_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="SPECTRALFM_DATA .not set.*SPECTRALFM_OFFLINE"):
        try:
            fetch_tablets()
        except FileNotFoundError as error:
            raise FileNotFoundError(str(error).replace("\n", " ")) from None


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"<html>Please log in</html>", "damaged or not a zip file.*login page"),
        (zipped(readme="nothing here"), "does not hold corn.mat"),
        (zipped(**{"../corn__dot__mat": b"x"}), "names a path outside of it: '../corn.mat'"),
        (zipped(**{"/etc/corn__dot__mat": b"x"}), "names a path outside"),
        (zipped(**{"C:\\corn__dot__mat": b"x"}), "names a path outside"),
        (zipped(corn__dot__mat=bytes(20_000_000)), "grows from .* to 20000000 bytes"),
        (zipped(corn__dot__mat=b"MATLAB?"), "damaged or of another version"),
        (zipped(corn__dot__mat=matlab({"m5spec": 1.0})), "does not hold m5nbs, mp5spec"),
    ],
)
def test_a_bad_archive_never_reaches_the_cache(archive, message, monkeypatch, tmp_path):
    (tmp_path / "corn.mat_.zip").write_bytes(archive)
    monkeypatch.setattr(_corn, "URL", (tmp_path / "corn.mat_.zip").as_uri())
    with pytest.raises(ValueError, match=message):
        fetch_corn()
    assert not (tmp_path / "cache").exists()


def test_a_damaged_archive_is_noticed(small_corn, monkeypatch, tmp_path):
    archive = bytearray(zipped(corn__dot__mat=small_corn))
    archive[len(archive) // 2] ^= 0xFF
    (tmp_path / "corn.mat_.zip").write_bytes(archive)
    monkeypatch.setattr(_corn, "URL", (tmp_path / "corn.mat_.zip").as_uri())
    with pytest.raises(ValueError, match="damaged or not a zip file"):
        fetch_corn()


def test_other_values_are_refused(small_corn, monkeypatch, tmp_path):
    monkeypatch.setattr(_corn, "DIGEST", "0" * 64)
    (tmp_path / "corn.mat").write_bytes(small_corn)
    with pytest.raises(ValueError, match=r"corn.mat holds other values.*expected 0000"):
        fetch_corn(data_home=tmp_path)
    pair = tmp_path / "transfer" / "corn.npz"
    pair.parent.mkdir()
    np.savez(pair, X_m5=np.ones((2, 3)), X_mp5=np.ones((2, 3)), axis=[1e3, 2e3, 3e3], Y=np.ones(2))
    with np.load(pair) as arrays:
        np.savez(pair, **arrays, axis_unit="nm")
    monkeypatch.setenv("SPECTRALFM_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"corn.npz holds other values"):
        fetch_corn()


def test_a_damaged_cache_is_named(small_corn, tmp_path):
    (tmp_path / "corn.mat").write_bytes(small_corn[: len(small_corn) // 2])
    with pytest.raises(ValueError, match=r"corn.mat: The MATLAB file is damaged"):
        fetch_corn(data_home=tmp_path)


def test_a_broken_connection_and_an_endless_file(monkeypatch):
    class Answer(io.BytesIO):
        headers = {"Content-Length": "1000"}  # noqa: RUF012

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Answer(bytes(400)))
    with pytest.raises(OSError, match="broke after 400 of 1000 bytes"):
        _download.download("http://127.0.0.1/corn", label="corn")
    monkeypatch.setattr(_download, "LARGEST_FILE", 300)
    with pytest.raises(ValueError, match="larger than"):
        _download.download("http://127.0.0.1/corn", label="corn")


def test_no_server(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(FileNotFoundError, match="no route to host"):
        fetch_corn()


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "corn.mat"
    _download.write_atomically(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        _download.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["corn.mat"]


def test_a_full_disk_costs_a_warning_not_the_data(small_corn, monkeypatch, tmp_path):
    (tmp_path / "corn.mat_.zip").write_bytes(zipped(corn__dot__mat=small_corn))
    monkeypatch.setattr(_corn, "URL", (tmp_path / "corn.mat_.zip").as_uri())
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be written.*SPECTRALFM_CACHE"):
        corn = fetch_corn()
    assert corn.spectra["m5"].shape == (6, 10)


# Archives of pairs


@needs_data
def test_pairs_of_different_axes(monkeypatch):
    pair = load_npz_pair(os.path.join(REAL, "transfer", "forensic_K.npz"))
    assert {i: X.shape for i, X in pair.spectra.items()} == {
        "micronir": (88, 125),
        "neospectra": (88, 160),
    }
    assert {i: len(axis) for i, axis in pair.wavelengths.items()} == {
        "micronir": 125,
        "neospectra": 160,
    }
    assert pair.y is None
    assert pair.sample_ids[0] == "K1"
    pair = load_npz_pair(os.path.join(REAL, "transfer", "jchemo_caltransfer.npz"))
    assert pair.wavelengths is None
    assert {s: len(rows) for s, rows in pair.splits.items()} == {"cal": 19, "val": 7}


ARRAYS = {
    "X_a": np.ones((4, 12)),
    "X_b": np.ones((4, 5)),
    "axis_a": np.linspace(4000, 700, 12),
    "axis_b": np.linspace(3900, 800, 5),
    "axis_unit": "cm-1",
    "Y": np.arange(4.0),
    "y_names": ["protein"],
    "split": ["test", "cal", "cal", "test"],
}


def test_wavenumbers_one_property_and_splits(tmp_path):
    np.savez(tmp_path / "pair.npz", **ARRAYS, label=np.arange(4))
    pair = load_npz_pair(tmp_path / "pair.npz")
    assert pair.wavelengths is None
    np.testing.assert_array_equal(pair.wavenumbers["b"], ARRAYS["axis_b"])
    assert pair.y.shape == (4, 1)
    assert pair.target_names == ["protein"]
    assert {s: rows.tolist() for s, rows in pair.splits.items()} == {"test": [0, 3], "cal": [1, 2]}
    assert list(pair.extras) == ["label"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_b": np.ones((3, 5))}, "different samples .4 on a, 3 on b."),
        ({"X_b": np.full((4, 5), np.nan)}, "X_b contains NaN"),
        ({"X_b": None}, "of 1 instruments, but a pair needs two"),
        ({"axis_b": np.linspace(3900, 800, 6)}, "axis of b has 6 positions"),
        ({"axis_unit": "nm"}, "axis of a runs from 700 to 4000.*looks like cm-1"),
        ({"axis_unit": "furlong"}, "axis_unit must be one of"),
        ({"Y": np.ones((3, 1))}, "Y has 3 rows, but there are 4"),
        ({"X_b": np.array([[object()]])}, "damaged or not an .npz file"),
    ],
)
def test_bad_pairs_name_the_file(change, message, tmp_path):
    arrays = {k: v for k, v in {**ARRAYS, **change}.items() if v is not None}
    np.savez(tmp_path / "pair.npz", **arrays)
    with pytest.raises(ValueError, match=rf"pair.npz.*{message}"):
        load_npz_pair(tmp_path / "pair.npz")


def test_damaged_and_missing_pairs(tmp_path):
    path = tmp_path / "pair.npz"
    np.savez_compressed(path, **ARRAYS)
    whole = path.read_bytes()
    cut, flipped = whole[: len(whole) // 2], bytearray(whole)
    flipped[60] ^= 0xFF
    for content in (b"", b"no archive", cut, bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"pair.npz is damaged or not an .npz file"):
            load_npz_pair(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"array.npy is damaged"):
        load_npz_pair(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError, match="no file"):
        load_npz_pair(tmp_path / "missing.npz")


# Simulated pairs


def test_simulated_pair_is_reproducible():
    first, second = (make_instrument_pair(20, 50, random_state=4) for _ in range(2))
    np.testing.assert_array_equal(first.spectra["target"], second.spectra["target"])
    assert first.y.shape == (20, 4)
    np.testing.assert_allclose(first.y.sum(axis=1), 100)
    other = make_instrument_pair(20, 50, random_state=5)
    assert np.abs(other.spectra["target"] - first.spectra["target"]).max() > 0.01


def test_simulated_differences_are_those_asked_for():
    clean = {"noise": 0, "target_noise": 0, "random_state": 0}
    same = {"shift": 0, "stretch": 0, "broadening": 0, "gain": 1, "offset": 0}
    pair = make_instrument_pair(10, 700, **clean, **same)
    source, axis = pair.spectra["source"], pair.wavelengths
    np.testing.assert_allclose(pair.spectra["target"], source, atol=1e-14)

    def target(**change):
        return make_instrument_pair(10, 700, **clean, **{**same, **change}).spectra["target"]

    np.testing.assert_allclose(target(gain=1.1, offset=0.2), 1.1 * source + 0.2, atol=1e-12)
    inner = axis[50:-50]
    moved = resample(source, axis, inner - 4 - 0.01 * (inner - 1799))
    np.testing.assert_allclose(target(shift=4, stretch=0.01)[:, 50:-50], moved, atol=1e-6)
    kernel = np.exp(-0.5 * (np.arange(-60, 61, 2) / 12) ** 2)
    blurred = np.array([np.convolve(x, kernel / kernel.sum(), "valid") for x in source])
    np.testing.assert_allclose(target(broadening=12)[:, 30:-30], blurred, atol=1e-6)


def test_simulated_noise_and_unequal_channels():
    pair = make_instrument_pair(200, 60, n_target_channels=45, random_state=0)
    assert {i: X.shape[1] for i, X in pair.spectra.items()} == {"source": 60, "target": 45}
    assert {i: len(axis) for i, axis in pair.wavelengths.items()} == {"source": 60, "target": 45}
    clean = make_instrument_pair(200, 60, n_target_channels=45, random_state=0, target_noise=0)
    noise = pair.spectra["target"] - clean.spectra["target"]
    assert noise.std() == pytest.approx(1e-3, rel=0.05)
    with pytest.raises(ValueError, match="'gain' parameter"):
        make_instrument_pair(gain=0)


# CSV files


def write(tmp_path, text, name="spectra.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


COMMA = "sample,moisture,1100,1102,1104\nc1,10.4,0.1,0.2,0.3\nc2,,0.4,0.5,0.6\n"


@pytest.mark.parametrize(
    "text",
    [
        COMMA,
        "\ufeff" + COMMA.replace("\n", "\r\n\r\n"),
        COMMA.replace(",", "\t"),
        "sample;moisture;1100;1102;1104\nc1;10,4;0,1;0,2;0,3\nc2;;0,4;0,5;0,6\n",
        "sample,X1100,X1102,X1104,moisture\nc1,0.1,0.2,0.3,10.4\nc2,0.4,0.5,0.6,NA\n",
    ],
)
def test_dialects_of_csv(text, tmp_path):
    data = load_spectra_csv(write(tmp_path, text), unit="nm")
    np.testing.assert_array_equal(data.X, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    np.testing.assert_array_equal(data.wavelengths, [1100, 1102, 1104])
    np.testing.assert_array_equal(data.y, [[10.4], [np.nan]])
    assert data.target_names == ["moisture"]
    assert data.sample_ids.tolist() == ["c1", "c2"]


@pytest.mark.parametrize(
    ("names", "unit", "axis"),
    [
        ("1100 nm,1102nm,1104 nm", None, [1100, 1102, 1104]),
        ("1.1 um,1.102 um,1.104 µm", None, [1100, 1102, 1104]),
        ("1.1,1.102,1.104", None, [1100, 1102, 1104]),
        ("1100 nm,1102 nm,1104 nm", "nm", [1100, 1102, 1104]),
        ("700,701.5,703", "cm-1", [700, 701.5, 703]),
        ("700 cm-1,701 cm-1,702 cm-1", None, [700, 701, 702]),
        ("-50,0,50,60,70,80,90,100,150", None, [-50, 0, 50, 60, 70, 80, 90, 100, 150]),
    ],
)
def test_units_of_channels(names, unit, axis, tmp_path):
    text = f"id,{names}\na," + ",".join(["0.5"] * len(axis))
    data = load_spectra_csv(write(tmp_path, text), unit=unit)
    found = data.wavelengths if data.wavenumbers is None else data.wavenumbers
    np.testing.assert_allclose(found, axis)
    assert (data.wavenumbers is not None) == (unit == "cm-1" or "cm-1" in names or "-50" in names)
    assert data.y is None


def test_descending_channels_are_sorted_and_said(tmp_path):
    channels = np.linspace(4000, 650, 30)
    text = "id," + ",".join(map(str, channels)) + "\na," + ",".join(map(str, range(30)))
    with pytest.warns(UserWarning, match="descend; they are sorted"):
        data = load_spectra_csv(write(tmp_path, text))
    np.testing.assert_array_equal(data.wavenumbers, channels[::-1])
    np.testing.assert_array_equal(data.X[0], np.arange(30)[::-1])


def test_text_columns_are_kept(tmp_path):
    text = "id,variety,farm,1100,1102\n1,A1,,0.1,0.2\n2,B7,x,0.3,0.4\n"
    data = load_spectra_csv(write(tmp_path, text), unit="nm")
    assert {k: v.tolist() for k, v in data.metadata.items()} == {
        "variety": ["A1", "B7"],
        "farm": ["", "x"],
    }
    assert data.target_names == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COMMA, "1100 to 1104, could be in cm-1 or nm: pass unit="),
        (COMMA.replace("1102", "1102 cm-1").replace("1100", "1100 nm"), "in cm-1 and in nm"),
        (COMMA.replace("0.2", "oops"), "line 2, column 1102: 'oops' is no absorbance"),
        (COMMA.replace("0.5", ""), "line 3, column 1102: '' is no absorbance"),
        (COMMA.replace("0.5", "inf"), "line 3, column 1102: 'inf' is no absorbance"),
        (COMMA.replace(",0.6", ""), "line 3 has 4 columns, the first has 5"),
        (COMMA.replace("10.4", "about 10") + "c3,9,1,2,3\n", "line 2, column moisture: 'about 10'"),
        (COMMA.replace("1102", "1100"), "column '1100' appears 2 times"),
        (COMMA.replace("1104", "1101"), "the axis of the channels is not sorted"),
        (COMMA.split("\n", 1)[1], "the axis of the channels runs from 0.1 to 10.4"),
        (COMMA.replace("110", "x"), "fewer than two columns are named by a number"),
        ("1100,1102\n1,2", "first column is named '1100'"),
        ("id,1100,1102\n", "at least one line of values"),
        ("", "at least one line of values"),
        (b"id,1100,1102\n\xe9,1,2", "not UTF-8"),
        (COMMA.replace("c1", '"c1'), "line"),
        (COMMA.replace("0.1", "9999999"), "X holds 1e.07 at row 0"),
    ],
)
def test_bad_csv_names_file_and_line(text, message, tmp_path):
    unit = "nm" if "could be" not in message and "in nm" not in message else None
    with pytest.raises(ValueError, match=rf"(?s)spectra.csv: .*{message}"):
        load_spectra_csv(write(tmp_path, text), unit=unit)
    with pytest.raises(FileNotFoundError):
        load_spectra_csv(tmp_path / "missing.csv")


SOURCE = "id,fat,water,1100,1102\na,1,9,.1,.2\nb,2,8,.3,.4\nc,3,7,.5,.6\n"
TARGET = "id,water,1100,1102,1104\nx,5,.1,.2,.3\ny,,.4,.5,.6\n"
STANDARDS = "id,1100,1102,1104\nc,.51,.61,.7\na,.11,.21,.3\n"


def load_three(tmp_path, source=SOURCE, target=TARGET, standards=STANDARDS):
    files = zip(("s.csv", "t.csv", "std.csv"), (source, target, standards), strict=True)
    return load_csv_pair(*(write(tmp_path, text, name) for name, text in files), unit="nm")


def test_three_csv_files(tmp_path):
    data = load_three(tmp_path)
    assert data.standards.sample_ids.tolist() == ["c", "a"]
    np.testing.assert_array_equal(data.standards.source, [[0.5, 0.6], [0.1, 0.2]])
    np.testing.assert_array_equal(data.standards.target[:, 0], [0.51, 0.11])
    np.testing.assert_array_equal(data.standards.y, [[3, 7], [1, 9]])
    assert data.standards.rows.tolist() == [2, 0]
    assert data.target.target_names == ["fat", "water"]
    np.testing.assert_array_equal(data.target.y, [[np.nan, 5], [np.nan, np.nan]])
    assert load_three(tmp_path, target=STANDARDS).target.y is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"standards": STANDARDS.replace("c,", "z,")}, "1 of 2 sample ids are not in .*: 'z'"),
        ({"standards": STANDARDS.replace("c,", "a,")}, "std.csv: sample id 'a' appears 2 times"),
        ({"source": SOURCE.replace("b,", "a,")}, "s.csv: sample id 'a' appears 2 times"),
        ({"standards": STANDARDS.replace("1104", "1106")}, "different channels"),
        ({"source": "id,1100,1102\na,.1,.2\n"}, "no column of reference values"),
    ],
)
def test_files_that_do_not_belong_together(files, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_three(tmp_path, **files)


def test_reference_values_in_a_file_of_their_own(tmp_path):
    # As a public set of eight spectrometers has them: padded cells, ids under no name.
    spectra = "  ;1750;1752;1754\n100   ;0.1 ;0.2 ;0.3 \n101   ;0.4 ;0.5 ;0.6 \n"
    values = "Sample;TS;variety\n102;1.0;C\n101;NA ;B\n100;4,76;A\n"
    path, references = write(tmp_path, spectra), write(tmp_path, values, "references.csv")
    data = load_spectra_csv(path, unit="nm", references_csv=references)
    assert data.sample_ids.tolist() == ["100", "101"]
    np.testing.assert_array_equal(data.y, [[4.76], [np.nan]])
    assert data.target_names == ["TS"] and data.metadata["variety"].tolist() == ["A", "B"]
    pair = load_csv_pair(path, path, path, unit="nm", references_csv=references)
    np.testing.assert_array_equal(pair.standards.y, pair.target.y)
    other = write(tmp_path, spectra.replace("10", "20"), "other.csv")
    assert load_csv_pair(path, other, path, unit="nm", references_csv=references).target.y is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("id,TS\nc7,1\n", "references.csv: .* holds none of the sample ids of .*: 'c7' .* 'c1'"),
        ("id,TS\nc1,1\nc1,2\n", "references.csv: sample id 'c1' appears more than once"),
        ("id,moisture\nc1,1\n", "references.csv: column 'moisture' is in .*spectra.csv, too"),
        ("id,TS\nc1,1\nc2,1 %\nc3,2\n", "references.csv: line 3, column TS: '1 %' is no number"),
    ],
)
def test_bad_reference_values(values, message, tmp_path):
    references = write(tmp_path, values, "references.csv")
    with pytest.raises(ValueError, match=message):
        load_spectra_csv(write(tmp_path, COMMA), unit="nm", references_csv=references)


@pytest.mark.parametrize(
    ("header", "left_out"),
    [(",sample,", True), (",code,", True), (",moisture,", False), ("number,sample,", False)],
)
def test_a_column_that_counts_rows_is_not_the_ids(header, left_out, tmp_path):
    # What pandas' to_csv and R's write.csv put first.
    numbers = "moisture" in header
    text = f"{header}1100,1102\n0,{7 if numbers else 'b'},.1,.2\n1,{8 if numbers else 'a'},.3,.4\n"
    path = write(tmp_path, text)
    if left_out:
        with pytest.warns(UserWarning, match="counts the rows: it is left out"):
            data = load_spectra_csv(path, unit="nm")
        assert data.sample_ids.tolist() == ["b", "a"]
    else:
        assert load_spectra_csv(path, unit="nm").sample_ids.tolist() == ["0", "1"]


def test_digest_depends_on_values_names_and_order():
    pair = make_instrument_pair(5, 8, random_state=0)
    first = _fetch.array_digest(pair)
    assert len(first) == 2 * hashlib.sha256().digest_size
    pair.spectra["target"] = pair.spectra["target"] + 1e-15
    assert _fetch.array_digest(pair) == first
    pair.spectra["target"][0, 0] += 1e-6
    assert _fetch.array_digest(pair) != first
