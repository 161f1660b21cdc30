"""The documentation builds without a warning, and has a page for every public name."""

import importlib
import importlib.util
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import spectralfm

ROOT = Path(__file__).parents[1]
NEEDED = ("sphinx", "numpydoc", "sphinx_gallery", "myst_parser", "pydata_sphinx_theme")
GENERATED = ("_build", "auto_examples", "generated", "backreferences")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Build all pages but the gallery in a copy, and return the folder of API pages."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f'{", ".join(missing)} not installed: pip install ".[docs]"')
    copy = tmp_path_factory.mktemp("documentation")
    shutil.copytree(ROOT / "docs", copy / "docs", ignore=shutil.ignore_patterns(*GENERATED))
    shutil.copytree(ROOT / "examples", copy / "examples")
    shutil.copy(ROOT / "CHANGELOG.md", copy)
    command = [sys.executable, "-m", "sphinx", "-b", "dummy", "-W", "--keep-going", "-q"]
    command += ["-t", "structure", "docs", "out"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return copy / "docs" / "api" / "generated"


def public_names():
    """Yield the dotted name of every subpackage and of what its ``__all__`` says."""
    for name in spectralfm.__all__:
        if isinstance(getattr(spectralfm, name), ModuleType):
            yield from names_of(f"spectralfm.{name}")


def names_of(dotted):
    """Yield the name of a module and of what it offers."""
    module = importlib.import_module(dotted)
    yield dotted
    if hasattr(module, "__all__"):
        for name in module.__all__:
            inner = isinstance(getattr(module, name), ModuleType)
            yield from names_of(f"{dotted}.{name}") if inner else (f"{dotted}.{name}",)
    else:
        for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
            if not found.name.startswith("_"):
                yield from names_of(f"{dotted}.{found.name}")


def documented(dotted, pages):
    """Tell whether a name has a page, or is data on that of its module."""
    if (pages / f"{dotted}.rst").exists():
        return True
    module, _, name = dotted.rpartition(".")
    page = pages / f"{module}.rst"
    return page.exists() and bool(re.search(rf"autodata:: {name}$", page.read_text(), re.M))


def test_every_public_name_is_in_the_reference(pages):
    names = list(public_names())
    assert len(names) > 200
    assert not [name for name in names if not documented(name, pages)]


def test_what_pages_link_to_exists(pages):
    links = {
        (page.name, name)
        for page in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"\{py:obj\}`~?(spectralfm[\w.]+)`", page.read_text("utf-8"))
    }
    assert len(links) > 50
    assert not [link for link in links if not documented(link[1], pages)]


def test_the_first_result_is_what_the_first_page_says(capsys):
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(compile(code, "index.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.+)", code)
