"""The encoder as an ONNX graph, part by part as `spectralfm.nn.encoder` has them.

The axis of the channels is fixed in a fitted model. So resampling, wavelets, positions and what was
not measured are constants; only the values of the spectra flow through the graph. All experts work
on all tokens, weighed by their gates, which are zero for those not chosen.

Dimensions: B batch, L channels, G grid points, N tokens, D model width, E inner width, S state,
P pieces of a patch, F features of a patch.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..foundation._features import segment_bounds
from ..foundation._spectral_axis import enough_channels
from ..foundation._torch_estimator import EncoderMixin
from ..nn.embedding import MODALITIES, SpectralEmbedding
from ..nn.encoder import SpectralEncoder
from ..nn.kan import KANLinear
from ..nn.mamba import MambaBlock, SelectiveScan
from ..nn.moe import MixtureOfExperts
from ..nn.transformer import TransformerLayer
from ..nn.wavelet import WaveletTransform
from ._onnx_graph import Graph, as_array

Array = NDArray[Any]

HIDDEN = -1e30
"""Added to the attention that nobody may pay."""


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
            h = _mamba(g, h, block, padding)
        mixed = _experts(g, g.norm(h, encoder.moe_norm), encoder.moe)
        h = g.add(h, _without(g, mixed, padding))
        for layer in encoder.transformer.layers:
            h = _attend(g, h, layer, padding)
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


def _without(g: Graph, x: str, padding: Array) -> str:
    """Return tokens (B, N + 2, D), zero where nothing was measured."""
    return g.mul(x, (~padding).astype(np.float64)[:, None]) if padding.any() else x


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


def _mamba(g: Graph, h: str, block: MambaBlock, padding: Array) -> str:
    """Mix tokens (B, N, D) by a scan in each direction."""
    inner = g.dense(g.norm(h, block.norm), block.in_proj)  # (B, N, 2E)
    n_inner = block.out_proj.in_features
    x, gate = g.slice(inner, 0, n_inner, 2), g.slice(inner, n_inner, 2 * n_inner, 2)
    x = _without(g, x, padding)
    y = g.add(_scan(g, x, block.up, padding), _scan(g, x, block.down, padding))
    return g.add(h, g.dense(g.mul(y, g.silu(gate)), block.out_proj))


def _scan(g: Graph, x: str, scan: SelectiveScan, padding: Array) -> str:
    """Return the output (B, N, E) of one direction."""
    weight, n_tokens = as_array(scan.conv_weight), len(padding)  # (K, E)
    reach = len(weight) - 1
    pads = np.array([0, 0, 0, 0, reach, 0] if scan.reverse else [0, reach, 0, 0, 0, 0])
    wide = g("Pad", x, pads, 0.0)  # (B, N + K - 1, E)
    y = as_array(scan.conv_bias)
    for k, tap in enumerate(weight):
        start = reach - k if scan.reverse else k
        y = g.add(y, g.mul(g.slice(wide, start, start + n_tokens, 1), tap))
    u = g.silu(y)
    d_state = scan.A_log.shape[1]
    ends = np.cumsum([0, scan.rank, d_state, d_state])
    projected = g.dense(u, scan.x_proj)
    step, b, c = (g.slice(projected, a, z, 2) for a, z in zip(ends[:-1], ends[1:], strict=True))
    delta = _without(g, g.softplus(g.dense(step, scan.dt_proj)), padding)  # (B, N, E)
    driven = g.mul(delta, u)
    body = Graph(g)
    state, row, into, vector, out = (f"{name}_{len(g.nodes)}" for name in "hdxbc")
    rate = -np.exp(as_array(scan.A_log)).T  # (S, E)
    decay = body("Exp", body.mul(body.expand(row, 1), rate))  # (B, 1, E), (S, E) -> (B, S, E)
    fed = body.mul(body.expand(vector, 2), body.expand(into, 1))  # (B, S, 1), (B, 1, E)
    new = body.add(body.mul(state, decay), fed)
    read = body.squeeze(body.matmul(body.expand(out, 1), new), 1)  # (B, 1, S) @ (B, S, E)
    n_inner = rate.shape[1]
    body.inputs = [
        (state, ["B", d_state, n_inner]), (row, ["B", n_inner]), (into, ["B", n_inner]),
        (vector, ["B", d_state]), (out, ["B", d_state]),
    ]  # fmt: skip
    body.outputs = [(new, ["B", d_state, n_inner]), (read, ["B", n_inner])]
    none = g.mul(g.slice(driven, 0, 1, 1), np.zeros((d_state, 1)))  # (B, S, E)
    result = g.scan(body, [none], [delta, driven, b, c], scan.reverse)
    return g.add(result, g.mul(u, as_array(scan.D)))


def _experts(g: Graph, x: str, mixture: MixtureOfExperts) -> str:
    """Return the gated sum (B, N, D) of the experts."""
    logits = g.matmul(x, as_array(mixture.gate.weight).T)  # (B, N, E)
    k = np.array([mixture.top_k])
    best, chosen = g("TopK", logits, k, n_out=2, axis=2, largest=1, sorted=1)
    gates = g("ScatterElements", g.mul(logits, 0.0), chosen, g("Softmax", best, axis=2), axis=2)
    total = None
    for number, expert in enumerate(mixture.experts):
        y = x
        for layer in expert:
            y = _kan(g, y, layer) if isinstance(layer, KANLinear) else _plain(g, y, layer)
        term = g.mul(g.slice(gates, number, number + 1, 2), y)
        total = term if total is None else g.add(total, term)
    return total


def _plain(g: Graph, x: str, layer: Any) -> str:
    return g.dense(x, layer) if isinstance(layer, torch.nn.Linear) else g.gelu(x)


def _kan(g: Graph, x: str, layer: KANLinear) -> str:
    r"""Apply a Kolmogorov-Arnold layer to (B, N, I).

    A spline is its value at the low end of the grid, plus what it rises in each cell up to x:
    :math:`s(x) = s(l) + \sum_n \sum_p a_{np} u_n^p` with :math:`u_n` the part of cell n below x,
    0 to 1. Beyond the grid it goes on along its tangent.
    """
    order, grid = layer.spline_order, as_array(layer.grid)  # (I, T)
    knots = grid[:, order : grid.shape[1] - order]  # (I, G + 1)
    low, high, width = knots[:, :1], knots[:, -1:], np.diff(knots, axis=1)
    share = np.linspace(0, 1, order + 1)
    points = knots[:, :-1, None] + width[:, :, None] * share  # (I, G, P + 1)
    values = _basis(layer, points.reshape(len(grid), -1)).reshape(*points.shape, -1)
    rises = np.linalg.solve(np.vander(share, increasing=True), values)[:, :, 1:]  # (I, G, P, K)
    at_low = _basis(layer, low)
    slopes = np.concatenate([at_low - _basis(layer, low - 1), _basis(layer, high + 1)], 1)
    slopes[:, 1] -= _basis(layer, high)[:, 0]
    powers = rises.transpose(0, 2, 1, 3).reshape(len(grid), -1, rises.shape[3])  # (I, P G, K)
    weight = as_array(layer.spline_weight)  # (O, I, K)
    matrix = np.einsum("ifk,oik->ifo", np.concatenate([powers, slopes], 1), weight)

    part = g.add(g.mul(g.expand(x, 3), 1 / width), -knots[:, :-1] / width)  # (B, N, I, G)
    part = g("Min", g("Max", part, 0.0), 1.0)
    features = [part]
    for _ in range(order - 1):
        features.append(g.mul(features[-1], part))
    features.append(g.expand(g("Min", g.sub(x, low[:, 0]), 0.0), 3))
    features.append(g.expand(g("Max", g.sub(x, high[:, 0]), 0.0), 3))
    joined = g.reshape(g.concat(features, 3), 0, 0, -1)  # (B, N, I (P G + 2))
    curved = g.matmul(joined, matrix.reshape(-1, matrix.shape[2]))
    base = g.matmul(g.silu(x), as_array(layer.base_weight).T)
    return g.add(g.add(base, curved), np.einsum("isk,oik->o", at_low, weight))


def _basis(layer: KANLinear, x: Array) -> Array:
    """Return the basis functions (I, S, K) of inputs (I, S)."""
    points = torch.as_tensor(x.T, device=layer.grid.device, dtype=layer.grid.dtype)
    return as_array(layer.basis(points)).transpose(1, 0, 2)


def _attend(g: Graph, h: str, layer: TransformerLayer, padding: Array) -> str:
    """Apply a transformer layer to tokens (B, N, D)."""
    x, attention = g.norm(h, layer.norm1), layer.attention
    width = attention.q.out_features // attention.n_heads
    q, k, v = (
        g.transpose(g.reshape(g.dense(x, one), 0, 0, attention.n_heads, width), 0, 2, 1, 3)
        for one in (attention.q, attention.k, attention.v)
    )  # (B, H, N, D / H)
    scores = g.mul(g.matmul(q, g.transpose(k, 0, 1, 3, 2)), width**-0.5)  # (B, H, N, N)
    if padding.any():
        scores = g.add(scores, np.where(padding, HIDDEN, 0.0))
    y = g.transpose(g.matmul(g("Softmax", scores, axis=3), v), 0, 2, 1, 3)  # (B, N, H, D / H)
    h = g.add(h, g.dense(g.reshape(y, 0, 0, -1), attention.out))
    hidden = g.gelu(g.dense(g.norm(h, layer.norm2), layer.linear1))
    return g.add(h, g.dense(hidden, layer.linear2))


def _calibration(
    g: Graph, pieces: str, tokens: str, encoder: SpectralEncoder, measured: Array
) -> str:
    """Return the features (B, N, F) for calibrations."""
    read = encoder.calibration
    gain = g.mul(g("Sigmoid", g.dense(tokens, read.gate)), 2.0)
    filters = as_array(read.filters.weight).T * as_array(read.units)[:, None]  # (P, F)
    features = g.add(g.mul(g.matmul(pieces, filters), gain), g.dense(tokens, read.context))
    return _without(g, features, ~measured)


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
