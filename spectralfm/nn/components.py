r"""What is expected of a hidden part of a spectrum: component spectra, fitted to the rest.

.. math:: \hat x(\nu) = m(\nu) + c + \sum_k w_k\, b_k(\nu), \qquad
          \min_{w, c} \frac1{\sigma^2} \big\langle (x_i - \hat x(\nu_i))^2 \big\rangle_{\text{seen}}
          + |w|^2 + c^2

Absorbance is a sum of component spectra, so what is seen of a spectrum tells how much of each it
holds, and with that what the rest must look like: the conditional expectation of probabilistic
principal components [1]_. Here the components :math:`b_k` and the mean m are learned functions of
the wavenumber (a network on Fourier features [2]_), the same for all axes and instruments; the
weights are those of a ridge regression in closed form, whatever is hidden. What the fit leaves
where the spectrum is seen goes on as a line through what is hidden: without components that is
linear interpolation.

Dimensions: B batch, R rows of axes: B, or 1 where all spectra share one, G grid points, K
components.

References
----------
.. [1] Tipping, M. E., & Bishop, C. M. (1999). Probabilistic principal component analysis. Journal
   of the Royal Statistical Society B, 61(3), 611-622. https://doi.org/10.1111/1467-9868.00196
.. [2] Tancik, M., et al. (2020). Fourier features let networks learn high frequency functions in
   low dimensional domains. https://arxiv.org/abs/2006.10739
"""

import torch
from torch import Tensor, nn

from ._interpolation import bridged
from .resample import warp

N_WAVES, SLOWEST, FASTEST = 32, 0.125, 256.0
"""Fourier features: how many, and their cycles per unit of the warped wavenumber (at 1000 cm-1 the
fastest takes 20 cm-1, the width of a narrow band)."""

FIRST_NOISE = 0.12
"""Deviation of what components do not explain, over that of a spectrum, at the start."""


class ComponentSpectra(nn.Module):
    """Continue spectra into what is hidden of them.

    Parameters
    ----------
    n_components : int
        Number K of component spectra, at least 1.
    n_modalities : int
        Kinds of spectra, each with components of its own.
    d_hidden : int
        Width of the network that knows them.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.components import ComponentSpectra
    >>> components = ComponentSpectra(n_components=4, n_modalities=2)
    >>> axis = torch.linspace(4000.0, 10000.0, 50).expand(3, -1)
    >>> seen = torch.rand(3, 50) > 0.2
    >>> x = torch.randn(3, 50)
    >>> expected = components(x, seen, axis, torch.tensor(0))
    >>> expected.shape, torch.allclose(expected[seen], x[seen], atol=1e-5)
    (torch.Size([3, 50]), True)
    """

    waves: Tensor

    def __init__(self, n_components: int, n_modalities: int, d_hidden: int = 128) -> None:
        super().__init__()
        if n_components < 1:
            raise ValueError(f"n_components must be at least 1, got {n_components}.")
        waves = torch.linspace(0, 1, N_WAVES) * torch.tensor(FASTEST / SLOWEST).log()
        self.register_buffer("waves", 2 * torch.pi * SLOWEST * waves.exp())
        self.place = nn.Linear(2 * N_WAVES + 1, d_hidden)
        self.modality = nn.Embedding(n_modalities, d_hidden)
        self.mix = nn.Linear(d_hidden, d_hidden)
        self.read = nn.Linear(d_hidden, n_components + 1)
        nn.init.normal_(self.read.weight, std=d_hidden**-0.5)
        nn.init.zeros_(self.read.bias)
        self.log_noise = nn.Parameter(torch.tensor(FIRST_NOISE).log())

    def forward(self, x: Tensor, seen: Tensor, axis: Tensor, modality: Tensor) -> Tensor:
        """Return spectra with what is hidden as the components have it.

        Parameters
        ----------
        x : Tensor of shape (B, G)
            Spectra in units of their own deviation; anything finite where they are hidden.
        seen : bool Tensor of shape (B, G)
            What is to be explained, and stays as it is.
        axis : Tensor of shape (B, G)
            Wavenumbers, cm-1.
        modality : Tensor of shape () or (B,), int64
            Kinds of the spectra.

        Returns
        -------
        Tensor of shape (B, G)
            Spectra.
        """
        x = x.masked_fill(~seen, 0.0)
        axes = axis if axis.stride(0) or modality.ndim else axis[:1]  # one, where shared
        mean, loadings = self.spectra(axes, modality)  # (R, G), (R, G, K)
        fitted = mean + self._fit(x - mean, seen, loadings)  # (B, G)
        return fitted + bridged(x - fitted, seen)

    def spectra(self, axis: Tensor, modality: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (R, G) and components (R, G, K) at wavenumbers (R, G) in cm-1."""
        place = warp(axis).to(self.waves.dtype).unsqueeze(2)  # (R, G, 1)
        phase = place * self.waves  # (R, G, N_WAVES)
        h = self.place(torch.cat([phase.sin(), phase.cos(), place], 2))  # (R, G, d_hidden)
        h = nn.functional.gelu(h + self.modality(modality).unsqueeze(-2))
        mean, loadings = self.read(nn.functional.gelu(self.mix(h))).split(
            [1, self.read.out_features - 1], 2
        )
        return mean.squeeze(2), loadings

    def _fit(self, x: Tensor, seen: Tensor, loadings: Tensor) -> Tensor:
        """Return the ridge fit (B, G) of loadings (R, G, K) and a constant to what is seen."""
        with torch.autocast(x.device.type, enabled=False):
            ones = torch.ones_like(loadings[..., :1])
            basis = torch.cat([loadings, ones], 2).to(x.dtype).expand(len(x), -1, -1)  # (B, G, K+1)
            count = seen.sum(1).clamp(min=1)[:, None, None]
            precision = (-2 * self.log_noise).exp()
            weighed = basis * (seen.unsqueeze(2) * (precision / count))  # (B, G, K + 1)
            gram = (weighed.mT @ basis).double()  # (B, K + 1, K + 1)
            product = (weighed.mT @ x.unsqueeze(2)).double()  # (B, K + 1, 1)
            weights = torch.linalg.solve(gram + torch.eye(len(gram[0])).to(gram), product)
            return (basis @ weights.to(x.dtype)).squeeze(2)  # (B, G)
