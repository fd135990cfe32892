"""Where a tensor's content can be read, as compiled code.

`s` is the `STATE` record. Tensors in host memory are read in place; others are fetched through
`ggml_backend_tensor_get` into the scratch buffer first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.memory import (
    call_is_host,
    call_nbytes,
    call_tensor_get,
    load_i32,
    load_i64,
    pointer,
)

_DATA, _BUFFER, _VIEW_SRC = ggml.DATA, ggml.BUFFER, ggml.VIEW_SRC


@compiled(inline="always")
def f32_at(address: int, count: int) -> Any:
    """So many F32 from an address on."""
    return carray(pointer(address), (count,), np.float32)


@compiled(inline="always")
def u16_at(address: int, count: int) -> Any:
    """So many u16, which may be bits of F16, from an address on."""
    return carray(pointer(address), (count,), np.uint16)


@compiled(inline="always")
def per_layer(address: int, layer: int) -> Any:
    """A layer's number in a column int64 [L]."""
    return load_i64(address + 8 * layer)


@compiled()
def in_host_memory(s: Any, tensor: int) -> bool:
    viewed = load_i64(tensor + _VIEW_SRC)
    buffer = load_i64((viewed if viewed else tensor) + _BUFFER)
    return not s.copy_always and (buffer == 0 or call_is_host(s.is_host, buffer))


@compiled()
def content_of(s: Any, tensor: int) -> Any:
    """Address at which the tensor's bytes can be read with its own strides; 0 if none."""
    if in_host_memory(s, tensor):
        return load_i64(tensor + _DATA)
    size = call_nbytes(s.nbytes, tensor)
    if size > s.scratch_bytes:
        s.short_of = max(s.short_of, size)
        s.losses += 1
        return 0
    call_tensor_get(s.tensor_get, tensor, s.scratch_at, 0, size)
    return s.scratch_at


@compiled()
def token_of(s: Any, row: int, rows: int) -> Any:
    """Which token of the graph a row belongs to: the last layer may hold a few of them."""
    return row if rows == s.n_tokens else np.int64(load_i32(s.rows_at + 4 * row))
