"""Model files of every release are read for ever after, and predict what they did."""

import json
from pathlib import Path

import numpy as np
import pytest

import spectralfm

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.safetensors"))


@pytest.mark.filterwarnings("ignore::spectralfm.checkpoint.VersionSkewWarning")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_of_releases(path):
    numbers = json.loads((path.parent / "expected.json").read_text(encoding="utf-8"))
    X, expected = np.array(numbers["X"]), numbers["expected"]
    model = spectralfm.load(path, "cpu")
    scale = np.abs(expected[path.stem]).max()
    np.testing.assert_allclose(model.predict(X), expected[path.stem], rtol=0, atol=1e-7 * scale)
    if path.stem == "conformal":
        interval = model.predict_interval(X)[1]
        np.testing.assert_allclose(interval, expected["intervals"], rtol=0, atol=1e-7 * scale)


def test_no_file_is_missing_or_large():
    assert [path.stem for path in FILES if path.parent.name == "0.1"] == [
        "conformal", "linear", "network", "ridge",
    ]  # fmt: skip
    assert all(path.stat().st_size < 60_000 for path in FILES)
