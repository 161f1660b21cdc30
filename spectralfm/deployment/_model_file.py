"""Save a fitted estimator in one file that cannot run code, and load it where it is needed."""

import glob
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._validation import check_same_channels
from ..checkpoint import CorruptWeightsError
from ..checkpoint._container import pack, some, unpack
from ..checkpoint._files import sweep, write_atomically
from ..checkpoint._versions import NUMERIC
from ..foundation._torch_estimator import EncoderMixin, resolve_device
from ._assembler import Parts, assemble
from ._disassembler import Disassembler
from ._self_test import MOST, TOLERANCE, channels_of, deviation, make_spectra, results
from ._types import name_of

Array = NDArray[np.float64]

FORMAT = 1
"""Raised when an older spectralfm can no longer read the files."""

_KIND = "model"
_FIELDS = ("model_format", "estimator", "channels", "root", "nodes", "not_finite")
_CHECK = "self-test/"
_REMEDY = "Copy the file again, or save the model again where it was made."


def save(estimator: Any, path: str | os.PathLike[str], X_check: ArrayLike | None = None) -> None:
    """Save a fitted estimator in one file: arrays as safetensors, the rest as JSON.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package, or a pipeline or linear model of scikit-learn; parts of
        it may be transformers and linear models of scikit-learn and chemotools.
    path : str or path-like
        The file. It is replaced in one step, or not at all.
    X_check : array-like of shape (n_spectra, n_channels), optional
        Spectra for the self-test, of which 16 are kept. Without it spectra are made from what the
        model remembers of its calibration.

    Raises
    ------
    ValueError
        If a part can be in no model file, the message says which and what to do; if the model
        predicts no finite numbers; or if it has to be given ``X_check``.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the disk is full or refuses; the file is then as it was.

    See Also
    --------
    load : Read the file.
    to_onnx : For runtimes other than Python.
    to_b_vector : For instrument software.

    Notes
    -----
    The file holds all that pickle would hold: of a `spectralfm.conformal.ConformalRegressor` whose
    model was not frozen also the calibration spectra. It holds names of channels, versions of the
    packages that compute, a SHA-256 over everything, and the spectra and results of a self-test.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import spectralfm
    >>> from spectralfm.transfer import PLSRegressionCV
    >>> X = np.random.default_rng(0).random((30, 20)).cumsum(axis=1)
    >>> model = PLSRegressionCV(3).fit(X, X[:, 4] - X[:, 3])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spectralfm.save(model, f"{folder}/model.safetensors")
    ...     loaded = spectralfm.load(f"{folder}/model.safetensors")
    >>> bool((loaded.predict(X) == model.predict(X)).all())
    True
    """
    data = dump(estimator, X_check)
    path = Path(path)
    sweep(path.parent, glob.escape(path.name))
    write_atomically(path, data)


def load(path: str | os.PathLike[str], device: str = "auto") -> Any:
    """Load an estimator that `save` wrote, and check that it computes what it did.

    Parameters
    ----------
    path : str or path-like
        The file.
    device : str, default="auto"
        Where networks run: "cpu", "cuda", or CUDA if there is one.

    Returns
    -------
    estimator
        Equal to the one saved: on the CPU of the same machine, and with the same versions, its
        predictions are the same bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CorruptWeightsError
        If the file is damaged, altered, of another kind or of a newer format, names a class that is
        not allowed, or predicts something else than where it was saved.
    ValueError
        If there is no such device.

    Warns
    -----
    VersionSkewWarning
        If it was saved with another minor version of a package that computes.

    Notes
    -----
    No code of the file is run: classes come from a fixed list, are built without calling their
    constructors, and get their attributes. The SHA-256 finds damage and careless edits, not malice:
    from strangers take no model at all, for its numbers may lie.

    Examples
    --------
    >>> import spectralfm
    >>> spectralfm.load("model.safetensors")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no model file model.safetensors.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no model file {path}.")
    return parse(Path(path).read_bytes(), file=str(path), device=device)


def dump(estimator: Any, X_check: ArrayLike | None = None) -> bytes:
    """Return the bytes of a model file; see `save`."""
    check_is_fitted(estimator)
    parts = Disassembler()
    root = parts.value(estimator, "")
    copy = assemble(root, parts.nodes, parts.tensors)
    X = _check_spectra(estimator, copy, X_check)
    found = results(*copy, X)
    for method, values in found.items():
        if method != "predict_interval" and not np.isfinite(values).all():
            raise ValueError(
                f"The results of {method} for the self-test are not finite: the model is of no "
                "use, or needs X_check=, a few spectra like those that it is for."
            )
    checks = {_CHECK + name: torch.from_numpy(values.copy()) for name, values in found.items()}
    fields = {
        "model_format": FORMAT,
        "estimator": name_of(type(estimator)),
        "channels": channels_of(estimator, X.shape[1]),
        "root": root,
        "nodes": parts.nodes,
        "not_finite": _not_finite(parts.tensors),
    }
    tensors = {**parts.tensors, **checks, f"{_CHECK}X": torch.from_numpy(X)}
    return pack(_KIND, fields, tensors, NUMERIC)


def parse(data: bytes, *, file: str = "a model in memory", device: str = "auto") -> Any:
    """Return the estimator of the bytes of a model file; see `load`."""
    resolve_device(device)
    header, tensors = unpack(_KIND, data, file=file, fields=_FIELDS, remedy=_REMEDY, n_parts=2)
    if header["model_format"] != FORMAT:
        raise CorruptWeightsError(
            file,
            f"a model file of format {FORMAT}",
            f"format {header['model_format']}",
            "Upgrade spectralfm, or save the model with the version installed here.",
        )
    checks = {
        name.removeprefix(_CHECK): tensors.pop(name).numpy()
        for name in [*tensors]
        if name.startswith(_CHECK)
    }
    unfinite = sorted({*_not_finite(tensors)} - {*header["not_finite"]})
    if unfinite:
        raise CorruptWeightsError(
            file, "finite numbers", f"NaN or infinity in {some(unfinite)}", _REMEDY
        )
    try:
        model = assemble(header["root"], header["nodes"], tensors)
    except LookupError as error:
        reason = error.args[0] if type(error) is LookupError else f"a bad reference ({error})"
        raise CorruptWeightsError(file, "parts of a model", str(reason), _REMEDY) from None
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CorruptWeightsError(file, "parts of a model", str(error), _REMEDY) from None
    for one in model.objects:
        if isinstance(one, EncoderMixin):
            one.device = device
    _compare(model, checks, file, header["versions"])
    return model.estimator


def _check_spectra(estimator: Any, copy: Parts, X_check: ArrayLike | None) -> Array:
    """Return the spectra of the self-test, checked or made."""
    if X_check is None:
        return make_spectra(channels_of(estimator)["n_channels"], copy.objects)
    X = np.asarray(X_check, dtype=np.float64)[:MOST]
    if hasattr(estimator, "n_features_in_"):
        n_channels = estimator.n_features_in_
        check_same_channels(X.shape[1], n_channels, name="X_check", of="the model")
    return np.array(X, order="C")


def _not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Return which arrays hold NaN or infinity, as errors that nobody estimated do."""
    return sorted(
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    )


def _compare(model: Parts, checks: dict[str, Array], file: str, written: dict[str, str]) -> None:
    """Raise unless a loaded model gives what it gave when it was saved."""
    found = results(*model, checks.pop("X"))
    for method, expected in checks.items():
        off = deviation(found[method], expected)
        if not off <= TOLERANCE:
            made = ", ".join(f"{name} {version}" for name, version in sorted(written.items()))
            raise CorruptWeightsError(
                file,
                f"results of {method} within {TOLERANCE:g} of those saved",
                f"a deviation of {off:.3g} of the largest",
                f"Do not use the model here; it was saved with {made}.",
            )
