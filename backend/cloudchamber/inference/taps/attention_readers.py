"""Taking what attention is made of into the stores, as compiled code: mask, queries and keys.

`s` is the `STATE` record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.arithmetic import float_to_half
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.content import content_of, f32_at, in_host_memory, per_layer, u16_at
from cloudchamber.inference.taps.following import ints
from cloudchamber.inference.taps.memory import (
    call_tensor_get,
    call_to_float,
    load_f32,
    load_i32,
    load_i64,
    load_u16,
    pointer,
)
from cloudchamber.inference.taps.state import KEY_BLOCK

_DATA, _NE, _NB = ggml.DATA, ggml.NE, ggml.NB
_F16 = ggml.F16
_F16_MINUS_INFINITY = np.uint16(0xFC00)
_F32_MINUS_INFINITY = np.int32(-0x800000)


@compiled()
def _visible(mask: int, halves: bool, n_keys: int, position: int) -> Any:
    """First key a mask row lets through, or -1 if they are not one stretch up to `position`."""
    count, first = np.int64(0), -1
    if halves:
        row = u16_at(mask, n_keys)
        for i in range(n_keys):
            count += np.int64(row[i] != _F16_MINUS_INFINITY)
        for i in range(n_keys):
            if row[i] != _F16_MINUS_INFINITY:
                first = i
                break
        ends = position < n_keys and row[position] != _F16_MINUS_INFINITY
    else:
        wide = carray(pointer(mask), (n_keys,), np.int32)
        for i in range(n_keys):
            count += np.int64(wide[i] != _F32_MINUS_INFINITY)
        for i in range(n_keys):
            if wide[i] != _F32_MINUS_INFINITY:
                first = i
                break
        ends = position < n_keys and wide[position] != _F32_MINUS_INFINITY
    return first if ends and count == position - first + 1 else -1


@compiled()
def _masked(mask: int, halves: bool, cell: int) -> Any:
    if halves:
        return load_u16(mask + 2 * cell) == _F16_MINUS_INFINITY
    return load_i32(mask + 4 * cell) == _F32_MINUS_INFINITY


@compiled()
def _visible_held(mask: int, halves: bool, n_keys: int, position: int, held: Any) -> Any:
    """As `_visible`, where `held` says which position each cell holds."""
    count, first, ends = np.int64(0), np.int64(position), False
    for cell in range(n_keys):
        if _masked(mask, halves, cell):
            continue
        at = np.int64(held[cell]) if cell < held.size else np.int64(-1)
        if at < 0 or at > position:
            return np.int64(-1)
        count += 1
        first = min(first, at)
        ends = ends or at == position
    return first if ends and count == position - first + 1 else np.int64(-1)


@compiled()
def read_mask(s: Any, tensor: int, group: int) -> None:
    """Which keys each token sees. This also proves that a token's cell is the one we think, its
    position or what `rotating_cells` says: every row must let through exactly the cells of the
    positions from some first one up to the token's own."""
    content = content_of(s, tensor)
    if content == 0:
        return
    n_keys, stride = load_i64(tensor + _NE), load_i64(tensor + _NB + 8)
    halves = load_i32(tensor) == _F16
    first = carray(pointer(s.first_at + 4 * group * s.n_ctx), (s.n_ctx,), np.int32)
    held = carray(pointer(s.held_at), (s.n_held,), np.int32)
    rotates = per_layer(s.group_rotates_at, group)
    for token in range(s.n_tokens):
        position = s.position + token
        if position < s.n_ctx:
            row = content + token * stride
            if rotates:
                first[position] = _visible_held(row, halves, n_keys, position, held)
            else:
                first[position] = _visible(row, halves, n_keys, position)
            s.irregular += first[position] < 0


@compiled()
def read_queries(s: Any, tensor: int, layer: int) -> None:
    """Q of all heads, F32 [d, n_tokens, n_head] in any strides, into the store as F16.

    llama.cpp's own attention rounds Q to F16 where the cache is F16.
    """
    size, heads = per_layer(s.head_size_at, layer), per_layer(s.heads_at, layer)
    if load_i64(tensor + _NE) != size or load_i64(tensor + _NE + 16) != heads or load_i32(tensor) != 0:
        s.losses += 1
        return
    content = content_of(s, tensor)
    if content == 0:
        return
    by_token, by_head = load_i64(tensor + _NB + 8), load_i64(tensor + _NB + 16)
    for token in range(s.n_tokens):
        slot = (s.position + token) % s.query_capacity
        base = s.queries_at + 2 * (slot * s.query_stride + per_layer(s.query_offset_at, layer))
        for head in range(heads):
            q = f32_at(content + token * by_token + head * by_head, size)
            kept = u16_at(base + 2 * head * size, size)
            for i in range(size):
                kept[i] = float_to_half(q[i])


@compiled()
def _keep_keys(s: Any, tensor: int, layer: int, cell: int, position: int, fresh: bool) -> None:
    """All heads' K of a cell, into the row of its position or into its block."""
    size, heads = per_layer(s.head_size_at, layer), per_layer(s.kv_heads_at, layer)
    kind, to_float = np.int64(load_i32(tensor)), per_layer(s.to_float_at, layer)
    by_cell, by_head = load_i64(tensor + _NB + 8), load_i64(tensor + _NB + 16)
    host, data = in_host_memory(s, tensor), load_i64(tensor + _DATA)
    # Scratch: the row's bytes, then its floats.
    floats_at = s.scratch_at + s.scratch_bytes - 4 * size
    within = position % KEY_BLOCK
    for head in range(heads):
        offset = cell * by_cell + head * by_head
        row = data + offset
        if not host:
            call_tensor_get(s.tensor_get, tensor, s.scratch_at, offset, _row_bytes(tensor))
            row = s.scratch_at
        if fresh:
            step: Any = np.int64(1)
            number = within * s.key_stride + per_layer(s.row_offset_at, layer) + head * size
            at = s.fresh_at + 2 * number
        else:
            step = np.int64(KEY_BLOCK)
            block = head * s.n_blocks + position // KEY_BLOCK
            at = s.keys_at + 2 * (per_layer(s.key_offset_at, layer) + block * size * KEY_BLOCK + within)
        kept = u16_at(at, size * step)
        if kind == _F16:
            for i in range(size):
                kept[i * step] = load_u16(row + 2 * i)
            continue
        if to_float:
            call_to_float(to_float, row, floats_at, size)
            row = floats_at
        for i in range(size):
            kept[i * step] = float_to_half(load_f32(row + 4 * i))


@compiled()
def _keep_missed(s: Any, tensor: int, layer: int, start: int) -> None:
    """Positions from `start` on were decoded while nobody looked; the cache still has their keys, but
    for those that have left a rotating layer's window, which nobody needs."""
    if not per_layer(s.rotates_at, layer):
        for position in range(start, s.position):
            _keep_keys(s, tensor, layer, position, position, False)
        return
    held = carray(pointer(s.held_at), (s.n_held,), np.int32)
    for cell in range(s.n_held):
        at: Any = np.int64(held[cell])
        if at >= start and at < s.position:
            _keep_keys(s, tensor, layer, cell, at, False)


@compiled()
def read_keys(s: Any, tensor: int, layer: int) -> None:
    """The new tokens' K, a view [d, n_cells, n_head_kv] of the cache, into the mirror as F16:
    exact for an F16 cache, dequantised and rounded for others. A decode of one token leaves them
    fresh; see `fresh_keys.py`."""
    size, heads = per_layer(s.head_size_at, layer), per_layer(s.kv_heads_at, layer)
    fits = load_i64(tensor + _NE) == size and load_i64(tensor + _NE + 16) == heads
    if not fits or np.int64(load_i32(tensor)) != per_layer(s.key_type_at, layer):
        s.losses += 1
        return
    settled, known = ints(s.settled_at, s.n_layer), ints(s.known_at, s.n_layer)
    if known[layer] < s.position:
        _keep_missed(s, tensor, layer, known[layer])
        settled[layer] = s.position
    rotates = per_layer(s.rotates_at, layer)
    for token in range(s.n_tokens):
        position = s.position + token
        if position >= s.n_ctx:
            return
        cell: Any = np.int64(load_i32(s.cells_at + 4 * token)) if rotates else position
        _keep_keys(s, tensor, layer, cell, position, s.opened == 1)
        known[layer] = position + 1
        if s.opened > 1:
            settled[layer] = position + 1


@compiled()
def _row_bytes(tensor: int) -> int:
    """Bytes of one head's K of one cell: heads lie back to back within a cell."""
    heads = load_i64(tensor + _NE + 16)
    return load_i64(tensor + _NB + 16) if heads > 1 else load_i64(tensor + _NB + 8)
