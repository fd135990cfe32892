"""`python -m soak.crowd TASK PAGE …`: many viewers in a process of their own; prints JSON.

watch PAGE COUNT SECONDS   all read; how late frames are, and which events are missing
follow PAGE COUNT          all read; for each line on the input, what came since the last
stall PAGE COUNT SECONDS   none reads anything after the hello
cut PAGE CUTS              connections cut at any byte, and resumed
visit PAGE COUNT SECONDS   viewers come, look for a while, and go
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import uvloop

from bench.figures import percentile
from cloudchamber.telemetry.commands import Ping, Want
from cloudchamber.telemetry.events import PARTS
from soak.socket_reader import SocketReader, hello_of, open_file_limit

WARM = 3.0
"""Seconds after the last viewer came that do not count."""
CUTTERS = 20
"""Viewers whose connections are cut at the same time."""
BUFFER = 64 << 10
"""Receive buffer of a viewer that does not read: the rest is the server's."""


class Watcher(SocketReader):
    """Reads everything and keeps account."""

    def __init__(self, page: str, session: str = "", seq: int = 0) -> None:
        super().__init__(page, hello_of(list(PARTS), session, seq))
        self.session = session
        self.seq = seq
        self.resumed: bool | None = None
        self.lags: list[float] = []
        self.frames = 0
        self.gaps = 0
        self.duplicates = 0
        self.counting = False
        self._offset = float("nan")
        self._round_trip = float("inf")

    def message(self, mapping: dict[str, Any]) -> None:
        if mapping["kind"] == "welcome":
            self.resumed = bool(mapping["resumed"])
            self.session = mapping["session"]
            if not self.resumed:
                self.seq = -1  # the first number says where it begins
            self.send(Want(parts=list(PARTS), attention=[(0, 0)]))
            self.ping()
        elif mapping["kind"] == "pong":
            now = time.monotonic()
            if now - mapping["time"] < self._round_trip:
                self._round_trip = now - mapping["time"]
                self._offset = mapping["server_time"] - (now + mapping["time"]) / 2

    def ping(self) -> None:
        self.send(Ping(time=time.monotonic()))

    def frame(self, head: dict[str, Any], events: int) -> None:
        if events:
            first = head["first_seq"]
            if self.seq >= 0:
                self.gaps += max(0, first - self.seq - 1)
                self.duplicates += max(0, min(self.seq + 1 - first, events))
            self.seq = first + events - 1
        if self.counting:
            self.frames += 1
            self.lags.append(time.monotonic() + self._offset - head["time"])


async def watch(page: str, count: int, seconds: float) -> dict[str, Any]:
    viewers = [Watcher(page) for _ in range(count)]
    for viewer in viewers:
        await viewer.connect()
        await asyncio.sleep(0.01)
    for _ in range(5):
        await asyncio.sleep(WARM / 5)
        for viewer in viewers:
            viewer.ping()
    used, begin, received = time.process_time(), time.monotonic(), sum(v.bytes for v in viewers)
    for viewer in viewers:
        viewer.counting = True
    await asyncio.sleep(seconds)
    passed = time.monotonic() - begin
    lags = [lag * 1000 for viewer in viewers for lag in viewer.lags]
    return {
        "p50": percentile(lags, 50),
        "p99": percentile(lags, 99),
        "max": max(lags),
        "rate": sum(v.frames for v in viewers) / count / passed,
        "lost": sum(v.gaps for v in viewers),
        "duplicates": sum(v.duplicates for v in viewers),
        "closed": sum(v.closed.done() for v in viewers),
        "processor": (time.process_time() - used) / passed,
        "bytes": (sum(v.bytes for v in viewers) - received) / passed,
    }


async def follow(page: str, count: int) -> dict[str, Any]:
    """Until the input ends."""
    viewers = [Watcher(page) for _ in range(count)]
    for viewer in viewers:
        viewer.counting = True
        await viewer.connect()
        await asyncio.sleep(0.01)
    said = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), sys.stdin)
    seen = (0, 0, 0.0)
    while await said.readline():
        now = (sum(v.bytes for v in viewers), sum(v.frames for v in viewers), time.process_time())
        size, frames, used = (new - old for new, old in zip(now, seen, strict=True))
        print(json.dumps({"bytes": size, "frames": frames, "processor": used}), flush=True)
        seen = now
    return {"closed": sum(viewer.closed.done() for viewer in viewers)}


async def stall(page: str, count: int, seconds: float) -> dict[str, Any]:
    viewers = [Watcher(page) for _ in range(count)]
    for viewer in viewers:
        await viewer.connect()
    while any(viewer.resumed is None for viewer in viewers):
        await asyncio.sleep(0.05)
    for viewer in viewers:
        assert viewer.transport is not None
        viewer.transport.pause_reading()
    print("stalled", flush=True)
    await asyncio.sleep(seconds)
    return {"viewers": count}


async def cut(page: str, cuts: int) -> dict[str, Any]:
    """Each cutter is one viewer that comes back again and again, with the number of its last event."""
    account = {"cuts": 0, "gaps": 0, "duplicates": 0, "void": 0, "events": 0}

    async def one() -> None:
        session, seq = "", 0
        while account["cuts"] < cuts:
            account["cuts"] += 1 if session else 0
            viewer = Watcher(page, session, seq)
            await viewer.connect()
            until = random.randrange(1000, 400_000)
            while viewer.bytes < until and not viewer.closed.done():
                await asyncio.sleep(0.002)
            assert viewer.transport is not None
            viewer.transport.abort()
            if viewer.resumed is None:
                continue  # cut before the welcome
            account["gaps"] += viewer.gaps
            account["duplicates"] += viewer.duplicates
            account["void"] += bool(session) and not viewer.resumed
            account["events"] += max(0, viewer.seq - seq) if seq else 0
            session, seq = viewer.session, max(viewer.seq, 0)

    await asyncio.gather(*(one() for _ in range(CUTTERS)))
    return account


async def visit(page: str, count: int, seconds: float) -> dict[str, Any]:
    """Some stay a moment, some a while; some say goodbye, some are cut."""
    end = time.monotonic() + seconds
    visits = 0

    async def one() -> None:
        nonlocal visits
        while time.monotonic() < end:
            viewer = Watcher(page)
            with suppress(OSError):
                await viewer.connect()
                visits += 1
                await asyncio.sleep(min(random.expovariate(1 / 3), 20))
                assert viewer.transport is not None
                if random.random() < 0.5:
                    viewer.transport.abort()
                else:
                    viewer.transport.close()
            await asyncio.sleep(random.uniform(0, 0.5))

    await asyncio.gather(*(one() for _ in range(count)))
    return {"visits": visits}


TASKS: dict[str, tuple[Callable[..., Coroutine[Any, Any, dict[str, Any]]], tuple[type, ...]]] = {
    "watch": (watch, (str, int, float)),
    "follow": (follow, (str, int)),
    "stall": (stall, (str, int, float)),
    "cut": (cut, (str, int)),
    "visit": (visit, (str, int, float)),
}


def main() -> None:
    open_file_limit()
    task, types = TASKS[sys.argv[1]]
    arguments = [kind(word) for kind, word in zip(types, sys.argv[2:], strict=True)]
    print(json.dumps(uvloop.run(task(*arguments))), flush=True)


if __name__ == "__main__":
    main()
