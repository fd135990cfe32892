"""The constants of a graph's RoPE operations, layer by layer: what llama.cpp really computes."""

from __future__ import annotations

import struct

import numpy as np

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.ggml import TensorRecord
from cloudchamber.inference.taps.graph import Graph, is_op
from cloudchamber.telemetry.events import F4, Rotation

_NEOX_LIKE = 2 | 8
"""Modes in which pair i is of elements i and i + dimensions / 2: NeoX, and those of several
sections of positions, which for text are all the same position."""


def find_rotations(graph: Graph, n_layer: int) -> list[Rotation]:
    """Layers that rotate alike, together, in order of their first. Of a layer with several RoPE
    operations the first counts: keys turn as queries do."""
    first: dict[int, TensorRecord] = {}
    for number, node in enumerate(graph.nodes):
        if is_op(node, "ROPE"):
            layer = graph.layer_after(number)
            if layer is not None and layer < n_layer:
                first.setdefault(layer, node)
    alike: dict[tuple[bytes, int], list[int]] = {}
    for layer, node in sorted(first.items()):
        alike.setdefault((node.op_params, node.src[2]), []).append(layer)
    return [_rotation(graph, first[layers[0]], layers) for layers in alike.values()]


def _rotation(graph: Graph, node: TensorRecord, layers: list[int]) -> Rotation:
    # ggml.c, ggml_rope_impl: n_past, n_dims, mode, n_ctx, n_ctx_orig, then six floats.
    _, dimensions, mode, _, original = struct.unpack_from("<5i", node.op_params)
    base, scale, extrapolation, attention, fast, slow = struct.unpack_from("<6f", node.op_params, 20)
    return Rotation(
        layers=np.array(layers, np.uint16),
        pairing="halves" if mode & _NEOX_LIKE else "adjacent",
        dimensions=dimensions,
        base=base,
        frequency_scale=scale,
        extrapolation=extrapolation,
        attention_factor=attention,
        beta_fast=fast,
        beta_slow=slow,
        original_context=original,
        factors=_factors(graph.source(node, 2), dimensions // 2),
    )


def _factors(tensor: TensorRecord | None, count: int) -> F4:
    if tensor is None or tensor.type != ggml.F32:
        return np.zeros(0, np.float32)
    return np.frombuffer(ggml.read_tensor(tensor.address, 4 * count), "<f4").astype(np.float32)
