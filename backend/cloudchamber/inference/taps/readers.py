"""Taking the residual stream's norms, the router's choice and the hidden state into the stores, as
compiled code. `s` is the `STATE` record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.content import content_of, f32_at, token_of, u16_at
from cloudchamber.inference.taps.memory import call_tensor_get, load_f32, load_i32, load_i64, pointer
from cloudchamber.inference.taps.wanted import Do

_NE, _NB = ggml.NE, ggml.NB
_ENTRY, _MIDDLE = int(Do.ENTRY), int(Do.MIDDLE)
_FAST = {"contract", "nsz", "arcp", "reassoc"}


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
    content = content_of(s, tensor)
    if content == 0:
        return
    in_norm = f32_at(s.in_norm_at, s.n_batch)
    # Steps are only known if the stream before them was read too.
    follows, halfway = s.has_out == layer, s.has_middle == layer
    for row in range(rows):
        token = token_of(s, row, rows)
        if token < 0 or token >= s.n_tokens:
            continue
        x = f32_at(content + row * stride, n)
        out, middle = f32_at(s.out_at + 4 * n * token, n), f32_at(s.middle_at + 4 * n * token, n)
        own, step, half_step = _compare(x, out, middle)
        position = s.position + token
        if do != _ENTRY and position < s.n_ctx:
            norms = f32_at(s.norms_at + 16 * (position * s.n_layer + layer), 4)
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
    content = content_of(s, tensor)
    kept = carray(pointer(s.rows_at), (s.n_batch,), np.int32)
    for i in range(min(load_i64(tensor + _NE), s.n_batch) if content else 0):
        kept[i] = load_i32(content + 4 * i)


@compiled()
def read_router(s: Any, tensor: int, layer: int, probabilities: bool) -> None:
    """Expert probabilities [E, n_tokens], or weights [1, k, n_tokens] or [k, n_tokens]."""
    content = content_of(s, tensor)
    if content == 0:
        return
    axis = 0
    limit, target = (s.n_expert, s.probabilities_at) if probabilities else (s.n_used, s.weights_at)
    if not probabilities and load_i64(tensor + _NE) == 1 and load_i64(tensor + _NE + 8) == s.n_used:
        axis = 1
    count, step = load_i64(tensor + _NE + 8 * axis), load_i64(tensor + _NB + 8 * axis)
    rows, stride = load_i64(tensor + _NE + 8 * axis + 8), load_i64(tensor + _NB + 8 * axis + 8)
    for row in range(rows):
        token = token_of(s, row, rows)
        position = s.position + token
        # Of a batch longer than the ring its newest positions stay.
        if token < 0 or token >= s.n_tokens or position + s.router_capacity < s.position + s.n_tokens:
            continue
        slot = (position % s.router_capacity) * s.n_layer + layer
        kept = f32_at(target + 4 * slot * limit, limit)
        for i in range(min(count, limit)):
            kept[i] = load_f32(content + row * stride + i * step)


@compiled()
def read_chosen(s: Any, tensor: int, layer: int) -> None:
    """The chosen experts, I32 [k, n_tokens], strided."""
    content = content_of(s, tensor)
    if content == 0:
        return
    rows, stride = load_i64(tensor + _NE + 8), load_i64(tensor + _NB + 8)
    for row in range(rows):
        token = token_of(s, row, rows)
        position = s.position + token
        if token < 0 or token >= s.n_tokens or position >= s.n_ctx:
            continue
        kept = u16_at(s.chosen_at + 2 * (position * s.n_layer + layer) * s.n_used, s.n_used)
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
