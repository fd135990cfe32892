"""A session in one file, `.cloudchamber`: its parts, an index of them, and checksums over all.

    magic 8 | version u32 | zeros 4                                         header
    part, part, …                                                           as stored
    index                                                                   one codec message
    index length u64 | SHA-256 of header, index and index length | magic 8  footer

little-endian. The index is a map of columns, an entry for each part:

    names   u1: UTF-8, one name a line
    coding  u1: 0 as it is, 1 gzip (what every browser can inflate by itself)
    stored  u4: bytes in the file; parts follow one another, so these are their places too
    raw     u4: bytes of the part itself, a codec message
    sha256  u1[N,32]: of the stored bytes

So each byte of the file is under a checksum, which is checked before the bytes are looked at,
and a reader needs the end of the file and the parts it wants, never the whole. A file that was
cut off is refused: it has no end.

A file may come from a stranger. Nothing in it is believed: counts and lengths are held against
the file's own size, names against a small alphabet, and a part is inflated in steps up to the
length that the index promised.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cloudchamber.sessions.archive import Archive
from cloudchamber.telemetry import codec

SUFFIX: Final = ".cloudchamber"
MAGIC: Final = b"\x89CHMBR\r\n"
"""Not ASCII, and with a line end that a transfer as text would change."""
END_MAGIC: Final = b"\x89CHMBR\n\r"
VERSION: Final = 1
PLAIN, GZIP = range(2)

MAX_PARTS: Final = 1 << 20
MAX_INDEX: Final = 1 << 27
MAX_PART: Final = 1 << 28
"""As the codec takes."""
MAX_RATIO: Final = 1040
"""Deflate itself can't do better than 1032:1, so a higher one is a lie."""
MAX_TOTAL: Final = 1 << 36
"""Of all parts, inflated."""
MAX_NAME: Final = 96

_NAME: Final = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*")
_HEADER: Final = struct.Struct("<8sI4x")
_LENGTH: Final = struct.Struct("<Q")
_FOOTER: Final = struct.Struct("<Q32s8s")
_STEP: Final = 1 << 20

type Progress = Callable[[int, int], None]
"""Called with the parts done and the parts there are."""


class ContainerError(ValueError):
    """A file that is no session, or a damaged one; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One part's place in the file."""

    offset: int
    stored: int
    raw: int
    coding: int
    sha256: bytes


def _is_name(name: str) -> bool:
    """Words of a-z, 0-9 and _, parted by slashes: more than `archive.is_part_name` knows, so that
    parts of a later version do not make a file unreadable."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


# --------------------------------------------------------------------------------- writing


def write_container(
    path: Path, archive: Archive, names: Iterable[str] | None = None, progress: Progress | None = None
) -> int:
    """Write the parts of `archive` (those in `names`, in that order) to a file at `path`.

    The file appears whole or not at all. The same parts make the same bytes. Returns its size.
    Raises `ContainerError` for a part that is not there or can't be kept, `OSError`.
    """
    chosen = list(archive.names() if names is None else names)
    _check_names(chosen)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, archive, chosen, progress or (lambda _done, _all: None))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return size


def _write(file: BinaryIO, archive: Archive, names: list[str], progress: Progress) -> None:
    header = _HEADER.pack(MAGIC, VERSION)
    file.write(header)
    columns: list[tuple[int, int, int, bytes]] = []
    for done, name in enumerate(names):
        progress(done, len(names))
        body = archive.part(name)
        if body is None:
            raise ContainerError(f"The session does not hold the part {name}.")
        if len(body) > MAX_PART:
            raise ContainerError(f"The part {name} is larger than a file can hold.")
        coding, stored = pack(body)
        file.write(stored)
        columns.append((coding, len(stored), len(body), hashlib.sha256(stored).digest()))
    index = codec.encode(
        {
            "names": np.frombuffer("\n".join(names).encode(), np.uint8),
            "coding": np.array([column[0] for column in columns], np.uint8),
            "stored": np.array([column[1] for column in columns], np.uint32),
            "raw": np.array([column[2] for column in columns], np.uint32),
            "sha256": np.frombuffer(b"".join(c[3] for c in columns), np.uint8).reshape(len(columns), 32),
        }
    )
    file.write(index)
    file.write(_FOOTER.pack(len(index), _seal(header, index), END_MAGIC))
    progress(len(names), len(names))


def pack(body: bytes) -> tuple[int, bytes]:
    """The coding that makes a part smallest, and the part in it."""
    packed = gzip_bytes(body)
    return (GZIP, packed) if len(packed) < len(body) else (PLAIN, body)


def gzip_bytes(body: bytes) -> bytes:
    """As gzip, the same at every time and place."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()


def _seal(header: bytes, index: bytes) -> bytes:
    return hashlib.sha256(header + index + _LENGTH.pack(len(index))).digest()


def _check_names(names: list[str]) -> None:
    if not names or len(names) > MAX_PARTS:
        raise ContainerError(f"A session's file holds 1 to {MAX_PARTS:,} parts, not {len(names):,}.")
    for name in names:
        if not _is_name(name):
            raise ContainerError(f"{name!r} is not the name of a part.")
    if len(set(names)) < len(names):
        raise ContainerError("A part is named twice.")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# --------------------------------------------------------------------------------- reading


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


def inflate(stored: bytes, raw: int) -> bytes | None:
    """Unpack gzip to exactly `raw` bytes, in steps and never past them; None if it is not that."""
    stream = zlib.decompressobj(31)
    body = bytearray()
    data = stored
    try:
        while data and not stream.eof:
            body += stream.decompress(data, min(_STEP, raw + 1 - len(body)))
            if len(body) > raw:
                return None
            data = stream.unconsumed_tail
    except zlib.error:
        return None
    whole = stream.eof and not stream.unused_data and len(body) == raw
    return bytes(body) if whole else None


def _read_index(source: _Source) -> dict[str, Entry]:
    least = _HEADER.size + _FOOTER.size
    header = source.read(0, _HEADER.size)
    if header[: len(MAGIC)] != MAGIC:
        raise ContainerError("This is not a session's file of Cloud Chamber.")
    if source.size < least:
        raise ContainerError("The file is cut off.")
    length, seal, end = _FOOTER.unpack(source.read(source.size - _FOOTER.size, _FOOTER.size))
    if end != END_MAGIC:
        raise ContainerError("The file is cut off, or damaged at its end.")
    if length > min(MAX_INDEX, source.size - least):
        raise ContainerError("The file is damaged: its index does not fit into it.")
    start = source.size - _FOOTER.size - length
    index = source.read(start, length)
    if _seal(header, index) != seal:
        raise ContainerError("The file is damaged: its index has another checksum.")
    version = _HEADER.unpack(header)[1]
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
    if _HEADER.size + int(sizes.sum()) != stop:
        raise ContainerError("The parts of the file do not fill it.")
    ratio = np.where(coding == PLAIN, bodies != sizes, bodies > sizes * np.uint64(MAX_RATIO))
    if bodies.max() > MAX_PART or int(bodies.sum()) > MAX_TOTAL or ratio.any():
        raise ContainerError("The file says that its parts are larger than they can be.")
    offsets = _HEADER.size + np.cumsum(sizes) - sizes
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
    _check_names(names)
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
