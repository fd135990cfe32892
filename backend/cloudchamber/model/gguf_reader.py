"""Parsing one GGUF file's header, without trust.

Files come from strangers: every count and length is checked against the file's size before it
is believed, and whatever is wrong becomes a `GgufError` with a sentence for a person.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

type Scalar = int | float | bool | str
type Value = Scalar | list[int] | list[float] | list[bool] | list[str]

MAX_HEADER_BYTES: Final = 512 << 20
MAX_FIELDS: Final = 1 << 16
MAX_KEY_BYTES: Final = (1 << 16) - 1
MAX_STRING_BYTES: Final = 8 << 20
MAX_TENSORS: Final = 1 << 16
MAX_STRINGS: Final = 1 << 22
"""In all arrays together: eight times the largest vocabulary with its merges, read in half a second."""
MAX_DIMENSIONS: Final = 4
SMALL_ARRAY: Final = 1_024
"""Arrays of at most this many elements are read with the header."""

_FIRST_READ: Final = 4 << 20
_STRING: Final = 8
_ARRAY: Final = 9
SCALARS: Final = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    7: "<u1",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
_BOOL: Final = 7
_U64: Final = struct.Struct("<Q")


class GgufError(ValueError):
    """A file that is not a GGUF this program can read; the text says why."""


@dataclass(frozen=True, slots=True)
class ArrayField:
    """An array too big to read with the header: its element type and its place in the file."""

    element: int
    """Value type number of GGUF; 8 is string."""
    count: int
    offset: int
    """Of its first element, in the first file."""
    nbytes: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor and where its bytes are. `shape` is GGUF's: the contiguous dimension first."""

    name: str
    shape: tuple[int, ...]
    type: int
    """ggml's type number."""
    path: Path
    offset: int
    """Of its first byte, from the start of the file."""
    nbytes: int
    """0 where the type is one this program does not know."""

    @property
    def type_name(self) -> str:
        """As llama.cpp prints it: `Q8_0`, `F16`; `type 99` if it is not known."""
        try:
            return str(GGMLQuantizationType(self.type).name)
        except ValueError:
            return f"type {self.type}"


@dataclass(frozen=True, slots=True)
class Part:
    """The header of one file."""

    path: Path
    version: int
    metadata: dict[str, Value]
    arrays: dict[str, ArrayField]
    tensors: dict[str, TensorInfo]
    file_bytes: int


def read_part(path: Path) -> Part:
    """Read one file's header. Raises `GgufError`."""
    try:
        with path.open("rb") as file:
            return _parse(path, _Cursor(file, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise GgufError(f"{path} can't be read: {error.strerror or error}") from error
    except GgufError as error:
        raise GgufError(f"{path.name}: {error}") from error


def read_bytes(path: Path, offset: int, count: int) -> bytes:
    """A stretch of a file. Raises `GgufError` when the file no longer holds it."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(count)
    except OSError as error:
        raise GgufError(f"{path.name} can't be read: {error.strerror or error}") from error
    if len(data) != count:
        raise GgufError(f"{path.name} was cut short while it was being read")
    return data


def _parse(path: Path, cursor: _Cursor) -> Part:
    version = _version(cursor)
    n_tensors, n_fields = cursor.u64(), cursor.u64()
    if n_tensors > MAX_TENSORS or n_fields > MAX_FIELDS:
        raise GgufError(
            f"the header claims {n_tensors:,} tensors and {n_fields:,} fields, which can't be true"
        )
    metadata: dict[str, Value] = {}
    arrays: dict[str, ArrayField] = {}
    for _ in range(n_fields):
        key = cursor.string(MAX_KEY_BYTES)
        if key in metadata or key in arrays:
            raise GgufError(f"the field {key!r} is there twice")
        value = _value(cursor, cursor.u32())
        if isinstance(value, ArrayField):
            arrays[key] = value
        else:
            metadata[key] = value
    tensors = _tensors(path, cursor, n_tensors, _alignment(metadata))
    return Part(path, version, metadata, arrays, tensors, cursor.size)


def _version(cursor: _Cursor) -> int:
    if cursor.size < 4 or cursor.take(4) != b"GGUF":
        raise GgufError("it is not a GGUF file")
    version = cursor.u32()
    if version & 0xFFFF == 0:
        raise GgufError("it is a big-endian GGUF, which this program does not read")
    if version not in (2, 3):
        raise GgufError(f"it is GGUF version {version}; versions 2 and 3 are read")
    return version


def _value(cursor: _Cursor, kind: int) -> Value | ArrayField:
    if kind == _STRING:
        return cursor.string(MAX_STRING_BYTES)
    if kind in SCALARS:
        return _numbers(cursor, kind, 1)[0]
    if kind == _ARRAY:
        return _array(cursor)
    raise GgufError(f"a field has the unknown type {kind}")


def _array(cursor: _Cursor) -> Value | ArrayField:
    kind, count = cursor.u32(), cursor.u64()
    if kind == _STRING:
        cursor.expect(8 * count)
        cursor.strings += count
        if cursor.strings > MAX_STRINGS:
            raise GgufError(f"its arrays claim {cursor.strings:,} strings, which can't be true")
        if count <= SMALL_ARRAY:
            return [cursor.string(MAX_STRING_BYTES) for _ in range(count)]
        start = cursor.position
        cursor.skip_strings(count)
        return ArrayField(kind, count, start, cursor.position - start)
    if kind not in SCALARS:
        raise GgufError(f"an array has elements of the unknown type {kind}")
    nbytes = count * np.dtype(SCALARS[kind]).itemsize
    cursor.expect(nbytes)
    if count <= SMALL_ARRAY:
        return _numbers(cursor, kind, count)
    start = cursor.position
    cursor.skip(nbytes)
    return ArrayField(kind, count, start, nbytes)


def _numbers(cursor: _Cursor, kind: int, count: int) -> list[int] | list[float] | list[bool]:
    dtype = np.dtype(SCALARS[kind])
    numbers = np.frombuffer(cursor.take(count * dtype.itemsize), dtype)
    return (numbers != 0).tolist() if kind == _BOOL else numbers.tolist()


def _alignment(metadata: dict[str, Value]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise GgufError(f"its alignment of {alignment!r} is not a power of two")
    return alignment


def _tensors(path: Path, cursor: _Cursor, count: int, alignment: int) -> dict[str, TensorInfo]:
    cursor.expect(24 * count)
    stated = [_tensor(path, cursor) for _ in range(count)]
    data_start = -(-cursor.position // alignment) * alignment
    tensors: dict[str, TensorInfo] = {}
    for tensor in stated:
        if tensor.name in tensors:
            raise GgufError(f"the tensor {tensor.name!r} is there twice")
        offset = data_start + tensor.offset
        if tensor.offset % alignment:
            raise GgufError(f"the tensor {tensor.name!r} is not aligned")
        if offset + tensor.nbytes > cursor.size:
            raise GgufError(
                f"the file ends before its tensor {tensor.name!r} does: "
                f"{offset + tensor.nbytes - cursor.size:,} bytes are missing. Is the download complete?"
            )
        tensors[tensor.name] = TensorInfo(tensor.name, tensor.shape, tensor.type, path, offset, tensor.nbytes)
    return tensors


def _tensor(path: Path, cursor: _Cursor) -> TensorInfo:
    """One tensor as stated: its offset still counts from the start of the data."""
    name = cursor.string(MAX_KEY_BYTES)
    n_dimensions = cursor.u32()
    if n_dimensions > MAX_DIMENSIONS:
        raise GgufError(f"the tensor {name!r} claims {n_dimensions} dimensions")
    shape = tuple(cursor.u64() for _ in range(n_dimensions))
    kind, offset = cursor.u32(), cursor.u64()
    elements = 1
    for size in shape:
        elements *= size
    if elements >= 1 << 62:
        raise GgufError(
            f"the tensor {name!r} claims to be {' x '.join(map(str, shape))}, which can't be true"
        )
    return TensorInfo(name, shape, kind, path, offset, _tensor_bytes(name, shape, elements, kind))


def _tensor_bytes(name: str, shape: tuple[int, ...], elements: int, kind: int) -> int:
    try:
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        return 0
    if (shape[0] if shape else 1) % block:
        raise GgufError(f"the rows of {name!r} are not whole blocks of its type")
    return int(elements // block * block_bytes)


class _Cursor:
    """A bounded reader over the start of a file, which it reads only as far as asked."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size
        self.position = 0
        self.strings = 0
        """Elements of arrays of strings so far."""
        self.data = file.read(min(size, _FIRST_READ))

    def expect(self, count: int) -> None:
        """Refuse a claim of `count` more bytes that the file can't hold, without reading."""
        if self.position + count > self.size:
            raise GgufError("the file ends in the middle of its header. Is the download complete?")
        if self.position + count > MAX_HEADER_BYTES:
            raise GgufError(f"its header is larger than {MAX_HEADER_BYTES >> 20} MiB")

    def need(self, count: int) -> None:
        """Have the next `count` bytes in `data`."""
        end = self.position + count
        if end <= len(self.data):
            return
        self.expect(count)
        wanted = min(self.size, max(end, 2 * len(self.data))) - len(self.data)
        self.data += self.file.read(wanted)
        if end > len(self.data):
            raise GgufError("the file was cut short while it was being read")

    def take(self, count: int) -> bytes:
        self.need(count)
        start = self.position
        self.position += count
        return self.data[start : self.position]

    def skip(self, count: int) -> None:
        self.need(count)
        self.position += count

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def string(self, limit: int) -> str:
        length = self.u64()
        if length > limit:
            raise GgufError(f"a string of {length:,} bytes is longer than any that is read")
        return self.take(length).decode("utf-8", errors="replace")

    def skip_strings(self, count: int) -> None:
        """Step over `count` strings; written flat because vocabularies have 262,144."""
        data, held, position, unpack = self.data, len(self.data), self.position, _U64.unpack_from
        for _ in range(count):
            if position + 8 > held:
                self.position = position
                self.need(8)
                data, held = self.data, len(self.data)
            position += 8 + unpack(data, position)[0]
        self.position = position
        self.expect(0)
