"""What users copy runs: every example, by itself, as they would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

# As sphinx-gallery does, it counts the figures; a warning is an error, as in all tests.
RUN = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
sys.exit(0 if plt.get_fignums() else "no figure")
"""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_and_draw(path, tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg", "SPECTRALFM_OFFLINE": "1"}
    command = [sys.executable, "-W", "error", "-c", RUN, str(path)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())  # examples write to folders of their own
