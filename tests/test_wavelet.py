"""The transform equals PyWavelets for every mode, parity of length and kind of wavelet."""

import numpy as np
import pytest
import pywt
import torch

from spectralfm.nn.wavelet import WaveletTransform

torch.set_num_threads(1)

WAVELETS = ["haar", "db4", "sym5", "coif2", "bior2.2", "rbio1.5", "db20"]
LENGTHS = [5, 16, 101, 700, 2048]


def signals(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def close(ours, theirs, tolerance):
    assert [c.shape for c in ours] == [c.shape for c in theirs]
    atol = tolerance * max(np.abs(c).max() for c in theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=0, atol=atol)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("mode", pywt.Modes.modes)
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_equals_pywavelets_in_float64(wavelet, mode):
    for n_channels in LENGTHS:
        for level in (1, 2, 4):
            if n_channels == 5 and level == 4:
                continue  # PyWavelets refuses to reflect the single channel that is left
            x = signals(2, n_channels)
            transform = WaveletTransform(wavelet, level, mode)
            ours, theirs = transform(torch.from_numpy(x)), pywt.wavedec(x, wavelet, mode, level)
            close(ours, theirs, 1e-12)
            assert transform.lengths(n_channels) == [c.shape[-1] for c in theirs]
            close([transform.inverse(ours)], [pywt.waverec(theirs, wavelet, mode)], 1e-12)


@pytest.mark.parametrize("n_channels", [701, 2048])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8"])
def test_equals_pywavelets_in_float32(wavelet, n_channels):
    x = signals(8, n_channels).astype(np.float32)
    ours = WaveletTransform(wavelet)(torch.from_numpy(x))
    assert all(c.dtype == torch.float32 for c in ours)
    close(ours, pywt.wavedec(x.astype(np.float64), wavelet, level=4), 1e-6)


@pytest.mark.parametrize("shape", [(64,), (2, 64), (2, 3, 64)])
def test_any_leading_axes(shape):
    x = signals(*shape)
    transform = WaveletTransform("db2", 2)
    ours = transform(torch.from_numpy(x))
    close(ours, pywt.wavedec(x, "db2", level=2), 1e-12)
    close([transform.inverse(ours)], [x], 1e-12)


@pytest.mark.parametrize("mode", pywt.Modes.modes)
def test_odd_length_comes_back(mode):
    x = torch.from_numpy(signals(3, 101))
    transform = WaveletTransform("db4", 3, mode)
    torch.testing.assert_close(transform.inverse(transform(x), 101), x)
    assert transform.inverse(transform(x)).shape == (3, 102)


@pytest.mark.parametrize("mode", ["symmetric", "periodization", "smooth"])
def test_gradients(mode):
    transform = WaveletTransform("db2", 2, mode)
    x = torch.from_numpy(signals(2, 21)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(transform(x)), x)
    coefficients = [c.detach().requires_grad_() for c in transform(x)]
    assert torch.autograd.gradcheck(lambda *c: transform.inverse(c), coefficients)


def test_same_under_autocast_and_after_inference_mode():
    x = torch.from_numpy(signals(2, 64)).float()
    transform = WaveletTransform("sym4", 2, "reflect")  # used nowhere else: its filters are new
    with torch.inference_mode():
        expected = [c.clone() for c in transform(x)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for a, b in zip(transform(x.requires_grad_()), expected, strict=True):
            assert torch.equal(a, b)
            a.sum().backward(retain_graph=True)


@pytest.mark.parametrize(
    ("arguments", "word"), [(("db4", 0), "level"), (("db4", 1, "mirror"), "mode"), (("dbx",), "db")]
)
def test_refuses(arguments, word):
    with pytest.raises(ValueError, match=word):
        WaveletTransform(*arguments)
