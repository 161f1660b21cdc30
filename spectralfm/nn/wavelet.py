r"""Discrete wavelet transform with PyWavelets' filters, as differentiable torch operations.

One level splits a signal into a smooth half and a detail half of about half its length,

.. math::

    a_k = \sum_j \ell_j\, \tilde x_{2k + s - j}, \qquad d_k = \sum_j h_j\, \tilde x_{2k + s - j},

where :math:`\tilde x` is the signal extended beyond both ends by the chosen mode; the smooth half
is split again. The filters [1]_ are laid out as small fixed matrices: a window of W = 2P + F - 2
channels gives P coefficients in one product, the window then moves on by 2P. That multiplies some
zeros, but a batch of matrix products reads the signals once and in place, where one multiply-add a
tap would read them F times. Signals stand in columns meanwhile, so that windows are views. Filters
of two taps, Haar's, need no windows: sums and differences of neighbours are faster.

Glossary: B batch, L channels of the signal, F taps of a filter, K coefficients of one level,
P coefficients of one window, W channels of one window, Q windows.

References
----------
.. [1] Strang, G., & Nguyen, T. (1996). Wavelets and filter banks. Wellesley-Cambridge Press.
.. [2] Lee, G. R., Gommers, R., Waselewski, F., Wohlfahrt, K., & O'Leary, A. (2019). PyWavelets: A
   Python package for wavelet analysis. Journal of Open Source Software, 4(36), 1237.
   https://doi.org/10.21105/joss.01237
"""

import functools
from collections.abc import Sequence

import numpy as np
import pywt
import torch
from torch import Tensor, nn

N_BLOCK = 8
"""P: with 4 to 16 coefficients a window the transform is about equally fast."""


class WaveletTransform(nn.Module):
    """Multilevel wavelet decomposition along the last axis, equal to `pywt.wavedec`.

    Parameters
    ----------
    wavelet : str
        A discrete wavelet of PyWavelets: ``"haar"``, ``"db4"``, ``"sym5"``, ``"bior2.2"`` ...
    level : int
        Number of decompositions, >= 1.
    mode : str
        How the signal goes on beyond its ends: a mode of PyWavelets such as ``"symmetric"``,
        ``"reflect"``, ``"periodization"`` or ``"zero"``.

    Raises
    ------
    ValueError
        If PyWavelets knows no such wavelet or mode, or ``level`` is below 1.

    Notes
    -----
    Unlike PyWavelets, a level so high that every coefficient feels the boundary gives no warning.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.wavelet import WaveletTransform
    >>> transform = WaveletTransform("haar", level=2)
    >>> smooth, coarse, fine = transform(torch.ones(8))
    >>> bool((smooth - 2).abs().max() < 1e-5), bool(fine.abs().max() < 1e-6)
    (True, True)
    """

    def __init__(self, wavelet: str = "db4", level: int = 4, mode: str = "symmetric") -> None:
        super().__init__()
        if level < 1:
            raise ValueError(f"level must be at least 1, got {level}.")
        if mode not in pywt.Modes.modes:
            raise ValueError(f"mode must be one of {pywt.Modes.modes}, got {mode!r}.")
        self.wavelet, self.level, self.mode = wavelet, level, mode
        self.n_taps = pywt.Wavelet(wavelet).dec_len  # F, always even

    def extra_repr(self) -> str:
        """Say what is inside when the module is printed."""
        return f"{self.wavelet!r}, level={self.level}, mode={self.mode!r}"

    def lengths(self, n_channels: int) -> list[int]:
        """Return the length of each array of coefficients, in the order of `forward`."""
        lengths = []
        for _ in range(self.level):
            n_channels = pywt.dwt_coeff_len(n_channels, self.n_taps, self.mode)
            lengths.append(n_channels)
        return [n_channels, *lengths[::-1]]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Decompose signals.

        Parameters
        ----------
        x : Tensor of shape (..., L)
            Signals.

        Returns
        -------
        list of Tensor
            ``[cA_n, cD_n, ..., cD_1]``, from coarse to fine, each of shape (..., K).
        """
        details = []
        gain = pywt.Wavelet(self.wavelet).dec_lo[0]
        smooth = x.reshape(-1, x.shape[-1])  # (..., L) -> (B, L)
        with torch.autocast(x.device.type, enabled=False):  # fine details are small differences
            for n in range(self.level):
                if self.n_taps == 2:
                    smooth, detail = self._split_pairs(smooth)  # (B, L) -> (B, K), (B, K)
                    detail.mul_(gain ** (n + 1))
                else:
                    # The signals come in rows, the coefficients leave each level in columns.
                    smooth, detail = self._split(smooth, dim=0 if n else 1)  # -> (K, B), (K, B)
                details.append(detail)
        bands = [smooth, *details[::-1]]
        if self.n_taps == 2:  # dec_lo = [g, g], dec_hi = [-g, g]: sums and differences came first
            bands[0] = smooth.mul_(gain**self.level)
            return [band.reshape(*x.shape[:-1], -1) for band in bands]  # (B, K) -> (..., K)
        return [_signals(band, x) for band in bands]  # (K, B) -> (..., K)

    def inverse(self, coefficients: Sequence[Tensor], n_channels: int | None = None) -> Tensor:
        """Put signals together again.

        Parameters
        ----------
        coefficients : sequence of Tensor
            ``[cA_n, cD_n, ..., cD_1]``, as `forward` returns them.
        n_channels : int, optional
            Length of the signals. Without it a signal of odd length L comes back with L + 1
            channels, as from `pywt.waverec`: the coefficients do not tell L from L + 1.

        Returns
        -------
        Tensor of shape (..., L)
            Signals.
        """
        bands = (c.reshape(-1, c.shape[-1]).t().contiguous() for c in coefficients)
        smooth, *details = bands  # (..., K) -> (K, B)
        with torch.autocast(smooth.device.type, enabled=False):
            for detail in details:
                smooth = self._join(smooth[: len(detail)], detail)  # (K, B), (K, B) -> (L, B)
        return _signals(smooth[:n_channels], coefficients[0])  # (L, B) -> (..., L)

    def _split(self, x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        n_taps, n_block = self.n_taps, N_BLOCK
        n_out = pywt.dwt_coeff_len(x.shape[dim], n_taps, self.mode)
        mode, left = self.mode, n_taps - 2
        if mode == "periodization":
            if x.shape[dim] % 2:  # odd: repeat the last
                x = torch.cat([x, x.narrow(dim, -1, 1)], dim)
            mode, left = "periodic", n_taps // 2 - 1
        right = 2 * n_out + n_taps - 2 - left - x.shape[dim]
        x = _extended(x, left, right, -n_out % n_block * 2, mode, dim)
        width = 2 * n_block + n_taps - 2
        windows = x.unfold(dim, width, 2 * n_block).movedim(dim, 0).mT  # -> (Q, W, B)
        lo, hi = _analysis(self.wavelet, x.dtype, x.device)
        smooth = torch.bmm(lo.expand(len(windows), -1, -1), windows)  # (Q, W, B) -> (Q, P, B)
        detail = torch.bmm(hi.expand(len(windows), -1, -1), windows)  # (Q, W, B) -> (Q, P, B)
        return smooth.flatten(0, 1)[:n_out], detail.flatten(0, 1)[:n_out]  # -> (K, B), (K, B)

    def _split_pairs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n_out = pywt.dwt_coeff_len(x.shape[1], 2, self.mode)
        if x.shape[1] % 2:
            mode = "constant" if self.mode == "periodization" else self.mode
            x = _extended(x, 0, 1, 0, mode, dim=1)
        left, right = x.view(len(x), n_out, 2).unbind(2)  # (B, 2K) -> (B, K), (B, K)
        return left + right, left - right

    def _join(self, smooth: Tensor, detail: Tensor) -> Tensor:
        half, n_block = self.n_taps // 2, N_BLOCK
        mode, left, start, n_channels = "zero", 0, 0, 2 * (len(smooth) - half + 1)
        if self.mode == "periodization":
            mode, left, start, n_channels = "periodic", half // 2, (half - 1) % 2, 2 * len(smooth)
        n_pairs = (start + n_channels + 1) // 2
        right = n_pairs + half - 1 - left - len(smooth)
        parts = []
        filters = _synthesis(self.wavelet, smooth.dtype, smooth.device)
        for band, matrix in zip((smooth, detail), filters, strict=True):
            band = _extended(band, left, right, -n_pairs % n_block, mode)
            windows = band.unfold(0, n_block + half - 1, n_block).mT  # (K, B) -> (Q, W / 2, B)
            parts.append(torch.bmm(matrix.expand(len(windows), -1, -1), windows))  # (Q, 2P, B)
        x = parts[0] + parts[1]
        return x.flatten(0, 1)[start : start + n_channels]  # (Q, 2P, B) -> (L, B)


def _signals(columns: Tensor, like: Tensor) -> Tensor:
    """Return (L, B) as (..., L)."""
    return columns.t().unflatten(0, like.shape[:-1]) if like.ndim > 1 else columns[:, 0]


def _extended(x: Tensor, left: int, right: int, fill: int, mode: str, dim: int = 0) -> Tensor:
    """Extend (L, B), or (B, L) if ``dim`` is 1, to left + L + right, and append ``fill`` zeros.

    Only as many channels at each end as are added there matter for what is added.
    """
    if mode == "zero" or left + right == 0:
        pad = (left, right + fill)
        return nn.functional.pad(x, pad if dim else (0, 0, *pad))
    reach, edges = max(left, right) + 2, x
    if x.shape[dim] > 2 * reach:
        edges = torch.cat([x.narrow(dim, 0, reach), x.narrow(dim, -reach, reach)], dim)
    matrix = _extension(mode, edges.shape[dim], left, right, fill, x.dtype, x.device)
    added = edges @ matrix.t() if dim else matrix @ edges
    before, after = added.split([left, right + fill], dim)
    return torch.cat([before, x, after], dim)


def _constant(values: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor to keep: made outside inference mode, so that autograd may meet it later."""
    with torch.inference_mode(False):
        return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype, device=device)


@functools.lru_cache(maxsize=256)
def _extension(
    mode: str,
    n_edges: int,
    left: int,
    right: int,
    fill: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Return PyWavelets' extension, linear in every mode, as (left + right + fill, edges)."""
    if mode == "smooth" and n_edges == 1:
        mode = "constant"  # one channel has no slope to go on with
    padded = np.array([pywt.pad(unit, (left, right), mode) for unit in np.eye(n_edges)])
    added = [padded[:, :left], padded[:, left + n_edges :], np.zeros((n_edges, fill))]
    return _constant(np.concatenate(added, 1).T, dtype, device)


@functools.lru_cache(maxsize=64)
def _analysis(wavelet: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrices (2, P, W) from a window of channels to its coefficients."""
    filters = pywt.Wavelet(wavelet)
    n_taps = filters.dec_len
    matrix = np.zeros((2, N_BLOCK, 2 * N_BLOCK + n_taps - 2))
    for k in range(N_BLOCK):
        matrix[0, k, 2 * k : 2 * k + n_taps] = filters.dec_lo[::-1]
        matrix[1, k, 2 * k : 2 * k + n_taps] = filters.dec_hi[::-1]
    return _constant(matrix, dtype, device)


@functools.lru_cache(maxsize=64)
def _synthesis(wavelet: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrices (2, 2P, W / 2) from a window of coefficients to its channels."""
    filters = pywt.Wavelet(wavelet)
    taps = np.array([filters.rec_lo, filters.rec_hi]).reshape(2, -1, 2)[:, ::-1].swapaxes(1, 2)
    half = taps.shape[2]
    matrix = np.zeros((2, N_BLOCK, 2, N_BLOCK + half - 1))
    for k in range(N_BLOCK):  # channels 2k and 2k + 1 take the even and the odd taps
        matrix[:, k, :, k : k + half] = taps
    return _constant(matrix.reshape(2, 2 * N_BLOCK, -1), dtype, device)
