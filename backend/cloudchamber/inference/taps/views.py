"""Telemetry made from the history: each function answers one question about one position."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps.attention import follow, summarise, weigh
from cloudchamber.inference.taps.history import NOT_ROUTED, History
from cloudchamber.telemetry.events import AttentionWeights, ExpertRouting, HeadSummary, LayerActivation

type Mode = Literal["head", "mean", "max"]


def layer_activation(history: History, run_id: str, position: int) -> LayerActivation:
    """Norms of every layer at a position; NaN where not captured."""
    norms = history.norms[position]
    return LayerActivation(
        run_id=run_id,
        position=position,
        layer=np.arange(len(norms), dtype=np.uint16),
        attention_norm=norms[:, 0].copy(),
        mlp_norm=norms[:, 1].copy(),
        output_norm=norms[:, 2].copy(),
        residual_change=norms[:, 3].copy(),
    )


def head_summary(history: History, run_id: str, position: int) -> HeadSummary | None:
    """Every head's row at a position, in brief; None if its query is not kept."""
    slot = position % len(history.query_position)
    if history.query_position[slot] != position:
        return None
    history.settle()
    shape = (len(history.layers.heads), history.layers.n_head)
    entropy = np.full(shape, np.nan, np.float32)
    peak = np.zeros(shape, np.uint32)
    peak_weight, sink = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    summarise(
        history.layers.heads, history.queries, history.keys, history.first, history.layers.sinks,
        history.layers.n_blocks, slot, position, entropy, peak, peak_weight, sink,
    )  # fmt: skip
    return HeadSummary(
        run_id=run_id, position=position, entropy=entropy, peak=peak, peak_weight=peak_weight, sink=sink
    )


def head_history(
    history: History, layer: int, head: int, start: int, stop: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Entropy, peak weight and sink's share of one head's rows, [stop - start] each."""
    history.settle(layer)
    entropy, peak_weight, sink = np.empty((3, stop - start), np.float32)
    follow(
        history.layers.heads[layer], head, history.queries, history.query_position, history.keys,
        history.first, history.layers.sinks, history.layers.n_blocks, start, stop,
        entropy, peak_weight, sink,
    )  # fmt: skip
    return entropy, peak_weight, sink


def mean_rows(history: History, layer: int, start: int, stop: int) -> NDArray[np.float32]:
    """The mean of a layer's heads, rows of queries [start, stop) over keys [0, stop)."""
    return _weigh(history, layer, 0, "mean", (start, stop), (0, stop), (1, 1))[0]


def attention_weights(
    history: History, run_id: str, layer: int, head: int, query_start: int
) -> AttentionWeights:
    """One head's rows from `query_start` to the newest, over all keys."""
    end = history.length
    start = min(max(query_start, history.oldest_query(), 0), end)
    weights, sink = _weigh(history, layer, head, "head", (start, end), (0, end), (1, 1))
    return AttentionWeights(
        run_id=run_id,
        layer=layer,
        head=head,
        query_start=start,
        weights=weights.astype(np.float16),
        sink=sink,
    )


def attention_block(
    history: History,
    layer: int,
    head: int,
    mode: Mode,
    queries: tuple[int, int],
    keys: tuple[int, int],
    size: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], int, int]:
    """Weights [R, C], sink [R], and how many queries and keys a cell is the maximum over."""
    query_block = max(1, -(-(queries[1] - queries[0]) // size))
    key_block = max(1, -(-(keys[1] - keys[0]) // size))
    weights, sink = _weigh(history, layer, head, mode, queries, keys, (query_block, key_block))
    return weights, sink, query_block, key_block


def _weigh(
    history: History,
    layer: int,
    head: int,
    mode: Mode,
    queries: tuple[int, int],
    keys: tuple[int, int],
    block: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    history.settle(layer)
    rows = -(-(queries[1] - queries[0]) // block[0])
    columns = -(-(keys[1] - keys[0]) // block[1])
    weights, sink = np.zeros((rows, columns), np.float32), np.zeros(rows, np.float32)
    shape = history.layers.heads[layer]
    heads = np.array([head]) if mode == "head" else np.arange(int(shape["n_head"]))
    weigh(
        shape, heads, mode == "mean", history.queries, history.query_position, history.keys, history.first,
        history.layers.sinks, history.layers.n_blocks, *queries, *keys, *block, weights, sink,
    )  # fmt: skip
    return weights, sink


def expert_routing(history: History, run_id: str, position: int, layers: list[int]) -> ExpertRouting | None:
    """The router at a position, a row for each layer that has one; None if it is not kept."""
    slot = position % len(history.router_position)
    if history.router_position[slot] != position:
        return None
    chosen = history.chosen[position, layers]
    return ExpertRouting(
        run_id=run_id,
        position=position,
        layer=np.array(layers, np.uint16),
        probabilities=history.probabilities[slot, layers],
        chosen=np.where(chosen == NOT_ROUTED, -1, chosen.astype(np.int32)),
        weights=history.weights[slot, layers],
        counts=history.experts_chosen(position)[layers],
    )
