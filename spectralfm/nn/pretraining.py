"""What pretraining adds to the encoder, and leaves behind: a slow target copy, and readers.

Glossary: B batch, L channels, G grid points, N tokens, P instrument parameters, K known
instruments, Zc/Zi chemistry/instrument latent.

References
----------
.. [1] Grill, J.-B., Strub, F., Altche, F., Tallec, C., Richemond, P. H., Buchatskaya, E., et al.
   (2020). Bootstrap your own latent: a new approach to self-supervised learning.
   https://arxiv.org/abs/2006.07733
"""

import copy
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from ..losses.contrastive import update_target
from .bottleneck import InstrumentReader
from .encoder import Encoding, SpectralEncoder
from .heads import Projector
from .share import ALONE, Share

N_SKETCH = 64
"""Points of the sketches that are read from the latents."""


class Online(NamedTuple):
    """What the trained network makes of spectra.

    Attributes
    ----------
    encoding : Encoding
        Tokens and latents.
    patches : Tensor of shape (B, N, P)
        Reconstructed patches, in units of each spectrum's deviation.
    reconstruction : Tensor of shape (B, G)
        The same, put together.
    prediction : Tensor of shape (B, d_project)
        What the target should make of another view of the samples.
    sketch : Tensor of shape (B, N_SKETCH)
        The spectra before the instrument, in few points, from the chemistry latent alone.
    change : Tensor of shape (B, N_SKETCH)
        What the instrument changed, from both latents.
    """

    encoding: Encoding
    patches: Tensor
    reconstruction: Tensor
    prediction: Tensor
    sketch: Tensor
    change: Tensor


class Target(NamedTuple):
    """What the slow copy makes of spectra, without gradient.

    Attributes
    ----------
    encoding : Encoding
        Tokens and latents, means rather than samples.
    projection : Tensor of shape (B, d_project)
        What the trained network should predict.
    """

    encoding: Encoding
    projection: Tensor


class PretrainingModel(nn.Module):
    """The encoder with projector, predictor, target copy and readers of the instrument.

    Projector, predictor and target copy are those of [1]_.

    Parameters
    ----------
    encoder : SpectralEncoder
        Network to pretrain, which stays usable by itself.
    n_instrument_parameters : int
        Number P of simulated instrument parameters to read from the latents.
    n_instruments : int
        Number K of known instruments to tell apart; 0 builds no reader for them.
    d_project : int
        Width of the projections.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.encoder import SpectralEncoder
    >>> encoder = SpectralEncoder(
    ...     d_model=16, n_mamba_layers=1, n_transformer_layers=1, n_heads=4, n_chem=8, n_inst=4,
    ...     fno_modes=4, fno_width=8, fno_layers=1, n_grid=256,
    ... )
    >>> model = PretrainingModel(encoder, n_instrument_parameters=5)
    >>> axis = 1e7 / torch.arange(1100.0, 2500.0, 10.0)
    >>> online = model(torch.rand(3, 140), axis)
    >>> online.patches.shape, online.reconstruction.shape, online.prediction.shape
    (torch.Size([3, 15, 32]), torch.Size([3, 256]), torch.Size([3, 64]))
    """

    spread: Tensor

    def __init__(
        self,
        encoder: SpectralEncoder,
        n_instrument_parameters: int,
        n_instruments: int = 0,
        d_project: int = 64,
    ) -> None:
        super().__init__()
        n_chem = encoder.bottleneck.chem.out_features // 2
        n_inst = encoder.bottleneck.inst.out_features // 2
        self.encoder = encoder
        self.projector = Projector(n_chem, d_project)
        self.predictor = Projector(d_project, d_project)
        self.reader = InstrumentReader(n_chem, n_inst, n_instrument_parameters)
        self.label_reader: nn.Module | None = None
        if n_instruments:
            self.label_reader = InstrumentReader(n_chem, n_inst, n_instruments)
        self.register_buffer("spread", torch.eye(n_chem))
        # Nothing else needs the latents to hold much: the tokens suffice to reconstruct.
        self.sketch = Projector(n_chem, N_SKETCH)
        self.change = Projector(n_chem + n_inst, N_SKETCH)
        for reader in (self.sketch, self.change):  # near nothing, which explains nothing
            for parameter in reader[-1].parameters():
                nn.init.normal_(parameter, std=1e-3)
        self.target_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.target_projector = copy.deepcopy(self.projector).requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Switch training on or off; the target is never in training: it returns means."""
        super().train(mode)
        self.target_encoder.eval()
        self.target_projector.eval()
        return self

    def forward(
        self,
        x: Tensor,
        axis: Tensor,
        modality: Tensor | None = None,
        mask: Tensor | None = None,
        share: Share = ALONE,
    ) -> Online:
        """Encode and reconstruct spectra; the arguments are those of `SpectralEncoder.forward`."""
        encoding = self.encoder(x, axis, modality, mask, share)
        patches = self.encoder.reconstruct(encoding)  # (B, N, P)
        reconstruction = self.encoder.reconstruction.assemble(patches)  # (B, G)
        prediction = self.predictor(self.projector(encoding.chem))  # (B, d_project)
        sketch = self.sketch(encoding.chem)  # (B, N_SKETCH)
        change = self.change(torch.cat([encoding.chem, encoding.inst], 1))  # (B, N_SKETCH)
        return Online(encoding, patches, reconstruction, prediction, sketch, change)

    @torch.no_grad()
    def target(self, x: Tensor, axis: Tensor, modality: Tensor | None = None) -> Target:
        """Encode spectra, nothing hidden, with the slow copy."""
        encoding = self.target_encoder(x, axis, modality)
        return Target(encoding, self.target_projector(encoding.chem))

    def separation(self, chem: Tensor, label: Tensor, decay: float = 0.9) -> Tensor:
        r"""Return how far apart chemistry latents of several instruments lie.

        .. math:: \log \Big( 1 + \frac{1}{Z K} \sum_k n_k (c_k - c)^\top S^{-1} (c_k - c) \Big)

        with the centroids :math:`c_k` of K instruments and the covariance S within instruments,
        averaged over batches: what a linear classifier of the instruments could use, however small.

        Parameters
        ----------
        chem : Tensor of shape (B, Zc)
            Means of the latents.
        label : Tensor of shape (B,), int64
            Instruments, numbered from 0, each with some spectra.
        decay : float
            Of the average of S, in [0, 1).

        Returns
        -------
        Tensor of shape ()
            About log 2 where instruments differ by chance.
        """
        member = nn.functional.one_hot(label).to(chem.dtype)  # (B, K)
        count = member.sum(0)  # (K,)
        centroids = member.T @ chem / count[:, None]  # (K, Zc)
        within = chem - centroids[label]
        if self.training:
            freedom = max(len(chem) - len(count), 1)
            self.spread.lerp_((within.T @ within / freedom).detach().to(self.spread), 1 - decay)
        n_chem = chem.shape[1]
        level = 1e-3 * self.spread.diagonal().mean() + 1e-12
        identity = torch.eye(n_chem, dtype=self.spread.dtype, device=chem.device)
        apart = (centroids - chem.mean(0)).to(self.spread)  # (K, Zc)
        reached = torch.linalg.solve(self.spread + level * identity, apart.T)  # (Zc, K)
        return ((apart.T * reached).sum(0) * count).mean().div(n_chem).log1p()

    def update(self, decay: float) -> None:
        """Move the target towards the encoder, as `spectralfm.losses.contrastive` says."""
        update_target(self.target_encoder, self.encoder, decay)
        update_target(self.target_projector, self.projector, decay)
