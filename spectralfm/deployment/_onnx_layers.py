"""Layers of the encoder as an ONNX graph: scan, mixture of experts, splines, attention.

Dimensions: B batch, N tokens, D model width, E inner width, S state, H heads, I inputs, O outputs,
G grid intervals, P spline order, K basis functions, T knots.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..nn.kan import KANLinear
from ..nn.mamba import MambaBlock, SelectiveScan
from ..nn.moe import MixtureOfExperts
from ..nn.transformer import TransformerLayer
from ._onnx_graph import Graph, as_array

Array = NDArray[Any]

HIDDEN = -1e30
"""Added to the attention that nobody may pay."""


def without(g: Graph, x: str, padding: Array) -> str:
    """Return tokens (B, N + 2, D), zero where nothing was measured."""
    return g.mul(x, (~padding).astype(np.float64)[:, None]) if padding.any() else x


def mix(g: Graph, h: str, block: MambaBlock, padding: Array) -> str:
    """Mix tokens (B, N, D) by a scan in each direction."""
    inner = g.dense(g.norm(h, block.norm), block.in_proj)  # (B, N, 2E)
    n_inner = block.out_proj.in_features
    x, gate = g.slice(inner, 0, n_inner, 2), g.slice(inner, n_inner, 2 * n_inner, 2)
    x = without(g, x, padding)
    y = g.add(_scan(g, x, block.up, padding), _scan(g, x, block.down, padding))
    return g.add(h, g.dense(g.mul(y, g.silu(gate)), block.out_proj))


def _scan(g: Graph, x: str, scan: SelectiveScan, padding: Array) -> str:
    """Return the output (B, N, E) of one direction."""
    weight, n_tokens = as_array(scan.conv_weight), len(padding)  # (K, E)
    reach = len(weight) - 1
    pads = np.array([0, 0, 0, 0, reach, 0] if scan.reverse else [0, reach, 0, 0, 0, 0])
    wide = g("Pad", x, pads, 0.0)  # (B, N + K - 1, E)
    y: Any = as_array(scan.conv_bias)
    for k, tap in enumerate(weight):
        start = reach - k if scan.reverse else k
        y = g.add(y, g.mul(g.slice(wide, start, start + n_tokens, 1), tap))
    u = g.silu(y)
    d_state = scan.A_log.shape[1]
    ends = np.cumsum([0, scan.rank, d_state, d_state])
    projected = g.dense(u, scan.x_proj)
    step, b, c = (g.slice(projected, a, z, 2) for a, z in zip(ends[:-1], ends[1:], strict=True))
    delta = without(g, g.softplus(g.dense(step, scan.dt_proj)), padding)  # (B, N, E)
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


def experts(g: Graph, x: str, mixture: MixtureOfExperts) -> str:
    """Return the gated sum (B, N, D) of the experts."""
    logits = g.matmul(x, as_array(mixture.gate.weight).T)  # (B, N, E)
    k = np.array([mixture.top_k])
    best, chosen = g("TopK", logits, k, n_out=2, axis=2, largest=1, sorted=1)
    gates = g("ScatterElements", g.mul(logits, 0.0), chosen, g("Softmax", best, axis=2), axis=2)
    total: Any = None
    for number, expert in enumerate(mixture.experts):
        y = x
        for layer in cast(torch.nn.Sequential, expert):
            y = kan(g, y, layer) if isinstance(layer, KANLinear) else _plain(g, y, layer)
        term = g.mul(g.slice(gates, number, number + 1, 2), y)
        total = term if total is None else g.add(total, term)
    return total


def _plain(g: Graph, x: str, layer: Any) -> str:
    return g.dense(x, layer) if isinstance(layer, torch.nn.Linear) else g.gelu(x)


def kan(g: Graph, x: str, layer: KANLinear) -> str:
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


def attend(g: Graph, h: str, layer: TransformerLayer, padding: Array) -> str:
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
