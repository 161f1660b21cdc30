"""Imports go down only, and each third-party engine has one door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spectralfm

PACKAGE = Path(__file__).parents[1] / "spectralfm"
FILES = sorted(PACKAGE.rglob("*.py"))

# DESIGN: a module imports from its own layer's folder or from a lower number.
LAYERS = {
    "_validation": 0,
    "nn": 0,
    "losses": 0,
    "axis": 1,
    "metrics": 1,
    "model_selection": 1,
    "simulation": 1,
    "_net": 1,
    "checkpoint": 1,
    "_savable": 2,
    "deployment": 2,
    "transfer": 2,
    "foundation": 2,
    "conformal": 2,
    "datasets": 2,
    "io": 2,
    "plotting": 2,
    "comparison": 3,
    "workflow": 3,
    "cli": 4,
    "__main__": 4,
}

DOORS = {
    "skorch": {"_net/_steps.py"},
    "mapie": {"conformal/_cross.py"},
    "ot": {"transfer/_optimal_transport.py", "losses/transport.py"},
    "pywt": {"nn/wavelet.py"},
    "onnx": {"deployment/_onnx_graph.py"},
}


def imports(path: Path):
    """Yield (module, level) of every import in a file, as absolute dotted names."""
    package = ("spectralfm", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def part(dotted: str) -> str | None:
    """Return the top-level part of the package a dotted name belongs to."""
    pieces = dotted.split(".")
    return pieces[1] if pieces[0] == "spectralfm" and len(pieces) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if here == "__init__":
        return
    for dotted in imports(path):
        there = part(dotted)
        if there in LAYERS and there != here:
            assert LAYERS[there] <= LAYERS[here], f"{path.name} imports {dotted} from above"


@pytest.mark.parametrize("engine", DOORS)
def test_one_door(engine):
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if any(dotted.split(".")[0] == engine for dotted in imports(path))
    }
    assert users <= DOORS[engine]


def test_every_part_has_a_layer():
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES}
    assert parts - {"__init__"} <= set(LAYERS)


def test_the_package_offers_every_public_part():
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES}
    public = {part for part in parts if not part.startswith("_")} - {"cli"}
    functions = {"load", "save", "to_b_vector", "to_onnx"}
    assert public == set(spectralfm.__all__) - functions - {"__version__"}
    assert all(
        getattr(spectralfm, name).__module__.startswith("spectralfm.deployment")
        for name in functions
    )
    assert spectralfm.metrics.rmsep([1.0], [2.0]) == 1
    with pytest.raises(AttributeError, match="no attribute 'utils'"):
        _ = spectralfm.utils


LIGHT = (
    "axis", "metrics", "model_selection", "io", "datasets", "transfer", "conformal", "plotting",
    "comparison",
)  # fmt: skip


@pytest.mark.parametrize(
    "module", ["spectralfm", *(f"spectralfm.{part}" for part in LIGHT), "spectralfm.cli"]
)
def test_loads_no_torch(module):
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
