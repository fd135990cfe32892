"""Reading a session's file; its format is told in `container_format`."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cloudchamber.sessions.container_format import (
    END_MAGIC,
    FOOTER,
    GZIP,
    HEADER,
    MAGIC,
    MAX_INDEX,
    MAX_PART,
    MAX_RATIO,
    MAX_TOTAL,
    PLAIN,
    VERSION,
    ContainerError,
    check_names,
    inflate,
    seal,
)
from cloudchamber.telemetry import codec


@dataclass(frozen=True, slots=True)
class Entry:
    """One part's place in the file."""

    offset: int
    stored: int
    raw: int
    coding: int
    sha256: bytes


class _Source(Protocol):
    """Bytes that can be read from several threads."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def close(self) -> None: ...


class Container:
    """An opened file: an `Archive` whose parts are read, checked and inflated when asked for."""

    def __init__(self, source: _Source) -> None:
        """Raises `ContainerError`."""
        self._source = source
        self._entries = _read_index(source)

    def names(self) -> Iterable[str]:
        """In the order of the file."""
        return self._entries.keys()

    def part(self, name: str) -> bytes | None:
        """The part's codec bytes; None if there is no such part.

        Raises `ContainerError` if its bytes are not those that were written.
        """
        entry = self._entries.get(name)
        if entry is None:
            return None
        stored = self._source.read(entry.offset, entry.stored)
        if len(stored) != entry.stored or hashlib.sha256(stored).digest() != entry.sha256:
            raise ContainerError(f"The file is damaged: its part {name} has another checksum.")
        if entry.coding == PLAIN:
            return stored
        body = inflate(stored, entry.raw)
        if body is None:
            raise ContainerError(f"The file is damaged: its part {name} can't be unpacked.")
        return body

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_container(source: Path | str | bytes) -> Container:
    """A session's file, or its bytes. Raises `ContainerError` or `OSError`."""
    opened: _Source = _Memory(source) if isinstance(source, bytes) else _File(Path(source))
    try:
        return Container(opened)
    except BaseException:
        opened.close()
        raise


def _read_index(source: _Source) -> dict[str, Entry]:
    least = HEADER.size + FOOTER.size
    header = source.read(0, HEADER.size)
    if header[: len(MAGIC)] != MAGIC:
        raise ContainerError("This is not a session's file of Cloud Chamber.")
    if source.size < least:
        raise ContainerError("The file is cut off.")
    length, sealed, end = FOOTER.unpack(source.read(source.size - FOOTER.size, FOOTER.size))
    if end != END_MAGIC:
        raise ContainerError("The file is cut off, or damaged at its end.")
    if length > min(MAX_INDEX, source.size - least):
        raise ContainerError("The file is damaged: its index does not fit into it.")
    start = source.size - FOOTER.size - length
    index = source.read(start, length)
    if seal(header, index) != sealed:
        raise ContainerError("The file is damaged: its index has another checksum.")
    version = HEADER.unpack(header)[1]
    if version != VERSION:
        raise ContainerError(
            f"The file is of version {version}; this Cloud Chamber reads version {VERSION}. Update it."
        )
    try:
        return _entries(codec.decode(index, max_bytes=MAX_INDEX), start)
    except codec.CodecError as error:
        raise ContainerError(f"The file's index is not valid: {error}.") from error


def _entries(index: Any, stop: int) -> dict[str, Entry]:
    """The index as entries; their parts fill the file from the header to `stop`."""
    if not isinstance(index, dict):
        raise ContainerError("The file's index is not a map.")
    names = _lines(_column(index, "names", "u1", 1))
    count = len(names)
    coding, stored, raw, sha256 = (
        _column(index, name, dtype, ndim)
        for name, dtype, ndim in (
            ("coding", "u1", 1),
            ("stored", "u4", 1),
            ("raw", "u4", 1),
            ("sha256", "u1", 2),
        )
    )
    if not len(coding) == len(stored) == len(raw) == len(sha256) == count or sha256.shape[1] != 32:
        raise ContainerError("The columns of the file's index differ in length.")
    sizes, bodies = stored.astype(np.uint64), raw.astype(np.uint64)
    if coding.max() > GZIP:
        raise ContainerError(
            "The file holds a part in a coding that this Cloud Chamber can't read. Update it."
        )
    if HEADER.size + int(sizes.sum()) != stop:
        raise ContainerError("The parts of the file do not fill it.")
    ratio = np.where(coding == PLAIN, bodies != sizes, bodies > sizes * np.uint64(MAX_RATIO))
    if bodies.max() > MAX_PART or int(bodies.sum()) > MAX_TOTAL or ratio.any():
        raise ContainerError("The file says that its parts are larger than they can be.")
    offsets = HEADER.size + np.cumsum(sizes) - sizes
    columns = zip(offsets.tolist(), stored.tolist(), raw.tolist(), coding.tolist(), sha256, strict=True)
    return {
        name: Entry(*column[:4], column[4].tobytes()) for name, column in zip(names, columns, strict=True)
    }


def _column(index: dict[str, Any], name: str, dtype: str, ndim: int) -> NDArray[Any]:
    column = index.get(name)
    if not isinstance(column, np.ndarray) or column.dtype != np.dtype(f"<{dtype}") or column.ndim != ndim:
        raise ContainerError(f"The file's index has no column {name}.")
    return column


def _lines(column: NDArray[np.uint8]) -> list[str]:
    try:
        names = column.tobytes().decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ContainerError("The file's index holds a name that is none of a part.") from None
    check_names(names)
    return names


class _Memory:
    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        pass


class _File:
    """Read with a lock and not through a map: a file that shrinks is then an error, not a crash."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._lock = threading.Lock()
        self._size = self._file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        self._file.close()
