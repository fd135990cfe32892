"""A recorded run in one file: what a page needs to show it, and the very frames a viewer got.

The file is gzip, which a browser can read without help. Inside, after the 8 bytes of `MAGIC`,
come chunks:

    tag u32 | length u32 | time f64 | payload, then zeros up to a multiple of 8

little-endian, so that every payload starts at a multiple of 8 and arrays in it are aligned.
Each payload is one codec message: first a header, then the vocabulary and the positions as
the HTTP interface serves them, then frames. `time` is 0 but for frames, where it is seconds
from the first one. A file that was cut off is good up to its last whole chunk.

Positions are rounded to `GRID` so that the file is small; what the server serves is not.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from cloudchamber.telemetry import codec

MAGIC: Final = b"CLDCHMB1"
HEADER, VOCABULARY, POSITIONS, FRAME = range(4)
GRID: Final = 1 / 512
MAX_CHUNK: Final = 1 << 28
MAX_BYTES: Final = 1 << 32
"""Of a whole recording when read, so that a small file can't fill the memory."""

_CHUNK: Final = struct.Struct("<IId")


class RecordingError(ValueError):
    """A file that is no recording; the text says what is wrong with it."""


class RecordingWriter:
    """Writes a recording, chunk by chunk."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`."""
        self._file = gzip.GzipFile(path, "wb", compresslevel=6, mtime=0)
        self._file.write(MAGIC)
        self._start: float | None = None
        self.frames = 0

    def header(self, fields: dict[str, Any]) -> None:
        """What the file is about; the first chunk."""
        self._chunk(HEADER, codec.encode(fields))

    def vocabulary(self, body: bytes) -> None:
        """`body` as `GET /api/vocabulary` serves it."""
        self._chunk(VOCABULARY, body)

    def positions(self, body: bytes) -> None:
        """`body` as `GET /api/positions` serves it; kept to the nearest `GRID`."""
        fields = codec.decode(body)
        for name in ("points", "radius"):
            # Up, for a radius, so that none becomes zero.
            rounded = np.rint if name == "points" else np.ceil
            fields[name] = (rounded(fields[name] / GRID) * GRID).astype(np.float32)
        self._chunk(POSITIONS, codec.encode(fields))

    def frame(self, time: float, data: bytes) -> None:
        """One frame, as a viewer got it at `time` of any steady clock, in seconds."""
        if self._start is None:
            self._start = time
        self._chunk(FRAME, data, time - self._start)
        self.frames += 1

    def _chunk(self, tag: int, payload: bytes, time: float = 0.0) -> None:
        self._file.write(_CHUNK.pack(tag, len(payload), time))
        self._file.write(payload)
        self._file.write(bytes(-len(payload) % 8))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class Recording:
    """A recording in memory."""

    header: dict[str, Any] = field(default_factory=dict)
    vocabulary: bytes = b""
    positions: dict[str, bytes] = field(default_factory=dict)
    """Body by method."""
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    """Seconds from the first, and the encoded `Frame`."""
    whole: bool = True
    """False for a file that was cut off."""


def is_recording(path: Path) -> bool:
    """Whether a file begins as a recording does."""
    try:
        with gzip.open(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, EOFError, zlib.error):
        return False


def read_recording(path: Path) -> Recording:
    """Raises `RecordingError` or `OSError`."""
    recording = Recording()
    with gzip.open(path, "rb") as file:
        try:
            if file.read(len(MAGIC)) != MAGIC:
                raise RecordingError(f"{path.name} is not a recording of Cloud Chamber.")
            for tag, time, payload in _chunks(file):
                _add(recording, tag, time, payload)
        except (EOFError, zlib.error):
            recording.whole = False
        except gzip.BadGzipFile:
            raise RecordingError(f"{path.name} is not a recording of Cloud Chamber.") from None
        except codec.CodecError as error:
            raise RecordingError(f"{path.name} is damaged: {error}.") from error
    if not recording.frames:
        raise RecordingError(f"{path.name} holds no frames.")
    return recording


def _chunks(file: gzip.GzipFile) -> Iterator[tuple[int, float, bytes]]:
    total = 0
    while head := file.read(_CHUNK.size):
        if len(head) < _CHUNK.size:
            raise EOFError
        tag, length, time = _CHUNK.unpack(head)
        total += length
        if length > MAX_CHUNK or total > MAX_BYTES:
            raise RecordingError("The recording is larger than any this program makes.")
        payload = file.read(length)
        if len(payload) < length or len(file.read(-length % 8)) < -length % 8:
            raise EOFError
        yield tag, time, payload


def _add(recording: Recording, tag: int, time: float, payload: bytes) -> None:
    if tag == HEADER:
        header = codec.decode(payload)
        recording.header = header if isinstance(header, dict) else {}
    elif tag == VOCABULARY:
        recording.vocabulary = payload
    elif tag == POSITIONS:
        body = codec.decode(payload)
        if isinstance(body, dict):
            recording.positions[str(body.get("method"))] = payload
    elif tag == FRAME:
        recording.frames.append((time, payload))
    # Other tags are of a later version that a reader of this one can do without.
