"""Watches, while a run is recorded and when it has ended, that what is kept stays within its limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from cloudchamber.sessions import recorder_words
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_room import Room
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.telemetry.events import Problem

log = logging.getLogger("cloudchamber.sessions")

LOOK_SECONDS: Final = 1.0
"""Between two looks at how much room a run that goes on has taken."""
SETTLING_SECONDS: Final = 3.0
"""For which a run's beginning says nothing of its pace: a prompt is taken in at once."""


class RoomWatch:
    """Of one recorder; on its loop."""

    def __init__(self, store: Store, tell: Callable[[Problem], None]) -> None:
        self._store = store
        self._tell = tell
        self._named: set[str] = set()
        """Sessions of which was told during this run that they go next."""
        self._pace = 0.0
        """Bytes a second that the newest run writes; in its beginning what the one before wrote, at least."""

    async def during(self, goes_on: Callable[[], bool]) -> Problem | None:
        """For as long as a run is recorded: what it spools may be gigabytes. Returns early if there is no
        room for more of it, with what people are to be told."""
        self._named.clear()
        clock = asyncio.get_running_loop().time
        began, written, before = clock(), 0, -1
        while goes_on():
            with suppress(StoreError):  # recording itself fails too, and says so
                used = await asyncio.to_thread(lambda: self._store.used)
                written += max(0, used - before) if before >= 0 else 0
                before, seconds = used, clock() - began
                pace = written / max(seconds, SETTLING_SECONDS)
                self._pace = pace if seconds > SETTLING_SECONDS else max(pace, self._pace)
                if self._store.is_tight(used, self._pace):
                    room = await asyncio.to_thread(self._store.make_room, self._pace)
                    before = room.used
                    if room.full:
                        return recorder_words.no_room(room, self._store.keep_bytes)
                    self._tell_of(room)
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def afterwards(self) -> None:
        """A run has ended."""
        try:
            room = await asyncio.to_thread(self._store.make_room, self._pace)
        except StoreError as error:
            log.warning("No room was made: %s", error)
            return
        self._tell_of(room)

    async def between_runs(self) -> Room:
        """Keep to the limit while nothing is recorded, and say what goes next."""
        room = await asyncio.to_thread(self._store.make_room)
        self._tell_of(replace(room, stuck=False))
        return room

    def _tell_of(self, room: Room) -> None:
        """Say what goes next; of the run that goes on, or has just ended, each session once."""
        fresh = [info for info in room.named if info.id not in self._named]
        self._named.update(info.id for info in fresh)
        for problem in recorder_words.of_room(replace(room, named=fresh), self._store.keep_bytes):
            self._tell(problem)
