"""Every public object is documented: parameters, returns, references, examples, attributes."""

import importlib
import inspect
import re
import warnings

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate
from test_bad_input import good, made
from test_estimator_checks import CLASSICAL

SUBPACKAGES = (
    "axis",
    "conformal",
    "datasets",
    "datasets.corpora",
    "deployment",
    "io",
    "metrics",
    "model_selection",
    "transfer",
)

# Not asked for: an extended summary (ES01), a See Also section and its wording (SA01, SA04), a name
# for the one value returned (RT02), and the layout that ruff checks.
CODES = {
    "GL06",  # unknown section
    "GL07",  # sections in the wrong order
    "GL08",  # no docstring
    "PR01",  # parameter not documented
    "PR02",  # unknown parameter
    "PR03",  # parameters in the wrong order
    "PR04",  # parameter without type
    "PR06",  # "integer" for "int"
    "PR07",  # parameter without description
    "RT01",  # no Returns
    "RT03",  # return value without description
    "SS03",  # summary without a period
    "SS04",  # summary with leading spaces
    "SS05",  # summary in the third person
    "YD01",  # no Yields
}


def public_objects():
    """Yield (dotted name, object) of public functions, classes and their own public methods."""
    for subpackage in SUBPACKAGES:
        module = importlib.import_module(f"spectralfm.{subpackage}")
        for name in module.__all__:
            one = getattr(module, name)
            if not callable(one) or not hasattr(one, "__qualname__"):
                continue  # a constant or a scorer object has no docstring of its own
            dotted = f"spectralfm.{subpackage}.{name}"
            yield dotted, one
            for member, value in inspect.getmembers(one) if inspect.isclass(one) else ():
                function = value.fget if isinstance(value, property) else value
                ours = str(getattr(function, "__module__", "")).startswith("spectralfm")
                if ours and inspect.isfunction(function) and not member.startswith("_"):
                    yield f"{dotted}.{member}", value


OBJECTS = dict(public_objects())
TOP = [name for name in OBJECTS if name.count(".") == 2]


@pytest.mark.parametrize("dotted", OBJECTS, ids=lambda dotted: dotted.removeprefix("spectralfm."))
def test_numpydoc(dotted):
    wanted = CODES | ({"EX01"} if dotted in TOP else set())
    errors = [error for error in validate(dotted)["errors"] if error[0] in wanted]
    assert not errors


@pytest.mark.parametrize("cls", [type(one) for one in CLASSICAL], ids=lambda cls: cls.__name__)
def test_estimators_have_references_and_examples(cls):
    doc = get_doc_object(cls)
    assert doc["Examples"]
    references = "\n".join(doc["References"])
    assert "[1]" in references and re.search(r"https://doi\.org/10\.\d{4,}/\S", references)


UNDOCUMENTED = {
    "n_features_in_",
    "feature_names_in_",
    "n_channels_out_",
    "is_identity_",
    "one_target_",
    "source_names_",
}


@pytest.mark.parametrize("estimator", CLASSICAL, ids=lambda one: type(one).__name__)
def test_attributes_are_documented_and_exist(estimator):
    """What fit learns, scikit-learn's own names and the flags of our base classes aside."""
    documented, conditional = set(), set()
    for attribute in get_doc_object(type(estimator))["Attributes"]:
        names = {name.strip() for name in attribute.name.split(",")}
        documented |= names
        if re.search("only|Not for", " ".join(attribute.desc)):  # learned by one of its methods
            conditional |= names
    estimator = made(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(**good(estimator))
    learned = {name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")}
    assert documented - conditional <= learned | set(dir(type(estimator)))
    assert learned - UNDOCUMENTED <= documented


def test_the_lists_are_not_empty():
    assert len(TOP) > 40 and len(OBJECTS) > len(TOP) + 40
