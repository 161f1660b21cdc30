r"""Fourier neural operator that writes a spectrum as another instrument would have recorded it.

.. math:: T(x) = x + s \sum_w a_w\, h_w(x; z_s, z_t, z_c), \qquad a = A (z_t - z_s)

The sum vanishes when source and target are the same instrument, whatever the weights, and at
initialisation, because ``A`` starts at zero. In every layer the features are averaged over the
Fourier modes below a limit, filtered there, and modulated by the latents (FiLM):

.. math:: h \leftarrow \mathrm{GELU}\big((1 + \gamma)(K h + W h) + \beta\big), \qquad
          K h(t) = \mathrm{Re} \sum_{m<M} R_m c_m e^{i \pi m t}, \qquad
          c_m = (2 - \delta_{m0}) \int_0^1 h \cos(\pi m t)\, dt

Departure from [1]_: a spectrum is not periodic, so every layer sees its input reflected at both
ends, a continuous function of period 2. Its coefficients are then real, and a matrix of cosines
times quadrature weights [3]_ finds them: no complex number and no FFT, any number of channels, and
the same operator at every resolution.

What holds: for the same smooth function sampled at L evenly spaced points, ends included, the
result differs between grids by :math:`O(L^{-4})`, ramps included. Where a band is narrower than a
few channels, the samples are not the same function any more.

Dimensions: B batch, L channels, W width, M modes, Zi instrument latent, Zc chemistry latent.

References
----------
.. [1] Li, Z., Kovachki, N., Azizzadenesheli, K., Liu, B., Bhattacharya, K., Stuart, A., &
   Anandkumar, A. (2021). Fourier neural operator for parametric partial differential equations.
   https://arxiv.org/abs/2010.08895
.. [2] Perez, E., Strub, F., de Vries, H., Dumoulin, V., & Courville, A. (2018). FiLM: visual
   reasoning with a general conditioning layer. https://arxiv.org/abs/1709.07871
.. [3] Press, W. H., Teukolsky, S. A., Vetterling, W. T., & Flannery, B. P. (2007). Numerical
   recipes (3rd ed.), section 4.1, extended formula of order 1/N^4. Cambridge University Press.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpectralFilter(nn.Module):
    """Filter the Fourier modes of features that are reflected at both ends.

    Parameters
    ----------
    width : int
        Number W of features.
    modes : int
        Number M of modes kept.
    """

    def __init__(self, width: int, modes: int) -> None:
        super().__init__()
        self.width = width
        # Real and imaginary part side by side.
        self.weight = nn.Parameter(torch.randn(modes, width, 2 * width) / width)

    def forward(self, h: Tensor, analysis: Tensor, synthesis: Tensor) -> Tensor:
        """Map features (B, L, W) to (B, L, W), given the matrices of `fourier_matrices`."""
        modes = analysis @ h  # (B, M, W)
        filtered = torch.einsum("bmi,mio->bmo", modes, self.weight[: modes.shape[1]])  # (B, M, 2 W)
        parts = torch.cat(filtered.split(self.width, dim=-1), dim=1)  # (B, 2 M, W)
        return synthesis @ parts  # (B, L, W)


def fourier_matrices(n_channels: int, modes: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the matrices from channels to Fourier modes and back.

    Parameters
    ----------
    n_channels : int
        Number L of evenly spaced channels, ends included, at least 2.
    modes : int
        Number of modes wanted; no more than L - 1 can be told apart.
    like : Tensor
        Gives dtype and device.

    Returns
    -------
    analysis : Tensor of shape (M, L)
        Cosines times quadrature weights.
    synthesis : Tensor of shape (L, 2 M)
        Cosines for the real parts, minus sines for the imaginary ones.
    """
    t = torch.linspace(0, 1, n_channels, dtype=torch.float64, device=like.device)
    frequency = torch.arange(min(modes, n_channels - 1), device=like.device)
    phase = math.pi * t[:, None] * frequency  # (L, M)
    weights = torch.ones_like(t)
    ends = [3 / 8, 7 / 6, 23 / 24] if n_channels >= 6 else [1 / 2]
    weights[: len(ends)] = torch.tensor(ends, dtype=t.dtype)
    weights[-len(ends) :] = weights[: len(ends)].flip(0)
    analysis = phase.cos() * weights[:, None] * 2 / (n_channels - 1)  # (L, M)
    analysis[:, 0] /= 2
    synthesis = torch.cat([phase.cos(), -phase.sin()], dim=1)  # (L, 2 M)
    return analysis.T.to(like.dtype), synthesis.to(like.dtype)


class FourierOperator(nn.Module):
    """Transfer spectra from one instrument to another, at any resolution.

    Parameters
    ----------
    n_inst, n_chem : int
        Sizes Zi and Zc of the latents that condition it.
    modes : int
        Number of Fourier modes M that the filters see.
    width : int
        Number of features W.
    n_layers : int
        Number of layers, at least 1.

    Raises
    ------
    ValueError
        If ``modes``, ``width`` or ``n_layers`` is below 1.

    Notes
    -----
    Every spectrum is centred and scaled by its own mean and standard deviation before the first
    layer, and the difference is scaled back: the operator commutes with a gain. Position is told as
    a fraction of the spectrum's own range, so that one operator serves one range of the axis.
    It is computed in float32 also under autocast.

    Examples
    --------
    >>> import torch
    >>> operator = FourierOperator(n_inst=4, n_chem=8, modes=6, width=8, n_layers=2)
    >>> x, source, target = torch.rand(3, 100), torch.randn(3, 4), torch.randn(3, 4)
    >>> torch.equal(operator(x, source, target, torch.randn(3, 8)), x)
    True
    """

    def __init__(
        self,
        n_inst: int = 64,
        n_chem: int = 128,
        modes: int = 32,
        width: int = 64,
        n_layers: int = 4,
    ) -> None:
        super().__init__()
        if min(modes, width, n_layers) < 1:
            raise ValueError(
                f"modes, width and n_layers must be at least 1, got {modes}, {width}, {n_layers}"
            )
        self.modes, self.width, self.n_layers = modes, width, n_layers
        self.lift = nn.Linear(2, width)
        self.filters = nn.ModuleList(SpectralFilter(width, modes) for _ in range(n_layers))
        self.pointwise = nn.ModuleList(nn.Linear(width, width) for _ in range(n_layers))
        self.film = nn.Sequential(
            nn.Linear(2 * n_inst + n_chem, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, 2 * n_layers * width),
        )
        self.amplitude = nn.Linear(n_inst, width, bias=False)
        nn.init.zeros_(self.amplitude.weight)

    def forward(self, x: Tensor, inst_source: Tensor, inst_target: Tensor, chem: Tensor) -> Tensor:
        """Write spectra as the target instrument would have recorded them.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra on evenly spaced channels, at least 2.
        inst_source, inst_target : Tensor of shape (B, Zi)
            Latents of the instrument that recorded them and of the one wanted.
        chem : Tensor of shape (B, Zc)
            Chemistry latents of the samples.

        Returns
        -------
        Tensor of shape (B, L)
            Transferred spectra; exactly ``x`` where both instrument latents are equal.
        """
        dtype = self.lift.weight.dtype
        with torch.autocast(x.device.type, enabled=False):
            latents = [part.to(dtype) for part in (inst_source, inst_target, chem)]
            return x + self._difference(x.to(dtype), *latents).to(x.dtype)

    def features(self, x: Tensor, inst_source: Tensor, inst_target: Tensor, chem: Tensor) -> Tensor:
        """Return what the amplitudes weigh, (B, L, W), in the units of the spectra.

        Parameters
        ----------
        x, inst_source, inst_target, chem : Tensor
            As in `forward`, in the precision of the weights.

        Returns
        -------
        Tensor of shape (B, L, W)
            Features; ``amplitude(inst_target - inst_source)`` times these is the difference.
        """
        n_channels = x.shape[1]
        analysis, synthesis = fourier_matrices(n_channels, self.modes, x)  # (M, L), (L, 2 M)
        mean = (x @ analysis[0])[:, None]  # (B, 1)
        centred = x - mean
        # The tiny term keeps the gradient of a constant spectrum finite.
        variance = centred.square() @ analysis[0] + torch.finfo(x.dtype).tiny  # (B,)
        scale = variance.sqrt()[:, None]  # (B, 1)
        position = torch.linspace(-1, 1, n_channels, dtype=x.dtype, device=x.device)
        scaled = centred / (scale + torch.finfo(x.dtype).eps)
        h = self.lift(torch.stack([scaled, position.expand_as(x)], dim=-1))  # (B, L, W)
        conditions = torch.cat([inst_source, inst_target, chem], dim=1)  # (B, 2 Zi + Zc)
        film = self.film(conditions).view(len(x), self.n_layers, 2, 1, self.width)
        for spectral, pointwise, modulation in zip(
            self.filters, self.pointwise, film.unbind(1), strict=True
        ):
            gain, offset = modulation.unbind(1)  # (B, 1, W) each
            mixed = spectral(h, analysis, synthesis) + pointwise(h)  # (B, L, W)
            h = h + F.gelu((1 + gain) * mixed + offset)
        return scale[:, None] * h  # (B, L, W)

    def _difference(
        self, x: Tensor, inst_source: Tensor, inst_target: Tensor, chem: Tensor
    ) -> Tensor:
        features = self.features(x, inst_source, inst_target, chem)  # (B, L, W)
        amplitude = self.amplitude(inst_target - inst_source)  # (B, W)
        return torch.einsum("blw,bw->bl", features, amplitude)  # (B, L)
