"""Keys between the capture's store, transposed in blocks, and rows by position. Compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.state import KEY_BLOCK


def key_size(heads: NDArray[np.void]) -> int:
    """F16 numbers in all layers' keys of a position, of `HEAD_FIELDS` [L]."""
    return int((heads["n_head_kv"] * heads["size"]).sum())


@compiled(cache=True, nogil=True)
def pack_rows(
    layers: Any, keys: Any, n_blocks: int, fresh: Any, settled: Any,
    queries: Any, query_position: Any, first: Any, norms: Any, start: int, count: int,
    to_norms: Any, to_first: Any, to_queries: Any, to_keys: Any,
) -> None:  # fmt: skip
    """Records of positions from `start` on out of the capture's stores: norms f4[count, 4 L], first
    visible keys i4[count, groups], queries and keys u2[count, ...]."""
    for row in range(count):
        position = start + row
        slot = position % queries.shape[0]
        known = query_position[slot] == position
        for layer in range(norms.shape[1]):
            for i in range(4):
                to_norms[row, 4 * layer + i] = norms[position, layer, i]
        for group in range(to_first.shape[1]):
            to_first[row, group] = first[group, position] if known else -1
        for i in range(to_queries.shape[1]):
            to_queries[row, i] = queries[slot, i]
        block, within, at = position // KEY_BLOCK, position % KEY_BLOCK, 0
        for number in range(layers.size if to_keys.shape[1] else 0):
            layer_shape = layers[number]
            if position >= settled[number]:
                for i in range(at, at + layer_shape.n_head_kv * layer_shape.size):
                    to_keys[row, i] = fresh[within, i]
                at += layer_shape.n_head_kv * layer_shape.size
                continue
            for head in range(layer_shape.n_head_kv):
                base = layer_shape.key_offset + (head * n_blocks + block) * layer_shape.size * KEY_BLOCK
                for i in range(layer_shape.size):
                    to_keys[row, at + i] = keys[base + within + i * KEY_BLOCK]
                at += layer_shape.size


def to_blocks(keys: NDArray[np.uint16], n_head_kv: int, size: int) -> NDArray[np.uint16]:
    """One layer's keys u2[P, H_kv d] as the attention kernels take them, u2[H_kv, blocks, d, 64]."""
    positions = len(keys)
    n_blocks = max(1, -(-positions // KEY_BLOCK))
    padded = np.zeros((n_blocks * KEY_BLOCK, n_head_kv, size), np.uint16)
    padded[:positions] = keys.reshape(positions, n_head_kv, size)
    blocks = padded.reshape(n_blocks, KEY_BLOCK, n_head_kv, size).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(blocks)
