"""All heads' attention of a run, computed from its spool, in 8 bits a weight.

The kernels are the taps' own (`taps/attention.py`), so a kept row is the row that a live run
shows, rounded. Each row has a scale of its own, its greatest weight / 255: what a weight is off
by is at most half the scale, and at most 1/510.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloudchamber.inference.taps.attention import weigh
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.sessions.archive import QUERIES_PER_PART, Attention
from cloudchamber.sessions.spool_reader import Spool
from cloudchamber.sessions.spool_rows import to_blocks
from cloudchamber.telemetry.events import F4, I4, U2


@dataclass(slots=True)
class LayerRows:
    """One layer's queries and keys, as the kernels take them."""

    shape: Any
    """`HEAD_FIELDS`, with offsets into the arrays here."""
    sinks: F4
    first: I4
    """[1, P] first visible key of each query; -1 where it was not captured."""
    queries: U2
    """u2[P, H d]"""
    keys: U2
    """u2[H_kv d 64 blocks]"""
    n_blocks: int

    @property
    def positions(self) -> int:
        return int(self.first.shape[1])


def attending_layers(spool: Spool) -> list[int]:
    """Layers there is attention of."""
    return [int(layer) for layer in np.flatnonzero(spool.head.layers["n_head_kv"])]


def read_layer(spool: Spool, layer: int, positions: int) -> LayerRows:
    """A layer of a spool. Raises `OSError`."""
    first, queries, keys = spool.layer_records(layer, positions)
    shape = spool.head.layers[layer : layer + 1].copy()
    blocks = to_blocks(keys, int(shape[0]["n_head_kv"]), int(shape[0]["size"]))
    for name in ("query_offset", "key_offset", "group"):
        shape[0][name] = 0
    return LayerRows(
        shape[0],
        spool.head.sinks,
        np.ascontiguousarray(first[None]),
        queries,
        blocks.ravel(),
        blocks.shape[1],
    )


def attention_chunks(layer: LayerRows, chunks: Iterable[int]) -> Iterator[tuple[int, Attention]]:
    """Number and content of some of the layer's parts."""
    for chunk in chunks:
        start = chunk * QUERIES_PER_PART
        yield chunk, attention_part(layer, start, min(start + QUERIES_PER_PART, layer.positions))


def attention_part(layer: LayerRows, start: int, stop: int) -> Attention:
    """All heads' rows of the queries [start, stop) over the keys [0, stop). A query that was not
    captured has NaN for a scale."""
    rows, heads = stop - start, int(layer.shape["n_head"])
    scale, sink = np.empty((rows, heads), np.float32), np.empty((rows, heads), np.float32)
    packed = np.empty((rows, heads, stop), np.uint8)
    weights, share = np.empty((rows, stop), np.float32), np.empty(rows, np.float32)
    positions = np.arange(layer.positions)
    for head in range(heads):
        weigh(
            layer.shape, np.array([head]), False, layer.queries, positions, layer.keys, layer.first,
            layer.sinks, layer.n_blocks, start, stop, 0, stop, 1, 1, weights, share,
        )  # fmt: skip
        _round(weights, scale[:, head], packed[:, head])
        sink[:, head] = share
    return Attention(
        query_start=start, rows=rows, heads=heads, keys=stop, scale=scale, sink=sink, weights=packed
    )


@compiled(cache=True, nogil=True)
def _round(weights: Any, scale: Any, out: Any) -> None:
    """Rows f4[R, K] to u1[R, K] with a scale each."""
    for row in range(weights.shape[0]):
        most = np.float32(0)
        for key in range(weights.shape[1]):
            most = max(most, weights[row, key])
        known = not np.isnan(weights[row, 0])
        scale[row] = most / np.float32(255) if known else np.float32(np.nan)
        inverse = np.float32(255) / most if known and most > 0 else np.float32(0)
        for key in range(weights.shape[1]):
            out[row, key] = np.uint8(weights[row, key] * inverse + np.float32(0.5)) if known else np.uint8(0)
