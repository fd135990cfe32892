"""uvicorn's WebSocket with its flow control within the application's reach.

ASGI's `send` returns before the peer has read anything and says nothing of what is still
buffered. A viewer must be given the *newest* frame once it can take one, must never have more
than a bounded amount under way, and must be let go when it reads no more: for that the
endpoint needs to know when the transport can take more, and to be able to abort it.

uvicorn also puts no bound on what a viewer makes it keep by saying much at once, answers every ping
whether or not the answers are read, never closes a connection whose handshake can't be read, and writes
the addresses of streams, which hold the links' secrets, to its log.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import State

from cloudchamber.server.limits import Bucket

log = logging.getLogger("cloudchamber.websocket")
log.setLevel(logging.WARNING)  # what it says below that names addresses and headers

HIGH_WATER: Final = 64 << 10
"""Bytes in the transport's buffer from which on nothing more is given to it."""
KERNEL_BUFFER: Final = 256 << 10
"""Send buffer of the socket; the kernel keeps up to twice that, and would let it grow to megabytes."""
ABORT_AFTER: Final = 12.0
"""Seconds a closed connection may take to read what was sent before."""

PIECE: Final = 4 << 10
"""Bytes that are parsed at once: while a message waits, what follows it is kept as it came. As messages
the smallest ones would take fifty times as much."""
ASIDE: Final = (50.0, 400.0)
"""Pings, pongs and continued fragments a second and at once: none of them is a message, and so none
waits for a right's rate."""
UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

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
        self.logger = self.conn.logger = log
        self._unparsed = bytearray()
        self._aside = Bucket(*ASIDE)

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = cast(socket.socket | None, transport.get_extra_info("socket"))
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.on_free()

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        self._parse()

    async def receive(self) -> Any:
        message = await super().receive()
        self._parse()
        return message

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:  # be it before the handshake: uvicorn would log each refusal as an error
            self.handshake_complete = True

    def _parse(self) -> None:
        """As far as the application has taken what was said before."""
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._unparsed[:PIECE])
            del self._unparsed[:PIECE]
            super().data_received(piece)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()) or UNREADABLE)
            self.transport.close()

    def handle_ping(self) -> None:
        if not self._may_go_on():
            return
        if self.writable.is_set():
            super().handle_ping()
        else:  # it does not read; a later pong will do
            self.conn.data_to_send()

    def handle_pong(self, event: Frame) -> None:
        if self._may_go_on():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if self._may_go_on():
            super().handle_cont(event)

    def _may_go_on(self) -> bool:
        """Whether one more frame that is no message is heard; who sends too many is let go."""
        if self.close_sent:
            return False
        if self._aside.try_take():
            return True
        self.conn.fail(CloseCode.POLICY_VIOLATION, "Too many pings, or fragments of messages.")
        self.handle_parser_exception()
        self.abort_later()
        return False

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
