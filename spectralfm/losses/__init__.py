"""What training minimises: one loss a file, functions of tensors, each with a weight.

A weight of 0 switches a loss off bit for bit: it returns a zero that belongs to no graph.
"""

from .balance import balance_loss
from .bottleneck import bottleneck_loss
from .contrastive import contrastive_loss
from .denoising import denoising_loss
from .masked import block_mask, masked_loss
from .physics import physics_loss
from .transport import transport_loss

__all__ = [
    "balance_loss",
    "block_mask",
    "bottleneck_loss",
    "contrastive_loss",
    "denoising_loss",
    "masked_loss",
    "physics_loss",
    "transport_loss",
]
