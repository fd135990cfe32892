"""What a GGUF file says of itself before its weights: metadata and where each tensor stands.

Only the header is read, never a tensor and never the big arrays (vocabulary, merges), whose
place in the file is remembered instead; so it takes hundredths of a second. Files come from
strangers: every count and length is checked against the file's size before it is believed,
and whatever is wrong becomes a `GgufError` with a sentence for a person.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import os
import re
import struct
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from numpy.typing import NDArray

type Scalar = int | float | bool | str
type Value = Scalar | list[int] | list[float] | list[bool] | list[str]

MAX_HEADER_BYTES: Final = 512 << 20
MAX_FIELDS: Final = 1 << 16
MAX_KEY_BYTES: Final = (1 << 16) - 1
MAX_STRING_BYTES: Final = 8 << 20
MAX_TENSORS: Final = 1 << 20
MAX_DIMENSIONS: Final = 4
MAX_LAYERS: Final = 4_096
MAX_PARTS: Final = 1_000
SMALL_ARRAY: Final = 1_024
"""Arrays of at most this many elements are read with the header."""

_FIRST_READ: Final = 4 << 20
_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final = {
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
_PART_NAME: Final = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
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


@dataclass(frozen=True)
class GgufHeader:
    """Metadata and tensor places of one model, all its parts together."""

    path: Path
    """The first part."""
    version: int
    metadata: dict[str, Value]
    arrays: dict[str, ArrayField]
    tensors: dict[str, TensorInfo]
    parts: tuple[Path, ...]
    file_bytes: int
    """Of all parts."""

    @property
    def architecture(self) -> str:
        return self.text("general.architecture", "unknown")

    @property
    def name(self) -> str:
        """What the file calls the model, or else the file's own name."""
        return self.text("general.name", "").strip() or _part_stem(self.path)

    @property
    def n_layer(self) -> int:
        return self.integer("block_count", 0)

    @property
    def n_embd(self) -> int:
        return self.integer("embedding_length", 0)

    @property
    def n_ctx_train(self) -> int:
        return self.integer("context_length", 0)

    @property
    def n_vocab(self) -> int:
        """Tokens in the vocabulary; from the embedding where the file has no tokenizer."""
        tokens = self.arrays.get("tokenizer.ggml.tokens")
        if tokens is not None:
            return tokens.count
        listed = self.metadata.get("tokenizer.ggml.tokens")
        if isinstance(listed, list):
            return len(listed)
        embedding = self.tensors.get("token_embd.weight")
        if embedding is not None and len(embedding.shape) == 2:
            return embedding.shape[1]
        return self.integer("vocab_size", 0)

    @cached_property
    def quantization(self) -> str:
        """`Q4_1`, `Q4_K_M`, `F16`: as the file states it, else the type most bytes are in."""
        stated = self.metadata.get("general.file_type")
        if isinstance(stated, int) and stated in {kind.value for kind in LlamaFileType}:
            name = str(LlamaFileType(stated).name)
            if name != "GUESSED":
                return name.removeprefix("MOSTLY_").removeprefix("ALL_")
        weight: Counter[str] = Counter()
        for tensor in self.tensors.values():
            weight[tensor.type_name] += tensor.nbytes
        return weight.most_common(1)[0][0] if weight else "unknown"

    def get(self, key: str) -> Value | None:
        """A value by its full key, or by its key without the architecture's prefix."""
        found = self.metadata.get(key)
        return found if found is not None else self.metadata.get(f"{self.architecture}.{key}")

    def text(self, key: str, default: str) -> str:
        found = self.metadata.get(key)
        return found if isinstance(found, str) else default

    def integer(self, key: str, default: int) -> int:
        """A whole number under the architecture; of a per-layer array, the greatest."""
        found = self.get(key)
        if isinstance(found, list):
            numbers = [item for item in found if isinstance(item, int)]
            return max(numbers, default=default)
        return found if isinstance(found, int) else default

    def number(self, key: str, default: float) -> float:
        found = self.get(key)
        return float(found) if isinstance(found, (int, float)) else default

    def per_layer(self, key: str, default: int) -> list[int]:
        """A whole number for each layer, from an array or from one number for all."""
        found = self.get(key)
        if isinstance(found, list):
            numbers = [int(item) for item in found if isinstance(item, int)]
            return (numbers + [default] * self.n_layer)[: self.n_layer]
        return [self.integer(key, default)] * self.n_layer


def read_header(path: str | os.PathLike[str]) -> GgufHeader:
    """Read a model's header; of a split model any part may be named.

    Raises `GgufError` when the file or one of its parts is missing, is not GGUF, or is cut
    short.
    """
    first = first_part(Path(path))
    header = _read_part(first)
    count = header.integer("split.count", 1)
    if count <= 1:
        return header
    if count > MAX_PARTS:
        raise GgufError(f"{first.name} says it is one of {count:,} parts; at most {MAX_PARTS:,} are read")
    return _join(header, [_read_part(part) for part in _other_parts(first, count)])


def read_array(header: GgufHeader, key: str) -> NDArray[np.generic] | None:
    """A numeric array of the metadata, big or small; None if there is none of that name."""
    small = header.metadata.get(key)
    if isinstance(small, list):
        return np.asarray(small)
    field = header.arrays.get(key)
    if field is None or field.element not in _SCALARS:
        return None
    return np.frombuffer(read_bytes(header.path, field.offset, field.nbytes), _SCALARS[field.element])


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


def first_part(path: Path) -> Path:
    """The first file of the split model that `path` belongs to; `path` itself if unsplit."""
    match = _PART_NAME.match(path.name)
    if match is None or match["number"] == "00001":
        return path
    return path.with_name(f"{match['stem']}-00001-of-{match['count']}.gguf")


def _part_stem(path: Path) -> str:
    match = _PART_NAME.match(path.name)
    return match["stem"] if match else path.stem


def _other_parts(first: Path, count: int) -> list[Path]:
    stem = _part_stem(first)
    parts = [first.with_name(f"{stem}-{number:05d}-of-{count:05d}.gguf") for number in range(2, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise GgufError(
            f"{first.name} is one of {count} parts and these are missing: {', '.join(missing[:5])}"
        )
    return parts


def _join(first: GgufHeader, others: list[GgufHeader]) -> GgufHeader:
    tensors = dict(first.tensors)
    for other in others:
        twice = tensors.keys() & other.tensors.keys()
        if twice:
            raise GgufError(f"{other.path.name} holds {min(twice)} again, which another part has too")
        tensors |= other.tensors
    return GgufHeader(
        path=first.path,
        version=first.version,
        metadata=first.metadata,
        arrays=first.arrays,
        tensors=tensors,
        parts=(first.path, *(other.path for other in others)),
        file_bytes=first.file_bytes + sum(other.file_bytes for other in others),
    )


def _read_part(path: Path) -> GgufHeader:
    try:
        with path.open("rb") as file:
            return _parse(path, _Cursor(file, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise GgufError(f"{path} can't be read: {error.strerror or error}") from error
    except GgufError as error:
        raise GgufError(f"{path.name}: {error}") from error


def _parse(path: Path, cursor: _Cursor) -> GgufHeader:
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
    header = GgufHeader(path, version, metadata, arrays, tensors, (path,), cursor.size)
    if not 0 <= header.n_layer <= MAX_LAYERS:
        raise GgufError(f"it claims {header.n_layer:,} layers, which can't be true")
    return header


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
    if kind in _SCALARS:
        return _numbers(cursor, kind, 1)[0]
    if kind == _ARRAY:
        return _array(cursor)
    raise GgufError(f"a field has the unknown type {kind}")


def _array(cursor: _Cursor) -> Value | ArrayField:
    kind, count = cursor.u32(), cursor.u64()
    if kind == _STRING:
        cursor.expect(8 * count)
        if count <= SMALL_ARRAY:
            return [cursor.string(MAX_STRING_BYTES) for _ in range(count)]
        start = cursor.position
        cursor.skip_strings(count)
        return ArrayField(kind, count, start, cursor.position - start)
    if kind not in _SCALARS:
        raise GgufError(f"an array has elements of the unknown type {kind}")
    nbytes = count * np.dtype(_SCALARS[kind]).itemsize
    cursor.expect(nbytes)
    if count <= SMALL_ARRAY:
        return _numbers(cursor, kind, count)
    start = cursor.position
    cursor.skip(nbytes)
    return ArrayField(kind, count, start, nbytes)


def _numbers(cursor: _Cursor, kind: int, count: int) -> list[int] | list[float] | list[bool]:
    dtype = np.dtype(_SCALARS[kind])
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
