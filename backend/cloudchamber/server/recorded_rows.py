"""What a recording can say of attention in the past: the rows and summaries that were in its frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry.commands import MAX_HISTORY, GetAttention, GetFlow, GetHeadHistory
from cloudchamber.telemetry.events import AttentionWeights, Event, HeadSummary
from cloudchamber.telemetry.messages import AttentionReply, FlowReply, HeadHistoryReply

type F4 = NDArray[np.float32]

_FIELDS: Final = ("entropy", "peak_weight", "sink")


class RecordedRows:
    """Rows of the run so far, by head and position. Give it every event of the run."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], dict[int, AttentionWeights]] = {}
        self._heads: dict[int, HeadSummary] = {}

    def take(self, event: Event) -> None:
        """Note what came."""
        if isinstance(event, HeadSummary):
            self._heads[event.position] = event
        elif isinstance(event, AttentionWeights):
            rows = self._rows.setdefault((event.layer, event.head), {})
            for row in range(event.weights.shape[0]):
                rows[event.query_start + row] = event

    def clear(self) -> None:
        """Another run begins."""
        self._rows.clear()
        self._heads.clear()

    def attention(self, asked: GetAttention, run_id: str, held: int) -> AttentionReply | None:
        """As the worker answers: a cell is the maximum of its block, a block of queries without a row
        is NaN. `held` positions were decoded. None where nothing of it is kept."""
        query_stop = min(asked.query_stop or held, held)
        key_stop = min(asked.key_stop or query_stop, query_stop)
        q0, k0 = asked.query_start, asked.key_start
        if asked.mode != "head" or q0 >= query_stop or k0 >= key_stop:
            return None
        query_block = -(-(query_stop - q0) // asked.max_size)
        key_block = -(-(key_stop - k0) // asked.max_size)
        shape = (-(-(query_stop - q0) // query_block), -(-(key_stop - k0) // key_block))
        weights = np.full(shape, np.nan, np.float32)
        sink = np.full(shape[0], np.nan, np.float32)
        starts = np.arange(0, key_stop - k0, key_block)
        for query in range(q0, query_stop):
            row = self._row(asked.layer, asked.head, query)
            if row is None:
                continue
            keys = np.zeros(key_stop - k0, np.float32)
            seen = row[0][k0:key_stop]
            keys[: len(seen)] = seen
            at = (query - q0) // query_block
            weights[at] = np.fmax(weights[at], np.maximum.reduceat(keys, starts))
            sink[at] = np.fmax(sink[at], np.float32(row[1]))
        if np.isnan(sink).all():
            return None
        return AttentionReply(
            request=asked.request,
            run_id=run_id,
            layer=asked.layer,
            head=asked.head,
            mode=asked.mode,
            query_start=q0,
            query_stop=query_stop,
            key_start=k0,
            key_stop=key_stop,
            query_block=query_block,
            key_block=key_block,
            weights=weights,
            sink=sink,
        )

    def history(self, asked: GetHeadHistory, run_id: str, held: int) -> HeadHistoryReply | None:
        """One head through the positions; NaN where a frame without its summary lies between."""
        stop = min(asked.stop or held, held, asked.start + MAX_HISTORY)
        found = [self._heads.get(position) for position in range(asked.start, stop)]
        layers, heads = next((one.entropy.shape for one in found if one is not None), (0, 0))
        if asked.layer >= layers or asked.head >= heads:
            return None
        columns = {
            name: np.array(
                [np.nan if one is None else getattr(one, name)[asked.layer, asked.head] for one in found],
                np.float32,
            )
            for name in _FIELDS
        }
        return HeadHistoryReply(
            request=asked.request,
            run_id=run_id,
            layer=asked.layer,
            head=asked.head,
            start=asked.start,
            **columns,
        )

    def flow(self, asked: GetFlow, run_id: str, held: int) -> FlowReply | None:
        """One head's row; a mean or a rollout needs heads that were not recorded."""
        position = held - 1 if asked.position < 0 else asked.position
        row = self._row(asked.layer, asked.head, position) if asked.mode == "head" else None
        if row is None:
            return None
        return FlowReply(
            request=asked.request,
            run_id=run_id,
            position=position,
            mode=asked.mode,
            layer=asked.layer,
            head=asked.head,
            weights=row[0],
            sink=row[1],
        )

    def _row(self, layer: int, head: int, position: int) -> tuple[F4, float] | None:
        """Weights f4[position + 1] and the sink's share."""
        event = self._rows.get((layer, head), {}).get(position)
        if event is None:
            return None
        row = position - event.query_start
        weights = event.weights[row, : position + 1].astype(np.float32)
        return None if np.isnan(weights).any() else (weights, float(event.sink[row]))
