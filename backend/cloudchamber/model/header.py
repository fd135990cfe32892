"""What a GGUF file says of itself before its weights: metadata and where each tensor stands.

Only the header is read, never a tensor and never the big arrays (vocabulary, merges), whose
place in the file is remembered instead; so it takes hundredths of a second. A model split
into several files is one model here.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from gguf.constants import LlamaFileType
from numpy.typing import NDArray

from cloudchamber.model.gguf_reader import (
    SCALARS,
    ArrayField,
    GgufError,
    Part,
    TensorInfo,
    Value,
    read_bytes,
    read_part,
)

__all__ = ["ArrayField", "GgufError", "GgufHeader", "TensorInfo", "read_array", "read_bytes", "read_header"]

MAX_PARTS: Final = 1_000
MAX_LAYERS: Final = 4_096

_PART_NAME: Final = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")


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
    header = _header(first, read_part(first))
    count = header.integer("split.count", 1)
    if count <= 1:
        return header
    if count > MAX_PARTS:
        raise GgufError(f"{first.name} says it is one of {count:,} parts; at most {MAX_PARTS:,} are read")
    return _join(header, [read_part(part) for part in _other_parts(first, count)])


def read_array(header: GgufHeader, key: str) -> NDArray[np.generic] | None:
    """A numeric array of the metadata, big or small; None if there is none of that name."""
    small = header.metadata.get(key)
    if isinstance(small, list):
        return np.asarray(small)
    field = header.arrays.get(key)
    if field is None or field.element not in SCALARS:
        return None
    return np.frombuffer(read_bytes(header.path, field.offset, field.nbytes), SCALARS[field.element])


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


def _header(path: Path, part: Part) -> GgufHeader:
    header = GgufHeader(
        path=path,
        version=part.version,
        metadata=part.metadata,
        arrays=part.arrays,
        tensors=part.tensors,
        parts=(path,),
        file_bytes=part.file_bytes,
    )
    if not 0 <= header.n_layer <= MAX_LAYERS:
        raise GgufError(f"{path.name}: it claims {header.n_layer:,} layers, which can't be true")
    return header


def _join(first: GgufHeader, others: list[Part]) -> GgufHeader:
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
