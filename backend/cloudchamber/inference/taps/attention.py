"""Attention computed anew from the stored queries and keys: softmax(scale q K^T + mask), exactly.

The same arithmetic as llama.cpp's attention operation (soft-cap as in Gemma 2, ALiBi as in
Press et al. 2021, sinks as in gpt-oss: one more logit that takes a share and gives nothing),
in F32 on F16 operands. Compiled, single-threaded, without the interpreter lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cloudchamber.inference.taps.arithmetic import exp
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.memory import half_to_float
from cloudchamber.inference.taps.state import KEY_BLOCK

_FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}
"""Queries and keys are finite, so sums may be reordered and maxima need not look for NaN."""
_QUERIES_AT_ONCE = 16

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


@compiled(fastmath=_FAST)
def _widen(block: Any, wide: Any) -> None:
    for i in range(block.size):
        wide[i] = half_to_float(block[i])


@compiled(fastmath=_FAST)
def _add_four(total: Any, k0: Any, k1: Any, k2: Any, k3: Any, q0: Any, q1: Any, q2: Any, q3: Any) -> None:
    """total [KEY_BLOCK] += four numbers of a query times four rows of keys: a shape that
    becomes vector code (5 times the speed of the plain triple loop)."""
    for j in range(KEY_BLOCK):
        total[j] += q0 * k0[j] + q1 * k1[j] + q2 * k2[j] + q3 * k3[j]


@compiled(fastmath=_FAST)
def _add_one(total: Any, k: Any, q: Any) -> None:
    for j in range(KEY_BLOCK):
        total[j] += q * k[j]


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _scores(keys: Any, base: int, size: int, block0: int, block1: int, q: Any, out: Any, wide: Any) -> None:
    """Dot products of queries q [G, size] with the keys of blocks [block0, block1) into
    out [G, (block1 - block0) * KEY_BLOCK]. `wide` is working memory, F32 [size * KEY_BLOCK]."""
    flat = wide[: size * KEY_BLOCK]
    rows = flat.reshape(size, KEY_BLOCK)
    whole = size - size % 4
    for block in range(block0, block1):
        start = base + block * size * KEY_BLOCK
        _widen(keys[start : start + size * KEY_BLOCK], flat)
        at = (block - block0) * KEY_BLOCK
        for g in range(q.shape[0]):
            total = out[g, at : at + KEY_BLOCK]
            total[:] = 0
            x = q[g]
            for i in range(0, whole, 4):
                _add_four(
                    total, rows[i], rows[i + 1], rows[i + 2], rows[i + 3], x[i], x[i + 1], x[i + 2], x[i + 3]
                )
            for i in range(whole, size):
                _add_one(total, rows[i], x[i])


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
def _to_logits(row: Any, scale: Any, softcap: Any, slope: Any, past: int) -> Any:
    """Scale, soft-cap and bias raw scores in place; `past` is the query's position less the
    first key's. Returns the greatest."""
    n = row.size
    if softcap > 0:
        for i in range(n):
            row[i] = softcap * np.tanh(row[i] * scale / softcap)
    else:
        for i in range(n):
            row[i] *= scale
    if slope > 0:
        for i in range(n):
            row[i] -= slope * np.float32(past - i)
    top = row[0]
    for i in range(1, n):
        top = max(top, row[i])
    return top


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _softmax(row: Any, top: Any, sink: Any, has_sink: bool) -> Any:
    """In place; returns the sink's share."""
    if has_sink:
        top = max(top, sink)
    total = np.float32(0)
    for i in range(row.size):
        row[i] = exp(row[i] - top)
        total += row[i]
    share = exp(sink - top) if has_sink else np.float32(0)
    scale = np.float32(1) / (total + share)
    for i in range(row.size):
        row[i] *= scale
    return share * scale


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
def _load_queries(queries: Any, start: int, count: int, size: int, out: Any) -> None:
    for g in range(count):
        for i in range(size):
            out[g, i] = half_to_float(queries[start + g * size + i])


@compiled(cache=True, nogil=True)
def summarise(
    layers: Any, queries: Any, keys: Any, first: Any, sinks: Any, n_blocks: int, slot: int, position: int,
    entropy: Any, peak: Any, peak_weight: Any, sink: Any,
) -> None:  # fmt: skip
    """Every head's row of the query at `position`, in brief, into arrays [L, H]."""
    n = position + 1
    padded = (n + KEY_BLOCK - 1) // KEY_BLOCK * KEY_BLOCK
    most, widest = 1, 1
    for layer in range(layers.size):
        if layers[layer].n_head_kv > 0:
            most = max(most, layers[layer].n_head // layers[layer].n_head_kv)
            widest = max(widest, layers[layer].size)
    q = np.empty((most, widest), np.float32)
    scores = np.empty((most, padded), np.float32)
    wide = np.empty(widest * KEY_BLOCK, np.float32)
    for number in range(layers.size):
        layer = layers[number]
        if layer.n_head_kv == 0 or first[layer.group, position] < 0:
            continue
        start, size = first[layer.group, position], layer.size
        block0, block1 = start // KEY_BLOCK, padded // KEY_BLOCK
        each = layer.n_head // layer.n_head_kv
        for kv in range(layer.n_head_kv):
            own = queries[slot, layer.query_offset + kv * each * size :]
            _load_queries(own, 0, each, size, q)
            base = layer.key_offset + kv * n_blocks * size * KEY_BLOCK
            _scores(keys, base, size, block0, block1, q[:each, :size], scores, wide)
            for g in range(each):
                head = kv * each + g
                row = scores[g, start - block0 * KEY_BLOCK : n - block0 * KEY_BLOCK]
                slope = _slope(head, layer.n_head, layer.max_bias)
                top = _to_logits(row, layer.scale, layer.softcap, slope, position - start)
                has_sink = layer.sink_offset >= 0
                logit = sinks[layer.sink_offset + head] if has_sink else np.float32(0)
                h, at, weight, share = _summary(row, top, logit, has_sink)
                entropy[number, head], peak[number, head] = h, start + at
                peak_weight[number, head], sink[number, head] = weight, share


@compiled(cache=True, nogil=True)
def _fold(row: Any, start: int, key0: int, key1: int, key_block: int, out: Any) -> None:
    """Reduce weights of keys [start, start + row.size) into blocks of [key0, key1) by maximum."""
    for i in range(max(key0, start), min(key1, start + row.size)):
        cell = (i - key0) // key_block
        out[cell] = max(out[cell], row[i - start])


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
    padded = (query1 + KEY_BLOCK - 1) // KEY_BLOCK * KEY_BLOCK
    q = np.empty((_QUERIES_AT_ONCE, size), np.float32)
    positions = np.empty(_QUERIES_AT_ONCE, np.int64)
    scores = np.empty((_QUERIES_AT_ONCE, padded), np.float32)
    joined = np.empty((_QUERIES_AT_ONCE, padded), np.float32)
    shares = np.empty(_QUERIES_AT_ONCE, np.float32)
    wide = np.empty(size * KEY_BLOCK, np.float32)
    seen = np.zeros(weights.shape[0], np.bool_)
    weights[:] = 0
    sink[:] = 0
    at = query0
    while at < query1:
        count, lowest, end = 0, query1, at
        while end < query1 and count < _QUERIES_AT_ONCE:
            if query_position[end % capacity] == end and first[layer.group, end] >= 0:
                positions[count] = end
                lowest = min(lowest, first[layer.group, end])
                count += 1
            end += 1
        at = end
        if count == 0:
            continue
        block0, block1 = lowest // KEY_BLOCK, (positions[count - 1] + KEY_BLOCK) // KEY_BLOCK
        origin = block0 * KEY_BLOCK
        joined[:count, : block1 * KEY_BLOCK - origin] = 0
        shares[:count] = 0
        for head in heads:
            for g in range(count):
                own = queries[positions[g] % capacity, layer.query_offset + head * size :]
                _load_queries(own, 0, 1, size, q[g : g + 1])
            base = layer.key_offset + head // each * n_blocks * size * KEY_BLOCK
            _scores(keys, base, size, block0, block1, q[:count], scores, wide)
            slope = _slope(head, layer.n_head, layer.max_bias)
            has_sink = layer.sink_offset >= 0
            logit = sinks[layer.sink_offset + head] if has_sink else np.float32(0)
            for g in range(count):
                start = first[layer.group, positions[g]]
                low, high = start - origin, positions[g] + 1 - origin
                row, join = scores[g, low:high], joined[g, low:high]
                top = _to_logits(row, layer.scale, layer.softcap, slope, positions[g] - start)
                share = _softmax(row, top, logit, has_sink)
                if mean:
                    for i in range(row.size):
                        join[i] += row[i] / heads.size
                    shares[g] += share / heads.size
                else:
                    for i in range(row.size):
                        join[i] = max(join[i], row[i])
                    shares[g] = max(shares[g], share)
        for g in range(count):
            r = (positions[g] - query0) // query_block
            seen[r] = True
            sink[r] = max(sink[r], shares[g])
            start = first[layer.group, positions[g]]
            _fold(
                joined[g, start - origin : positions[g] + 1 - origin],
                start,
                key0,
                key1,
                key_block,
                weights[r],
            )
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
    padded = (query1 + KEY_BLOCK - 1) // KEY_BLOCK * KEY_BLOCK
    q = np.empty((_QUERIES_AT_ONCE, size), np.float32)
    positions = np.empty(_QUERIES_AT_ONCE, np.int64)
    scores = np.empty((_QUERIES_AT_ONCE, padded), np.float32)
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
        count, lowest, end = 0, query1, at
        while end < query1 and count < _QUERIES_AT_ONCE:
            if query_position[end % capacity] == end and first[layer.group, end] >= 0:
                positions[count] = end
                lowest = min(lowest, first[layer.group, end])
                own = queries[end % capacity, layer.query_offset + head * size :]
                _load_queries(own, 0, 1, size, q[count : count + 1])
                count += 1
            end += 1
        at = end
        if count == 0:
            continue
        block0, block1 = lowest // KEY_BLOCK, (positions[count - 1] + KEY_BLOCK) // KEY_BLOCK
        origin = block0 * KEY_BLOCK
        _scores(keys, base, size, block0, block1, q[:count], scores, wide)
        for g in range(count):
            start = first[layer.group, positions[g]]
            row = scores[g, start - origin : positions[g] + 1 - origin]
            top = _to_logits(row, layer.scale, layer.softcap, slope, positions[g] - start)
            h, _, weight, share = _summary(row, top, logit, has_sink)
            place = positions[g] - query0
            entropy[place], peak_weight[place], sink[place] = h, weight, share
