"""Export of the whole way from spectrum to property to ONNX."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from .. import __version__
from ..checkpoint._files import write_atomically
from ..foundation._torch_estimator import EncoderMixin
from ._affine import ROUNDING, find_affine, never_affine
from ._assembler import copied
from ._onnx_graph import IR_VERSION, OPSET, Graph
from ._onnx_models import Writer
from ._self_test import channels_of, make_spectra, results, unnamed

DTYPES = ("float64", "float32")


def to_onnx(estimator: Any, path: str | os.PathLike[str], *, dtype: str = "float64") -> None:
    """Write a fitted model as an ONNX graph, from the spectrum to the property.

    Parameters
    ----------
    estimator : estimator
        A fitted regressor, classifier or transformer that `spectralfm.save` takes. Networks,
        ensembles, SNV, logarithms and all that is a matrix and an offset have a graph.
    path : str or path-like
        The file, usually ending in ``.onnx``. It is replaced in one step, or not at all.
    dtype : {"float64", "float32"}, default="float64"
        Type of the input. The arithmetic is in double precision either way; single precision
        rounds the spectra on their way in, which a calibration on derivatives feels.

    Raises
    ------
    ImportError
        If the package onnx is not installed: ``pip install 'spectralfm[onnx]'``.
    ValueError
        If there is no graph for a part of the model, which the message names.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    save : For Python, with a self-test.
    to_b_vector : For instrument software, if the model is linear.

    Notes
    -----
    The graph has one input ``spectra`` (batch, n_channels), the batch of any size, and one output:
    ``y`` as ``predict`` returns it, ``probability`` of a classifier or ``features`` of a
    transformer. It needs opset 17. A model that is a matrix and an offset becomes one product.

    Inputs are not checked: NaN gives NaN, a flat spectrum under SNV NaN, and spectra on another
    axis wrong numbers. Intervals of a `ConformalRegressor` are not part of the graph. All
    experts of the network are computed, also those that the gate then leaves out.

    Examples
    --------
    >>> import spectralfm
    >>> from spectralfm.datasets import make_instrument_pair
    >>> from spectralfm.transfer import PLSRegressionCV
    >>> pair = make_instrument_pair(random_state=0)
    >>> model = PLSRegressionCV().fit(pair.spectra["source"], pair.y)
    >>> spectralfm.to_onnx(model, "model.onnx")  # doctest: +SKIP
    """
    check_is_fitted(estimator)
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}, got {dtype!r}.")
    g = Graph()
    model, objects = copied(estimator)
    for one in objects:
        if isinstance(one, EncoderMixin):
            one.device = "cpu"
    channels = channels_of(estimator)
    n_channels = channels["n_channels"]
    found = results(model, objects, make_spectra(n_channels, objects))
    method, shape = next((method, values.shape) for method, values in found.items())
    x = "spectra" if dtype == "float64" else g("Cast", "spectra", to=g.onnx.TensorProto.DOUBLE)
    with unnamed(objects), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = _write(g, x, model, objects, method, n_channels)
    if len(shape) == 1:
        y = g.reshape(y, -1)
    name = {"predict": "y", "predict_proba": "probability", "transform": "features"}[method]
    g.nodes.append(g.onnx.helper.make_node("Identity", [y], [name]))
    kind = g.onnx.TensorProto.DOUBLE if dtype == "float64" else g.onnx.TensorProto.FLOAT
    graph = g.finished(
        type(estimator).__name__,
        [("spectra", ["batch", n_channels])],
        [(name, ["batch", *shape[1:]])],
        spectra=kind,
    )
    opset = [g.onnx.helper.make_opsetid("", OPSET)]
    proto = g.onnx.helper.make_model(
        graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="spectralfm",
        producer_version=__version__,
    )  # fmt: skip
    known = {"estimator": type(estimator).__name__, "channels": json.dumps(channels)}
    g.onnx.helper.set_model_props(proto, known)
    g.onnx.checker.check_model(proto)
    write_atomically(Path(path), proto.SerializeToString())


def _write(g: Graph, x: str, model: Any, objects: list[Any], method: str, n_channels: int) -> str:
    """Write a model, as one product if it is one."""
    if not never_affine(objects) and method != "predict_proba":
        affine, off = find_affine(getattr(model, method), n_channels)
        if off <= ROUNDING:
            return g.linear(x, *affine)
    writer = Writer(g)
    if method == "transform":
        return writer.transform(x, model, n_channels)[0]
    return writer.predict(x, model, n_channels)
