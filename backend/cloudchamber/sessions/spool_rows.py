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
def gather_keys(layers: Any, keys: Any, n_blocks: int, start: int, count: int, out: Any) -> None:
    """Keys of positions from `start` on out of the capture's store, into out u2[count, ...]."""
    for row in range(count):
        position = start + row
        block, within = position // KEY_BLOCK, position % KEY_BLOCK
        at = 0
        for number in range(layers.size):
            layer = layers[number]
            for head in range(layer.n_head_kv):
                base = layer.key_offset + (head * n_blocks + block) * layer.size * KEY_BLOCK + within
                for i in range(layer.size):
                    out[row, at + i] = keys[base + i * KEY_BLOCK]
                at += layer.size


def to_blocks(keys: NDArray[np.uint16], n_head_kv: int, size: int) -> NDArray[np.uint16]:
    """One layer's keys u2[P, H_kv d] as the attention kernels take them, u2[H_kv, blocks, d, 64]."""
    positions = len(keys)
    n_blocks = max(1, -(-positions // KEY_BLOCK))
    padded = np.zeros((n_blocks * KEY_BLOCK, n_head_kv, size), np.uint16)
    padded[:positions] = keys.reshape(positions, n_head_kv, size)
    blocks = padded.reshape(n_blocks, KEY_BLOCK, n_head_kv, size).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(blocks)
