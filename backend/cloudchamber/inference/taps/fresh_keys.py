"""The newest positions' keys: a row each, until somebody wants them in blocks. Compiled.

The kernels take keys transposed, in blocks of `KEY_BLOCK` positions. Putting one position's
keys there touches a cache line for every number (5,760 for SmolLM2), and putting many
positions' there touches the same lines once. So a token's keys are kept as they come, in row
`position % KEY_BLOCK`, and settled when they are looked at or their block is full.
"""

from __future__ import annotations

from typing import Any

from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.state import KEY_BLOCK


@compiled(cache=True, nogil=True)
def settle(
    layers: Any, row_offset: Any, fresh: Any, keys: Any, n_blocks: int, settled: Any, known: Any,
    layer0: int, layer1: int,
) -> None:  # fmt: skip
    """Put positions [settled, known) of layers [layer0, layer1) from `fresh` u2[KEY_BLOCK, numbers]
    into blocks. Those before the newest position's block are there already."""
    for number in range(layer0, layer1):
        length = known[number]
        start = max(settled[number], (length - 1) // KEY_BLOCK * KEY_BLOCK)
        if start >= length:
            continue
        settled[number] = length
        layer = layers[number]
        size, block = layer.size, start // KEY_BLOCK
        within, count = start % KEY_BLOCK, length - start
        for head in range(layer.n_head_kv):
            at = row_offset[number] + head * size
            base = layer.key_offset + (head * n_blocks + block) * size * KEY_BLOCK + within
            for i in range(size):
                for row in range(count):
                    keys[base + i * KEY_BLOCK + row] = fresh[within + row, at + i]
