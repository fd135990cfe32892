"""Attention computed anew from the stored queries and keys: softmax(scale q K^T + mask), exactly.

The same arithmetic as llama.cpp's attention operation (soft-cap as in Gemma 2, ALiBi as in
Press et al. 2021, sinks as in gpt-oss: one more logit that takes a share and gives nothing),
in F32 on F16 operands. Compiled, single-threaded, without the interpreter lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cloudchamber.inference.taps.arithmetic import exp, greater, tanh
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.memory import half_to_float
from cloudchamber.inference.taps.product import ROWS, multiply
from cloudchamber.inference.taps.state import KEY_BLOCK

_FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}
"""Queries and keys are finite, so sums may be reordered and maxima need not look for NaN."""
_MOST_ROWS = 48
_SCORES_AT_ONCE = 1 << 18
"""A block of keys is made ready once for so many queries at most, and their scores take 1 MiB at
most, so that they are still in the processor's cache when they become weights."""

HEAD_FIELDS = np.dtype(
    [
        ("n_head", np.int64),
        ("n_head_kv", np.int64),
        ("size", np.int64),
        ("query_offset", np.int64),
        ("key_offset", np.int64),
        ("group", np.int64),
        ("sink_offset", np.int64),
        ("scale", np.float32),
        ("softcap", np.float32),
        ("max_bias", np.float32),
    ],
    align=True,
)
"""What the kernels know of a layer. `sink_offset` is -1 where it has none; offsets in elements."""


@compiled(cache=True, nogil=True)
def _slope(head: int, n_head: int, max_bias: float) -> Any:
    """ALiBi's slope of a head; 0 without."""
    if max_bias <= 0:
        return np.float32(0)
    power = 1
    while power * 2 <= n_head:
        power *= 2
    if head < power:
        return np.float32(2.0 ** (-max_bias / power * (head + 1)))
    return np.float32(2.0 ** (-max_bias / 2 / power * (2 * (head - power) + 1)))


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _to_logits(row: Any, softcap: Any, slope: Any, past: int) -> Any:
    """Soft-cap and bias scaled scores in place; `past` is the query's position less the first
    key's. Returns the greatest."""
    n = row.size
    if softcap > 0:
        for i in range(n):
            row[i] = softcap * tanh(row[i] / softcap)
    if slope > 0:
        for i in range(n):
            row[i] -= slope * np.float32(past - i)
    top = row[0]
    for i in range(1, n):
        top = greater(top, row[i])
    return top


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _exponentials(row: Any, top: Any, sink: Any, has_sink: bool) -> Any:
    """The softmax's numerators in place. Returns what to multiply them by, and the sink's share."""
    if has_sink:
        top = max(top, sink)
    total = np.float32(0)
    for i in range(row.size):
        row[i] = exp(row[i] - top)
        total += row[i]
    share = exp(sink - top) if has_sink else np.float32(0)
    factor = np.float32(1) / (total + share)
    return factor, share * factor


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _join(row: Any, factor: Any, mean: bool, joined: Any) -> None:
    """Take a head's row, times `factor`, into what is joined of several."""
    if mean:
        for i in range(row.size):
            joined[i] += row[i] * factor
    else:
        for i in range(row.size):
            joined[i] = max(joined[i], row[i] * factor)


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _summary(row: Any, top: Any, sink: Any, has_sink: bool) -> Any:
    """Entropy without the sink, index and weight of the peak, the sink's share.

    With z = sum exp(s - top): entropy = log z - sum exp(s - top)(s - top) / z.
    """
    total, weighted = np.float32(0), np.float32(0)
    for i in range(row.size):
        d = row[i] - top
        e = exp(d)
        total += e
        weighted += e * d
    peak = 0
    for i in range(row.size):
        if row[i] == top:
            peak = i
            break
    share = np.float32(np.exp(np.float64(sink - top))) if has_sink else np.float32(0)
    whole = total + share
    entropy = np.log(total) - weighted / total
    return max(np.float32(entropy), np.float32(0)), peak, np.float32(1) / whole, share / whole


@compiled(cache=True, nogil=True)
def _load_query(queries: Any, row: int, start: int, scale: Any, q: Any, at: int) -> None:
    """A head's query, times the layer's scale, into row `at` of q [rows, size]."""
    for i in range(q.shape[1]):
        q[at, i] = half_to_float(queries[row, start + i]) * scale


@compiled(cache=True, nogil=True)
def _rows_for(padded: int) -> int:
    """How many queries' scores over so many keys are worked on at once."""
    return max(ROWS, min(_MOST_ROWS, _SCORES_AT_ONCE // padded // ROWS * ROWS))


@compiled(cache=True, nogil=True)
def _padded(n: int) -> int:
    return (n + KEY_BLOCK - 1) // KEY_BLOCK * KEY_BLOCK


@compiled(cache=True, nogil=True)
def summarise(
    layers: Any, queries: Any, keys: Any, first: Any, sinks: Any, n_blocks: int, slot: int, position: int,
    entropy: Any, peak: Any, peak_weight: Any, sink: Any,
) -> None:  # fmt: skip
    """Every head's row of the query at `position`, in brief, into arrays [L, H]."""
    n = position + 1
    padded = _padded(n)
    widest = 1
    for number in range(layers.size):
        widest = max(widest, layers[number].size)
    most = _rows_for(padded)
    scores = np.empty((most, padded), np.float32)
    wide = np.empty(widest * KEY_BLOCK, np.float32)
    for number in range(layers.size):
        layer = layers[number]
        if layer.n_head_kv == 0 or first[layer.group, position] < 0:
            continue
        start, size = first[layer.group, position], layer.size
        q = np.zeros((most, size), np.float32)
        origin = start // KEY_BLOCK * KEY_BLOCK
        each = layer.n_head // layer.n_head_kv
        head = 0
        while head < layer.n_head:
            count = min(each - head % each, most)
            for g in range(count):
                _load_query(queries, slot, layer.query_offset + (head + g) * size, layer.scale, q, g)
            base = layer.key_offset + head // each * n_blocks * size * KEY_BLOCK
            multiply(keys, base, origin, padded, q, count, scores, wide)
            for g in range(count):
                row = scores[g, start - origin : n - origin]
                slope = _slope(head + g, layer.n_head, layer.max_bias)
                top = _to_logits(row, layer.softcap, slope, position - start)
                has_sink = layer.sink_offset >= 0
                logit = sinks[layer.sink_offset + head + g] if has_sink else np.float32(0)
                h, at, weight, share = _summary(row, top, logit, has_sink)
                entropy[number, head + g], peak[number, head + g] = h, start + at
                peak_weight[number, head + g], sink[number, head + g] = weight, share
            head += count


@compiled(cache=True, nogil=True)
def _fold(row: Any, start: int, key0: int, key1: int, key_block: int, out: Any) -> None:
    """Reduce weights of keys [start, start + row.size) into blocks of [key0, key1) by maximum."""
    low, high = max(key0, start), min(key1, start + row.size)
    if key_block == 1:
        for i in range(low, high):
            out[i - key0] = max(out[i - key0], row[i - start])
        return
    while low < high:
        cell = (low - key0) // key_block
        end = min(high, key0 + (cell + 1) * key_block)
        most = out[cell]
        for i in range(low, end):
            most = greater(most, row[i - start])
        out[cell] = most
        low = end


@compiled(cache=True, nogil=True)
def _gather(at: int, end: int, first: Any, query_position: Any, positions: Any) -> Any:
    """The next queries of [at, end) that are in the store, as many as `positions` takes. Returns
    how many, the first key that any of them sees, and where to go on."""
    count, lowest, capacity = 0, end, query_position.size
    while at < end and count < positions.size:
        if query_position[at % capacity] == at and first[at] >= 0:
            positions[count] = at
            lowest = min(lowest, first[at])
            count += 1
        at += 1
    return count, lowest, at


@compiled(cache=True, nogil=True)
def weigh(
    layer: Any, heads: Any, mean: bool, queries: Any, query_position: Any, keys: Any, first: Any, sinks: Any,
    n_blocks: int, query0: int, query1: int, key0: int, key1: int, query_block: int, key_block: int,
    weights: Any, sink: Any,
) -> None:  # fmt: skip
    """Attention of `heads`, joined by mean or maximum, queries [query0, query1) and keys
    [key0, key1), folded by maximum into weights [R, C] and sink [R]. Rows of which no query
    is in the store become NaN."""
    size, each = layer.size, layer.n_head // layer.n_head_kv
    capacity = queries.shape[0]
    padded = _padded(query1)
    most = _rows_for(padded)
    # Heads that share their keys are worked on together, and as many queries as fit.
    together = min(each, heads.size, most)
    positions = np.empty(most // together, np.int64)
    q = np.zeros((most, size), np.float32)
    scores = np.empty((most, padded), np.float32)
    joined = np.empty((positions.size, padded), np.float32)
    shares = np.empty(positions.size, np.float32)
    wide = np.empty(size * KEY_BLOCK, np.float32)
    seen = np.zeros(weights.shape[0], np.bool_)
    part = np.float32(1 / heads.size) if mean else np.float32(1)
    weights[:] = 0
    sink[:] = 0
    at = query0
    while at < query1:
        count, lowest, at = _gather(at, query1, first[layer.group], query_position, positions)
        if count == 0:
            continue
        origin = lowest // KEY_BLOCK * KEY_BLOCK
        end = _padded(positions[count - 1] + 1)
        joined[:count, : end - origin] = 0
        shares[:count] = 0
        number = 0
        while number < heads.size:
            kv, run = heads[number] // each, 1
            while run < together and number + run < heads.size and heads[number + run] // each == kv:
                run += 1
            for p in range(count):
                row = positions[p] % capacity
                for h in range(run):
                    own = layer.query_offset + heads[number + h] * size
                    _load_query(queries, row, own, layer.scale, q, p * run + h)
            base = layer.key_offset + kv * n_blocks * size * KEY_BLOCK
            multiply(keys, base, origin, end, q, count * run, scores, wide)
            for h in range(run):
                head = heads[number + h]
                slope = _slope(head, layer.n_head, layer.max_bias)
                has_sink = layer.sink_offset >= 0
                logit = sinks[layer.sink_offset + head] if has_sink else np.float32(0)
                for p in range(count):
                    start = first[layer.group, positions[p]]
                    low, high = start - origin, positions[p] + 1 - origin
                    weighed = scores[p * run + h, low:high]
                    top = _to_logits(weighed, layer.softcap, slope, positions[p] - start)
                    factor, share = _exponentials(weighed, top, logit, has_sink)
                    _join(weighed, factor * part, mean, joined[p, low:high])
                    shares[p] = shares[p] + share * part if mean else max(shares[p], share)
            number += run
        for p in range(count):
            r = (positions[p] - query0) // query_block
            seen[r] = True
            sink[r] = max(sink[r], shares[p])
            start = first[layer.group, positions[p]]
            row = joined[p, start - origin : positions[p] + 1 - origin]
            _fold(row, start, key0, key1, key_block, weights[r])
    for r in range(seen.size):
        if not seen[r]:
            weights[r] = np.nan
            sink[r] = np.nan


@compiled(cache=True, nogil=True)
def follow(
    layer: Any, head: int, queries: Any, query_position: Any, keys: Any, first: Any, sinks: Any,
    n_blocks: int, query0: int, query1: int, entropy: Any, peak_weight: Any, sink: Any,
) -> None:  # fmt: skip
    """One head's rows of the queries [query0, query1) in brief, into arrays [query1 - query0];
    NaN where a query is not in the store."""
    size, each = layer.size, layer.n_head // layer.n_head_kv
    capacity = queries.shape[0]
    padded = _padded(query1)
    positions = np.empty(_rows_for(padded), np.int64)
    q = np.zeros((positions.size, size), np.float32)
    scores = np.empty((positions.size, padded), np.float32)
    wide = np.empty(size * KEY_BLOCK, np.float32)
    base = layer.key_offset + head // each * n_blocks * size * KEY_BLOCK
    slope = _slope(head, layer.n_head, layer.max_bias)
    has_sink = layer.sink_offset >= 0
    logit = sinks[layer.sink_offset + head] if has_sink else np.float32(0)
    entropy[:] = np.nan
    peak_weight[:] = np.nan
    sink[:] = np.nan
    at = query0
    while at < query1:
        count, lowest, at = _gather(at, query1, first[layer.group], query_position, positions)
        if count == 0:
            continue
        for p in range(count):
            own = layer.query_offset + head * size
            _load_query(queries, positions[p] % capacity, own, layer.scale, q, p)
        origin = lowest // KEY_BLOCK * KEY_BLOCK
        multiply(keys, base, origin, _padded(positions[count - 1] + 1), q, count, scores, wide)
        for p in range(count):
            start = first[layer.group, positions[p]]
            row = scores[p, start - origin : positions[p] + 1 - origin]
            top = _to_logits(row, layer.softcap, slope, positions[p] - start)
            h, _, weight, share = _summary(row, top, logit, has_sink)
            place = positions[p] - query0
            entropy[place], peak_weight[place], sink[place] = h, weight, share
