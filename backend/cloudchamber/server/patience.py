"""uvicorn's HTTP with an end to its patience.

It waits a few seconds for another request on a connection that had one, but for ever for the first one,
for one that comes a byte at a time, and for somebody to read the answer. Here a request comes whole in time
and its answer is taken, or the connection is closed; so is one whose TLS handshake does not end.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as EventLoop
else:
    from uvloop import Loop as EventLoop

REQUEST_SECONDS: Final = 15.0
"""From a connection, or a request's first byte on one that is kept, until all of the request is there.
For a TLS handshake as long again."""
UNREAD_SECONDS: Final = 60
"""What was sent may wait for the peer to take it, where the kernel counts that (Linux)."""
CONNECTIONS: Final = 2048
"""Open at once, WebSockets too. For one more goes the one whose request has been awaited longest."""

_COMING: Final = (h11.IDLE, h11.SEND_BODY)
"""What a client does of whose request more is to come."""


class PatientProtocol(H11Protocol):
    """One connection, until it becomes a WebSocket."""

    _deadline: asyncio.TimerHandle | None = None
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        if len(self.connections) > CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in _COMING and not self._upgraded:
            self._expect()
        else:
            self._rest()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """A request is to come; one that has begun has the time that was left."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _rest(self) -> None:
        """It is there; what follows it is waited for as uvicorn does."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        coming = [
            (each._deadline.when(), each)
            for each in self.connections
            if isinstance(each, PatientProtocol) and each._deadline is not None
        ]
        _, longest = min(coming, key=lambda item: item[0])  # this one is among them
        longest._rest()
        longest.transport.abort()


class PatientLoop(EventLoop):
    """An event loop that waits for TLS handshakes as long as for requests, not for a minute."""

    async def create_server(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = REQUEST_SECONDS
        return await super().create_server(*args, **options)
