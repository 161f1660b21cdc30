r"""Features for calibrations: local, nearly linear in the spectrum, and told by the context.

.. math:: f_n = W p_n \odot 2 \sigma(G t_n) + U t_n

where :math:`p_n` are the wavelet coefficients of patch n and :math:`t_n` its token. A calibration
is a regression vector over about a thousand of these features: absorbance is linear in
concentrations, so they begin as linear filters of each patch; the tokens, which have seen the whole
spectrum, learn which filters to trust on this instrument.

Dimensions: B batch, N tokens, P pieces of a patch, D model width, F features of a patch.
"""

import torch
from torch import Tensor, nn


class CalibrationFeatures(nn.Module):
    """Filters of the patches, gated by their tokens.

    Parameters
    ----------
    n_pieces : int
        Coefficients P of a patch, as `SpectralEmbedding.pieces` returns them.
    d_model : int
        Width D of a token.
    n_features : int
        Features F of a patch.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.calibration import CalibrationFeatures
    >>> read = CalibrationFeatures(n_pieces=37, d_model=16)
    >>> pieces, tokens = torch.randn(3, 15, 37), torch.randn(3, 15, 16)
    >>> read(pieces, tokens, torch.zeros(3, 15, dtype=torch.bool)).shape
    torch.Size([3, 120])
    """

    def __init__(self, n_pieces: int, d_model: int, n_features: int = 8) -> None:
        super().__init__()
        self.filters = nn.Linear(n_pieces, n_features, bias=False)
        self.gate = nn.Linear(d_model, n_features)
        self.context = nn.Linear(d_model, n_features, bias=False)
        for start in (self.gate.weight, self.gate.bias, self.context.weight):
            nn.init.zeros_(start)

    def forward(self, pieces: Tensor, tokens: Tensor, absent: Tensor) -> Tensor:
        """Read the features of spectra.

        Parameters
        ----------
        pieces : Tensor of shape (B, N, P)
            Wavelet coefficients of the patches.
        tokens : Tensor of shape (B, N, D)
            Tokens of the patches, without [CLS] and [DOMAIN].
        absent : bool Tensor of shape (B, N)
            Patches that were not measured: their features are zero.

        Returns
        -------
        Tensor of shape (B, N F)
            Features, patch after patch.
        """
        gain = 2 * torch.sigmoid(self.gate(tokens))  # (B, N, F)
        features = self.filters(pieces) * gain + self.context(tokens)  # (B, N, F)
        return features.masked_fill(absent.unsqueeze(2), 0.0).flatten(1)
