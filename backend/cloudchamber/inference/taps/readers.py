"""Taking a wanted tensor's content into the stores, as compiled code.

`s` is the `STATE` record. Tensors in host memory are read in place; others are fetched through
`ggml_backend_tensor_get` into the scratch buffer first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.arithmetic import float_to_half
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.following import ints
from cloudchamber.inference.taps.memory import (
    call_is_host,
    call_nbytes,
    call_tensor_get,
    call_to_float,
    load_f32,
    load_i32,
    load_i64,
    load_u16,
    pointer,
)
from cloudchamber.inference.taps.state import KEY_BLOCK
from cloudchamber.inference.taps.wanted import Do

_DATA, _NE, _NB, _BUFFER, _VIEW_SRC = ggml.DATA, ggml.NE, ggml.NB, ggml.BUFFER, ggml.VIEW_SRC
_F16 = ggml.F16
_ENTRY, _MIDDLE = int(Do.ENTRY), int(Do.MIDDLE)
_F16_MINUS_INFINITY = np.uint16(0xFC00)
_F32_MINUS_INFINITY = np.int32(-0x800000)
_FAST = {"contract", "nsz", "arcp", "reassoc"}


@compiled(inline="always")
def _floats(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.float32)


@compiled(inline="always")
def _halves(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.uint16)


@compiled(inline="always")
def _per_layer(address: int, layer: int) -> Any:
    return load_i64(address + 8 * layer)


@compiled()
def _in_host_memory(s: Any, tensor: int) -> bool:
    viewed = load_i64(tensor + _VIEW_SRC)
    buffer = load_i64((viewed if viewed else tensor) + _BUFFER)
    return not s.copy_always and (buffer == 0 or call_is_host(s.is_host, buffer))


@compiled()
def _content(s: Any, tensor: int) -> Any:
    """Address at which the tensor's bytes can be read with its own strides; 0 if none."""
    if _in_host_memory(s, tensor):
        return load_i64(tensor + _DATA)
    size = call_nbytes(s.nbytes, tensor)
    if size > s.scratch_bytes:
        s.short_of = max(s.short_of, size)
        s.losses += 1
        return 0
    call_tensor_get(s.tensor_get, tensor, s.scratch_at, 0, size)
    return s.scratch_at


@compiled(fastmath=_FAST)
def _compare(x: Any, before: Any, middle: Any) -> Any:
    """Squared norms of a vector, of its step from `before`, of its step from `middle`."""
    own, step, half_step = np.float32(0), np.float32(0), np.float32(0)
    for i in range(x.size):
        own += x[i] * x[i]
        a = x[i] - before[i]
        step += a * a
        b = x[i] - middle[i]
        half_step += b * b
    return own, step, half_step


@compiled()
def _token(s: Any, row: int, rows: int) -> Any:
    """Which token of the graph a row belongs to: the last layer may hold a few of them."""
    return row if rows == s.n_tokens else np.int64(load_i32(s.rows_at + 4 * row))


@compiled()
def read_stream(s: Any, tensor: int, do: int, layer: int) -> None:
    """The residual stream at the entry, in the middle or at the end of a layer, F32 [n_embd, rows].

    Writes the layer's norms: attention, MLP, output, relative change. The last layer holds
    only the rows whose output was asked for.
    """
    n, rows = load_i64(tensor + _NE), load_i64(tensor + _NE + 8)
    stride = load_i64(tensor + _NB + 8)
    if n != s.n_embd or s.n_tokens > s.n_batch or load_i32(tensor) != 0:
        s.losses += 1
        return
    content = _content(s, tensor)
    if content == 0:
        return
    in_norm = _floats(s.in_norm_at, s.n_batch)
    # Steps are only known if the stream before them was read too.
    follows, halfway = s.has_out == layer, s.has_middle == layer
    for row in range(rows):
        token = _token(s, row, rows)
        if token < 0 or token >= s.n_tokens:
            continue
        x = _floats(content + row * stride, n)
        out, middle = _floats(s.out_at + 4 * n * token, n), _floats(s.middle_at + 4 * n * token, n)
        own, step, half_step = _compare(x, out, middle)
        position = s.position + token
        if do != _ENTRY and position < s.n_ctx:
            norms = _floats(s.norms_at + 16 * (position * s.n_layer + layer), 4)
            if do == _MIDDLE:
                norms[0] = np.sqrt(step) if follows else np.nan
            else:
                norms[1] = np.sqrt(half_step) if halfway else np.nan
                norms[2] = np.sqrt(own)
                norms[3] = np.sqrt(step) / in_norm[token] if follows and in_norm[token] > 0 else np.nan
        target = middle if do == _MIDDLE else out
        for i in range(n):
            target[i] = x[i]
        if do != _MIDDLE:
            in_norm[token] = np.sqrt(own)
    if do == _MIDDLE:
        s.has_middle = layer
    else:
        s.has_out = layer + 1 if do != _ENTRY else 0


@compiled()
def read_rows(s: Any, tensor: int) -> None:
    """Which tokens the last layer's rows belong to, I32."""
    content = _content(s, tensor)
    kept = carray(pointer(s.rows_at), (s.n_batch,), np.int32)
    for i in range(min(load_i64(tensor + _NE), s.n_batch) if content else 0):
        kept[i] = load_i32(content + 4 * i)


@compiled()
def _visible(mask: int, halves: bool, n_keys: int, position: int) -> Any:
    """First key a mask row lets through, or -1 if they are not one stretch up to `position`."""
    count, first = np.int64(0), -1
    if halves:
        row = _halves(mask, n_keys)
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
    content = _content(s, tensor)
    if content == 0:
        return
    n_keys, stride = load_i64(tensor + _NE), load_i64(tensor + _NB + 8)
    halves = load_i32(tensor) == _F16
    first = carray(pointer(s.first_at + 4 * group * s.n_ctx), (s.n_ctx,), np.int32)
    held = carray(pointer(s.held_at), (s.n_held,), np.int32)
    rotates = _per_layer(s.group_rotates_at, group)
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
    size, heads = _per_layer(s.head_size_at, layer), _per_layer(s.heads_at, layer)
    if load_i64(tensor + _NE) != size or load_i64(tensor + _NE + 16) != heads or load_i32(tensor) != 0:
        s.losses += 1
        return
    content = _content(s, tensor)
    if content == 0:
        return
    by_token, by_head = load_i64(tensor + _NB + 8), load_i64(tensor + _NB + 16)
    for token in range(s.n_tokens):
        slot = (s.position + token) % s.query_capacity
        base = s.queries_at + 2 * (slot * s.query_stride + _per_layer(s.query_offset_at, layer))
        for head in range(heads):
            q = _floats(content + token * by_token + head * by_head, size)
            kept = _halves(base + 2 * head * size, size)
            for i in range(size):
                kept[i] = float_to_half(q[i])


@compiled()
def _keep_keys(s: Any, tensor: int, layer: int, cell: int, position: int, fresh: bool) -> None:
    """All heads' K of a cell, into the row of its position or into its block."""
    size, heads = _per_layer(s.head_size_at, layer), _per_layer(s.kv_heads_at, layer)
    kind, to_float = np.int64(load_i32(tensor)), _per_layer(s.to_float_at, layer)
    by_cell, by_head = load_i64(tensor + _NB + 8), load_i64(tensor + _NB + 16)
    host, data = _in_host_memory(s, tensor), load_i64(tensor + _DATA)
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
            number = within * s.key_stride + _per_layer(s.row_offset_at, layer) + head * size
            at = s.fresh_at + 2 * number
        else:
            step = np.int64(KEY_BLOCK)
            block = head * s.n_blocks + position // KEY_BLOCK
            at = s.keys_at + 2 * (_per_layer(s.key_offset_at, layer) + block * size * KEY_BLOCK + within)
        kept = _halves(at, size * step)
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
    if not _per_layer(s.rotates_at, layer):
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
    size, heads = _per_layer(s.head_size_at, layer), _per_layer(s.kv_heads_at, layer)
    fits = load_i64(tensor + _NE) == size and load_i64(tensor + _NE + 16) == heads
    if not fits or np.int64(load_i32(tensor)) != _per_layer(s.key_type_at, layer):
        s.losses += 1
        return
    settled, known = ints(s.settled_at, s.n_layer), ints(s.known_at, s.n_layer)
    if known[layer] < s.position:
        _keep_missed(s, tensor, layer, known[layer])
        settled[layer] = s.position
    rotates = _per_layer(s.rotates_at, layer)
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


@compiled()
def read_router(s: Any, tensor: int, layer: int, probabilities: bool) -> None:
    """Expert probabilities [E, n_tokens], or weights [1, k, n_tokens] or [k, n_tokens]."""
    content = _content(s, tensor)
    if content == 0:
        return
    axis = 0
    limit, target = (s.n_expert, s.probabilities_at) if probabilities else (s.n_used, s.weights_at)
    if not probabilities and load_i64(tensor + _NE) == 1 and load_i64(tensor + _NE + 8) == s.n_used:
        axis = 1
    count, step = load_i64(tensor + _NE + 8 * axis), load_i64(tensor + _NB + 8 * axis)
    rows, stride = load_i64(tensor + _NE + 8 * axis + 8), load_i64(tensor + _NB + 8 * axis + 8)
    for row in range(rows):
        token = _token(s, row, rows)
        position = s.position + token
        # Of a batch longer than the ring its newest positions stay.
        if token < 0 or token >= s.n_tokens or position + s.router_capacity < s.position + s.n_tokens:
            continue
        slot = (position % s.router_capacity) * s.n_layer + layer
        kept = _floats(target + 4 * slot * limit, limit)
        for i in range(min(count, limit)):
            kept[i] = load_f32(content + row * stride + i * step)


@compiled()
def read_chosen(s: Any, tensor: int, layer: int) -> None:
    """The chosen experts, I32 [k, n_tokens], strided."""
    content = _content(s, tensor)
    if content == 0:
        return
    rows, stride = load_i64(tensor + _NE + 8), load_i64(tensor + _NB + 8)
    for row in range(rows):
        token = _token(s, row, rows)
        position = s.position + token
        if token < 0 or token >= s.n_tokens or position >= s.n_ctx:
            continue
        kept = _halves(s.chosen_at + 2 * (position * s.n_layer + layer) * s.n_used, s.n_used)
        for i in range(min(load_i64(tensor + _NE), s.n_used)):
            kept[i] = np.uint16(load_i32(content + row * stride + 4 * i))


@compiled()
def read_hidden(s: Any, tensor: int) -> None:
    """The hidden state behind the newest logits, F32 [n_embd, rows]: its last row. Nothing runs
    after the product that reads it, so its memory is whole when the decode is over."""
    rows, size = load_i64(tensor + _NE + 8), 4 * s.n_embd
    if load_i64(tensor + _NE) == s.n_embd and rows > 0 and load_i32(tensor) == 0:
        call_tensor_get(s.tensor_get, tensor, s.hidden_at, (rows - 1) * load_i64(tensor + _NB + 8), size)
        s.has_hidden = 1
