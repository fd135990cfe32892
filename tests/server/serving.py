"""A real uvicorn on a real socket in a thread of its own, and a session whose run a test drives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from cloudchamber.model.positions import Method
from cloudchamber.server.app import create_app
from cloudchamber.server.keys import OwnerKey
from cloudchamber.server.reach import Reach
from cloudchamber.server.run import Server, bind, configure
from cloudchamber.server.session import RefusedError, SessionState
from cloudchamber.sessions.shares import Shares
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.commands import Command, GetAttention, GetDistribution
from cloudchamber.telemetry.events import Event
from cloudchamber.telemetry.hub import Hub
from cloudchamber.telemetry.messages import Message
from cloudchamber.telemetry.pacer import Pacer


class DrivenSession:
    """Publishes what the test says; answers with what the test gives it."""

    control = True
    records = True

    def __init__(self) -> None:
        self.hub = Hub()
        self.state: SessionState = "ready"
        self.model_name = "Tiny"
        self.obeyed: list[Command] = []
        self.answer: Callable[[GetAttention | GetDistribution], Awaitable[Message]] | None = None
        self.bodies: dict[str, bytes] = {}
        self.store: Store | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._tasks.append(asyncio.create_task(Pacer(self.hub).run()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def publish(self, *events: Event) -> None:
        """From the test's thread."""
        assert self.loop is not None
        for event in events:
            self.loop.call_soon_threadsafe(self.hub.publish, event)

    def greet(self) -> None: ...

    def obey(self, command: Command) -> None:
        if getattr(command, "prompt", "") == "refuse me":
            raise RefusedError("Not now.")
        if getattr(command, "prompt", "") == "break":
            raise ZeroDivisionError
        self.obeyed.append(command)

    async def ask(self, command: GetAttention | GetDistribution) -> Message:
        if self.answer is None:
            raise RefusedError("There is nothing to ask.")
        return await self.answer(command)

    async def models(self) -> list[dict[str, object]]:
        return [{"id": "m", "name": "Tiny", "bytes": 1, "source": "file"}]

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        return self.bodies.get(vocabulary_hash)

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        return self.bodies.get(f"{embedding_hash}/{method}")


SECRET = "the-owner's-key-in-tests"
OWNER = {"authorization": f"Bearer {SECRET}"}
"""Headers of one who may do everything."""


@contextmanager
def serving(
    session: Any, page: Path, shares: Shares | None = None, reach: Reach | None = None
) -> Iterator[str]:
    """Serve a session; gives `127.0.0.1:PORT`."""
    bound = bind("127.0.0.1", 0)
    up = threading.Event()
    reach = replace(reach or Reach(), port=bound.getsockname()[1])
    app = create_app(session, key=OwnerKey(SECRET), shares=shares, reach=reach, page=page)
    server = Server(configure(app), up.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    assert up.wait(20)
    try:
        yield f"127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive()


def get(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """What the owner gets."""
    return httpx.get(url, headers={**OWNER, **(headers or {})})


class Client:
    """One viewer, as a program would write it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(codec.encode({"kind": kind, **fields}))

    async def hear(self, *kinds: str, within: float = 10.0) -> dict[str, Any]:
        """The next message, of one of `kinds` if any are given."""
        async with asyncio.timeout(within):
            while True:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                message: dict[str, Any] = codec.decode(data)
                if not kinds or message["kind"] in kinds:
                    return message

    async def hello(self, session: str = "", seq: int = 0, parts: list[str] | None = None) -> dict[str, Any]:
        await self.say("hello", protocol=1, session=session, seq=seq, parts=parts or [])
        return await self.hear("welcome")


def viewer(address: str, additional_headers: dict[str, str] | None = None, **options: Any) -> connect:
    """`async with viewer(address) as socket: Client(socket)`, as the owner."""
    headers = {**OWNER, **(additional_headers or {})}
    return connect(
        f"ws://{address}/stream", compression=None, max_size=None, additional_headers=headers, **options
    )
