"""The codec: alignment wherever an array stands, round trips, and hostile bytes."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cloudchamber.telemetry import codec

ARRAYS = hnp.arrays(
    dtype=st.sampled_from([np.dtype(f"<{name}") for name in codec.DTYPES]),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
)
SCALARS = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False) | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def data_offsets(message: bytes) -> list[tuple[int, int]]:
    """(offset of the data, size of an item) of each array, found by walking the extension headers."""
    found: list[tuple[int, int]] = []

    def look(code: int, payload: bytes) -> None:
        start = message.index(payload)
        assert message.count(payload) == 1 or len(payload) < 8
        dtype, ndim, pad, zero = payload[:4]
        assert zero == 0
        found.append((start + 4 + 4 * ndim + pad, np.dtype(codec.DTYPES[dtype]).itemsize))

    msgpack.unpackb(message, ext_hook=look)
    return found


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and (a.tobytes() == b.tobytes())
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@given(VALUES)
def test_what_is_encoded_comes_back(value: Any) -> None:
    assert same(value, codec.decode(codec.encode({"value": value}))["value"])


@pytest.mark.parametrize("name", codec.DTYPES)
def test_arrays_are_aligned_wherever_they_stand(name: str) -> None:
    # Lengths on both sides of where the extension's own header grows.
    counts = [0, 1, 3, 12, 30, *range(58, 66), *range(120, 128), *range(240, 256), 8190, 16_380, 65_530]
    for count in counts:
        array = (np.arange(count) % 100).astype(f"<{name}")
        array.view(np.uint8)[:8] = [251, 7, 83, 19, 101, 61, 211, 5][: min(8, array.nbytes)]
        for before in range(9 if count > 300 else 40):
            message = codec.encode({"before": "x" * before, "array": array})
            for offset, itemsize in data_offsets(message):
                assert offset % itemsize == 0
            assert same(array, codec.decode(message)["array"])


def test_arrays_are_read_only() -> None:
    array = codec.decode(codec.encode({"a": np.zeros(3)}))["a"]
    assert not array.flags.writeable
    assert array.flags.aligned


def test_arrays_of_other_types_are_refused() -> None:
    for array in (np.zeros(2, complex), np.zeros(2, bool), np.array(["a"]), np.zeros((1, 1, 1, 1, 1))):
        with pytest.raises(codec.CodecError):
            codec.encode({"a": array})


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(codec.CodecError):
        codec.decode(data)


@given(st.binary(max_size=60), st.integers(-128, 127))
def test_any_extension_decodes_or_is_refused(payload: bytes, code: int) -> None:
    with contextlib.suppress(codec.CodecError):
        codec.decode(msgpack.packb(msgpack.ExtType(code, payload)) if code >= 0 else payload)


@given(st.data())
def test_a_damaged_message_decodes_or_is_refused(data: st.DataObject) -> None:
    message = bytearray(codec.encode({"kind": "x", "a": np.arange(9, dtype="f4"), "b": [1, {"c": b"z"}]}))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(codec.CodecError):
        codec.decode(bytes(message[: data.draw(st.integers(0, len(message)))]))


def test_a_shape_that_is_a_lie_allocates_nothing() -> None:
    lie = struct.pack("<BBBB4I", 7, 4, 0, 0, 1 << 31, 1 << 31, 1 << 31, 1 << 31)
    with pytest.raises(codec.CodecError, match="shape"):
        codec.decode(msgpack.packb(msgpack.ExtType(1, lie)))


@pytest.mark.parametrize("head", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"])
def test_a_count_that_is_a_lie_is_refused(head: bytes) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(head + b"\x01" * 100)


def test_nesting_is_bounded() -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(b"\x91" * 100_000 + b"\x01")


def test_size_is_bounded() -> None:
    with pytest.raises(codec.CodecError, match="at most 10"):
        codec.decode(codec.encode({"a": "x" * 20}), max_bytes=10)
