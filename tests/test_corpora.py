"""Corpora: what goes in comes out, what is bad is listed, and what is malicious is refused."""

import json
import os
import pickle
import re
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from spectralfm.datasets.corpora import (
    ArchiveSource,
    CorruptCorpusError,
    FolderSource,
    NpzSource,
    ParquetSource,
    SpectralCorpus,
    SQLiteSource,
    _build,
    build_corpus,
    in_wavenumbers,
    open_source,
)
from spectralfm.datasets.corpora._unpickle import load_numbers

h5py = pytest.importorskip("h5py")

REAL = Path(os.environ.get("SPECTRALFM_DATA", ""))
real = pytest.mark.skipif(
    not os.environ.get("SPECTRALFM_DATA") or not (REAL / "pretrain").is_dir(),
    reason="SPECTRALFM_DATA names no folder with pretrain/: no real spectra",
)

RRUFF = "##NAMES={name}\n##RRUFFID=R0{number}\n##URL=rruff.info\n{data}\n##END=\n"


def text(seed, n=12, unit="nm"):
    y = np.random.default_rng(seed).random(n)
    rows = "".join(f"{1100 + 2 * k},{value:.6f}\n" for k, value in enumerate(y))
    return f"{unit},absorbance\n{rows}"


def rruff(seed, name="Quartz", n=12):
    y = np.random.default_rng(seed).random(n)
    data = "\n".join(f"{100 + 2 * k}, {value:.6f}" for k, value in enumerate(y))
    return RRUFF.format(name=name, number=seed, data=data)


def jcamp(seed, n=6):
    y = " ".join(str(v) for v in np.random.default_rng(seed).integers(1, 99, n))
    return (
        f"##TITLE=s{seed}\n##JCAMP-DX=4.24\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n##FIRSTX=500\n"
        f"##LASTX={500 + n - 1}\n##NPOINTS={n}\n##XYDATA=(X++(Y..Y))\n500 {y}\n##END=\n"
    )


CORRUPT = {
    "empty.txt": b"",
    "zeros.bin": bytes(600),
    "noise.bin": np.random.default_rng(0).bytes(2000),
    "binary_in_text.csv": text(0).encode().replace(b"1104", b"11\x0004"),
    "nan.csv": b"nm,y\n1100,1\n1102,2\n1104,nan\n",
    "huge.csv": b"nm,y\n1100,1\n1102,-1.23e34\n1104,1\n",
    "unsorted.csv": b"nm,y\n1100,1\n1104,1\n1102,1\n",
    "repeated.csv": b"nm,y\n1100,1\n1100,1\n1102,1\n",
    "one_point.csv": b"nm,y\n1100,1\n",
    "no_numbers.txt": b"dear all,\nplease find attached\n",
    "which_unit.txt": b"1100 1\n1102 2\n1104 3\n",
    "wrong_unit.csv": b"nm,y\n1.1,1\n1.2,2\n1.3,3\n",
    "all_zero.csv": b"nm,y\n" + b"".join(b"%d,0\n" % k for k in range(1100, 1120)),
    "cut.jdx": jcamp(1)[:-30].encode(),
    "cut_label.jdx": jcamp(1)[:40].encode(),
    "cut.rruff.txt": rruff(1)[:-20].encode(),
    "cut.asd": b"as7" + bytes(300),
    "cut.spc": b"\x00\x4b" + bytes(100),
    "cut.0": b"\n\n\xfe\xfe" + bytes(10),
    "evil.pkl": pickle.dumps(np.arange(3.0)),
    "wire.wdf": b"WDF1" + bytes(100),
    "table.h5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "mass.jdx": jcamp(1).replace("1/CM", "M/Z").encode(),
}


def bad_lines(summary):
    return [json.loads(line) for line in summary.bad_files.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    """23 corrupt files of every kind among 7 good ones."""
    pytest.importorskip("brukeropus")
    root = tmp_path / "spectra"
    (root / "deeper").mkdir(parents=True)
    for name, data in CORRUPT.items():
        (root / name).write_bytes(data)
    for k in range(3):
        (root / f"good{k}.csv").write_text(text(k))
        (root / "deeper" / f"good{k}.jdx").write_text(jcamp(k))
    (root / "Quartz__Raman__532.txt").write_text(rruff(7))
    return root


def test_a_folder_with_corrupt_files_of_every_kind(folder, tmp_path):
    summary = build_corpus(tmp_path / "c.h5", [FolderSource(folder, licence="MIT")])
    assert summary.n_spectra == 7
    assert summary.n_bad == len(CORRUPT) == 23
    lines = bad_lines(summary)
    assert {line["item"] for line in lines} == set(CORRUPT)
    assert all(line["reason"] and line["source"] == "spectra" for line in lines)
    reasons = {line["item"]: line["reason"] for line in lines}
    assert "line 4: a value is nan" in reasons["nan.csv"]
    assert "pass unit=" in reasons["which_unit.txt"]
    with SpectralCorpus(summary.path) as corpus:
        assert len(corpus) == 7
        assert corpus.attributes["n_bad"] == 23
        assert set(corpus.labels("licence")) == {"MIT"}
        by_id = {id.split()[0]: row for row, id in enumerate(corpus.ids())}
        row = by_id["Quartz__Raman__532.txt"]
        values, axis, unit = corpus.spectrum(row)
        expected = np.random.default_rng(7).random(12)
        np.testing.assert_allclose(values, expected, atol=1e-6)
        np.testing.assert_array_equal(axis, 100 + 2 * np.arange(12))
        assert (unit, corpus.labels("modality")[row]) == ("cm-1", "Raman")
        assert corpus.labels("quantity")[by_id["deeper/good0.jdx"]] == "absorbance"


def test_the_unit_is_only_for_files_that_do_not_state_theirs(folder, tmp_path):
    summary = build_corpus(tmp_path / "c.h5", [FolderSource(folder, unit="nm")])
    assert summary.n_spectra == 8
    assert "which_unit.txt" not in {line["item"] for line in bad_lines(summary)}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_and_broken_links(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    (root / os.fsdecode(b"good\xff.csv")).write_text(text(1))
    (root / os.fsdecode(b"bad\xff.csv")).write_text("")
    (root / "link.csv").symlink_to("nowhere.csv")
    summary = build_corpus(tmp_path / "c.h5", [FolderSource(root)])
    assert [line["item"] for line in bad_lines(summary)] == ["bad?.csv", "link.csv"]
    with SpectralCorpus(summary.path) as corpus:
        assert corpus.ids() == ["good?.csv absorbance"]


def test_no_good_file_is_an_error_that_names_the_list(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"")
    with pytest.raises(ValueError, match="No spectrum could be read. .*c.h5.bad.jsonl says why"):
        build_corpus(tmp_path / "c.h5", [FolderSource(tmp_path / "in")])
    assert "the file is empty" in (tmp_path / "c.h5.bad.jsonl").read_text()
    assert not (tmp_path / "c.h5").exists()


def npz(path, n=200, n_channels=30, *, seed=0, **arrays):
    values = np.random.default_rng(seed).random((n, n_channels)).astype("f4")
    arrays = {"axis": np.linspace(1100, 2500, n_channels), "axis_unit": "nm"} | arrays
    np.savez(path, values=values, **{key: v for key, v in arrays.items() if v is not None})
    return values


def test_npz_rows_with_their_own_axes_and_sources(tmp_path):
    path = tmp_path / "set.npz"
    ends = np.linspace(3000, 4000, 10)
    sources = np.where(np.arange(10) % 2, "prosail", "field")
    values = npz(
        path, 10, axis=None, axis_min=ends - 2000, axis_max=ends, axis_unit="cm-1",
        modality="MIR", quantity="reflectance", source=sources, name=[f"n{i}" for i in range(10)],
    )  # fmt: skip
    source = NpzSource(path, licence="MIT", exclude={"source": ["prosail"]})
    summary = build_corpus(tmp_path / "c.h5", [source])
    assert (summary.n_spectra, summary.n_excluded, summary.n_bad) == (5, 5, 0)
    assert summary.by_source == {"set/field": 5}
    with SpectralCorpus(summary.path) as corpus:
        assert corpus.ids() == ["n0", "n2", "n4", "n6", "n8"]
        found, axis, unit = corpus.spectrum(3)
        np.testing.assert_array_equal(found, values[6])
        np.testing.assert_allclose(axis, np.linspace(ends[6] - 2000, ends[6], 30))
        assert (unit, set(corpus.labels("modality"))) == ("cm-1", {"MIR"})
    with pytest.raises(ValueError, match="no row has source='sail'"):
        NpzSource(path, exclude={"source": ["sail"]})
    with pytest.raises(ValueError, match="holds no kind a row"):
        NpzSource(path, exclude={"kind": ["a"]})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"axis": np.arange(3.0)}, r"no axis of shape \(30,\)"),
        ({"axis_unit": None}, "no axis_unit"),
        ({"axis": None}, "no axis_min"),
        ({"modality": "FTIR"}, "modality 'FTIR' is none of unknown, NIR, MIR, Raman"),
        ({"source": np.asarray(["a", "b"])}, r"source has shape \(2,\)"),
    ],
)
def test_incomplete_npz(arrays, message, tmp_path):
    npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        NpzSource(tmp_path / "a.npz")


def test_pickled_npz_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.asarray([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="a.npz is damaged or not an .npz file"):
        NpzSource(tmp_path / "a.npz")


def test_bad_rows_and_duplicates_are_counted(tmp_path):
    values = np.random.default_rng(0).random((6, 30))
    values[1, 4], values[2, 5], values[3] = np.nan, 2e6, 0
    values[5] = values[0]
    np.savez(tmp_path / "a.npz", values=values, axis=np.linspace(1, 2, 30), axis_unit="um")
    summary = build_corpus(tmp_path / "c.h5", [NpzSource(tmp_path / "a.npz")])
    assert (summary.n_spectra, summary.n_bad, summary.n_duplicates) == (2, 3, 1)
    reasons = [line["reason"] for line in bad_lines(summary)]
    assert reasons[0] == "channel 4 is nan"
    assert reasons[1] == "channel 5 is 2e+06, no value of a spectrum"
    assert reasons[2] == "all values are zero"


SLOWLY = """
import sys, time
from spectralfm.datasets.corpora import FolderSource, _build
_build.PART_ROWS = 8
items = FolderSource.items
def slowly(self, start=0):
    for item in items(self, start):
        time.sleep(0.01)
        yield item
FolderSource.items = slowly
_build.build_corpus(sys.argv[2], [FolderSource(sys.argv[1])])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_build_goes_on_where_it_was(tmp_path, monkeypatch):
    root, output = tmp_path / "in", tmp_path / "c.h5"
    root.mkdir()
    for k in range(150):
        data = "" if k % 10 == 0 else text(k % 140, n=12 + k % 3)  # some bad, some duplicates
        (root / f"{k:03d}.csv").write_text(data)
    whole = build_corpus(tmp_path / "whole.h5", [FolderSource(root)])
    partial = tmp_path / "c.h5.partial"
    for parts in (2, 5):
        process = subprocess.Popen([sys.executable, "-c", SLOWLY, root, output])
        deadline = time.monotonic() + 60
        while len(list(partial.glob("part-*.npz"))) < parts and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not output.exists()
    (partial / ".part-000009.npz.0123.part").write_bytes(b"half a part")
    opened = []
    original = FolderSource.items
    monkeypatch.setattr(
        FolderSource, "items", lambda self, start=0: opened.append(start) or original(self, start)
    )
    summary = build_corpus(output, [FolderSource(root)])
    assert opened[0] >= 40
    assert not partial.exists()
    assert summary[2:-1] == whole[2:-1]
    assert summary.bad_files.read_text() == whole.bad_files.read_text()
    with SpectralCorpus(output) as corpus, SpectralCorpus(whole.path) as expected:
        assert corpus.attributes["digest"] == expected.attributes["digest"]


def test_a_build_stopped_while_writing_the_corpus(tmp_path, monkeypatch):
    npz(tmp_path / "a.npz")
    source = NpzSource(tmp_path / "a.npz")

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_build, "assemble", stop)
        build_corpus(tmp_path / "c.h5", [source])
    (tmp_path / ".c.h5.0a1b2c3d.part").write_bytes(b"left by a killed process")
    with pytest.raises(ValueError, match="holds the beginning of another corpus"):
        build_corpus(tmp_path / "c.h5", [NpzSource(tmp_path / "a.npz", licence="MIT")])
    assert build_corpus(tmp_path / "c.h5", [source]).n_spectra == 200
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "c.h5", "c.h5.bad.jsonl"}


def test_an_existing_corpus_is_not_overwritten_unasked(tmp_path):
    npz(tmp_path / "a.npz", 3)
    source = NpzSource(tmp_path / "a.npz")
    build_corpus(tmp_path / "c.h5", [source])
    with pytest.raises(FileExistsError, match="c.h5 exists"):
        build_corpus(tmp_path / "c.h5", [source])
    assert build_corpus(tmp_path / "c.h5", [source], overwrite=True).n_spectra == 3
    with pytest.raises(ValueError, match="Two sources are named a"):
        build_corpus(tmp_path / "d.h5", [source, source])


def test_a_folder_that_holds_the_corpus_itself(tmp_path):
    (tmp_path / "a.csv").write_text(text(1))
    build_corpus(tmp_path / "c.h5", [FolderSource(tmp_path)])
    summary = build_corpus(tmp_path / "c.h5", [FolderSource(tmp_path)], overwrite=True)
    assert (summary.n_spectra, summary.n_bad) == (1, 0)


def test_zip_of_rruff(tmp_path):
    with zipfile.ZipFile(tmp_path / "rruff.zip", "w") as archive:
        archive.writestr("a/Quartz__Raman__532.txt", rruff(1))
        archive.writestr("b/Quartz__Raman__532.txt", rruff(2))
        archive.writestr("Opal__Infrared.txt", rruff(3, "Opal"))
        archive.writestr("cut.txt", rruff(4)[:-9])
    source = ArchiveSource(tmp_path / "rruff.zip", licence="citation")
    summary = build_corpus(tmp_path / "c.h5", [source])
    assert (summary.n_spectra, summary.n_bad) == (3, 1)
    (line,) = bad_lines(summary)
    assert line["reason"].startswith("cut.txt: line ")
    with SpectralCorpus(summary.path) as corpus:
        assert list(corpus.labels("modality")) == ["MIR", "Raman", "Raman"]
        assert corpus.ids(0, 1) == ["Opal__Infrared.txt R03 Opal"]


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "C:\\evil"])
def test_archives_that_name_paths_outside_are_refused(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.txt", rruff(1))
        archive.writestr(name, rruff(2))
    with pytest.raises(ValueError, match="a.zip: The archive names a path outside .* Nothing of"):
        ArchiveSource(tmp_path / "a.zip")


def test_zip_bombs_are_refused(tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.txt", rruff(1))
        archive.writestr("zeros.txt", bytes(20_000_000))
    assert bomb.stat().st_size < 25_000
    with pytest.raises(ValueError, match="zeros.txt grows from .* Nothing of it was unpacked"):
        ArchiveSource(bomb)
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match="damaged or not a zip archive"):
        ArchiveSource(tmp_path / "no.zip")


def test_a_member_with_damaged_contents_is_listed(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.txt", rruff(1))
        archive.writestr("good.txt", rruff(2))
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    summary = build_corpus(tmp_path / "c.h5", [ArchiveSource(path)])
    assert (summary.n_spectra, summary.n_bad) == (1, 1)
    assert "cannot be unpacked (Bad CRC" in bad_lines(summary)[0]["reason"]


class Evil:
    """A pickle that runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def packed(value, protocol=4):
    return zlib.compress(pickle.dumps(value, protocol))


def database(path, rows, columns="chembl_id TEXT, wavenumbers BLOB, ir BLOB, raman BLOB"):
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE spectra ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO spectra VALUES ({marks})", rows)
    connection.close()


def test_sqlite_of_pickles(tmp_path):
    axis = np.linspace(400, 4000, 50)
    y = np.random.default_rng(0).random((4, 50))
    executed = tmp_path / "executed"
    rows = [
        ("CHEMBL1", packed(axis), packed(y[0]), packed(y[1].tolist())),
        ("CHEMBL2", packed(axis[::-1]), packed(y[2][::-1]), packed(Evil(executed))),
        ("CHEMBL3", packed(axis), b"not zlib", None),
        ("CHEMBL4", packed(axis), packed(y[3]), packed(y[3, :5])),
    ]
    database(tmp_path / "chembl.db", rows)
    summary = build_corpus(tmp_path / "c.h5", [open_source(tmp_path / "chembl.db", licence="CC")])
    assert not executed.exists()
    assert (summary.n_spectra, summary.n_bad) == (4, 4)
    reasons = {line["item"]: line["reason"] for line in bad_lines(summary)}
    assert re.search("asks for (posix|nt).system: not executed", reasons["CHEMBL2 raman"])
    assert "not compressed with zlib" in reasons["CHEMBL3 ir"]
    assert "holds NoneType, not bytes" in reasons["CHEMBL3 raman"]
    assert "(50,) wavenumbers do not fit (5,)" in reasons["CHEMBL4 raman"]
    with SpectralCorpus(summary.path) as corpus:
        assert corpus.ids() == ["CHEMBL1 ir", "CHEMBL1 raman", "CHEMBL2 ir", "CHEMBL4 ir"]
        assert list(corpus.labels("modality")) == ["MIR", "Raman", "MIR", "MIR"]
        for row in range(4):
            values, positions, unit = corpus.spectrum(row)
            np.testing.assert_array_equal(values, y[row].astype("f4"))
            np.testing.assert_array_equal(positions, axis)
            assert unit == "cm-1"


def test_sqlite_of_pairs_and_of_unclear_tables(tmp_path):
    pair = np.stack([np.linspace(400, 4000, 9), np.arange(1.0, 10.0)])
    rows = [(packed(pair),), (packed(pair.T * 0.5 + 1),), (packed({"x": pair[0], "y": pair[0]}),)]
    database(tmp_path / "a.db", rows, "ir_spectrum BLOB")
    assert build_corpus(tmp_path / "c.h5", [SQLiteSource(tmp_path / "a.db")]).n_spectra == 3
    database(tmp_path / "b.db", [(1, 2)], "a, b")
    with pytest.raises(ValueError, match=r"pass table=. It holds spectra \(a, b\)"):
        SQLiteSource(tmp_path / "b.db")
    with pytest.raises(ValueError, match="has no column 'c'. Its columns are a, b"):
        SQLiteSource(tmp_path / "b.db", table="spectra", spectra=["c"])
    (tmp_path / "no.db").write_bytes(b"SQLite format 3\0" + bytes(200))
    with pytest.raises(ValueError, match="damaged or no SQLite database"):
        open_source(tmp_path / "no.db")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(5.0),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.asfortranarray(np.arange(6.0, dtype="f4").reshape(2, 3)),
        [1.0, 2, 3.5],
        (np.arange(3.0), [1, 2]),
        np.float32(2.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_unpickle_as_pickle_would(value, protocol):
    found = load_numbers(packed(value, protocol))
    expected = [np.asarray(v) for v in value] if isinstance(value, tuple) else [np.asarray(value)]
    for one, other in zip(found if isinstance(value, tuple) else [found], expected, strict=True):
        np.testing.assert_array_equal(one, other)


def billion():
    value = [1.0] * 1000
    for _ in range(2):
        value = [value] * 1000
    return value


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (zlib.compress(bytes(1 << 27)), "grows beyond 64 MiB"),
        (packed(np.arange(99.0))[:-9], "is cut off"),
        (packed(billion()), "repeats its numbers too often"),
        (packed(np.asarray([{"a": 1}], dtype=object)), "holds no numbers"),
        (packed("text"), "a str is no number"),
        (packed(len), "asks for (builtins|__builtin__).len"),
        (packed(np.load), "asks for numpy.load"),
        (zlib.compress(b"cnumpy\ndtype\n(S'f8'\ntR(S'a'\nb."), "the pickle is refused"),
        (zlib.compress(b"cnumpy\nndarray\n}S'__init__'\nNsb."), "changes a function"),
        (zlib.compress(b"\x80\x04"), "the pickle is refused"),
        (b"", "is cut off"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_malicious_pickles(blob, message):
    with pytest.raises(ValueError, match=message):
        load_numbers(blob)


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    axis = np.linspace(0.5, 4000, 1200)
    y = np.random.default_rng(0).random((150, 1200))
    columns = {
        "smiles": [f"C{i}" for i in range(150)],
        "Frequency(cm^-1)": [list(axis)] * 150,
        "ir_spectra": [None if i == 3 else list(row) for i, row in enumerate(y)],
    }
    path = tmp_path / "uspto.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=40)
    summary = build_corpus(tmp_path / "c.h5", [open_source(path)])
    assert (summary.n_spectra, summary.n_bad) == (149, 1)
    assert bad_lines(summary)[0]["item"] == "C3"
    with SpectralCorpus(summary.path) as corpus:
        values, positions, _ = corpus.spectrum(100)
        np.testing.assert_array_equal(values, y[101].astype("f4"))
        np.testing.assert_array_equal(positions, axis)
    source = ParquetSource(path)
    assert [item.label for item in source.items(45)] == [f"C{i}" for i in range(45, 150)]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged or no Parquet file"):
        open_source(path)


def test_sources_tell_what_they_do_not_know(tmp_path):
    (tmp_path / "a.csv").write_text(text(1))
    assert isinstance(open_source(tmp_path), FolderSource)
    assert len(open_source(tmp_path / "a.csv", unit=None)) == 1
    with pytest.raises(ValueError, match="exclude is no option of a FolderSource"):
        open_source(tmp_path, exclude={"a": ["b"]})
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        open_source(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no file"):
        FolderSource(tmp_path, pattern="*.jdx")
    with pytest.raises(ValueError, match="modality must be one of"):
        FolderSource(tmp_path, modality="NMR")
    with pytest.raises(ValueError, match="unit must be one of"):
        FolderSource(tmp_path, unit="ppm")


@pytest.fixture
def corpus_path(tmp_path):
    """Three sets of spectra: 200 of 30 channels in nm, 100 of 50 in cm-1, 70 of 30 Raman."""
    npz(tmp_path / "a.npz")
    npz(tmp_path / "b.npz", 100, 50, axis=np.linspace(400, 4000, 50), axis_unit="cm-1", seed=1)
    npz(
        tmp_path / "c.npz", 70, axis=np.linspace(100, 1000, 30) ** 1.1, axis_unit="cm-1",
        modality="Raman", seed=2,
    )  # fmt: skip
    sources = [NpzSource(tmp_path / f"{name}.npz", licence=name) for name in "abc"]
    return build_corpus(tmp_path / "corpus.h5", sources).path


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("buffer", [1, 3])
def test_batches_hold_every_spectrum_once(corpus_path, batch_size, shuffle, buffer):
    with SpectralCorpus(corpus_path) as corpus:
        batches = list(corpus.blocks(batch_size, shuffle=shuffle, random_state=0, buffer=buffer))
        rows = np.concatenate([batch.rows for batch in batches])
        np.testing.assert_array_equal(np.sort(rows), np.arange(370))
        assert max(len(batch.X) for batch in batches) <= batch_size
        modality = corpus.labels("modality")
        for batch in batches:
            assert set(modality[batch.rows]) == {batch.modality}
            assert batch.X.shape == batch.axis.shape
            for x, axis, row in zip(batch.X[:3], batch.axis[:3], batch.rows[:3], strict=True):
                values, positions, unit = corpus.spectrum(row)
                np.testing.assert_array_equal(x, values)
                np.testing.assert_array_equal(axis, positions)
                assert unit == batch.unit


def test_shuffling_is_seeded_and_reaches_beyond_blocks(corpus_path):
    with SpectralCorpus(corpus_path) as corpus:
        one, two, other = (
            [batch.rows.tolist() for batch in corpus.blocks(shuffle=True, random_state=seed)]
            for seed in (0, 0, 1)
        )
        assert one == two
        assert one != other
        full = next(rows for rows in one if len(rows) == 64)
        assert len(set(np.asarray(full) // 64)) > 1


def test_one_number_of_channels_and_some_rows(corpus_path):
    with SpectralCorpus(corpus_path) as corpus:
        chosen = corpus.labels("source") != "a"
        batches = list(corpus.blocks(64, n_channels=99, rows=chosen))
        assert {batch.X.shape[1] for batch in batches} == {99}
        assert sum(len(batch.X) for batch in batches) == 170
        for batch in batches:
            values, axis, _ = corpus.spectrum(batch.rows[0])
            np.testing.assert_allclose(batch.axis[0][[0, -1]], axis[[0, -1]])
            expected = np.interp(batch.axis[0], axis, values)
            np.testing.assert_allclose(batch.X[0], expected, atol=1e-6)
        with pytest.raises(ValueError, match="rows has shape"):
            next(corpus.blocks(rows=chosen[:5]))
        with pytest.raises(ValueError, match="n_channels=1 must be at least 2"):
            next(corpus.blocks(n_channels=1))
        with pytest.raises(ValueError, match="must be positive"):
            next(corpus.blocks(0))
        with pytest.raises(IndexError, match="no row 370"):
            corpus.spectrum(370)
        with pytest.raises(ValueError, match="kind must be one of"):
            corpus.labels("flavour")


def test_wavenumbers_of_a_batch(corpus_path):
    with SpectralCorpus(corpus_path) as corpus:
        for batch in corpus.blocks():
            axis = in_wavenumbers(batch)
            expected = 1e7 / batch.axis if batch.unit == "nm" else batch.axis
            np.testing.assert_allclose(np.broadcast_to(axis, batch.X.shape), expected)


def test_a_corpus_pickles_without_its_file(corpus_path):
    corpus = SpectralCorpus(corpus_path)
    copy = pickle.loads(pickle.dumps(corpus))
    np.testing.assert_array_equal(copy.spectrum(5)[0], corpus.spectrum(5)[0])
    copy.close()
    corpus.close()


def test_a_flipped_bit_is_named(corpus_path):
    with h5py.File(corpus_path, "r+") as file:
        value = file["values"][30 * 130]
        file["values"][30 * 130] = np.nextafter(value, np.float32(9))
    message = r"block 2 \(spectra 128 to 191\) has SHA-256 [0-9a-f]{64}, but [0-9a-f]{64} was"
    with pytest.raises(CorruptCorpusError, match=message) as caught:
        SpectralCorpus(corpus_path)
    assert str(corpus_path) in str(caught.value)
    with SpectralCorpus(corpus_path, verify=False) as corpus:
        corpus.spectrum(0)
        with pytest.raises(CorruptCorpusError, match=message):
            corpus.spectrum(150)
        with pytest.raises(CorruptCorpusError, match=message):
            list(corpus.blocks())


@pytest.mark.parametrize(
    "name", ["offsets", "rows/axis", "labels/licence", "axes/values", "digests"]
)
def test_changed_tables_are_named(name, corpus_path):
    with h5py.File(corpus_path, "r+") as file:
        array = file[name][()]
        array.flat[-1] += 1
        file[name][...] = array
    with pytest.raises(CorruptCorpusError, match="the tables have SHA-256 .* was written with"):
        SpectralCorpus(corpus_path, verify=False)


def test_files_that_are_no_corpus(corpus_path, tmp_path):
    data = corpus_path.read_bytes()
    cut = tmp_path / "cut.h5"
    for size in (0, 8, 100, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:size])
        with pytest.raises(CorruptCorpusError, match=r"cut.h5: .* Copy the file again"):
            SpectralCorpus(cut)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["values"] = [1.0]
    with pytest.raises(CorruptCorpusError, match="it is no spectralfm corpus 1"):
        SpectralCorpus(tmp_path / "other.h5")
    with h5py.File(corpus_path, "r+") as file:
        del file["offsets"]
        file["offsets"] = h5py.ExternalLink("other.h5", "values")
    with pytest.raises(CorruptCorpusError, match="offsets is a link"):
        SpectralCorpus(corpus_path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        SpectralCorpus(tmp_path / "none.h5")


@real
def test_the_permissive_sets(tmp_path):
    """What the shipped checkpoint may be trained on, earthlib without its simulated spectra."""
    names = ["ecostress_mir", "usgs06_mir", "usgs07_aviris95_nir", "spectrapepper_raman"]
    sources = [NpzSource(REAL / "pretrain" / f"pretrain_{name}.npz") for name in names]
    earthlib = REAL / "pretrain" / "pretrain_earthlib_nir.npz"
    sources.append(NpzSource(earthlib, licence="MIT", exclude={"source": ["prosail"]}))
    summary = build_corpus(tmp_path / "c.h5", sources)
    assert (summary.n_bad, summary.n_excluded) == (0, 2000)
    assert summary.n_spectra + summary.n_duplicates == 1912 + 429 + 1603 + 196 + 5261
    with SpectralCorpus(summary.path) as corpus:
        assert set(corpus.modalities()) == {"MIR", "NIR", "Raman"}
        assert not any("prosail" in source for source in set(corpus.labels("source")))
