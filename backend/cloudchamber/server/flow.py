"""uvicorn's WebSocket with its flow control within the application's reach.

ASGI's `send` returns before the peer has read anything and says nothing of what is still
buffered. A viewer must be given the *newest* frame once it can take one, must never have more
than a bounded amount under way, and must be let go when it reads no more: for that the
endpoint needs to know when the transport can take more, and to be able to abort it.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

HIGH_WATER: Final = 64 << 10
"""Bytes in the transport's buffer from which on nothing more is given to it."""
KERNEL_BUFFER: Final = 256 << 10
"""Send buffer of the socket; the kernel keeps up to twice that, and would let it grow to megabytes."""
ABORT_AFTER: Final = 12.0
"""Seconds a closed connection may take to read what was sent before."""

STATE_KEY: Final = "flow"


class Flow:
    """The flow control of one connection."""

    def __init__(self, protocol: StreamProtocol) -> None:
        self._protocol = protocol
        self.free: Callable[[], bool] = protocol.writable.is_set
        """Whether the transport can take another message, or is gone."""
        self.send: Callable[[bytes], None] = protocol.send_binary
        """Hand over one binary message. Raises `ConnectionError` when the viewer is gone.

        Straight to the transport: wrapping a frame anew for each of a hundred viewers would copy it
        twice for each and take the larger part of the server's time.
        """

    async def writable(self) -> None:
        """Until it is free."""
        await self._protocol.writable.wait()

    def on_free(self, then: Callable[[], None]) -> None:
        """What to do whenever the transport can take more again."""
        self._protocol.on_free = then

    def open_gates(self) -> None:
        """Let a close frame pass though the buffer is full; drop the connection if it stays so."""
        self._protocol.writable.set()
        self._protocol.abort_later()

    @property
    def buffered(self) -> int:
        """Bytes that wait in this process."""
        return self._protocol.transport.get_write_buffer_size()


class StreamProtocol(WebSocketsSansIOProtocol):
    """Passes its `Flow` to the application in `scope["state"]`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, STATE_KEY: Flow(self)}
        self.on_free: Callable[[], None] = lambda: None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = cast(socket.socket | None, transport.get_extra_info("socket"))
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.on_free()

    def send_binary(self, data: bytes) -> None:
        """One unmasked, unfragmented message (RFC 6455, 5.2). Raises `ConnectionError`."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            raise ConnectionResetError("The viewer is gone.")
        size = len(data)
        if size < 126:
            head = bytes((0x82, size))
        elif size < 1 << 16:
            head = b"\x82\x7e" + size.to_bytes(2)
        else:
            head = b"\x82\x7f" + size.to_bytes(8)
        self.transport.writelines((head, data))

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.abort_later()

    def abort_later(self) -> None:
        """A transport that is closed waits for its peer to read, for ever if need be."""
        asyncio.get_running_loop().call_later(ABORT_AFTER, self.transport.abort)
