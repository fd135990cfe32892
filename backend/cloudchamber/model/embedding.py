"""A model's token embedding, read from its file in slices.

Each row is a token's learned vector. A vocabulary of 262,144 by 5,120 would be 5.4 GB in F32,
so rows are dequantised a slice at a time and never held whole.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from cloudchamber.model.header import GgufError, GgufHeader, TensorInfo, read_bytes, read_header

type F4 = NDArray[np.float32]

TENSOR: Final = "token_embd.weight"

_SLICE_BYTES: Final = 32 << 20
"""Of dequantised rows held at once."""
_LEAF_BYTES: Final = 16 << 20
"""The content hash is of the hashes of pieces this long, so that threads can share it."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """Token embedding of one model, `n_tokens` rows of `width` numbers, still in its file."""

    tensor: TensorInfo
    n_tokens: int
    width: int

    def rows(self, start: int, stop: int) -> F4:
        """Rows `[start, stop)` dequantised, f4[stop - start, width]. Raises `GgufError`."""
        kind = GGMLQuantizationType(self.tensor.type)
        block, block_bytes = GGML_QUANT_SIZES[kind]
        row_bytes = self.width // block * block_bytes
        at = self.tensor.offset + start * row_bytes
        raw = read_bytes(self.tensor.path, at, (stop - start) * row_bytes)
        stored = np.frombuffer(raw, np.uint8).reshape(stop - start, row_bytes)
        try:
            values = gguf.quants.dequantize(_as_stored(stored, kind), kind)
        except NotImplementedError as error:
            raise GgufError(f"its embedding is stored as {self.tensor.type_name}: {error}") from error
        return np.ascontiguousarray(values, np.float32)

    def slices(self) -> Iterator[tuple[int, F4]]:
        """All rows in order, as `(start, rows)`, some tens of megabytes at a time.

        The next slices are read and dequantised by other threads meanwhile.
        """
        step = max(1, _SLICE_BYTES // (4 * self.width))
        starts = iter(range(0, self.n_tokens, step))
        threads = _threads()
        coming: deque[tuple[int, Future[F4]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for start in islice(starts, threads):
                coming.append((start, pool.submit(self.rows, start, min(start + step, self.n_tokens))))
            while coming:
                start, rows = coming.popleft()
                yield start, rows.result()
                for later in islice(starts, 1):
                    coming.append((later, pool.submit(self.rows, later, min(later + step, self.n_tokens))))

    def content_hash(self) -> str:
        """Of type, shape and stored bytes; 32 hexadecimal digits. Names the positions."""
        tensor = self.tensor
        digest = hashlib.blake2b(
            f"{tensor.type} {tensor.shape}".encode(), digest_size=16, person=b"embedding"
        )
        starts = range(0, tensor.nbytes, _LEAF_BYTES)
        with ThreadPoolExecutor(_threads()) as pool:
            for leaf in pool.map(lambda start: _leaf_hash(tensor, start), starts):
                digest.update(leaf)
        return digest.hexdigest()


def open_embedding(source: Path | GgufHeader) -> Embedding | None:
    """Find a model's token embedding; None if it has none that can be read.

    Raises `GgufError` when the file is not readable at all.
    """
    header = source if isinstance(source, GgufHeader) else read_header(source)
    tensor = header.tensors.get(TENSOR)
    if tensor is None or len(tensor.shape) != 2 or tensor.nbytes == 0:
        return None
    return Embedding(tensor, n_tokens=tensor.shape[1], width=tensor.shape[0])


def embedding_hash(source: Path | GgufHeader) -> str:
    """Content hash of a model's token embedding, or an empty string if it has none."""
    embedding = open_embedding(source)
    return embedding.content_hash() if embedding is not None else ""


def _threads() -> int:
    return min(4, os.cpu_count() or 1)


def _leaf_hash(tensor: TensorInfo, start: int) -> bytes:
    count = min(_LEAF_BYTES, tensor.nbytes - start)
    return hashlib.blake2b(read_bytes(tensor.path, tensor.offset + start, count), digest_size=16).digest()


def _as_stored(raw: NDArray[np.uint8], kind: GGMLQuantizationType) -> NDArray[np.generic]:
    """The view of stored bytes that `gguf.quants.dequantize` wants for a type."""
    plain = {GGMLQuantizationType.F32: "<f4", GGMLQuantizationType.F16: "<f2"}
    return raw.view(plain[kind]) if kind in plain else raw
