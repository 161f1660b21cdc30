"""Time of the wavelet transform of 64 spectra x 2048 channels over PyWavelets and ptwt.

Four levels, symmetric extension, one thread, shortest of interleaved rounds; the last column is the
largest difference from PyWavelets in float64, relative to the largest coefficient.

    python benchmarks/wavelet.py
"""

import numpy as np
import ptwt
import pywt
import torch
from _provenance import interleaved, write_csv

from spectralfm.nn.wavelet import WaveletTransform

torch.set_num_threads(1)


def measure(wavelet: str, dtype: str) -> dict[str, str]:
    x = np.random.default_rng(0).standard_normal((64, 2048))
    spectra = x.astype(dtype)
    tensor = torch.from_numpy(spectra)
    transform = WaveletTransform(wavelet, 4)
    times = interleaved(
        {
            "ours": lambda: transform(tensor),
            "pywt": lambda: pywt.wavedec(spectra, wavelet, level=4),
            "ptwt": lambda: ptwt.wavedec(tensor, wavelet, mode="symmetric", level=4),
        },
        rounds=50,
    )
    exact = pywt.wavedec(spectra.astype(np.float64), wavelet, level=4)
    largest = max(np.abs(c).max() for c in exact)
    pairs = zip(transform(tensor), exact, strict=True)
    difference = max(np.abs(ours.numpy() - theirs).max() for ours, theirs in pairs) / largest
    return {
        "wavelet": wavelet,
        "dtype": dtype,
        "milliseconds": f"{1e3 * times['ours']:.3f}",
        "over_pywt": f"{times['ours'] / times['pywt']:.2f}",
        "over_ptwt": f"{times['ours'] / times['ptwt']:.2f}",
        "difference": f"{difference:.1e}",
    }


def main() -> None:
    names = [(w, d) for d in ("float32", "float64") for w in ("db4", "haar", "sym8")]
    rows = [measure(*name) for name in names]
    for row in rows:
        print(*(f"{key}={value}" for key, value in row.items()))
    print(write_csv("wavelet", rows, "torch", "PyWavelets", "ptwt"))


if __name__ == "__main__":
    main()
