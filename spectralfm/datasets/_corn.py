"""The corn set: 80 samples on three NIR spectrometers."""

import os

import numpy as np
from sklearn.utils import Bunch

from ._eigenvector import read_dataset_objects
from ._fetch import fetch

URL = "https://eigenvector.com/wp-content/uploads/2019/06/corn.mat_.zip"
DIGEST = "dfcf417f6efc845a38cfdb7698c72c0d987cf0fc17165d619b3d87f7a91d1e21"
INSTRUMENTS = ("m5", "mp5", "mp6")
TARGETS = ("Moisture", "Oil", "Protein", "Starch")
DESCR = """Corn: 80 samples on three NIR spectrometers

Instruments: m5, mp5 and mp6. Absorbance, 1100 to 2498 nm in steps of 2 nm, 700 channels.
Reference values: moisture, oil, protein and starch, percent.
Glass standards: 3 (m5) or 4 (mp5, mp6) spectra of NBS glass.

m5 differs most; mp5 and mp6 are near twins. Moisture is predicted from m5 with an error of about
0.01 %, from the others with 0.14 %. There is no official split.

Source: taken at Cargill, distributed by Eigenvector Research with the permission of Mike
Blackburn (https://eigenvector.com/resources/data-sets/). No licence is stated.
"""


def fetch_corn(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch:
    """Load the corn set: 80 samples on the NIR spectrometers m5, mp5 and mp6.

    It is read from ``SPECTRALFM_DATA/transfer/corn.npz`` if that exists, else from the cache, else
    downloaded from Eigenvector (1.1 MB) into the cache.

    Parameters
    ----------
    data_home : path-like, optional
        Cache folder, by default ``SPECTRALFM_CACHE`` or ``~/.cache/spectralfm``.
    download_if_missing : bool, default=True
        Whether the network may be used; ``SPECTRALFM_OFFLINE=1`` forbids it, too.

    Returns
    -------
    Bunch
        ``spectra``: dict of "m5", "mp5", "mp6" to ndarray (80, 700), absorbance;
        ``wavelengths`` (700,), nm; ``y`` (80, 4), percent; ``target_names``; ``sample_ids`` (80,);
        ``splits``: empty, there is no official one; ``glass_standards``: dict of instrument to
        ndarray (3 or 4, 700); ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If the set is nowhere; the message lists every place searched.
    ValueError
        If a file is damaged or holds other values than the original.

    Notes
    -----
    Values are those of the original rounded to float32, whatever file they come from.

    Examples
    --------
    >>> from spectralfm.datasets import fetch_corn
    >>> corn = fetch_corn()  # doctest: +SKIP
    >>> corn.spectra["m5"].shape, corn.target_names  # doctest: +SKIP
    ((80, 700), ['Moisture', 'Oil', 'Protein', 'Starch'])
    """
    data = fetch(
        "corn",
        url=URL,
        member="corn.mat",
        parse=parse_corn,
        digest=DIGEST,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    glass = {i: data.extras[f"nbs_{i}"].astype(np.float64) for i in INSTRUMENTS}
    return Bunch(
        spectra=data.spectra,
        wavelengths=data.wavelengths,
        y=data.y.round(3),
        target_names=list(TARGETS),
        sample_ids=data.sample_ids,
        splits=data.splits,
        glass_standards=glass,
        DESCR=DESCR,
    )


def parse_corn(content: bytes) -> Bunch:
    """Make the set of the bytes of ``corn.mat``.

    Parameters
    ----------
    content : bytes
        The MATLAB file.

    Returns
    -------
    Bunch
        As `load_npz_pair` returns it.
    """
    names = [f"{i}{kind}" for i in INSTRUMENTS for kind in ("spec", "nbs")]
    objects = read_dataset_objects(content, [*names, "propvals"])
    return Bunch(
        spectra={i: _single(objects[f"{i}spec"].data) for i in INSTRUMENTS},
        wavelengths=objects["m5spec"].axis,
        y=_single(objects["propvals"].data),
        target_names=list(TARGETS),
        sample_ids=np.arange(len(objects["propvals"].data)),
        splits={},
        extras={f"nbs_{i}": _single(objects[f"{i}nbs"].data) for i in INSTRUMENTS},
    )


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)
