"""What capture keeps of a run: queries and keys by position, norms, the newest routing.

Arrays are taken with `np.empty`, whose pages the operating system hands out when they are
first written, so memory grows with the run and not with the context's size. A token takes
2 bytes a number: sum over layers of n_head x d for queries and n_head_kv x d for keys.
SmolLM2-135M: 34.6 kB + 11.5 kB. Queries have a budget: 64 layers x 64 heads x 128 take 1 MiB
a token, so with 1 GiB the newest 1,024 queries can be looked back at, over all of their keys.
Keys are kept whole; they take what an F16 cache takes itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.attention import HEAD_FIELDS
from cloudchamber.inference.taps.fresh_keys import settle
from cloudchamber.inference.taps.roles import Roles
from cloudchamber.inference.taps.state import KEY_BLOCK

ROUTER_BYTES: Final = 1 << 28
"""Bound of what is kept of the router; what each position chose is kept whole."""
NOT_ROUTED: Final = np.uint16(0xFFFF)
STORES: Final = (
    "queries", "keys", "fresh", "settled", "known", "norms", "first", "probabilities", "chosen", "weights",
)  # fmt: skip
"""Fields of `History` that the callback writes to."""


@dataclass(slots=True)
class Layers:
    """Shapes of the layers' attention and where their parts of the stores begin."""

    heads: NDArray[np.void]
    """`HEAD_FIELDS` [L]; `n_head_kv` 0 where a layer has no attention."""
    columns: dict[str, NDArray[np.int64]]
    """The same for the callback, a column [L] each, with the keys' type."""
    sinks: NDArray[np.float32]
    n_groups: int
    """Distinct masks."""
    query_stride: int
    key_stride: int
    """Numbers in all layers' keys of a position."""
    key_elements: int
    n_blocks: int
    n_expert: int
    n_used: int
    n_head: int


def measure_layers(roles: Roles, n_ctx: int) -> Layers:
    """Lay the stores out for what was found in a graph."""
    n_layer = len(roles.attention)
    heads = np.zeros(n_layer, HEAD_FIELDS)
    names = (
        "heads", "kv_heads", "head_size", "to_float", "key_type", "query_offset", "key_offset", "row_offset",
    )  # fmt: skip
    columns = {name: np.zeros(n_layer, np.int64) for name in names}
    sinks: list[NDArray[np.float32]] = []
    groups: dict[int, int] = {}
    n_blocks = -(-n_ctx // KEY_BLOCK)
    query_offset = key_offset = row_offset = sink_offset = 0
    for layer, attention in enumerate(roles.attention):
        if attention is None:
            heads[layer]["sink_offset"] = -1
            continue
        group = groups.setdefault(attention.mask, len(groups))
        sink = -1
        if attention.sinks is not None:
            sink = sink_offset
            raw = ggml.read_tensor(attention.sinks.address, 4 * attention.n_head)
            sinks.append(np.frombuffer(raw, "<f4").astype(np.float32))
            sink_offset += attention.n_head
        heads[layer] = (
            attention.n_head, attention.n_head_kv, attention.head_size, query_offset, key_offset, group, sink,
            attention.scale, attention.softcap, attention.max_bias,
        )  # fmt: skip
        values = (
            attention.n_head, attention.n_head_kv, attention.head_size,
            ggml.to_float_address(attention.key_type), attention.key_type, query_offset, key_offset,
            row_offset,
        )  # fmt: skip
        for name, value in zip(names, values, strict=True):
            columns[name][layer] = value
        query_offset += attention.n_head * attention.head_size
        row_offset += attention.n_head_kv * attention.head_size
        key_offset += attention.n_head_kv * n_blocks * KEY_BLOCK * attention.head_size
    experts = [e for e in roles.experts if e is not None]
    return Layers(
        heads=heads,
        columns=columns,
        sinks=np.concatenate(sinks) if sinks else np.zeros(1, np.float32),
        n_groups=max(len(groups), 1),
        query_stride=query_offset,
        key_stride=row_offset,
        key_elements=key_offset,
        n_blocks=n_blocks,
        n_expert=max((e.n_expert for e in experts), default=0),
        n_used=max((e.n_used for e in experts), default=0),
        n_head=int(heads["n_head"].max(initial=0)),
    )


@dataclass(slots=True)
class History:
    """The stores themselves."""

    layers: Layers
    queries: NDArray[np.uint16]
    """[capacity, query_stride] bits of F16; position p in row p % capacity."""
    query_position: NDArray[np.int64]
    """[capacity] position each row holds, -1 for none."""
    keys: NDArray[np.uint16]
    """Bits of F16; a layer's part is [n_head_kv, n_blocks, d, KEY_BLOCK]. `settle` before reading."""
    fresh: NDArray[np.uint16]
    """[KEY_BLOCK, key_stride] keys of the newest positions; position p in row p % KEY_BLOCK."""
    settled: NDArray[np.int64]
    """[L] positions whose keys are in `keys`; those of the others are in `fresh`."""
    known: NDArray[np.int64]
    """[L] positions whose keys were taken; behind them nobody looked."""
    first: NDArray[np.int32]
    """[groups, n_ctx] first position each query sees under each mask; -1 is unknown."""
    norms: NDArray[np.float32]
    """[n_ctx, L, 4] attention, MLP, output, relative change."""
    probabilities: NDArray[np.float32]
    """[router capacity, L, E]; position p in row p % capacity."""
    weights: NDArray[np.float32]
    """[router capacity, L, k]"""
    router_position: NDArray[np.int64]
    """[router capacity] position each row holds, -1 for none."""
    chosen: NDArray[np.uint16]
    """[n_ctx, L, k] experts of every position; `NOT_ROUTED` where a layer did not route it."""
    counts: NDArray[np.uint32]
    """[L, E] how often each expert was chosen by the first `counted` positions."""
    counted: int = 0
    length: int = 0
    """Positions of the run so far."""

    @classmethod
    def allocate(cls, layers: Layers, n_layer: int, n_ctx: int, query_bytes: int) -> History:
        """`query_bytes` bounds the queries; at least one token's are kept."""
        stride = max(layers.query_stride, 1)
        capacity = max(1, min(n_ctx, query_bytes // (2 * stride)))
        n_expert, n_used = max(layers.n_expert, 1), max(layers.n_used, 1)
        routed = max(1, min(n_ctx, ROUTER_BYTES // (4 * n_layer * (n_expert + n_used))))
        return cls(
            layers=layers,
            queries=np.empty((capacity, stride), np.uint16),
            query_position=np.full(capacity, -1, np.int64),
            keys=np.empty(max(layers.key_elements, 1), np.uint16),
            fresh=np.empty((KEY_BLOCK, max(layers.key_stride, 1)), np.uint16),
            settled=np.zeros(n_layer, np.int64),
            known=np.zeros(n_layer, np.int64),
            first=np.full((layers.n_groups, n_ctx), -1, np.int32),
            norms=np.full((n_ctx, n_layer, 4), np.nan, np.float32),
            probabilities=np.empty((routed, n_layer, n_expert), np.float32),
            weights=np.empty((routed, n_layer, n_used), np.float32),
            router_position=np.full(routed, -1, np.int64),
            chosen=np.empty((n_ctx, n_layer, n_used), np.uint16),
            counts=np.zeros((n_layer, n_expert), np.uint32),
        )

    def truncate(self, length: int) -> None:
        """Forget positions from `length` on."""
        self.query_position[self.query_position >= length] = -1
        self.router_position[self.router_position >= length] = -1
        if self.counted > length:
            self.counts[:] = 0
            self.counted = 0
        self.length = min(self.length, length)
        np.minimum(self.settled, length, out=self.settled)
        np.minimum(self.known, length, out=self.known)

    def open(self, position: int, count: int) -> None:
        """Mark positions about to be decoded as not captured yet."""
        if position < self.length:
            self.truncate(position)
        if count > 1 or position % KEY_BLOCK == 0:  # their rows in `fresh` are taken anew
            self.settle()
        self.norms[position : position + count] = np.nan
        self.first[:, position : position + count] = -1
        if self.layers.n_expert:
            rows = _rows(position, count, len(self.router_position))
            self.probabilities[rows] = np.nan
            self.weights[rows] = np.nan
            self.chosen[position : position + count] = NOT_ROUTED

    def close(self, position: int, count: int, *, queries: bool = True) -> None:
        """The decode went through: the positions are part of the run; `queries` if theirs were taken."""
        for held in (self.query_position, self.router_position) if queries else (self.router_position,):
            if count == 1:
                held[position % len(held)] = position
                continue
            rows = _rows(position, count, len(held))
            held[rows] = np.arange(position + count - len(rows), position + count)
        self.length = position + count

    def settle(self, layer: int | None = None) -> None:
        """Have the keys of a layer, or of all, in `keys` as far as they are known."""
        layers = (0, len(self.settled)) if layer is None else (layer, layer + 1)
        shapes = self.layers
        settle(
            shapes.heads, shapes.columns["row_offset"], self.fresh, self.keys, shapes.n_blocks,
            self.settled, self.known, *layers,
        )  # fmt: skip

    def experts_chosen(self, position: int) -> NDArray[np.uint32]:
        """How often each expert was chosen by positions up to and with this one, [L, E]."""
        start, counts = self.counted, self.counts
        if position + 1 < start:
            start, counts = 0, np.zeros_like(self.counts)
        n_expert = counts.shape[1]
        new = self.chosen[start : position + 1]
        for layer in range(counts.shape[0]):
            of_layer = new[:, layer]
            counts[layer] += np.bincount(of_layer[of_layer < n_expert], minlength=n_expert).astype(np.uint32)
        if counts is self.counts:
            self.counted = position + 1
        return counts.copy()

    def oldest_query(self) -> int:
        """First position whose query is still kept."""
        return max(0, self.length - len(self.query_position))


def _rows(position: int, count: int, capacity: int) -> NDArray[np.int64]:
    """Rows of a ring that take the newest of the positions from `position` on."""
    return np.arange(max(position, position + count - capacity), position + count) % capacity
