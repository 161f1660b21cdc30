"""Read MATLAB files of PLS_Toolbox "dataset" objects, as Eigenvector publishes them."""

import io
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError


class DatasetObject(NamedTuple):
    """What is used of a PLS_Toolbox dataset object: its values, and the axis of its columns."""

    data: NDArray[np.float64]
    axis: NDArray[np.float64]


def read_dataset_objects(content: bytes, names: list[str]) -> dict[str, DatasetObject]:
    """Read dataset objects from the bytes of a MATLAB 5 file.

    Parameters
    ----------
    content : bytes
        The file.
    names : list of str
        Variables wanted.

    Returns
    -------
    dict of str to DatasetObject
        Their ``data`` (n_rows, n_columns) as float64, and the axis scale of the
        columns (n_columns,), empty where the file has none.

    Raises
    ------
    ValueError
        If the file is damaged, or a variable is missing or no dataset object.
    """
    try:
        variables = loadmat(io.BytesIO(content), variable_names=names)
    except (MatReadError, ValueError, TypeError, OSError, NotImplementedError, zlib.error) as error:
        raise ValueError(
            f"The MATLAB file is damaged or of another version ({error}). Delete it and fetch it "
            "again."
        ) from None
    missing = [name for name in names if name not in variables]
    if missing:
        raise ValueError(f"The MATLAB file does not hold {', '.join(missing)}.")
    return {name: _dataset_object(variables[name], name) for name in names}


def _dataset_object(variable: Any, name: str) -> DatasetObject:
    """Take the fields out of the 1 x 1 structure that scipy makes of an object."""
    fields = variable.dtype.names or ()
    if variable.shape != (1, 1) or not {"data", "axisscale"} <= set(fields):
        raise ValueError(f"{name} in the MATLAB file is no dataset object with data and axisscale.")
    record = variable[0, 0]
    data = np.asarray(record["data"], dtype=np.float64)
    scales = record["axisscale"]
    # A cell array of (mode, set): mode 2 are the columns, and the first set is the one shown.
    axis = scales[1, 0] if np.ndim(scales) == 2 and len(scales) > 1 else np.empty(0)
    return DatasetObject(data, np.asarray(axis, dtype=np.float64).ravel())
