r"""From a spectrum on any axis to tokens: resample, normalise, wavelet bands, patches, positions.

.. math:: t_n = P\,\big[\operatorname{asinh}(g_s\, c_{s,k})\big]_{s,\;k \in \mathrm{patch}\,n}
                + Q\,\phi(\nu_n)

where :math:`c_{s,k}` are the wavelet coefficients of scale s, :math:`g_s` a learned gain a scale,
and :math:`\phi` Fourier features [2]_ of the wavenumbers a token spans. Spectra are smooth: from
scale to scale the coefficients fall by a factor of about four, so the finest detail, where
calibrations look, would drown without the gains; asinh keeps sharp lines from drowning the rest.

A patch joins the coefficients of all scales over the same 32 grid points (16 + 8 + 4 + 2 + 2), as a
convolution with kernel 32 / 2^s and stride 16 / 2^s on scale s would [1]_. Beside them stands their
mean magnitude on each scale: noise, fringes and line width change how rough a spectrum is, whatever
the signs.

What is hidden by the mask is cut out of the spectrum before resampling and normalisation, and
bridged by a line before the wavelets, which look beyond their patch: no hidden value reaches any
token.

Glossary: B batch, L channels, G grid points, N tokens, D model width, P points of a patch,
S scales.

References
----------
.. [1] Dosovitskiy, A., et al. (2021). An image is worth 16x16 words: Transformers for image
   recognition at scale. https://arxiv.org/abs/2010.11929
.. [2] Tancik, M., et al. (2020). Fourier features let networks learn high frequency functions in
   low dimensional domains. https://arxiv.org/abs/2006.10739
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._interpolation import bridged
from .resample import SpectralGrid, warp
from .wavelet import WaveletTransform

MODALITIES = ("unknown", "NIR", "MIR", "Raman")
"""Kinds of spectra; a tensor of modalities holds positions in this tuple."""

N_WAVES, SLOWEST, FASTEST = 16, 0.125, 128.0
"""Fourier features: how many, and their cycles per unit of the warped wavenumber (at 4000 cm-1 the
fastest takes 62 cm-1), finer than a token but coarser than a difference between two instruments."""

FINEST_GAIN = 300.0
"""Gain of the finest scale at the start; the next has 1 / 4 of it, and so on. Found on NIR, MIR and
Raman spectra: the coefficients, in units of a spectrum's deviation, then start around 1."""


class Prepared(NamedTuple):
    """A batch of spectra on the grid, in units of their own deviation.

    Attributes
    ----------
    values : Tensor of shape (B, G)
        All that was measured, hidden or not: what a reconstruction should be. 0 elsewhere.
    seen : Tensor of shape (B, G)
        What the network may look at: bridged by a line where hidden or not measured.
    looked_at : Tensor of shape (B, G), bool
        Where that was measured, and not hidden.
    axis : Tensor of shape (B, G), float64
        Wavenumbers, cm-1.
    center, scale : Tensor of shape (B, 1)
        Median and mean absolute deviation from it, over what is seen; ``values * scale + center``
        is in the spectrum's own units.
    hidden : Tensor of shape (B, N), bool
        Tokens that the mask hides.
    padding_mask : Tensor of shape (B, N + 2), bool
        Tokens less than half of which was measured; never [CLS] and [DOMAIN].
    """

    values: Tensor
    seen: Tensor
    looked_at: Tensor
    axis: Tensor
    center: Tensor
    scale: Tensor
    hidden: Tensor
    padding_mask: Tensor


class SpectralEmbedding(nn.Module):
    """Embed spectra as [CLS], [DOMAIN] and one token a patch.

    Parameters
    ----------
    d_model : int
        Width of the tokens, D.
    n_grid : int
        Points that every spectrum is resampled to, G.
    patch, stride : int
        Points of a patch and from one to the next; both multiples of ``2 ** level``.
    wavelet : str
        Wavelet of `WaveletTransform`.
    level : int
        Its number of levels; there are level + 1 scales.
    axis_min, axis_max : float, optional
        Range of the grid in cm-1; without it each spectrum's own range. See `SpectralGrid`.

    Raises
    ------
    ValueError
        If the patches do not fit the grid and the scales.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.embedding import SpectralEmbedding
    >>> embed = SpectralEmbedding(d_model=64)
    >>> tokens = embed(torch.rand(3, 700), 1e7 / torch.arange(1100.0, 2500.0, 2.0))
    >>> tokens.shape, embed.n_tokens
    (torch.Size([3, 129, 64]), 127)
    """

    waves: Tensor

    def __init__(
        self,
        d_model: int,
        n_grid: int = 2048,
        patch: int = 32,
        stride: int = 16,
        wavelet: str = "db4",
        level: int = 4,
        *,
        axis_min: float | None = None,
        axis_max: float | None = None,
    ) -> None:
        super().__init__()
        unit = 2**level
        if patch % unit or stride % unit or not 0 < stride <= patch <= n_grid:
            raise ValueError(
                f"patch = {patch} and stride = {stride} must be multiples of 2**level = {unit}, "
                f"stride at most patch, patch at most n_grid = {n_grid}."
            )
        if (n_grid - patch) % stride:
            raise ValueError(
                f"Patches of {patch} points, {stride} apart, leave {(n_grid - patch) % stride} of "
                f"{n_grid} points over. Choose n_grid = patch + a multiple of stride."
            )
        self.grid = SpectralGrid(n_grid, axis_min=axis_min, axis_max=axis_max)
        self.wavelet = WaveletTransform(wavelet, level)
        self.patch, self.stride = patch, stride
        gains = [FINEST_GAIN / 4**n for n in range(level)]
        coarsest = 2 ** (-level / 2)  # smooth coefficients grow by sqrt(2) a level
        self.log_gain = nn.Parameter(torch.tensor([coarsest, *gains[::-1]]).log())  # (S,)
        n_features = sum(width + 1 for _, width, _ in self._windows())
        self.patch_proj = nn.Linear(n_features, d_model)
        self.position_proj = nn.Linear(2 * N_WAVES + 2, d_model)
        waves = torch.linspace(0, 1, N_WAVES) * torch.tensor(FASTEST / SLOWEST).log()
        self.register_buffer("waves", 2 * torch.pi * SLOWEST * waves.exp())
        self.mask_token = nn.Parameter(torch.empty(d_model).normal_(std=0.02))
        self.cls_token = nn.Parameter(torch.empty(d_model).normal_(std=0.02))
        self.domain_tokens = nn.Embedding(len(MODALITIES), d_model)
        nn.init.normal_(self.domain_tokens.weight, std=0.02)

    @property
    def n_tokens(self) -> int:
        """N, the patches of a spectrum, [CLS] and [DOMAIN] not counted; all scales give as many."""
        n_smooth = self.wavelet.lengths(self.grid.n_grid)[0]
        start, width, step = self._windows()[0]
        n_kept = min(n_smooth - start, self.grid.n_grid // step)
        return (n_kept - width) // (self.stride // step) + 1

    def forward(
        self,
        x: Tensor,
        axis: Tensor,
        modality: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Embed spectra.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers of their channels in cm-1, in any order.
        modality : Tensor of shape (B,) or (), int64, optional
            Positions in ``MODALITIES``; unknown if not given.
        mask : Tensor of shape (B, N), bool, optional
            Patches to hide.

        Returns
        -------
        Tensor of shape (B, N + 2, D)
            [CLS], [DOMAIN], then the patches from low to high wavenumbers.
        """
        spectra = self.prepare(x, axis, mask)
        return self.tokens(spectra, self.pieces(spectra), modality)

    def prepare(self, x: Tensor, axis: Tensor, mask: Tensor | None = None) -> Prepared:
        """Resample, hide and normalise; see `forward`."""
        full = self.grid(x, axis)
        seen, hidden = full, full.measured.new_zeros(len(x), self.n_tokens)
        if mask is not None:
            hidden = mask
            seen = self.grid(x, axis, self.covered(mask))
        unseen = ~seen.measured
        center = seen.values.masked_fill(unseen, torch.nan).nanmedian(1, keepdim=True).values
        center = center.nan_to_num(0.0)  # nothing seen
        deviation = (seen.values - center).abs().masked_fill(unseen, 0.0).sum(1, keepdim=True)
        scale = deviation / seen.measured.sum(1, keepdim=True).clamp(min=1)
        smallest = 10 * torch.finfo(x.dtype).eps * center.abs()
        scale = scale.masked_fill(scale <= smallest, 1.0)  # a flat spectrum stays flat
        values = ((full.values - center) / scale).masked_fill(~full.measured, 0.0)
        joined = bridged((seen.values - center) / scale, seen.measured)
        measured = self.patches(full.measured).to(x.dtype).mean(2) >= 0.5  # (B, N, P) -> (B, N)
        padding_mask = nn.functional.pad(~measured, (2, 0), value=False)  # (B, N) -> (B, N + 2)
        return Prepared(
            values, joined, seen.measured, full.axis, center, scale, hidden, padding_mask
        )

    @property
    def n_pieces(self) -> int:
        """P, the coefficients of a patch on all scales and their mean magnitudes."""
        return self.patch_proj.in_features

    def pieces(self, spectra: Prepared) -> Tensor:
        """Return the wavelet coefficients (B, N, P) of the patches of prepared spectra."""
        bands = self.wavelet(spectra.seen)  # S of (B, K)
        pieces = []
        for band, gain, (start, width, step) in zip(
            bands, self.log_gain.exp(), self._windows(), strict=True
        ):
            band = torch.asinh(gain * band[:, start : start + self.grid.n_grid // step])
            piece = band.unfold(1, width, self.stride // step)  # (B, K) -> (B, N, P / step)
            pieces += [piece, piece.abs().mean(2, keepdim=True)]
        return torch.cat(pieces, 2)

    def piece_units(self) -> Tensor:
        """Return what undoes the gains of the coefficients (P,), as they are now."""
        gains = self.log_gain.detach().exp()
        widths = torch.tensor([width + 1 for _, width, _ in self._windows()])
        return (gains[0] / gains).repeat_interleave(widths)

    def tokens(self, spectra: Prepared, pieces: Tensor, modality: Tensor | None = None) -> Tensor:
        """Return the tokens (B, N + 2, D) of prepared spectra and their pieces (B, N, P)."""
        h = self.patch_proj(pieces)  # (B, N, P) -> (B, N, D)
        absent = spectra.hidden | spectra.padding_mask[:, 2:]
        h = torch.where(absent.unsqueeze(2), self.mask_token, h)
        axes = spectra.axis if spectra.axis.stride(0) else spectra.axis[:1]  # one, where shared
        h = h + self.position_proj(self._position(axes))  # (B or 1, N, D)
        if modality is None:
            modality = torch.zeros((), dtype=torch.int64, device=h.device)
        domain = self.domain_tokens(modality).expand(len(h), -1).unsqueeze(1)  # (B, 1, D)
        cls = self.cls_token.expand(len(h), 1, -1)  # (B, 1, D)
        return torch.cat([cls, domain, h], 1)  # (B, N + 2, D)

    def patches(self, values: Tensor) -> Tensor:
        """Cut (B, G) into the patches (B, N, P) that the tokens stand for."""
        return values.unfold(1, self.patch, self.stride)

    def covered(self, mask: Tensor) -> Tensor:
        """Return the grid points (B, G) that masked patches (B, N) cover."""
        ones = torch.ones(1, 1, self.patch, device=mask.device)
        covered = nn.functional.conv_transpose1d(
            mask.float().unsqueeze(1), ones, stride=self.stride
        )
        return covered.squeeze(1) > 0  # (B, 1, G) -> (B, G)

    def _windows(self) -> list[tuple[int, int, int]]:
        """Return first coefficient, coefficients a patch, and grid points a coefficient, by scale.

        Coefficient k of level s is centred near grid point 2^s k - (2^s - 1)(F - 3) / 2.
        """
        level, n_taps = self.wavelet.level, self.wavelet.n_taps
        steps = [2**n for n in (level, *range(level, 0, -1))]
        starts = [round((1 - 1 / step) * (n_taps - 2) / 2) for step in steps]
        return [(a, self.patch // step, step) for a, step in zip(starts, steps, strict=True)]

    def _position(self, axis: Tensor) -> Tensor:
        """Return features (B, N, 2 * N_WAVES + 2) of where a token lies and how far it reaches."""
        place = warp(axis)  # (B, G)
        low, high = (
            place[:, : -self.patch + 1 : self.stride],
            place[:, self.patch - 1 :: self.stride],
        )
        center = ((low + high) / 2).to(self.waves.dtype).unsqueeze(2)  # (B, N, 1)
        width = (high - low).to(self.waves.dtype).unsqueeze(2)  # (B, N, 1)
        phase = center * self.waves  # (B, N, N_WAVES)
        return torch.cat([phase.sin(), phase.cos(), center, width.log()], 2)
