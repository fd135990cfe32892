"""Being there while a kept session is looked at: a socket on which only the server speaks.

A replay fetches its parts one by one. What it could not learn in time that way comes here: what
the viewer may do, how many look at the session, and that the link has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from cloudchamber import __version__
from cloudchamber.server.admissions import Admissions
from cloudchamber.server.closing import CLOSE_CROWDED, ClosedError, until_first_ends
from cloudchamber.server.flow import STATE_KEY, Flow
from cloudchamber.server.rights import Grant, grant_of
from cloudchamber.server.stream import MAX_VIEWERS
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec, messages

CLOSE_TOLD: Final = 1003
"""The viewer said something."""


class Onlookers:
    """Who looks at which kept session just now. One event loop."""

    def __init__(self) -> None:
        self._there: dict[str, set[asyncio.Event]] = {}

    def count(self, session: str) -> int:
        return len(self._there.get(session, ()))

    def sessions(self) -> frozenset[str]:
        """Those that somebody looks at. May be asked on any thread."""
        return frozenset(tuple(self._there))

    @property
    def all(self) -> int:
        return sum(map(len, self._there.values()))

    @contextmanager
    def one_more(self, session: str) -> Iterator[asyncio.Event]:
        """For as long as somebody is there; the event is set whenever their number changes."""
        changed = asyncio.Event()
        there = self._there.setdefault(session, set())
        there.add(changed)
        self._tell(there)
        try:
            yield changed
        finally:
            there.discard(changed)
            self._tell(there)
            if not there:
                self._there.pop(session, None)

    def _tell(self, there: set[asyncio.Event]) -> None:
        for changed in there:
            changed.set()


async def watch(websocket: WebSocket) -> None:
    """The endpoint of `/api/sessions/{id}/watch`."""
    await websocket.accept()
    onlookers: Onlookers = websocket.app.state.onlookers
    session, grant = str(websocket.path_params["id"]), grant_of(websocket.scope)
    try:
        if onlookers.all >= MAX_VIEWERS and not grant.allows("owner"):
            raise ClosedError(CLOSE_CROWDED, f"{MAX_VIEWERS} look at kept sessions already.")
        with onlookers.one_more(session) as changed:
            await until_first_ends(
                _tell(websocket, session, grant, changed),
                _listen(websocket),
                _dismissal(websocket.app.state.admissions, grant),
            )
    except (WebSocketDisconnect, ConnectionError):
        pass
    except ClosedError as closed:
        flow: Flow | None = websocket.scope.get("state", {}).get(STATE_KEY)
        if flow:
            flow.open_gates()
        with suppress(WebSocketDisconnect, ConnectionError, RuntimeError):
            await websocket.close(closed.code, str(closed))


async def _tell(websocket: WebSocket, session: str, grant: Grant, changed: asyncio.Event) -> None:
    onlookers: Onlookers = websocket.app.state.onlookers
    store: Store | None = websocket.app.state.session.store
    welcome = messages.Welcome(
        protocol=messages.PROTOCOL,
        session=session,
        version=__version__,
        resumed=True,  # what is kept does not change
        control=False,
        right="file" if store is not None and store.only_read else grant.right,
    )
    await websocket.send_bytes(codec.encode(welcome))
    while True:
        await changed.wait()
        changed.clear()
        fares = messages.Delivery(skipped=0, viewers=onlookers.count(session))
        await websocket.send_bytes(codec.encode(fares))


async def _listen(websocket: WebSocket) -> None:
    """Until the viewer leaves."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    raise ClosedError(CLOSE_TOLD, "Here only the server speaks.")


async def _dismissal(admissions: Admissions, grant: Grant) -> None:
    """Until the link the viewer came by has ended."""
    refusal = await admissions.over(grant)
    raise ClosedError(refusal.close, refusal.sentence)
