"""The encoder as an ONNX graph, part by part as `spectralfm.nn.encoder` has them.

The axis of the channels is fixed in a fitted model. So resampling, wavelets, positions and what was
not measured are constants; only the values of the spectra flow through the graph. All experts work
on all tokens, weighed by their gates, which are zero for those not chosen (`_onnx_layers`).

Dimensions: B batch, L channels, G grid points, N tokens, D model width, P pieces of a patch,
F features of a patch.
"""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..foundation._features import segment_bounds
from ..foundation._spectral_axis import enough_channels
from ..foundation._torch_estimator import EncoderMixin
from ..nn.embedding import MODALITIES, SpectralEmbedding
from ..nn.encoder import SpectralEncoder
from ..nn.mamba import MambaBlock
from ..nn.transformer import TransformerLayer
from ..nn.wavelet import WaveletTransform
from ._onnx_graph import Graph, as_array
from ._onnx_layers import attend, experts, mix, without

Array = NDArray[Any]


class Encoded(NamedTuple):
    """Names of what the encoder makes of spectra."""

    tokens: str
    """Patches in context (B, N, D)."""
    features: str
    """Features of the patches (B, N, F)."""
    chem: str
    """Mean of the chemistry latent (B, Zc)."""
    inst: str
    """Mean of the instrument latent (B, Zi)."""
    measured: Array
    """Which patches were measured (N,)."""


def encode(g: Graph, x: str, estimator: EncoderMixin) -> Encoded:
    """Encode spectra (B, L) as an estimator does.

    Parameters
    ----------
    g : Graph
        Where to write.
    x : str
        Spectra on the axis of the estimator.
    estimator : EncoderMixin
        Fitted.

    Returns
    -------
    Encoded
        What it returns.
    """
    encoder = estimator.encoder_
    n_channels = len(estimator.axis_)
    few, axis = enough_channels(np.eye(n_channels), estimator.axis_)
    if few.shape[1] != n_channels:
        x = g.linear(x, few)
    with torch.no_grad():
        seen, places, measured = _prepare(g, x, encoder.embed, axis)
        pieces = _pieces(g, seen, encoder.embed)  # (B, N, P)
        h = _tokens(g, pieces, encoder.embed, places, measured, estimator.modality_)
        padding = np.r_[False, False, ~measured]
        for block in encoder.mamba.blocks:
            h = mix(g, h, cast(MambaBlock, block), padding)
        mixed = experts(g, g.norm(h, encoder.moe_norm), encoder.moe)
        h = g.add(h, without(g, mixed, padding))
        for layer in encoder.transformer.layers:
            h = attend(g, h, cast(TransformerLayer, layer), padding)
        h = g.norm(h, encoder.transformer.norm)
        tokens = g.slice(h, 2, len(padding), 1)  # (B, N, D)
        features = _calibration(g, pieces, tokens, encoder, measured)
        chem, inst = _latents(g, h, tokens, features, encoder, measured)
    return Encoded(tokens, features, chem, inst, measured)


def flat(g: Graph, x: str) -> str:
    """Return (B, N, F) as (B, N F)."""
    return g.reshape(x, 0, -1)


def pooled(g: Graph, encoded: Encoded, n_segments: int) -> list[str]:
    """Return the means (B, D) of the measured tokens of each segment."""
    measured = encoded.measured.astype(np.float64)
    bounds = segment_bounds(len(measured), n_segments)
    means = []
    for a, b in zip(bounds[:-1], bounds[1:], strict=True):
        weights = measured[a:b] / max(measured[a:b].sum(), 1)
        part = g.mul(g.slice(encoded.tokens, a, b, 1), weights[:, None])
        means.append(g.squeeze(g.sum(part, 1), 1))
    return means


def _prepare(
    g: Graph, x: str, embed: SpectralEmbedding, axis: Array
) -> tuple[str, torch.Tensor, Array]:
    """Return what is seen on the grid (B, G), its axis (1, G) and the patches measured (N,)."""
    units = torch.eye(len(axis), dtype=torch.float64)
    full = embed.grid(units.to(embed.waves.device), torch.tensor(axis, device=embed.waves.device))
    known = full.measured[0].cpu().numpy()
    values = g.linear(x, as_array(full.values))  # (B, G)
    places = np.flatnonzero(known)
    among = values if known.all() else g.gather(values, places)
    # The lower of the two in the middle, as torch has it: the last of the largest.
    n_largest = len(places) - (len(places) - 1) // 2
    largest, _ = g("TopK", among, np.array([n_largest]), n_out=2, axis=1, largest=1, sorted=1)
    center = g.slice(largest, n_largest - 1, n_largest, 1)  # (B, 1)
    scale = g.mean(g("Abs", g.sub(among, center)), 1)  # (B, 1)
    smallest = g.mul(g("Abs", center), 10 * np.finfo(np.float64).eps)
    scale = g.where(g("Greater", scale, smallest), scale, 1.0)
    seen = g.div(g.sub(values, center), scale)
    if not known.all():
        # A line between the ends of each stretch that was not measured.
        seen = g.linear(seen, _bridges(known, places))
    patches = embed.patches(full.measured[:1]).double().mean(2)[0].cpu().numpy()
    return seen, full.axis[:1], patches >= 0.5


def _bridges(known: Array, places: Array) -> Array:
    """Return the matrix (G, G) that lays a line over what was not measured."""
    points = np.arange(len(known))
    units = np.eye(len(known))[places]  # (n_measured, G)
    columns = [np.interp(points, places, unit[places]) for unit in units]
    matrix = np.zeros((len(known), len(known)))
    matrix[places] = columns
    return matrix


def _pieces(g: Graph, seen: str, embed: SpectralEmbedding) -> str:
    """Return the wavelet coefficients (B, N, P) of the patches."""
    one_level = WaveletTransform(embed.wavelet.wavelet, 1, embed.wavelet.mode)
    smooth, n_grid, details = seen, embed.grid.n_grid, []
    length = n_grid
    for _ in range(embed.wavelet.level):
        matrices = [as_array(one) for one in one_level(torch.eye(length, dtype=torch.float64))]
        details.append(g.linear(smooth, matrices[1]))
        smooth, length = g.linear(smooth, matrices[0]), matrices[0].shape[1]
    pieces = []
    bands = zip(
        [smooth, *details[::-1]], as_array(embed.log_gain.exp()), embed._windows(), strict=True
    )
    for band, gain, (start, width, step) in bands:
        stride = embed.stride // step
        index = start + stride * np.arange(embed.n_tokens)[:, None] + np.arange(width)  # (N, width)
        piece = g.gather(g.asinh(g.mul(band, gain)), index)  # (B, N, width)
        pieces += [piece, g.mean(g("Abs", piece), 2)]
    return g.concat(pieces, 2)


def _tokens(
    g: Graph, pieces: str, embed: SpectralEmbedding, axis: torch.Tensor, measured: Array, kind: str
) -> str:
    """Return [CLS], [DOMAIN] and the patches (B, N + 2, D)."""
    h = g.dense(pieces, embed.patch_proj)  # (B, N, D)
    if not measured.all():
        h = g.where(measured[:, None], h, as_array(embed.mask_token))
    h = g.add(h, as_array(embed.position_proj(embed._position(axis)))[0])
    modality = torch.tensor(MODALITIES.index(kind), device=axis.device)
    first = torch.stack([embed.cls_token, embed.domain_tokens(modality)])  # (2, D)
    none = g.mul(g.slice(h, 0, 1, 1), 0.0)  # (B, 1, D)
    return g.concat([g.add(none, as_array(first)), h], 1)


def _calibration(
    g: Graph, pieces: str, tokens: str, encoder: SpectralEncoder, measured: Array
) -> str:
    """Return the features (B, N, F) for calibrations."""
    read = encoder.calibration
    gain = g.mul(g("Sigmoid", g.dense(tokens, read.gate)), 2.0)
    filters = as_array(read.filters.weight).T * as_array(read.units)[:, None]  # (P, F)
    features = g.add(g.mul(g.matmul(pieces, filters), gain), g.dense(tokens, read.context))
    return without(g, features, ~measured)


def _latents(
    g: Graph, h: str, tokens: str, features: str, encoder: SpectralEncoder, measured: Array
) -> tuple[str, str]:
    """Return the means of both latents, (B, Zc) and (B, Zi)."""
    summary, narrowed = encoder.summary, encoder.summary.narrow.out_features
    counted = measured.astype(np.float64)
    pool = torch.nn.functional.adaptive_avg_pool1d(
        torch.eye(len(measured), dtype=torch.float64)[None], summary.n_segments
    )[0].numpy()  # (N, K)
    weights = counted[:, None] * pool / np.maximum(counted @ pool, 1e-6)  # (N, K)
    along = g.concat([g.dense(tokens, summary.narrow), features], 2)  # (B, N, d + F)
    segments = g.matmul(g.transpose(along, 0, 2, 1), weights)  # (B, d + F, K)
    n_all = narrowed + encoder.calibration.filters.out_features
    narrow = flat(g, g.slice(segments, 0, narrowed, 1))
    detail = flat(g, g.slice(segments, narrowed, n_all, 1))
    joined = g.dense(g.gelu(g.dense(narrow, summary.mix)), summary.join)
    s = g.add(g.squeeze(g.slice(h, 0, 1, 1), 1), joined)  # (B, D)
    bottleneck = encoder.bottleneck
    chem = g.dense(s, bottleneck.chem)
    inst = g.dense(g.concat([s, detail], 1), bottleneck.inst)
    n_chem, n_inst = bottleneck.chem.out_features // 2, bottleneck.inst.out_features // 2
    return g.slice(chem, 0, n_chem, 1), g.slice(inst, 0, n_inst, 1)
