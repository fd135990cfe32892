"""Records every run of a hub into the store, as it streams.

The recorder is one more reader of the hub, which wants every part but attention, and keeps the
very bytes it is given. It commits several times a second, so that a process that is killed
loses at most a quarter of a second of its run. While the store is slow it reads nothing, as any
slow viewer: no event is lost, some state is. When the store fails, recording ends with a
`Problem` and the run goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from cloudchamber.model.positions import METHODS, Method
from cloudchamber.sessions import recorder_words
from cloudchamber.sessions.model_hash import name_model
from cloudchamber.sessions.recorder_room import RoomWatch
from cloudchamber.sessions.recorder_run import RunRecord, split_at_starts
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_folder import end_spool
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.sessions.store_writing import new_head
from cloudchamber.telemetry.events import PARTS, Event, ModelLoaded, PositionsReady, Problem, RunStarted
from cloudchamber.telemetry.hub import Hub, Reader
from cloudchamber.telemetry.state_store import Want

log = logging.getLogger("cloudchamber.sessions")

COMMIT_SECONDS: Final = 0.12
"""From a frame to the commit that holds it, at most."""
AFTERWARDS: Final = 0.5
"""Seconds for which a run that is over is still recorded: its last state comes a little later."""
MAX_WAITING: Final = 32 << 20
"""Bytes of frames that wait for the disk; with more, none are taken."""

WANT: Final = Want(frozenset(PARTS) - {"attention"})


class Bodies(Protocol):
    """Where vocabulary and positions come from."""

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None: ...
    async def positions(self, embedding_hash: str, method: Method) -> bytes | None: ...


class Recorder:
    """Runs on the hub's loop; the store's own thread does the work."""

    def __init__(self, hub: Hub, store: Store, bodies: Bodies) -> None:
        self._hub = hub
        self._store = store
        self._bodies = bodies
        self._reader = Reader(wake=self._take, want=WANT, viewer=False)
        self._run: RunRecord | None = None
        self._commit: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._waiting = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lost = ""
        """The session that the store failed in last; it is to be finished as well as can be."""
        self._told = ""
        """The newest failure people were told of."""
        self._cut_short = ""
        """The session that there was no more room for: of that was told all there is to tell."""
        self.room = RoomWatch(store, self._tell)
        self.on_complete: Callable[[str], None] = lambda _: None
        """Called with a session's id once everything of its run is in the store."""
        self.model_mark: Callable[[], str] = lambda: ""
        """Tells the loaded model's files from others (`model/file_hash.py`); empty if they can't be told."""

    async def start(self) -> None:
        """Mend what an earlier process left, and listen."""
        self._hub.join(self._reader)
        await self._mend()

    async def _mend(self) -> None:
        """Finish what was cut off."""
        try:
            for session in await asyncio.to_thread(self._store.recover):
                self.on_complete(session)
        except StoreError as error:
            log.warning("The store can't be used: %s", error)  # a run that can't be kept says so

    async def close(self) -> None:
        """Record no more; what was taken is committed, and the run finished."""
        self._hub.leave(self._reader)
        self._finish()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------------ taking frames

    def _take(self) -> None:
        while self._waiting < MAX_WAITING and self._reader.frame < self._hub.number:
            if self._run is not None and self._run.chunk_is_full(self._hub.time):
                self._run.seal()
                self._flush()
            if self._run is None or self._run.begins_chunk:
                # A chunk's first frame holds all state there is.
                self._reader.extra.update(self._hub.state.newly_wanted(Want(), WANT))
            data = self._hub.next_frame(self._reader)
            if data is None:
                return
            for events, frame in split_at_starts(self._reader.given, data):
                self._add(events, frame)

    def _add(self, events: list[Event], data: bytes) -> None:
        """One frame; if it begins a run, it does so with its first event."""
        for event in events:
            if isinstance(event, RunStarted):
                self._begin(event)
            elif isinstance(event, ModelLoaded):
                self._finish()
            elif isinstance(event, PositionsReady):
                self._keep_positions(event)
        run = self._run
        if run is None:
            return
        run.add(self._hub.number, self._hub.time, events, data)
        if run.over and self._end is None:
            self._end = asyncio.get_running_loop().call_later(AFTERWARDS, self._finish)
        if self._commit is None:
            self._commit = asyncio.get_running_loop().call_later(COMMIT_SECONDS, self._flush)

    # --------------------------------------------------------------------- the store

    def _begin(self, started: RunStarted) -> None:
        self._finish()
        model = self._hub.model
        if model is None:
            return
        self._run = RunRecord(started.run_id, self._hub.time)
        if self._lost:
            self._lost = ""
            self._spawn(self._mend())
        self._watch(self._store.begin(new_head(started.run_id, model, started)), started.run_id)
        self._spawn(self._name_model(started.run_id, self.model_mark()))
        self._spawn(self._keep_bodies(model))
        self._spawn(self._watch_room(started.run_id))

    def _flush(self) -> None:
        """Commit what came."""
        if self._commit is not None:
            self._commit.cancel()
            self._commit = None
        run = self._run
        if run is None or (batch := run.taken()) is None:
            return
        self._waiting += batch.bytes
        self._watch(self._store.append(run.id, batch), run.id, size=batch.bytes)

    def _finish(self) -> None:
        """The run is over, and everything of it has been taken."""
        self._flush()
        if self._end is not None:
            self._end.cancel()
            self._end = None
        run, self._run = self._run, None
        if run is not None:
            self._watch(self._store.finish(run.id), run.id, done=self._finished)

    def _finished(self, session: str) -> None:
        self._told = ""
        self.on_complete(session)
        if session != self._cut_short:
            self._spawn(self.room.afterwards())

    def _watch(
        self, future: Future[None], session: str, *, size: int = 0, done: Callable[[str], None] | None = None
    ) -> None:
        """Go on when the store has done its part, or end the recording where it could not."""
        loop = asyncio.get_running_loop()

        def settled(future: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._settled, future, session, size, done)

        future.add_done_callback(settled)

    def _settled(
        self, future: Future[None], session: str, size: int, done: Callable[[str], None] | None
    ) -> None:
        self._waiting -= size
        error = future.exception()
        if error is not None:
            self._fail(session, error)
        elif done is not None:
            done(session)
        if size:
            self._take()

    def _fail(self, session: str, error: BaseException) -> None:
        """Record no more of this run, and say so once."""
        if self._lost == session:
            return
        self._lost = session
        if self._run is not None and self._run.id == session:
            self._run = None
            for timer in (self._commit, self._end):
                if timer is not None:
                    timer.cancel()
            self._commit = self._end = None
        self._store.abandon(session)
        log.warning("Recording stopped: %s", error)
        problem = recorder_words.stopped(error)
        if self._told != problem.message:
            self._told = problem.message
            self._hub.publish(problem)

    # ------------------------------------------------------------- bodies, and room

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keep_positions(self, event: PositionsReady) -> None:
        model = self._hub.model
        if self._run is not None and model is not None and model.model.embedding_hash == event.embedding_hash:
            self._spawn(self._keep_bodies(model))

    async def _name_model(self, session: str, mark: str) -> None:
        """Put down which files the model is, for its hash."""
        with suppress(StoreError):  # the frames will say so
            if mark:
                await asyncio.to_thread(name_model, self._store, session, mark)

    async def _keep_bodies(self, model: ModelLoaded) -> None:
        """Put what a replay needs beside the frames, once for all sessions."""
        info = model.model
        await self._keep("vocabulary", info.vocabulary_hash, self._bodies.vocabulary)
        for method in METHODS:
            get = partial(self._bodies.positions, method=method)
            await self._keep(f"positions/{method}", info.embedding_hash, get)

    async def _keep(self, kind: str, name: str, get: Callable[[str], Awaitable[bytes | None]]) -> None:
        try:
            kept = not name or await asyncio.to_thread(self._store.has_body, kind, name)
            if not kept and (body := await get(name)) is not None:
                await asyncio.to_thread(self._store.put_body, kind, name, body)
        except StoreError as error:
            log.warning("%s of a session is not kept: %s", kind, error)  # the frames will say so too

    async def _watch_room(self, session: str) -> None:
        """End the recording, and nothing else, when there is no room for more of it."""

        def goes_on() -> bool:
            return self._run is not None and self._run.id == session and not self._run.over

        problem = await self.room.during(goes_on)
        if problem is None or not goes_on():
            return
        self._cut_short = session
        self._finish()
        self._tell(problem)
        await asyncio.to_thread(end_spool, self._store.spools / session)

    def _tell(self, problem: Problem) -> None:
        log.warning("%s", problem.message)
        self._hub.publish(problem)
