"""The tablet set of the IDRC shoot-out 2002: 655 tablets on two NIR spectrometers."""

import os

import numpy as np
from sklearn.utils import Bunch

from ._eigenvector import read_dataset_objects
from ._fetch import fetch

URL = "https://eigenvector.com/wp-content/uploads/2019/06/nir_shootout_2002.mat_.zip"
DIGEST = "d11a55f6e45be62c89fad3a3f8d88e11984f128afa33b4bc8b7292b05ec7fb38"
INSTRUMENTS = ("1", "2")
TARGETS = ("weight", "hardness", "assay")
PARTS = ("calibrate", "validate", "test")
OUTLIERS = (18, 121, 125, 126)
LAST_SOUND_WAVELENGTH = 1638.0
DESCR = """Tablets: 655 pharmaceutical tablets on two NIR spectrometers (IDRC shoot-out 2002)

Instruments: 1 and 2. Transmittance as log(1/T), 600 to 1898 nm in steps of 2 nm, 650 channels.
Reference values: weight (mg), hardness and assay of the active substance (mg).
Splits: calibrate (155), validate (40) and test (460).

All data are kept, but know this before calibrating:
- The detector saturates in the long wavelengths: channels beyond 1638 nm (``saturated``) hold
  mostly noise. Publications use 600 to 1638 nm.
- Calibrate tablets 19, 122, 126 and 127, counted from 1 (``outliers``: rows 18, 121, 125 and 126),
  are outliers that publications leave out.
- Eigenvector's page counts 654 tablets; the file holds 655.

Source: International Diffuse Reflectance Conference 2002, distributed by Eigenvector Research
(https://eigenvector.com/resources/data-sets/). Described by Hopkins, D. W. (2003), Shoot-out 2002:
transfer of calibration for content of active in a pharmaceutical tablet, NIR news 14(5), 10-13.
"""


def fetch_tablets(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch:
    """Load the tablet set of the IDRC shoot-out 2002: 655 tablets on two NIR spectrometers.

    It is read from ``SPECTRALFM_DATA/transfer/tablet.npz`` if that exists, else from the cache,
    else downloaded from Eigenvector (several MB) into the cache.

    Parameters
    ----------
    data_home : path-like, optional
        Cache folder, by default ``SPECTRALFM_CACHE`` or ``~/.cache/spectralfm``.
    download_if_missing : bool, default=True
        Whether the network may be used; ``SPECTRALFM_OFFLINE=1`` forbids it, too.

    Returns
    -------
    Bunch
        ``spectra``: dict of "1", "2" to ndarray (655, 650), log(1/T); ``wavelengths`` (650,), nm;
        ``y`` (655, 3); ``target_names``; ``sample_ids`` (655,); ``splits``: dict of "calibrate",
        "validate", "test" to rows; ``outliers``: the four rows that publications leave out;
        ``saturated`` (650,): True for channels beyond 1638 nm; ``DESCR``.

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
    >>> import numpy as np
    >>> from spectralfm.datasets import fetch_tablets
    >>> tablets = fetch_tablets()  # doctest: +SKIP
    >>> sound = ~tablets.saturated  # doctest: +SKIP
    >>> calibrate = np.setdiff1d(tablets.splits["calibrate"], tablets.outliers)  # doctest: +SKIP
    >>> tablets.spectra["1"][calibrate][:, sound].shape  # doctest: +SKIP
    (151, 520)
    """
    data = fetch(
        "tablet",
        url=URL,
        member="nir_shootout_2002.mat",
        parse=parse_tablets,
        digest=DIGEST,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    return Bunch(
        spectra=data.spectra,
        wavelengths=data.wavelengths,
        y=data.y.round(3),
        target_names=list(TARGETS),
        sample_ids=data.sample_ids,
        splits=data.splits,
        outliers=np.asarray(OUTLIERS),
        saturated=data.wavelengths > LAST_SOUND_WAVELENGTH,
        DESCR=DESCR,
    )


def parse_tablets(content: bytes) -> Bunch:
    """Make the set of the bytes of ``nir_shootout_2002.mat``.

    Parameters
    ----------
    content : bytes
        The MATLAB file.

    Returns
    -------
    Bunch
        As `load_npz_pair` returns it.
    """
    objects = read_dataset_objects(
        content, [f"{p}_{k}" for p in PARTS for k in (*INSTRUMENTS, "Y")]
    )

    def stacked(kind: str) -> np.ndarray:
        values = np.vstack([objects[f"{part}_{kind}"].data for part in PARTS])
        return values.astype(np.float32).astype(np.float64)

    part_of_row = np.repeat(PARTS, [len(objects[f"{part}_Y"].data) for part in PARTS])
    return Bunch(
        spectra={instrument: stacked(instrument) for instrument in INSTRUMENTS},
        wavelengths=objects["calibrate_1"].axis,
        y=stacked("Y"),
        target_names=list(TARGETS),
        sample_ids=np.asarray([f"{part}_{row}" for row, part in enumerate(part_of_row)]),
        splits={part: np.flatnonzero(part_of_row == part) for part in PARTS},
        extras={},
    )
