"""Readers: real files against independent libraries, and files written here, whole and damaged."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from spectralfm.axis import check_axis
from spectralfm.io import CorruptSpectrumError, read_opus, read_spectra, read_text

NATIVE = Path(os.environ.get("SPECTRALFM_DATA", "")) / "native"
real = pytest.mark.skipif(
    not os.environ.get("SPECTRALFM_DATA") or not NATIVE.is_dir(),
    reason="SPECTRALFM_DATA names no folder with native/: no real files",
)

READ = {  # file: shape, ends of the axis, unit
    "asd/soil.asd": ((1, 2151), 350, 2500, "nm"),
    "asd/v6sample00000.asd": ((1, 2151), 350, 2500, "nm"),
    "asd/v8sample00001.asd": ((1, 2151), 350, 2500, "nm"),
    "envi/ecostress_a.spectrum.txt": ((1, 561), 0.3, 15, "um"),
    "jcamp/BRUKER1.JCM": ((1, 3735), 400.1619262, 4000.655017, "cm-1"),
    "jcamp/LABCALC.DX": ((1, 3435), 249.741, 3699.742, "cm-1"),
    "jcamp/PE1800.DX": ((1, 3301), 700, 4000, "cm-1"),
    "jcamp/SPECFILE.DX": ((1, 1801), 400, 4000, "cm-1"),
    "jcamp/acetone_ir.jdx": ((1, 14106), 574.928, 3975.077, "cm-1"),
    "jcamp/nist_water_ir.jdx": ((1, 3917), 388.677, 3799.46, "cm-1"),
    "labspec/labspec_532nm_Si.txt": ((1, 1024), 46.6417, 1754.52, "cm-1"),
    "ocean/OceanView.txt": ((1, 2389), 187.92, 2116.5, "nm"),
    "rruff_txt/Albite__R050253-1__Infrared__Infrared_Data_Processed__1159.txt": (
        (1, 338), 50.14013, 700.0332, "cm-1",
    ),
    "spc/m_ordz.spc": ((10, 857), 698.2297, 4000.3547, "cm-1"),
    "specpr/asphalt_gds366.27407.asc": ((1, 2151), 0.35, 2.5, "um"),
}  # fmt: skip

REFUSED = {
    "dpt/RS-1.dpt": "could be in nm or cm-1: pass unit=",
    "felix/mango_dmc_f750_slice.csv": "could be in cm-1 or nm: pass unit=",
    "jasco/243.jws": "not read. Export it",
    "jcamp/BRUKDIF.DX": "in 'HZ' .* no vibrational spectrum",
    "labspec/jobinyvon_test_spec.xml": "is XML: not read",
    "neospectra/neospectra_ossl_50samples_slice.csv": "line 26 has 1 columns, the first has 614",
    "nircal/muestras-tejido-foliar_transfer.nir": "byte 208: binary data",
    "sig/BNL13001_000_laptop.sig": "Spectra Vista .sig: not read",
    "sp/spectra.sp": "PerkinElmer .sp: not read",
    "spa/2-BaSO4_0.SPA": "OMNIC .* not read",
    "spc/m_xyxy.spc": "type 9: no vibrational spectrum",
    "wdf/wire_sp.wdf": "Renishaw WDF: not read",
}


@real
@pytest.mark.parametrize("name", READ)
def test_real_files(name):
    shape, low, high, unit = READ[name]
    spectra = read_spectra(NATIVE / name)
    assert spectra.X.shape == shape
    assert spectra.X.dtype == spectra.axis.dtype == np.float64
    np.testing.assert_allclose(spectra.axis[[0, -1]], [low, high], rtol=1e-6)
    assert spectra.unit == unit
    check_axis(spectra.axis, unit=unit, n_channels=shape[1])
    assert (np.diff(spectra.axis) > 0).all()
    assert spectra.metadata["format"]


@real
@pytest.mark.parametrize("name", REFUSED)
def test_real_files_refused(name):
    with pytest.raises(ValueError, match=REFUSED[name]) as caught:
        read_spectra(NATIVE / name)
    assert str(NATIVE / name) in str(caught.value)


@real
def test_a_unit_that_is_passed():
    assert read_spectra(NATIVE / "dpt/RS-1.dpt", unit="nm").axis[0] == 800.44463
    table = read_spectra(NATIVE / "felix/mango_dmc_f750_slice.csv", unit="nm")
    assert table.X.shape == (26, 306)
    assert table.metadata["DM"][0] == "16.79250559"
    with pytest.raises(ValueError, match="states its axis in nm, not in unit='cm-1'"):
        read_spectra(NATIVE / "asd/soil.asd", unit="cm-1")
    with pytest.raises(ValueError, match="unit must be one of"):
        read_spectra(NATIVE / "dpt/RS-1.dpt", unit="furlongs")


@real
def test_jcamp_equals_the_library_jcamp():
    jcamp = pytest.importorskip("jcamp")
    for path in sorted((NATIVE / "jcamp").glob("*.jdx")) + [NATIVE / "jcamp/BRUKER1.JCM"]:
        expected, spectra = jcamp.readfile(path), read_spectra(path)
        order = np.argsort(expected["x"])
        np.testing.assert_array_equal(spectra.axis, expected["x"][order])
        np.testing.assert_array_equal(spectra.X[0], expected["y"][order])


@real
def test_spc_equals_the_library_spc_io():
    spc_io = pytest.importorskip("spc_io")
    names = ["BENZENE.SPC", "Ft-ir.spc", "RAMAN.SPC", "s_evenx.spc", "m_evenz.spc", "nir.spc"]
    for name in names:
        spectra = read_spectra(NATIVE / "spc" / name)
        with open(NATIVE / "spc" / name, "rb") as file:
            expected = spc_io.SPC.from_bytes_io(file)
        order = np.argsort(expected[0].xarray)
        np.testing.assert_array_equal(spectra.X, [sub.yarray[order] for sub in expected])
        np.testing.assert_allclose(spectra.axis, expected[0].xarray[order], rtol=1e-12)


@real
def test_opus_blocks():
    brukeropus = pytest.importorskip("brukeropus")
    path = NATIVE / "opus/test_spectra.0"
    data = brukeropus.read_opus(path).r
    spectra = read_spectra(path)
    np.testing.assert_allclose(spectra.X[0], data.y[::-1].astype(float))
    np.testing.assert_allclose(spectra.axis, data.x[::-1])
    assert spectra.metadata["quantity"] == "reflectance"
    assert read_opus(path, block="sm").X.shape == (1, 4819)
    with pytest.raises(ValueError, match="no spectrum a; its spectra are: rf, r, sm"):
        read_opus(path, block="a")


@real
@pytest.mark.parametrize(
    "name", ["asd/soil.asd", "spc/m_evenz.spc", "spc/m_ordz.spc", "opus/test_spectra.0",
             "jcamp/PE1800.DX", "jcamp/SPECFILE.DX", "envi/ecostress_a.spectrum.txt",
             "rruff_txt/Albite__R050253-1__Infrared__Infrared_Data_Processed__1159.txt"],
)  # fmt: skip
def test_truncated_real_files(name, tmp_path):
    """Cut anywhere, a file is refused with its name, or its spectra are those of the whole."""
    if name.startswith("opus"):
        pytest.importorskip("brukeropus")
    data = (NATIVE / name).read_bytes()
    whole = read_spectra(NATIVE / name)
    path = tmp_path / Path(name).name
    rng = np.random.default_rng(0)
    early = [1, 2, 3, 4, 5, 24, 100, 200, 256, 484, 500, 512, 544]
    for size in {*early, *rng.integers(1, len(data), 40), *range(len(data) - 3, len(data))}:
        path.write_bytes(data[: int(size)])
        try:
            spectra = read_spectra(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(spectra.X, whole.X[: len(spectra.X)])
            assert len(spectra.X) == len(whole.X) or "m_ordz" in name  # which states no number


@real
@pytest.mark.parametrize("name", [n for n in READ if n.split("/")[0] in ("asd", "spc", "jcamp")]
                         + ["opus/test_spectra.0"])  # fmt: skip
def test_flipped_bytes_raise_value_errors_or_nothing(name, tmp_path):
    if name.startswith("opus"):
        pytest.importorskip("brukeropus")
    data = (NATIVE / name).read_bytes()
    path = tmp_path / Path(name).name
    rng = np.random.default_rng(1)
    for _ in range(30):
        damaged = bytearray(data)
        for at in (*rng.integers(0, min(len(data), 600), 3), *rng.integers(0, len(data), 5)):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            spectra = read_spectra(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert np.isfinite(spectra.X).all()


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


JCAMP = """##TITLE=made here
##JCAMP-DX=4.24
##DATA TYPE=RAMAN SPECTRUM
##XUNITS=1/CM
##YUNITS=ABSORBANCE
##FIRSTX={first}
##LASTX={last}
##NPOINTS={n}
##XFACTOR=1
##YFACTOR=0.5
##XYDATA=(X++(Y..Y)) $$ form
{data}
##END=
"""


@pytest.mark.parametrize(
    "data",
    [
        "400 10 11 12 12 12\n405 13 12 10 -7",  # plain
        "400+10+11+12+12+12\n405+13+12+10-7",  # packed
        "400A0A1A2A2A2\n405A3A2A0g",  # squeezed
        "400A0JJ%T\n404A2JjkjP",  # a wrong line, replaced below
        "400 1.0E+1 11 12 12 12\n405 13 12 10 -7.0E+0",  # exponents
    ],
)
def test_forms_of_jcamp(data, tmp_path):
    expected = [10, 11, 12, 12, 12, 13, 12, 10, -7]
    if "JJ%T" in data:  # difference with duplicate; the second line repeats the last value
        data = "400A0JJ%T\n404A2Jjkj7 $$ comment\n408g"
    path = write(tmp_path / "x.dx", JCAMP.format(first=400, last=408, n=9, data=data))
    spectra = read_spectra(path)
    np.testing.assert_array_equal(spectra.X[0], 0.5 * np.asarray(expected))
    np.testing.assert_array_equal(spectra.axis, np.arange(400, 409))
    assert (spectra.metadata["modality"], spectra.metadata["ids"]) == ("Raman", ["made here"])


def test_jcamp_of_pairs_and_of_blocks(tmp_path):
    pairs = JCAMP.replace("XYDATA=(X++(Y..Y))", "XYPOINTS=(XY..XY)")
    path = write(
        tmp_path / "p.dx", pairs.format(first=1, last=4, n=3, data="4000,1; 3990,2\n3970,3")
    )
    spectra = read_spectra(path)
    np.testing.assert_array_equal(spectra.axis, [3970, 3990, 4000])
    np.testing.assert_array_equal(spectra.X, [[1.5, 1.0, 0.5]])
    block = JCAMP.format(first=400, last=402, n=3, data="400 1 2 3")
    link = "##TITLE=both\n##JCAMP-DX=5\n##DATA TYPE=LINK\n##BLOCKS=2\n"
    path = write(tmp_path / "l.dx", link + block + block.replace("made here", "two") + "##END=\n")
    assert read_spectra(path).X.shape == (2, 3)
    assert read_spectra(path).metadata["ids"] == ["made here", "two"]
    other = block.replace("LASTX=402", "LASTX=404").replace("400 1 2 3", "400 1 2\n404 3")
    path = write(tmp_path / "l.dx", link + block + other + "##END=\n")
    with pytest.raises(ValueError, match="2 spectra on different axes"):
        read_spectra(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("##END=\n", "", "line 12: the file ends without ##END="),
        ("##END=", "##EN", "line 13: label '##EN' has no '='"),
        ("NPOINTS=4", "NPOINTS=5", "line 12: 4 values, but NPOINTS=5"),
        ("NPOINTS=4", "NPOINTS=3", "line 12: there are more values than NPOINTS=3"),
        ("NPOINTS=4", "NPOINTS=four", "line 8: NPOINTS is 'four'"),
        ("NPOINTS=4", "NPOINTS=9e99", "line 8: NPOINTS is 8999"),
        ("##FIRSTX=400\n", "", "line 1: the block has no ##FIRSTX"),
        ("FIRSTX=400", "FIRSTX=nan", "line 6: FIRSTX is 'nan'"),
        ("400 1 2 3 4", "400 1 2 # 4", "line 12: '#' is no number"),
        ("400 1 2 3 4", "400 1 2 ? 4", "line 12: a value is missing"),
        ("400 1 2 3 4", "400 1 2 3 9E99", "line 12: 4.5e.99 is no value"),
        ("400 1 2 3 4", "400AJJ\n402D4", "line 13: it starts at 44, but .* ends at 3"),
        ("400 1 2 3 4", "400 1 2\n440 3 4", "line 13: starts at 440, but 402 comes next"),
        ("400 1 2 3 4", "400AZ9999999999", "line 12: the codes make no numbers"),
        ("400 1 2 3 4", "400 0 0 0 0", None),
        ("1/CM", "PPM", "in 'PPM' .* no vibrational spectrum"),
        ("XYDATA=(X++(Y..Y))", "NTUPLES= NMR", "holds ##NTUPLES, no spectrum"),
        ("XYDATA=(X++(Y..Y))", "XYDATA=(X++(R..R))", "form .* is not read"),
        ("LASTX=403", "LASTX=400", "the axis repeats at 400"),
        ("made here", "made\0here", "byte 12: binary data"),
    ],
)  # fmt: skip
def test_damaged_jcamp(old, new, message, tmp_path):
    text = JCAMP.format(first=400, last=403, n=4, data="400 1 2 3 4")
    assert old in text
    path = write(tmp_path / "bad.jdx", text.replace(old, new))
    if message is None:
        return
    with pytest.raises(ValueError, match=message) as caught:
        read_spectra(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "unit", "axis", "ids"),
    [
        ("wavenumber (cm-1),a,b\n4000,1,2\n3990,3,4\n", "cm-1", [3990, 4000], ["a", "b"]),
        ("# a comment: 3\nWavelength [um];x\n1,1;0,5\n1,2;0,6\n", "um", [1.1, 1.2], ["x"]),
        ("Wavelength\tR\n1100\t1\n1102\t3\n", "nm", [1100, 1102], ["R"]),
        ("Raman shift, counts\n-100 , 5\n150 , 6\n", "cm-1", [-100, 150], ["counts"]),
        ("cm-1 A\n3999,5 0,125\n3998,0 0,25\n3990 0\n", "cm-1", [3990, 3998, 3999.5], ["A"]),
        ("ASD export\nWavelength (nm)\tR\n900\t1\n901\t2\n", "nm", [900, 901], ["R"]),
        ("\ufeffnm;y\r\n900;1\r\n901;2\r\n\r\n", "nm", [900, 901], ["y"]),
    ],
)
def test_text(text, unit, axis, ids, tmp_path):
    spectra = read_spectra(write(tmp_path / "a.txt", text))
    assert spectra.unit == unit
    np.testing.assert_allclose(spectra.axis, axis)
    assert spectra.metadata.get("ids") == ids


def test_a_table_names_its_channels(tmp_path):
    names = [f"{1100 + 2 * k} nm" for k in range(12)]
    rows = [[f"s{i}", "wheat", *map(str, np.arange(12) + i)] for i in range(3)]
    text = "\n".join(",".join(row) for row in [["sample", "kind", *names], *rows])
    spectra = read_spectra(write(tmp_path / "t.csv", text))
    assert spectra.metadata["ids"] == ["s0", "s1", "s2"]
    assert spectra.metadata["kind"] == ["wheat"] * 3
    np.testing.assert_array_equal(spectra.X[2], np.arange(12) + 2)
    with pytest.raises(ValueError, match="line 3, column 1100 nm: 'NA' is no absorbance"):
        read_spectra(write(tmp_path / "t.csv", text.replace("wheat,1,", "wheat,NA,")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1100,1\n1102\n", "line 2: '1102' is not 2 numbers"),
        ("nm,y\n1100,1\nxyz,2\n", "line 3: 'xyz,2' is not 2 numbers"),
        ("nm,y\n1100,1\n1102,nan\n1104,2\n", "line 3: a value is nan"),
        ("nm,y\n1100,1\ninf,2\n", "line 3: a position is inf"),
        ("nm,y\n1100,1\n\n1102,-1.23e34\n", "line 4: -1.23e.34 is no value of a spectrum"),
        ("nm,y\n1100,1\n1104,2\n1102,3\n", "line 4: the axis turns at 1102"),
        ("nm,y\n1100,1\n1102,2\n1102,3\n", "line 4: the axis repeats at 1102"),
        ("nm,y\n1100,1\n", "end: it holds 1 x 1 values"),
        ("nm,y\n", "end: no line holds two numbers"),
        ("1100,1\n1102,2\n", "could be in nm or cm-1: pass unit="),
        ("nm,y\n1.1,1\n1.2,2\n", "looks like um: state that unit"),
    ],
)
def test_damaged_text(text, message, tmp_path):
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(ValueError, match=message) as caught:
        read_spectra(path)
    assert str(path) in str(caught.value)


def asd(*, values, reference=None, kind=1, channels=None):
    """Bytes of an ASD file of version 7."""
    head = bytearray(484)
    head[:3] = b"as7"
    head[186], head[199] = kind, 2
    struct.pack_into("<2f", head, 191, 350.0, 10.0)
    struct.pack_into("<H", head, 204, len(values) if channels is None else channels)
    data = bytes(head) + np.asarray(values, "<f8").tobytes()
    if reference is not None:
        data += struct.pack("<H16xH", 0xFFFF, 4) + b"disk" + np.asarray(reference, "<f8").tobytes()
    return data


def test_asd(tmp_path):
    path = tmp_path / "leaf.asd"
    path.write_bytes(asd(values=[2, 6, 12], reference=[4, 8, 12]))
    spectra = read_spectra(path)
    np.testing.assert_array_equal(spectra.X, [[0.5, 0.75, 1.0]])
    np.testing.assert_array_equal(spectra.axis, [350, 360, 370])
    path.write_bytes(asd(values=[2, 6, 12], kind=2))
    assert read_spectra(path).metadata["quantity"] == "radiance"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (asd(values=[1, 2, 3], reference=[1, 0, 1]), "byte 540: the white reference is zero"),
        (asd(values=[1, np.nan, 3], reference=[1, 1, 1]), "byte 492: a value is nan"),
        (asd(values=[1, 2, 3], reference=[1, 1, 1])[:-1], "byte 555: 3 numbers from byte 532 on"),
        (asd(values=[1, 2, 3], reference=[1, 1, 1])[:520], "byte 520: the header of the reference"),
        (asd(values=[1, 2, 3])[:490], "byte 490: 3 numbers from byte 484"),
        (asd(values=[1, 2, 3])[:300], "byte 300: the header"),
        (asd(values=[1, 2, 3], kind=99), "byte 186: 99 is no type"),
        (asd(values=[1, 2, 3], channels=0), "byte 191: 0 channels"),
    ],
)
def test_damaged_asd(data, message, tmp_path):
    path = tmp_path / "bad.asd"
    path.write_bytes(data)
    with pytest.raises(CorruptSpectrumError, match=message):
        read_spectra(path)


def spc(rows, *, version=0x4B, exponent=-128, flags=None, x_type=1, first=400.0, last=403.0):
    """Bytes of an SPC file on an even axis."""
    order = ">" if version == 0x4C else "<"
    flags = (4 if len(rows) > 1 else 0) if flags is None else flags
    head = bytearray(512)
    struct.pack_into(
        f"{order}BBBbI2dI2B", head, 0,
        flags, version, 0, exponent, len(rows[0]), first, last, len(rows), x_type, 2,
    )  # fmt: skip
    coding = "f4" if exponent == -128 else "i2" if flags & 1 else "i4"
    data = bytes(head)
    for k, row in enumerate(rows):
        data += struct.pack(f"{order}BbH28x", 0, exponent, k)
        data += np.asarray(row).astype(order + coding).tobytes()
    return data


HUGE = spc([[1, 2, 3, 4]])
HUGE = HUGE[:4] + struct.pack("<I", 2**31 - 1) + HUGE[8:]  # an axis of 16 GB, were it made


@pytest.mark.parametrize("version", [0x4B, 0x4C])
@pytest.mark.parametrize(
    ("exponent", "flags", "scale"), [(-128, 0, 1), (30, 0, 0.25), (15, 1, 0.5)]
)
def test_spc(version, exponent, flags, scale, tmp_path):
    path = tmp_path / "a.spc"
    path.write_bytes(spc([[8, 4, 12, 16]], version=version, exponent=exponent, flags=flags))
    spectra = read_spectra(path)
    np.testing.assert_array_equal(spectra.X, scale * np.asarray([[8, 4, 12, 16]]))
    np.testing.assert_array_equal(spectra.axis, [400, 401, 402, 403])
    assert (spectra.unit, spectra.metadata["quantity"]) == ("cm-1", "absorbance")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (spc([[1, 2, 3, 4]])[:200], "byte 200: the header is cut off"),
        (spc([[1, 2, 3, 4]])[:550], "byte 550: 4 numbers from byte 544 on are cut off"),
        (spc([[1, 2, 3, 4]] * 3)[:600], "byte 600: 4 numbers from byte 592 on"),
        (spc([[1, 2, 3, 4]] * 3)[:570], "byte 570: subfile 1 of 3 is cut off"),
        (spc([[1, np.nan, 3, 4]]), "channel 1: a value is nan"),
        (spc([[1, 2, 3, 4]], last=400.0), "byte 4: 4 points from 400 to 400"),
        (spc([[1, 2, 3, 4]], last=np.nan), "byte 4: 4 points"),
        (HUGE, "byte 560: 2147483647 points are stated"),
    ],
)
def test_damaged_spc(data, message, tmp_path):
    path = tmp_path / "bad.spc"
    path.write_bytes(data)
    with pytest.raises(CorruptSpectrumError, match=message):
        read_spectra(path)


def test_spc_of_unknown_unit_asks(tmp_path):
    path = tmp_path / "a.spc"
    path.write_bytes(spc([[8, 4, 12, 16]], x_type=0, first=1100, last=1106))
    with pytest.raises(ValueError, match="could be in nm or cm-1: pass unit="):
        read_spectra(path)
    assert read_spectra(path, unit="nm").unit == "nm"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n\n\xfe\xfe" + bytes(8), "byte 12: the header is cut off"),
        (b"\n\n\xfe\xfe" + bytes(40), "byte 12: a directory of 0 blocks"),
        (
            b"\n\n\xfe\xfe" + struct.pack("<d3i6i", 9.2, 24, 40, 2, 0, 1, 99, 0, 0, 0),
            "byte 48: block 0, 4 bytes from byte 99 on, is cut off",
        ),
        (  # a parameter of negative size would run for ever
            b"\n\n\xfe\xfe" + struct.pack("<d3i", 9.2, 24, 40, 1) + struct.pack("<3i", 16, 2, 36)
            + b"NPT\0" + struct.pack("<2h", 0, -4),
            "byte 36: a parameter of -8 bytes leaves its block",
        ),
    ],
)  # fmt: skip
def test_damaged_opus(data, message, tmp_path):
    pytest.importorskip("brukeropus")
    path = tmp_path / "bad.0"
    path.write_bytes(data)
    with pytest.raises(CorruptSpectrumError, match=message):
        read_spectra(path)


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "brukeropus", None)
    path = tmp_path / "a.0"
    path.write_bytes(b"\n\n\xfe\xfe" + bytes(40))
    with pytest.raises(ImportError, match=r'pip install "spectralfm\[io\]"'):
        read_spectra(path)


RRUFF = "##NAMES=Quartz\n##RRUFFID=R040031\n##URL=rruff.info\n{}\n##END=\n"


def test_rruff(tmp_path):
    path = write(tmp_path / "Quartz__Raman__532.txt", RRUFF.format("100.5, 3\n101.5, 4"))
    spectra = read_spectra(path)
    assert spectra.metadata["ids"] == ["R040031 Quartz"]
    assert spectra.metadata["modality"] == "Raman"
    np.testing.assert_array_equal(spectra.axis, [100.5, 101.5])
    path = write(tmp_path / "cut.txt", RRUFF.format("100.5, 3\n101.5, 4").replace("##END=\n", ""))
    with pytest.raises(CorruptSpectrumError, match="line 5: the file ends without ##END="):
        read_spectra(path)
    path = write(tmp_path / "bad.txt", RRUFF.format("100.5, 3\n101.5, x"))
    with pytest.raises(CorruptSpectrumError, match="line 5: '101.5, x' is not 2 numbers"):
        read_spectra(path)


def test_usgs_leaves_out_deleted_channels(tmp_path):
    head = "USGS Digital Spectral Library splib06a\n----\nQuartz GDS31\ncopy of a\n"
    rows = "0.4 0.1 0.0\n0.5 -1.23e34 0.0\n0.6 0.3 0.0\n"
    spectra = read_spectra(write(tmp_path / "q.asc", head + rows))
    np.testing.assert_array_equal(spectra.axis, [0.4, 0.6])
    assert (spectra.metadata["n_deleted"], spectra.metadata["ids"]) == (1, ["Quartz GDS31"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: the file is empty"),
        (b"\x00\x01\x02\x03" * 300, "byte 0: binary data"),
        (bytes(range(9, 14)) * 40, "no line holds two numbers"),
        (b"\x80\x04\x95\x0b\x00", "is pickle, or another binary: not read"),
        (b"PK\x03\x04 whatever", "is zip, an archive: not read"),
        (b"\xff\xfe\x00\xd8", "not UTF-16 text"),
    ],
)
def test_garbage(data, message, tmp_path):
    path = tmp_path / "garbage.dat"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_spectra(path)
    assert str(path) in str(caught.value)


def test_random_bytes_are_never_spectra(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "random.bin"
    for beginning in (b"", b"as7", b"\n\n\xfe\xfe", b"\x00\x4b", b"##TITLE=", b"##NAMES=a\n"):
        for _ in range(30):
            path.write_bytes(beginning + rng.bytes(int(rng.integers(1, 2000))))
            with pytest.raises(ValueError, match="random.bin"):
                read_spectra(path)


def test_no_such_file_and_no_such_format(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_spectra(tmp_path / "none.jdx")
    with pytest.raises(ValueError, match="format must be 'auto' or one of 'jcamp'"):
        read_spectra(write(tmp_path / "a.txt", "1 2\n"), format="xlsx")
    utf16 = tmp_path / "utf16.txt"
    utf16.write_text("nm\ty\n1100\t1\n1102\t2\n", encoding="utf-16")
    assert read_text(utf16).X.shape == (1, 2)
