"""What the worker and the server say to each other: codec messages behind a u32 length.

Down go the engine's options once, then commands; up come events, and replies to questions.
Both ends trust each other's code but not each other's life: either may vanish at any byte.
`telemetry.typed` makes dataclasses of what arrives.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator
from typing import Any, Final

from cloudchamber.telemetry import codec

LENGTH: Final = struct.Struct("<I")
MAX_BYTES: Final = 1 << 28
BUFFER_BYTES: Final = 4 << 20
"""Asked of the system for each direction; it may give less."""
_READ_BYTES: Final = 1 << 20


class WireError(RuntimeError):
    """The other end sent something that is no message."""


# ------------------------------------------------------------------------------ framing


class Channel:
    """The worker's blocking end. Messages may come from several threads."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self._file = end.makefile("rb", buffering=1 << 16)

    def hold(self, message: Any) -> None:
        """Keep a message back until the next `send` or `flush`, which it goes in front of."""
        data = frame(message)
        with self._lock:
            self._held.append(data)

    def send(self, message: Any) -> None:
        """Raises `OSError` when the other end is gone."""
        self.hold(message)
        self.flush()

    def flush(self) -> None:
        """Send what is held. Raises `OSError` when the other end is gone."""
        with self._lock:
            data = b"".join(self._held)
            self._held.clear()
            if data:
                self._socket.sendall(data)

    def receive(self) -> Any | None:
        """The next message as a mapping; None when the other end is gone."""
        head = self._file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack(head)
        data = self._file.read(size) if size <= MAX_BYTES else b""
        return codec.decode(data) if len(data) == size else None


async def read_messages(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The server's end of `Channel`, until the worker is gone. What came together is taken apart
    together: waiting costs more than the messages do.

    Raises:
        WireError: what came is no message.
        CodecError: the same, by the codec.
    """
    waiting = bytearray()
    while data := await _more(reader):
        waiting += data
        start = 0
        while len(waiting) - start >= LENGTH.size:
            (size,) = LENGTH.unpack_from(waiting, start)
            if size > MAX_BYTES:
                raise WireError(f"the worker announced {size:,} bytes")
            stop = start + LENGTH.size + size
            if len(waiting) < stop:
                break
            with memoryview(waiting) as view:
                message = codec.decode(bytes(view[start + LENGTH.size : stop]))
            if not isinstance(message, dict):
                raise WireError("the worker sent no mapping")
            start = stop
            yield message
        del waiting[:start]


async def _more(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_READ_BYTES)
    except ConnectionError:
        return b""


def frame(message: Any) -> bytes:
    """A message with its length in front."""
    data = codec.encode(message)
    return LENGTH.pack(len(data)) + data
