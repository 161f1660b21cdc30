"""The encoder: any spectrum on any axis in, chemistry and instrument latents out.

Read `SpectralEncoder.forward` first: it is the picture of the model. The parts stand in a file
each; beside them the encoder holds what reads its tokens back as a spectrum (`reconstruct`), and
what writes a spectrum as another instrument would have recorded it (`transfer`).

Glossary: B batch, L channels, G grid points, N tokens, P points of a patch, D model width, S state,
E experts, M Fourier modes, Zc/Zi chemistry/instrument latent.

References
----------
.. [1] Gu, A., & Dao, T. (2023). Mamba: linear-time sequence modeling with selective state spaces.
   https://arxiv.org/abs/2312.00752
.. [2] Liu, Z., et al. (2024). KAN: Kolmogorov-Arnold networks. https://arxiv.org/abs/2404.19756
.. [3] Shazeer, N., et al. (2017). Outrageously large neural networks: the sparsely-gated
   mixture-of-experts layer. https://arxiv.org/abs/1701.06538
.. [4] Alemi, A. A., et al. (2017). Deep variational information bottleneck.
   https://arxiv.org/abs/1612.00410
.. [5] Li, Z., et al. (2021). Fourier neural operator for parametric partial differential
   equations. https://arxiv.org/abs/2010.08895
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .bottleneck import Latents, Summary, VariationalBottleneck
from .calibration import CalibrationFeatures
from .components import ComponentSpectra
from .embedding import MODALITIES, Prepared, SpectralEmbedding
from .fno import FourierOperator
from .heads import ReconstructionHead
from .mamba import MambaBackbone
from .moe import MixtureOfExperts
from .share import ALONE, Share
from .transformer import TransformerBackbone


class Encoding(NamedTuple):
    """What the encoder makes of a batch of spectra.

    Attributes
    ----------
    tokens : Tensor of shape (B, N + 2, D)
        [CLS], [DOMAIN], then the patches from low to high wavenumbers.
    chem : Tensor of shape (B, Zc)
        Chemistry latent: its mean, plus noise in training.
    inst : Tensor of shape (B, Zi)
        Instrument latent, likewise.
    kl : Tensor of shape ()
        Divergence of the latents from their prior, nats.
    balance : Tensor of shape ()
        Penalty on uneven use of the experts.
    latents : Latents
        Means and log-variances of the latents.
    spectra : Prepared
        The spectra on the grid, and what of them was seen.
    features : Tensor of shape (B, N, F)
        What a calibration is made on, patch by patch; see `CalibrationFeatures`.
    expected : Tensor of shape (B, G)
        What is seen of the spectra, and what that leads one to expect where the mask hides them.
    """

    tokens: Tensor
    chem: Tensor
    inst: Tensor
    kl: Tensor
    balance: Tensor
    latents: Latents
    spectra: Prepared
    features: Tensor
    expected: Tensor


class SpectralEncoder(nn.Module):
    """Wavelet embedding, Mamba, mixture of KAN experts, transformer, variational bottleneck.

    Parameters
    ----------
    d_model : int
        Width D of a token.
    n_mamba_layers : int
        Bidirectional Mamba blocks.
    d_state, d_conv, expand : int
        States S of a channel, taps of the convolutions, inner width over D of a Mamba block.
    n_experts, top_k : int
        KAN experts E, and how many work on one token.
    d_expert : int, optional
        Hidden width of an expert; None means D.
    n_transformer_layers, n_heads : int
        Transformer layers and heads of their attention.
    n_chem, n_inst : int
        Sizes Zc and Zi of the latents.
    n_features : int
        Features of a patch for calibrations.
    fno_modes, fno_width, fno_layers : int
        Fourier operator between instruments.
    n_grid, patch, stride : int
        Grid points G of a spectrum, points P of a patch and from one patch to the next.
    wavelet : str
        Wavelet of the embedding.
    level : int
        Its number of levels.
    n_components : int
        Component spectra K that continue a spectrum into what is hidden of it (`ComponentSpectra`);
        with 0 a line does.

    Examples
    --------
    >>> import torch
    >>> encoder = SpectralEncoder(
    ...     d_model=32, n_mamba_layers=1, n_transformer_layers=1, n_heads=4, n_chem=8, n_inst=4,
    ...     fno_modes=4, fno_width=8, fno_layers=1, n_grid=512,
    ... )
    >>> axis = 1e7 / torch.arange(1100.0, 2500.0, 2.0)
    >>> encoding = encoder(torch.rand(3, 700), axis)
    >>> encoding.tokens.shape, encoding.chem.shape, encoding.inst.shape
    (torch.Size([3, 33, 32]), torch.Size([3, 8]), torch.Size([3, 4]))
    """

    def __init__(
        self,
        d_model: int = 256,
        n_mamba_layers: int = 4,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        n_experts: int = 4,
        top_k: int = 2,
        d_expert: int | None = None,
        n_transformer_layers: int = 2,
        n_heads: int = 8,
        n_chem: int = 128,
        n_inst: int = 64,
        n_features: int = 16,
        fno_modes: int = 32,
        fno_width: int = 64,
        fno_layers: int = 4,
        n_grid: int = 2048,
        patch: int = 32,
        stride: int = 16,
        wavelet: str = "db4",
        level: int = 4,
        n_components: int = 0,
    ) -> None:
        super().__init__()
        self.embed = SpectralEmbedding(d_model, n_grid, patch, stride, wavelet, level)
        self.mamba = MambaBackbone(d_model, n_mamba_layers, d_state, d_conv, expand)
        self.moe_norm = nn.LayerNorm(d_model)
        self.moe = MixtureOfExperts(d_model, d_expert or d_model, n_experts, top_k)
        self.transformer = TransformerBackbone(d_model, n_transformer_layers, n_heads)
        self.calibration = CalibrationFeatures(self.embed.piece_units(), d_model, n_features)
        self.summary = Summary(d_model, n_features)
        self.bottleneck = VariationalBottleneck(d_model, n_chem, n_inst, self.summary.n_detail)
        self.reconstruction = ReconstructionHead(d_model, patch, stride, n_grid)
        # Small at first: a reconstruction starts near what is seen.
        nn.init.normal_(self.reconstruction.linear.weight, std=0.1 * d_model**-0.5)
        nn.init.zeros_(self.reconstruction.linear.bias)
        self.operator = FourierOperator(n_inst, n_chem, fno_modes, fno_width, fno_layers)
        self.components: ComponentSpectra | None = None
        if n_components:
            self.components = ComponentSpectra(n_components, len(MODALITIES))

    def forward(
        self,
        x: Tensor,
        axis: Tensor,
        modality: Tensor | None = None,
        mask: Tensor | None = None,
        share: Share = ALONE,
    ) -> Encoding:
        """Encode spectra.

        Parameters
        ----------
        x : Tensor of shape (B, L)
            Spectra in any unit.
        axis : Tensor of shape (L,) or (B, L)
            Wavenumbers of the channels, cm-1, in any order.
        modality : Tensor of shape (B,) or (), int64, optional
            Position in `spectralfm.nn.embedding.MODALITIES`; unknown if not given.
        mask : bool Tensor of shape (B, N), optional
            Patches to hide: pretraining and test-time training reconstruct them.
        share : Share, optional
            Which rows of a batch of several processes these are.

        Returns
        -------
        Encoding
            Tokens and latents of these rows; divergence and penalty of the whole batch.
        """
        spectra = self.embed.prepare(x, axis, mask)  # values on the grid: (B, G)
        padding = spectra.padding_mask if spectra.padding_mask.any() else None  # (B, N + 2)
        pieces = self.embed.pieces(spectra)  # (B, N, P): wavelet bands, patch by patch
        h = self.embed.tokens(spectra, pieces, modality)  # (B, N + 2, D)
        h = self.mamba(h, padding)  # (B, N + 2, D): long range, linear in N
        mixed, balance = self.moe(self.moe_norm(h), padding, share)  # (B, N + 2, D), ()
        h = self.transformer(h + mixed, padding)  # (B, N + 2, D)
        absent = spectra.padding_mask[:, 2:]
        features = self.calibration(pieces, h[:, 2:], absent)  # (B, N, F)
        summary, detail = self.summary(h, features, spectra.padding_mask)  # (B, D), (B, K F)
        z = self.bottleneck(summary, detail, share)  # chem (B, Zc), inst (B, Zi)
        expected = spectra.seen  # (B, G): a line where nothing is seen
        if self.components is not None and mask is not None:
            kind = torch.zeros((), dtype=torch.int64).to(h.device) if modality is None else modality
            expected = self.components(spectra.values, spectra.looked_at, spectra.axis, kind)
        return Encoding(h, z.chem, z.inst, z.kl, balance, z, spectra, features, expected)

    def reconstruct(self, encoding: Encoding) -> Tensor:
        """Read the tokens back as patches.

        Parameters
        ----------
        encoding : Encoding
            What `forward` returned.

        Returns
        -------
        Tensor of shape (B, N, P)
            Patches in units of each spectrum's own deviation, to be compared with
            ``embed.patches(encoding.spectra.values)``.

        Notes
        -----
        The tokens say how the spectrum differs from what is seen of it, and where the mask hides it
        from what its components, or without them a line between what is seen on either side, lead
        one to expect: copying and interpolating is where the network starts, not what it has to
        learn.
        """
        patches = self.reconstruction(encoding.tokens[:, 2:])  # (B, N, D) -> (B, N, P)
        return patches + self.embed.patches(encoding.expected)

    @property
    def n_features(self) -> int:
        """N F, the number of features of a spectrum for calibrations."""
        return self.embed.n_tokens * self.calibration.filters.out_features

    def transfer(self, encoding: Encoding, inst: Tensor) -> Tensor:
        """Write spectra as another instrument would have recorded them.

        Parameters
        ----------
        encoding : Encoding
            Spectra as they were recorded.
        inst : Tensor of shape (B, Zi)
            Latent of the instrument wanted.

        Returns
        -------
        Tensor of shape (B, G)
            Transferred spectra on the grid, in the spectra's own units.
        """
        spectra = encoding.spectra
        values = self.operator(spectra.values, encoding.inst, inst, encoding.chem)  # (B, G)
        return values * spectra.scale + spectra.center


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict]:
    """Part the trainable parameters into those that decay and those that do not.

    Parameters
    ----------
    module : Module
        A network.
    weight_decay : float
        Decay of matrices. Biases, gains, tokens and the memories of the scan do not decay.

    Returns
    -------
    list of dict
        Groups for an optimizer.
    """
    decayed: list[Tensor] = []
    free: list[Tensor] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim > 1 and not name.endswith("A_log")
            (decayed if matrix else free).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
