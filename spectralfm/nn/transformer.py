r"""Pre-norm transformer encoder whose attention keeps q, k, v and out as separate linear layers.

.. math:: h \leftarrow h + \mathrm{Attention}(\mathrm{LN}(h)), \qquad
          h \leftarrow h + \mathrm{FFN}(\mathrm{LN}(h)), \qquad
          \mathrm{Attention} = \mathrm{softmax}\Big(\frac{q k^\top}{\sqrt{D / H}}\Big) v

Separate layers let low-rank adapters (`spectralfm.nn.lora`) reach q, k and v by name. With equal
weights a layer equals ``torch.nn.TransformerEncoderLayer(norm_first=True)``.

Dimensions: B batch, N tokens, D model width, H heads, F hidden width of the FFN.

References
----------
.. [1] Vaswani, A., Shazeer, N., Parmar, N., Uszkoreit, J., Jones, L., Gomez, A. N., Kaiser, L., &
   Polosukhin, I. (2017). Attention is all you need. https://arxiv.org/abs/1706.03762
.. [2] Xiong, R., Yang, Y., He, D., Zheng, K., Zheng, S., Xing, C., Zhang, H., Lan, Y., Wang, L., &
   Liu, T.-Y. (2020). On layer normalization in the transformer architecture.
   https://arxiv.org/abs/2002.04745
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention.

    Parameters
    ----------
    d_model : int
        Width D, a multiple of ``n_heads``.
    n_heads : int
        Number of heads H.
    dropout : float
        Share of attention weights dropped in training, in [0, 1).

    Raises
    ------
    ValueError
        If ``d_model`` is not a multiple of ``n_heads``.
    """

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if n_heads < 1 or d_model % n_heads:
            raise ValueError(f"d_model = {d_model} must be a multiple of n_heads = {n_heads}")
        self.n_heads, self.dropout = n_heads, dropout
        self.q = nn.Linear(d_model, d_model)
        self.k = nn.Linear(d_model, d_model)
        self.v = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Let every token of x (B, N, D) look at the tokens that ``padding_mask`` leaves."""
        heads = (self.n_heads, -1)
        q = self.q(x).unflatten(-1, heads).transpose(1, 2)  # (B, H, N, D / H)
        k = self.k(x).unflatten(-1, heads).transpose(1, 2)  # (B, H, N, D / H)
        v = self.v(x).unflatten(-1, heads).transpose(1, 2)  # (B, H, N, D / H)
        allowed = None if padding_mask is None else ~padding_mask[:, None, None, :]  # (B, 1, 1, N)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout)
        return self.out(y.transpose(1, 2).flatten(2))  # (B, N, D)


class TransformerLayer(nn.Module):
    """Attention and a two-layer FFN with GELU, each behind a layer norm and beside a residual.

    Parameters
    ----------
    d_model, n_heads : int
        Width D and number of heads H.
    d_hidden : int, optional
        Hidden width F of the FFN; None means 4 D.
    dropout : float
        Share dropped in training, in [0, 1).
    """

    def __init__(
        self, d_model: int, n_heads: int, d_hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        d_hidden = 4 * d_model if d_hidden is None else d_hidden
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = Attention(d_model, n_heads, dropout)
        self.norm2 = nn.LayerNorm(d_model)
        self.linear1 = nn.Linear(d_model, d_hidden)
        self.linear2 = nn.Linear(d_hidden, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Map (B, N, D) to (B, N, D)."""
        x = x + self.dropout(self.attention(self.norm1(x), padding_mask))
        hidden = self.dropout(F.gelu(self.linear1(self.norm2(x))))  # (B, N, F)
        return x + self.dropout(self.linear2(hidden))  # (B, N, D)


class TransformerBackbone(nn.Module):
    """Stack of transformer layers and a last layer norm.

    Parameters
    ----------
    d_model : int
        Width D, a multiple of ``n_heads``.
    n_layers : int
        Number of layers, at least 0.
    n_heads : int
        Number of heads H.
    d_hidden : int, optional
        Hidden width F of the FFN; None means 4 D.
    dropout : float
        Share dropped in training, in [0, 1).

    Notes
    -----
    Attention costs :math:`O(N^2 D)`. A row whose tokens are all padding attends to nothing and
    keeps finite values, which mean nothing.

    Examples
    --------
    >>> import torch
    >>> TransformerBackbone(16, n_layers=2, n_heads=4)(torch.randn(2, 7, 16)).shape
    torch.Size([2, 7, 16])
    """

    def __init__(
        self,
        d_model: int,
        n_layers: int = 2,
        n_heads: int = 8,
        d_hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(d_model, n_heads, d_hidden, dropout) for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """Let the tokens exchange what they know.

        Parameters
        ----------
        x : Tensor of shape (B, N, D)
            Tokens.
        padding_mask : bool Tensor of shape (B, N), optional
            True at tokens that no token may look at.

        Returns
        -------
        Tensor of shape (B, N, D)
            Tokens in context, normalised.
        """
        for layer in self.layers:
            x = layer(x, padding_mask)
        return self.norm(x)
