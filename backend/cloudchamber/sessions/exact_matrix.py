"""A model's output matrix: what its hidden states are multiplied with to make logits.

A session's distributions are kept as hidden states and corrections, so whoever reads them needs
this matrix: 30 MB of SmolLM2, 430 MB of an 8-billion-parameter model. It is named by its
content, and all sessions of a model share it. The store keeps a small one itself; of a large
one it keeps where the model's file is, and without that file the distributions can't be read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from cloudchamber.model.header import GgufError, TensorInfo, read_bytes, read_header
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import F4, U1

COPY_BYTES: Final = 64 << 20
"""Matrices up to this size are kept in the store themselves."""
MAX_BYTES: Final = 8 << 30
_PLAIN: Final = {GGMLQuantizationType.F32: "<f4", GGMLQuantizationType.F16: "<f2"}


@dataclass(frozen=True, eq=False)
class Matrix:
    """`rows` logits from `width` numbers, as stored in the model's file."""

    type: int
    """ggml's number."""
    width: int
    rows: int
    data: U1

    def __post_init__(self) -> None:
        """Raises `ValueError` where the data does not have the size its shape needs."""
        if self.rows * row_bytes(self.type, self.width) != len(self.data):
            raise ValueError("the matrix has another size than its shape says")

    @cached_property
    def hash(self) -> str:
        """Of type, shape and bytes; 32 hexadecimal digits."""
        digest = hashlib.blake2b(f"{self.type} {self.width} {self.rows}".encode(), digest_size=16)
        digest.update(memoryview(self.data))
        return digest.hexdigest()

    @property
    def stored(self) -> U1:
        """u1[rows, bytes of a row]"""
        return self.data.reshape(self.rows, -1)

    @cached_property
    def blocks_of_32(self) -> tuple[NDArray[np.int8], F4]:
        """Of Q8_0: values i1[rows, B, 32] and scales f4[rows, B], exact from F16."""
        blocks = self.data.reshape(self.rows, -1, 34)
        scales = np.ascontiguousarray(blocks[:, :, :2]).view("<f2")[:, :, 0].astype(np.float32)
        return np.ascontiguousarray(blocks[:, :, 2:]).view(np.int8), scales

    def slice(self, start: int, stop: int) -> F4:
        """Rows [start, stop) dequantised, f4[stop - start, width]. Raises `ValueError`."""
        kind = GGMLQuantizationType(self.type)
        stored: NDArray[Any] = self.stored[start:stop]
        if kind in _PLAIN:
            stored = stored.view(_PLAIN[kind])
        try:
            return np.ascontiguousarray(gguf.quants.dequantize(stored, kind), np.float32)
        except NotImplementedError as error:
            raise ValueError(f"matrices of type {kind.name} can't be read: {error}") from error

    def encode(self) -> bytes:
        """As a part of a session."""
        fields = {"type": self.type, "width": self.width, "rows": self.rows, "data": self.data}
        return codec.encode(fields)

    @classmethod
    def decode(cls, data: bytes) -> Matrix:
        """Inverse of `encode`. Raises `ValueError`."""
        fields = codec.decode(data)
        try:
            stored = np.ascontiguousarray(fields["data"], np.uint8).reshape(-1)
            return cls(int(fields["type"]), int(fields["width"]), int(fields["rows"]), stored)
        except (KeyError, TypeError) as error:
            raise ValueError("this is no matrix") from error


def row_bytes(kind: int, width: int) -> int:
    """Bytes of a row of `width` numbers. Raises `ValueError` for a type that is not known."""
    sizes: tuple[int, int] = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    block, size = sizes
    return width // block * size


def read_matrix(path: Path, tensor: str) -> Matrix | None:
    """A matrix from a model's file; None if there is no such two-dimensional tensor.

    Raises `GgufError` or `OSError`.
    """
    info: TensorInfo | None = read_header(path).tensors.get(tensor)
    if info is None or len(info.shape) != 2 or not 0 < info.nbytes <= MAX_BYTES:
        return None
    raw = np.frombuffer(read_bytes(info.path, info.offset, info.nbytes), np.uint8)
    try:
        return Matrix(info.type, info.shape[0], info.shape[1], raw)
    except ValueError:
        return None


def body_of(matrix: Matrix, path: Path, tensor: str) -> bytes:
    """What the store keeps of a matrix that came from a tensor of the model at `path`: itself if
    it is small, or where it was."""
    if len(matrix.data) <= COPY_BYTES:
        return matrix.encode()
    return codec.encode({"path": str(path.absolute()), "tensor": tensor})


def matrix_of(body: bytes, wanted: str) -> Matrix | None:
    """Inverse of `body_of`; None if the matrix of that hash is no longer to be had."""
    try:
        fields = codec.decode(body)
        if "path" in fields:
            matrix = read_matrix(Path(fields["path"]), str(fields["tensor"]))
        else:
            matrix = Matrix.decode(body)
    except (OSError, ValueError, KeyError, TypeError, GgufError):
        return None
    return matrix if matrix is not None and matrix.hash == wanted else None
