"""Completes sessions when nothing runs: owner of the process that does it.

A run's spool is taken into its session once the run is over; of runs that an earlier process
left, when this one starts. A new run ends the work at once, and it is gone on with afterwards:
what the store has is not made again. The spool is deleted when the store has committed all. Until then
both take room: the oldest sessions go for it as they do for a run, and where none can, the limit is
passed for that long. When all spools are taken in, sessions get their model's hash (`model_hash.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from cloudchamber.inference import wire
from cloudchamber.sessions.compact_process import DONE, HELD, UNUSABLE
from cloudchamber.sessions.compact_store import LOOK, GoneError, Piece, keep, order_of
from cloudchamber.sessions.model_hash import ModelHasher
from cloudchamber.sessions.recorder_run import OVER
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_room import Room
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import Event, ModelLoaded, Problem, Progress, RunStarted, RunState

log = logging.getLogger("cloudchamber.sessions")

REST: Final = 0.5
"""Seconds of quiet before the work begins."""
START: Final = 8.0
"""Seconds that a start is left alone."""
TRIES: Final = 3
ORPHAN_AGE: Final = 30.0
"""Seconds after which a spool without a session is nobody's: the store hears of a run later
than its spool begins."""
_SAY_AFTER: Final = 1.0
_ACTIVE: Final = ("prefill", "running")


class Compactor:
    """Methods are for the event loop's thread."""

    def __init__(self, store: Store, publish: Callable[[Event], None]) -> None:
        self._store = store
        self._folder = store.spools
        self._publish = publish
        self._busy = False
        self._live = ""
        """The run that goes on. It may be paused, and recorded no further: its spool is still its own."""
        self._wake = asyncio.Event()
        self.start_after = START
        self._process: Process | None = None
        self._at = ""
        """The session that is being completed: it does not go for want of room."""
        store.in_use.append(lambda: (self._at,))
        self.make_room: Callable[[], Awaitable[Room]] = partial(asyncio.to_thread, store.make_room)
        """Has the store keep to its limit."""
        self._interrupted = False
        """A run has ended the newest process: that is no failure of its own."""
        self._failures: Counter[str] = Counter()
        """By spool: how often its process came to a bad end."""
        self._hasher = ModelHasher(store)
        self.is_loading: Callable[[], bool] = lambda: False
        """Whether a model is being loaded: then no other is read."""

    def hear(self, event: Event) -> None:
        """Runs come before everything."""
        if isinstance(event, RunStarted):
            self._live = event.run_id
            self._set_busy(True)
        elif isinstance(event, RunState):
            if event.run_id == self._live and event.phase in OVER:
                self._live = ""
            self._set_busy(event.phase in _ACTIVE)
        elif isinstance(event, (ModelLoaded, Problem)):
            self._wake.set()

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if busy:
            self._interrupted = True
            self._end()
        else:
            self._wake.set()

    def look(self, session: str = "") -> None:
        """A session is whole now, but for this."""
        self._wake.set()

    async def run(self) -> None:
        """Work whenever there is something to do and nothing runs; not while everything starts."""
        await asyncio.sleep(self.start_after)
        self._wake.set()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(REST)
                while not self._busy and (found := await asyncio.to_thread(self._next)) is not None:
                    await self._take(found)
                await self._hasher.work(lambda: not self._busy and not self.is_loading())
        finally:
            self._end()
            self._hasher.end()

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    # ------------------------------------------------------------------------- one spool

    def _next(self) -> Path | None:
        """The oldest spool whose session is whole but for it. Forgets those that are nobody's."""
        from cloudchamber.sessions.spool_reader import delete, spools

        for folder in spools(self._folder):
            if folder.name == self._live or self._failures[folder.name] >= TRIES:
                continue
            try:
                info = self._store.info(folder.name)
            except StoreError as error:
                log.warning("Sessions can't be completed: %s", error)
                return None
            if info is not None and info.complete:
                return folder
            age = time.time() - folder.stat().st_mtime
            if info is None and age > ORPHAN_AGE and not _is_held(folder):
                delete(folder)
        return None

    async def _take(self, folder: Path) -> None:
        """Have one spool taken in. A failure of the store is told and not tried again."""
        from cloudchamber.sessions.spool_reader import delete

        self._at = folder.name
        try:
            status = await self._compact(folder)
        except GoneError:
            status = UNUSABLE
        except (StoreError, OSError, codec.CodecError, wire.WireError) as error:
            self._give_up(folder, str(error))
            return
        finally:
            self._at = ""
        if status in (DONE, UNUSABLE):
            await asyncio.to_thread(delete, folder)
        elif status == HELD:
            self._failures[folder.name] = TRIES
        elif not self._interrupted:
            self._failures[folder.name] += 1
            if self._failures[folder.name] == TRIES:
                self._give_up(folder, f"its process failed {TRIES} times.")

    def _give_up(self, folder: Path, reason: str) -> None:
        self._failures[folder.name] = TRIES
        log.warning("Session %s was not completed: %s", folder.name, reason)
        self._publish(
            Problem(
                code="session-incomplete",
                message=f"A session's attention and exact distributions could not be kept: {reason}",
                hint="It is tried again at the next start.",
            )
        )

    async def _compact(self, folder: Path) -> int:
        """Run the process for one spool. Returns its status; raises `GoneError`, `StoreError`,
        `OSError` and what bad messages raise."""
        await self._keep_to_the_limit()
        order = await asyncio.to_thread(order_of, self._store, folder.name)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cloudchamber.sessions.compact_process", str(folder),
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=1 << 20,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        )  # fmt: skip
        self._process = process
        self._interrupted = self._busy
        try:
            if self._busy:
                return -1
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(codec.encode(order))
            process.stdin.write_eof()
            await self._receive(folder.name, process.stdout)
            return await process.wait()
        finally:
            self._end()
            self._process = None
            await process.wait()

    async def _keep_to_the_limit(self) -> None:
        """What can go for this session's sake has been named, and is waited for where it is urgent."""
        while not self._busy:
            room = await self.make_room()
            if not room.full or room.stuck:
                break
            await asyncio.sleep(LOOK)

    async def _receive(self, session: str, pieces: asyncio.StreamReader) -> None:
        began, said = time.monotonic(), False
        looked = began
        try:
            async for piece in wire.read_messages(pieces):
                await asyncio.to_thread(self._keep, session, Piece.read(piece))
                if time.monotonic() - looked > LOOK:
                    await self._keep_to_the_limit()
                    looked = time.monotonic()
                if time.monotonic() - began > _SAY_AFTER:
                    said = True
                    self._say(float(piece["fraction"]))
        finally:
            if said:
                self._say(1.0, done=True)

    def _keep(self, session: str, piece: Piece) -> None:
        keep(self._store, session, piece)

    def _say(self, fraction: float, *, done: bool = False) -> None:
        message = "" if done else "Completing the session: attention and exact distributions"
        self._publish(Progress(task="session", fraction=fraction, message=message, done=done))


def _is_held(folder: Path) -> bool:
    """Whether another process writes or reads a spool."""
    from cloudchamber.sessions.spool_reader import Spool, SpoolError

    try:
        with Spool(folder) as spool:
            return not spool.hold()
    except (SpoolError, OSError):
        return False
