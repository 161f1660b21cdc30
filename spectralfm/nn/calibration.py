r"""Features for calibrations: local, nearly linear in the spectrum, and told by the context.

.. math:: f_n = W (u \odot p_n) \odot 2 \sigma(G t_n) + U t_n

where :math:`p_n` are the wavelet coefficients of patch n, :math:`u` their units and :math:`t_n` its
token. A calibration is a regression vector over about a thousand of these features: absorbance is
linear in concentrations, so they begin as linear filters of each patch; the tokens, which have seen
the whole spectrum, learn which filters to trust on this instrument.

The filters begin in the units of the spectrum, the gains of the scales undone: a ridge on gained
coefficients would look at the noise of the finest scale first (mean R2 of ridges on eleven labelled
sets: 0.81 on the spectra, 0.50 and 0.81 on random filters of coefficients with gains and without).

Dimensions: B batch, N tokens, P pieces of a patch, D model width, F features of a patch.
"""

import torch
from torch import Tensor, nn


class CalibrationFeatures(nn.Module):
    """Filters of the patches, gated by their tokens.

    Parameters
    ----------
    units : Tensor of shape (P,)
        What the coefficients of a patch are multiplied by to be in units of the spectrum, as
        `SpectralEmbedding.piece_units` returns it.
    d_model : int
        Width D of a token.
    n_features : int
        Features F of a patch.

    Examples
    --------
    >>> import torch
    >>> from spectralfm.nn.calibration import CalibrationFeatures
    >>> read = CalibrationFeatures(torch.ones(37), d_model=16)
    >>> pieces, tokens = torch.randn(3, 15, 37), torch.randn(3, 15, 16)
    >>> read(pieces, tokens, torch.zeros(3, 15, dtype=torch.bool)).shape
    torch.Size([3, 15, 16])
    """

    units: Tensor

    def __init__(self, units: Tensor, d_model: int, n_features: int = 16) -> None:
        super().__init__()
        self.register_buffer("units", units)
        self.filters = nn.Linear(len(units), n_features, bias=False)
        nn.init.normal_(self.filters.weight, std=0.5)  # the smooth coefficients, few, are near 1
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
        Tensor of shape (B, N, F)
            Features of the patches.
        """
        gain = 2 * torch.sigmoid(self.gate(tokens))  # (B, N, F)
        features = self.filters(pieces * self.units) * gain + self.context(tokens)  # (B, N, F)
        return features.masked_fill(absent.unsqueeze(2), 0.0)
