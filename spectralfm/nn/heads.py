r"""What reads the encoder: spectra, properties, classes, projections; and a closed-form ridge.

Dimensions: B batch, N tokens, D model width, L channels, P channels of a patch, n samples, d
features, k targets, m nuisance directions.

References
----------
.. [1] Hoerl, A. E., & Kennard, R. W. (1970). Ridge regression: biased estimation for nonorthogonal
   problems. Technometrics, 12(1), 55-67. https://doi.org/10.1080/00401706.1970.10488634
.. [2] Grill, J.-B., Strub, F., Altche, F., Tallec, C., Richemond, P. H., Buchatskaya, E., et al.
   (2020). Bootstrap your own latent: a new approach to self-supervised learning.
   https://arxiv.org/abs/2006.07733
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 8.0
"""Bound on the exponents of reconstructed values: they reach a thousand deviations, no further."""


class ReconstructionHead(nn.Module):
    """Write every token as the patch of the spectrum it stands for.

    Parameters
    ----------
    d_model : int
        Width D of a token.
    patch, stride : int
        Channels P of a patch, and channels between the starts of two patches.
    n_channels : int
        Channels L of the whole spectrum.

    Attributes
    ----------
    n_tokens : int
        Number N of patches.

    Raises
    ------
    ValueError
        If the patches do not cover the spectrum exactly.

    Examples
    --------
    >>> import torch
    >>> head = ReconstructionHead(16, patch=8, stride=4, n_channels=40)
    >>> patches = head(torch.randn(2, head.n_tokens, 16))
    >>> patches.shape, head.assemble(patches).shape
    (torch.Size([2, 9, 8]), torch.Size([2, 40]))
    """

    window: Tensor

    def __init__(
        self, d_model: int, patch: int = 32, stride: int = 16, n_channels: int = 2048
    ) -> None:
        super().__init__()
        if not 1 <= stride <= patch <= n_channels or (n_channels - patch) % stride:
            raise ValueError(
                f"patches of {patch} channels every {stride} do not cover {n_channels} channels "
                "exactly: n_channels - patch must be a multiple of stride, and stride <= patch"
            )
        self.patch, self.stride, self.n_channels = patch, stride, n_channels
        self.n_tokens = (n_channels - patch) // stride + 1
        self.norm = nn.LayerNorm(d_model)
        self.linear = nn.Linear(d_model, patch)
        # A bell, positive at its ends: neighbours fade into each other without a seam.
        self.register_buffer("window", torch.hann_window(patch + 2)[1:-1], persistent=False)

    def forward(
        self, tokens: Tensor, offset: Tensor | None = None, scale: Tensor | None = None
    ) -> Tensor:
        """Map tokens (B, N, D) to patches (B, N, P).

        Parameters
        ----------
        tokens : Tensor of shape (B, N, D)
            Tokens of the patches, without [CLS] and [DOMAIN].
        offset, scale : Tensor of shape (B,), optional
            What was subtracted from each spectrum and what it was divided by before the encoder:
            undone here, so that the patches come in the units of the spectrum.

        Returns
        -------
        Tensor of shape (B, N, P)
            Patches.
        """
        # As the embedding reads with asinh: hidden bands may be many times as high as what is seen.
        exponent = self.linear(self.norm(tokens))  # (B, N, P)
        patches = torch.sinh(LARGEST * torch.tanh(exponent / LARGEST))
        if scale is not None:
            patches = patches * scale[:, None, None]
        if offset is not None:
            patches = patches + offset[:, None, None]
        return patches

    def cut(self, x: Tensor) -> Tensor:
        """Cut spectra (B, L) into the patches (B, N, P) that `forward` should return."""
        return x.unfold(-1, self.patch, self.stride)

    def assemble(self, patches: Tensor) -> Tensor:
        """Average overlapping patches (B, N, P) to spectra (B, L), most weight on their middle."""
        window = self.window.to(patches.dtype)
        weights = window.expand(1, self.n_tokens, -1)  # (1, N, P)
        return self._add(patches * window) / self._add(weights)  # (B, L)

    def _add(self, patches: Tensor) -> Tensor:
        size, kernel, stride = (1, self.n_channels), (1, self.patch), (1, self.stride)
        return F.fold(patches.mT, size, kernel, stride=stride).flatten(1)  # (B, L)


class RegressionHead(nn.Module):
    """Linear map plus a small network that starts at zero.

    Parameters
    ----------
    n_in : int
        Number of features.
    n_out : int
        Number of properties.
    d_hidden : int
        Hidden width of the network; 0 leaves the linear map alone.
    dropout : float
        Share of hidden units dropped in training, in [0, 1).

    Examples
    --------
    >>> import torch
    >>> RegressionHead(8, 3)(torch.randn(5, 8)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_in: int, n_out: int = 1, d_hidden: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.curved: nn.Module | None = None
        if d_hidden:
            last = nn.Linear(d_hidden, n_out, bias=False)
            nn.init.zeros_(last.weight)
            self.curved = nn.Sequential(
                nn.Linear(n_in, d_hidden), nn.GELU(), nn.Dropout(dropout), last
            )

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., n_in) to properties (..., n_out)."""
        y = self.linear(z)
        return y if self.curved is None else y + self.curved(z)


class ClassificationHead(RegressionHead):
    """`RegressionHead` whose outputs (..., n_out) are the logits of ``n_out`` classes."""


class Projector(nn.Sequential):
    """Two-layer network with layer norm: projector and predictor of BYOL.

    Those of [2]_ with layer norm instead of batch norm: a result does not depend on what else is in
    the batch.

    Parameters
    ----------
    n_in, n_out, d_hidden : int
        Sizes of input, output and hidden layer.
    """

    def __init__(self, n_in: int, n_out: int = 64, d_hidden: int = 128) -> None:
        super().__init__(
            nn.Linear(n_in, d_hidden), nn.LayerNorm(d_hidden), nn.GELU(), nn.Linear(d_hidden, n_out)
        )


def ridge_solve(
    features: Tensor,
    targets: Tensor,
    penalty: Tensor | float = 1e-4,
    *,
    nuisance: Tensor | None = None,
    floor: float = 1e-12,
) -> tuple[Tensor, Tensor]:
    r"""Solve a centred ridge regression so that gradients flow to everything it was given.

    .. math:: \min_b |y - X b|^2 + |D b|^2 + \lambda |b|^2, \qquad
              \lambda = \max(\mathrm{penalty} \cdot |X|_F^2, \mathrm{floor})

    Parameters
    ----------
    features : Tensor of shape (..., n, d)
        Features; leading dimensions are separate problems.
    targets : Tensor of shape (..., n, k)
        Targets.
    penalty : float or Tensor
        Penalty over the sum of squares of the centred features, at least 0, so that the solution
        does not depend on their unit, nor on how often a feature is repeated.
    nuisance : Tensor of shape (..., m, d), optional
        Differences along which predictions shall not change (standards on two instruments).
    floor : float
        Least penalty, above 0, in squared units of the features: constant features get zeros.

    Returns
    -------
    coef : Tensor of shape (..., d, k)
        Regression vectors.
    intercept : Tensor of shape (..., 1, k)
        Intercepts: the prediction is ``features @ coef + intercept``.

    Notes
    -----
    Solved in float64 whatever the input, in the space of rows when there are fewer rows than
    features, else in that of features.

    Examples
    --------
    >>> import torch
    >>> X = torch.tensor([[0.0], [1.0], [2.0]])
    >>> coef, intercept = ridge_solve(X, 3 * X + 1, penalty=0.0)
    >>> round(coef.item(), 6), round(intercept.item(), 6)
    (3.0, 1.0)
    """
    with torch.autocast(features.device.type, enabled=False):
        X, y = features.double(), targets.double()
        X_mean, y_mean = X.mean(-2, keepdim=True), y.mean(-2, keepdim=True)
        X, y = X - X_mean, y - y_mean
        amount = (penalty * X.square().sum((-2, -1))).clamp(min=floor)[..., None, None]
        if nuisance is not None:
            rows = nuisance.double()
            X = torch.cat([X, rows], dim=-2)  # (..., n + m, d)
            y = torch.cat([y, y.new_zeros(*rows.shape[:-1], y.shape[-1])], dim=-2)
        n, d = X.shape[-2:]
        identity = torch.eye(min(n, d), dtype=X.dtype, device=X.device)
        if n < d:
            coef = X.mT @ torch.linalg.solve(X @ X.mT + amount * identity, y)  # (..., d, k)
        else:
            coef = torch.linalg.solve(X.mT @ X + amount * identity, X.mT @ y)  # (..., d, k)
        intercept = y_mean - X_mean @ coef  # (..., 1, k)
        return coef.to(features.dtype), intercept.to(features.dtype)
