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
from typing import Any, Final

from cloudchamber.telemetry import codec

LENGTH: Final = struct.Struct("<I")
MAX_BYTES: Final = 1 << 28
BUFFER_BYTES: Final = 4 << 20
"""Asked of the system for each direction; it may give less."""


class WireError(RuntimeError):
    """The other end sent something that is no message."""


# ------------------------------------------------------------------------------ framing


class Channel:
    """The worker's blocking end. `send` may be called from several threads."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._file = end.makefile("rb", buffering=1 << 16)

    def send(self, message: Any) -> None:
        """Raises `OSError` when the other end is gone."""
        data = frame(message)
        with self._lock:
            self._socket.sendall(data)

    def receive(self) -> Any | None:
        """The next message as a mapping; None when the other end is gone."""
        head = self._file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack(head)
        data = self._file.read(size) if size <= MAX_BYTES else b""
        return codec.decode(data) if len(data) == size else None


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The server's end of `Channel.send`. None when the worker is gone."""
    try:
        (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        if size > MAX_BYTES:
            raise WireError(f"the worker announced {size:,} bytes")
        data = await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    message = codec.decode(data)
    if not isinstance(message, dict):
        raise WireError("the worker sent no mapping")
    return message


def frame(message: Any) -> bytes:
    """A message with its length in front."""
    data = codec.encode(message)
    return LENGTH.pack(len(data)) + data
