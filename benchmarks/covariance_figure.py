"""Draw how instruments differ beside what the learned prior expects, from the source spectra alone.

    SPECTRALFM_DATA=folder python benchmarks/covariance_figure.py

writes docs/figures/instrument_covariance.png: correlations between channels of the differences
target less source, about zero, of one pair a set. Offset, slope and gain, in which nearly all of
their variance lies, are taken out: constant, line and mean spectrum.
"""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")
import numpy as np
from _real_pairs import real_pairs
from matplotlib import pyplot as plt

from spectralfm.foundation import InstrumentPrior

FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "instrument_covariance.png"
SETS = "corn", "tablets", "soil", "forensic_K", "forensic_T"


def correlation(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return correlations about zero between the channels of rows (n, n_channels)."""
    plain = np.linalg.qr(np.stack([np.ones_like(mean), np.arange(len(mean)), mean], axis=1))[0]
    rows = rows - rows @ plain @ plain.T
    S = rows.T @ rows
    size = np.sqrt(np.diag(S)) + 1e-300
    return S / size / size[:, None]


def main() -> None:
    """Draw and write the figure."""
    kinds = "empirical", "learned", "simulator"
    figure, axes = plt.subplots(len(kinds), len(SETS), figsize=(12, 7.0), layout="constrained")
    shown = set()
    for name, wavelengths, spectra in real_pairs(*SETS):
        if name in shown:
            continue
        (source, X), (target, X_target) = spectra.items()
        drawn = {"empirical": X_target - X}
        for kind in kinds[1:]:
            prior = InstrumentPrior(
                kind, checkpoint="small", wavelengths=wavelengths, random_state=0
            )
            drawn[kind] = prior.covariance(X)
        reach = [wavelengths[0], wavelengths[-1]]
        for row, kind in enumerate(kinds):
            ax = axes[row, len(shown)]
            image = ax.imshow(
                correlation(drawn[kind], X.mean(0)), vmin=-1, vmax=1, cmap="PuOr_r", origin="lower",
                extent=[*reach, *reach],
            )  # fmt: skip
            ax.tick_params(labelsize=7)
            if row == 0:
                ax.set_title(f"{name}\n{source} to {target}", fontsize=9)
            if not shown:
                ax.set_ylabel(f"{kind}\nwavelength, nm", fontsize=9)
        shown.add(name)
    figure.colorbar(image, ax=axes, shrink=0.6, label="correlation of the differences")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    main()
