"""Gives sessions the SHA-256 of their model's file: at their beginning where it is known, else later.

A session is put down with its model's mark (`model/file_hash.py`) when it begins. What lacks the hash is
given it when nothing runs, whichever server recorded it, as long as the file is the one that was marked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from typing import Final

import apsw

from cloudchamber.model import file_hash
from cloudchamber.model.file_hash import MORE, HashCache
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_schema import StoreError, rows, transaction, value

log = logging.getLogger("cloudchamber.sessions")

_CACHE: Final = "model-hashes.json"
_LACK: Final = "facts ->> 'model_hash' IS NULL AND facts ->> 'model_mark' IS NOT NULL"
_GIVE: Final = (
    "UPDATE session SET facts = json_set(facts, '$.model_hash', ?)"  # noqa: S608
    f" WHERE facts ->> 'model_mark' = ? AND {_LACK}"
)


def cache_of(store: Store) -> HashCache:
    """The hashes that are known, beside a store."""
    return HashCache(store.path.parent / _CACHE)


def name_model(store: Store, session: str, mark: str) -> None:
    """Put down which files a session's model is, and their hash if it is known. Raises `StoreError`."""
    known = cache_of(store).get(mark)
    store.describe(session, model_mark=mark, **({"model_hash": known} if known else {}))


def complete_hash(store: Store, session: str) -> None:
    """Read the model of a session that lacks the hash, here and now, if that can be."""

    def mark_of(db: apsw.Connection) -> str | None:
        statement = f"SELECT facts ->> 'model_mark' FROM session WHERE id = ? AND {_LACK}"  # noqa: S608
        found: str | None = value(db, statement, (session,))
        return found

    with contextlib.suppress(StoreError, OSError):  # a session is one without it too
        mark = store.submit(mark_of).result()
        if mark is not None and (found := cache_of(store).get(mark) or file_hash.digest(mark)):
            _give(store, mark, found)


def _lacking(store: Store) -> Sequence[str]:
    """Marks of models whose sessions lack the hash, the newest first."""
    if not store.path.exists():
        return []
    statement = f"SELECT facts ->> 'model_mark' FROM session WHERE {_LACK} ORDER BY created DESC"  # noqa: S608
    return list(dict.fromkeys(mark for (mark,) in store.submit(lambda db: rows(db, statement)).result()))


def _give(store: Store, mark: str, found: str) -> None:
    """All sessions of a model get its hash."""
    with contextlib.suppress(OSError):  # then it is read again another time
        cache_of(store).put(mark, found)

    def change(db: apsw.Connection) -> None:
        with transaction(db):
            db.execute(_GIVE, (found, mark))

    store.submit(change).result()


class ModelHasher:
    """Reads models a piece at a time, in a process of its own. Methods are for the event loop's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process: Process | None = None
        self._mark = ""
        self._failed: set[str] = set()
        """Not tried again by this server: the files are gone or others, or can't be read."""

    async def work(self, may: Callable[[], bool]) -> None:
        """Read on for as long as it `may` be, until no session lacks a hash that is to be had."""
        try:
            while may() and await self._has_begun():
                answer = await self._piece()
                if answer != MORE:
                    await self._take(answer)
        except (StoreError, OSError) as error:
            log.warning("The hash of a session's model is not kept: %s", error)
            self.end()

    def end(self) -> None:
        """Let go of what was read so far."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _has_begun(self) -> bool:
        """Whether there is something to read; then a process is at it."""
        if self._process is not None:
            return True
        mark = await asyncio.to_thread(self._next)
        if mark is None:
            return False
        self._mark = mark
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cloudchamber.model.file_hash", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        await self._say(mark)
        return True

    def _next(self) -> str | None:
        """Of the models that no process of ours could read yet, one that is there; what another has
        read meanwhile is given out at once."""
        for mark in _lacking(self._store):
            if known := cache_of(self._store).get(mark):
                _give(self._store, mark, known)
            elif mark not in self._failed and file_hash.is_there(mark):
                return mark
        return None

    async def _piece(self) -> str:
        """Have another piece read; what the process says of it, or nothing if it failed."""
        assert self._process is not None
        assert self._process.stdout is not None
        await self._say("")
        return (await self._process.stdout.readline()).decode().strip()

    async def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended; its output says so too
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()

    async def _take(self, found: str) -> None:
        self.end()
        if found:
            await asyncio.to_thread(_give, self._store, self._mark, found)
        else:
            self._failed.add(self._mark)
