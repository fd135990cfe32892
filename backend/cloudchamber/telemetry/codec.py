"""Messages as bytes: msgpack, with arrays as one extension type that needs no copy to read.

A message is a msgpack map. A dataclass becomes a map of its fields, with `kind` first if it
has one. An array becomes extension type `ARRAY_EXT` whose payload is

    dtype u8 | ndim u8 | pad u8 | 0 u8 | ndim x u32 shape | pad zero bytes | data

all little-endian, C order. `pad` is such that `data` starts at a multiple of the item's
size from the start of the message, so a reader whose buffer is aligned takes a view.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import struct
from collections.abc import Hashable, Mapping
from typing import Any, Final, cast

import msgpack
import numpy as np
from numpy.typing import NDArray

ARRAY_EXT: Final = 1

DTYPES: Final[tuple[str, ...]] = ("u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")
"""The wire's dtype number is the index here."""

_CODE_OF: Final = {np.dtype(f"<{name}"): code for code, name in enumerate(DTYPES)}
_DTYPE_OF: Final = tuple(np.dtype(f"<{name}") for name in DTYPES)
_MAX_DIMENSIONS: Final = 4
_MAX_SIZE: Final = (1 << 32) - 1


class CodecError(ValueError):
    """Bytes that are not a message of this protocol."""


def encode(message: Any) -> bytes:
    """A dataclass or mapping as one message."""
    packer = msgpack.Packer(autoreset=False)
    _pack(packer, message)
    return bytes(packer.bytes())


_PLAIN: Final = frozenset((int, float, str, bool, bytes, type(None)))


@functools.cache
def _layout(cls: Hashable) -> tuple[str, tuple[str, ...]] | None:
    """Tag and field names of a dataclass; None for other types. The tag may be empty."""
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        return None
    kind = getattr(cls, "kind", None)  # a field of that name is no tag
    return kind if isinstance(kind, str) else "", tuple(field.name for field in dataclasses.fields(cls))


def _pack(packer: msgpack.Packer, value: Any) -> None:
    cls = type(value)
    if cls in _PLAIN:
        packer.pack(value)
    elif isinstance(value, np.ndarray):
        _pack_array(packer, value)
    elif (layout := _layout(cast(Hashable, cls))) is not None:
        kind, names = layout
        packer.pack_map_header(len(names) + bool(kind))
        if kind:
            packer.pack("kind")
            packer.pack(kind)
        for name in names:
            packer.pack(name)
            _pack(packer, getattr(value, name))
    elif isinstance(value, Mapping):
        packer.pack_map_header(len(value))
        for key, item in value.items():
            packer.pack(key)
            _pack(packer, item)
    elif isinstance(value, (list, tuple)):
        packer.pack_array_header(len(value))
        for item in value:
            _pack(packer, item)
    elif isinstance(value, np.generic):
        packer.pack(value.item())
    else:
        packer.pack(value)


def _pack_array(packer: msgpack.Packer, array: NDArray[Any]) -> None:
    dtype = array.dtype
    code = _CODE_OF.get(dtype)
    if code is None:
        dtype = dtype.newbyteorder("<")
        code = _CODE_OF.get(dtype)
        if code is None:
            raise CodecError(f"arrays of {array.dtype} are not part of the protocol")
        array = array.astype(dtype)
    shape, nbytes, itemsize = array.shape, array.nbytes, dtype.itemsize
    pad = 0
    if itemsize > 1:
        head = 4 + 4 * len(shape)
        pad = _padding(len(packer.getbuffer()) % itemsize, head, nbytes, itemsize)
    packer.pack_ext_type(ARRAY_EXT, _array_head(code, shape, pad) + array.tobytes())


@functools.lru_cache(1 << 10)
def _array_head(code: int, shape: tuple[int, ...], pad: int) -> bytes:
    """What is in front of an array's data."""
    if len(shape) > _MAX_DIMENSIONS or any(size > _MAX_SIZE for size in shape):
        raise CodecError(f"an array of shape {shape} is not part of the protocol")
    return bytes((code, len(shape), pad, 0)) + struct.pack(f"<{len(shape)}I", *shape) + bytes(pad)


@functools.lru_cache(1 << 10)
def _padding(offset: int, head: int, nbytes: int, itemsize: int) -> int:
    """Bytes that put the data at a multiple of `itemsize` from the start of the message.

    The extension's own header grows with its length, which the padding is part of, so this
    is a search and not a remainder. It always ends: past the last growth every residue comes.
    """
    for pad in range(256):
        if (offset + _ext_header_bytes(head + pad + nbytes) + head + pad) % itemsize == 0:
            return pad
    raise AssertionError("no padding aligns the array")


def _ext_header_bytes(length: int) -> int:
    if length in (1, 2, 4, 8, 16):
        return 2
    return 3 if length < 256 else 4 if length < 65536 else 6


def decode(data: bytes | bytearray | memoryview, *, max_bytes: int = 1 << 28) -> Any:
    """The inverse of `encode`, with dataclasses as dicts. Raises `CodecError`, nothing else.

    Arrays are read-only. What is built is bounded by the message: no count in it is believed
    beyond the bytes that follow, and nesting is limited (1,024 deep, by msgpack itself).
    """
    if len(data) > max_bytes:
        raise CodecError(f"the message has {len(data):,} bytes; at most {max_bytes:,} are taken")
    try:
        return msgpack.unpackb(data, ext_hook=_unpack_ext, strict_map_key=True)
    except CodecError:
        raise
    except Exception as error:  # msgpack raises many kinds
        raise CodecError(f"the message is not valid msgpack: {error}") from error


@functools.lru_cache(1 << 10)
def _array_kind(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Dtype, shape and count of an array by what is in front of its data: the same few come
    again and again."""
    code, ndim, pad, _ = head[:4]
    if code >= len(_DTYPE_OF) or ndim > _MAX_DIMENSIONS or len(head) < 4 + 4 * ndim + pad:
        raise CodecError("an array's header is not valid")
    shape: tuple[int, ...] = struct.unpack_from(f"<{ndim}I", head, 4)
    return _DTYPE_OF[code], shape, math.prod(shape)


def _unpack_ext(code: int, payload: bytes) -> NDArray[Any]:
    if code != ARRAY_EXT:
        raise CodecError(f"extension type {code} is not part of the protocol")
    if len(payload) < 4:
        raise CodecError("an array is shorter than its header")
    start = 4 + 4 * payload[1] + payload[2]
    dtype, shape, count = _array_kind(payload[:start])
    if len(payload) - start != count * dtype.itemsize:
        raise CodecError("an array's shape does not fit its bytes")
    array = np.frombuffer(payload, dtype, count, start)
    if len(shape) != 1:
        array = array.reshape(shape)
    if not array.flags.aligned:  # msgpack copied the payload out of its aligned place
        array = array.copy()
        array.flags.writeable = False
    return array
