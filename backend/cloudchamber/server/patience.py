"""uvicorn's HTTP with an end to its patience.

It waits a few seconds for another request on a connection that had one, but for ever for the first one,
and for one that comes a byte at a time. Here a request comes whole in time, or its connection is closed.
"""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 15.0
"""From a connection, or a request's first byte on one that is kept, until all of the request is there."""

_COMING: Final = (h11.IDLE, h11.SEND_BODY)
"""What a client does of whose request more is to come."""


class PatientProtocol(H11Protocol):
    """One connection, until it becomes a WebSocket."""

    _deadline: asyncio.TimerHandle | None = None
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

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
