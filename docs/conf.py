"""How the documentation is built: `make docs`. Nothing is fetched from the network."""

import importlib.metadata
import inspect
import os
import re
import sys
from collections import defaultdict

from sphinx.pycode import ModuleAnalyzer
from sphinx_gallery.sorting import FunctionSortKey

os.environ["SPECTRALFM_OFFLINE"] = "1"

project = "SpectralFM"
author = "the SpectralFM developers"
release = importlib.metadata.version("spectralfm")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "auto_examples/*.ipynb", "auto_examples/*.py"]
templates_path = ["_templates"]
default_role = "obj"  # `name` in a docstring links where it names something
suppress_warnings = [
    "config.cache",  # functions in sphinx_gallery_conf
    "ref.citation",  # a module lists references that its functions cite
]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

# A page for every public name: what the subpackages' __all__ say.
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = False
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True

html_theme = "pydata_sphinx_theme"
html_title = f"SpectralFM {release}"
html_theme_options = {
    "show_prev_next": False,
    "header_links_before_dropdown": 3,
    "header_dropdown_text": "Guide",
    "navigation_depth": 3,
    "secondary_sidebar_items": ["page-toc"],
    "footer_end": [],
    "icon_links": [],
}
html_show_sourcelink = False

ORDER = (
    "first_transfer", "your_own_csv", "grid_search", "no_standards", "few_shot", "intervals",
    "deployment", "pretrain_your_own",
)  # fmt: skip
"""Of the examples; others follow."""

# Sphinx pickles what sorts them, and can a method of a dict, but no function of this file.
PLACES = defaultdict(int, {f"plot_{name}.py": k - len(ORDER) for k, name in enumerate(ORDER)})

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("spectralfm",),
    "within_subsection_order": FunctionSortKey(PLACES.__getitem__, "places"),
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "plot_gallery": not tags.has("structure"),  # noqa: F821, what Sphinx gives to conf.py
    "show_memory": False,
    "write_computation_times": False,
}


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out methods that scikit-learn, torch or a tuple bring along.

    `options` are those of a class; a module's list of names comes without.
    """
    member = inspect.unwrap(obj.fget if isinstance(obj, property) else obj)
    module = getattr(member, "__module__", None) or ""
    if options and callable(member) and not module.startswith("spectralfm"):
        return True
    return skip


def borrow_references(app, what, name, obj, options, lines):
    """Give a docstring the references it cites and its module's docstring holds."""
    text = "\n".join(lines)
    missing = set(re.findall(r"\[(\d+)\]_", text)) - set(re.findall(r"\.\. \[(\d+)\] ", text))
    module = inspect.getdoc(inspect.getmodule(obj)) or ""
    entries = re.findall(r"^(\.\. \[(\d+)\] .*\n(?:   .*\n?)*)", module, flags=re.MULTILINE)
    borrowed = [entry for entry, number in entries if number in missing]
    if what != "module" and borrowed:
        lines += ["", "References", "----------", *"\n".join(borrowed).splitlines()]


def describe_data(app, what, name, obj, options, lines):
    """Give a constant the words below it where it is defined, not those of its type."""
    if what != "data" or "\n".join(lines).strip() != (inspect.getdoc(type(obj)) or "").strip():
        return
    package, _, short = name.rpartition(".")
    lines.clear()
    for module, loaded in list(sys.modules.items()):
        if module.startswith(f"{package}._") and vars(loaded).get(short) is obj:
            words = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", short))
            if words:
                lines += words
                return


def setup(app):
    """Connect to Sphinx; the references before numpydoc reads the sections."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", describe_data, priority=100)
    app.connect("autodoc-process-docstring", borrow_references, priority=100)
