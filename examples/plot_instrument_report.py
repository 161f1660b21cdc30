"""
What differs between two instruments
====================================

Before a calibration is moved, it helps to know what there is to undo: wavelengths that are off, a
photometric scale, an offset, a wider slit. Samples measured on both instruments tell, region by
region, and also what a correction takes the instrument for.

Corn on the spectrometers m5 and mp5 is shown where the set is at hand, and a simulated pair
elsewhere; nothing is downloaded.
"""

# %%
# Thirty samples were measured on both instruments. Kennard-Stone chooses ten of them to learn the
# corrections from.

from spectralfm.datasets import fetch_corn, make_instrument_pair
from spectralfm.foundation import SpectralFMStandardizer
from spectralfm.model_selection import kennard_stone
from spectralfm.plotting import InstrumentReportDisplay, SpectraTransferDisplay
from spectralfm.transfer import PiecewiseDirectStandardization, Standards

try:
    pair = fetch_corn(download_if_missing=False)
    X, X_target = pair.spectra["m5"], pair.spectra["mp5"]
except FileNotFoundError:
    pair = make_instrument_pair(random_state=1)
    X, X_target = pair.spectra["source"], pair.spectra["target"]
wavelengths = pair.wavelengths
X, X_target, X_new, X_target_new = X[:30], X_target[:30], X[30:], X_target[30:]
chosen = kennard_stone(X, 10)

# %%
# Piecewise direct standardization writes target spectra as the source would have recorded them.
# Bands hold eight of ten samples that it has not seen.

pds = PiecewiseDirectStandardization(regression="ridge", towards_identity=True)
pds.fit(X_target[chosen], X_source=X[chosen])
SpectraTransferDisplay.from_estimator(pds, X_target_new, X_new, wavelengths=wavelengths, name="PDS")

# %%
# Shift, gain, offset and broadening of the target, from all samples measured on both. Bars are
# limits of 95 % confidence: where a region has no bands, nothing tells a shift.

standards = Standards(source=X, target=X_target)
measured = InstrumentReportDisplay.from_standards(standards, wavelengths=wavelengths, regions=6)

# %%
# What corrections take the target for: the same estimate between target spectra and what a
# correction makes of them. Where it agrees with the standards, the difference is undone.

fno = SpectralFMStandardizer(wavelengths=wavelengths, random_state=0)
fno.fit(X_target[chosen], X_source=X[chosen])
compared = InstrumentReportDisplay(measured.effects, name="standards").plot()
for name, correction in (("PDS", pds), ("Fourier operator", fno)):
    InstrumentReportDisplay.from_estimator(
        correction,
        X_target_new[:20],
        name=name,
        wavelengths=wavelengths,
        regions=6,
        ax=compared.axes_,
    )
