"""The store of sessions: one SQLite file, one thread that writes it, any number that read.

Readers have connections of their own and never wait for the writer. Everything here may be
called from any thread; what changes the store blocks until it is committed, but for what a
recorder uses, which gives a future.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Final

import apsw

from cloudchamber.sessions import archive, exact_store, retention, store_room, store_writing
from cloudchamber.sessions.store_archive import Expander, StoreArchive, decompress
from cloudchamber.sessions.store_folder import SPOOL, spooled_bytes, store_path
from cloudchamber.sessions.store_list import SessionInfo, listed, used_bytes
from cloudchamber.sessions.store_room import Room
from cloudchamber.sessions.store_schema import (
    StoreError,
    faults,
    first,
    open_reader,
    snapshot,
    transaction,
    value,
)
from cloudchamber.sessions.store_writer import Writer
from cloudchamber.sessions.store_writing import Batch, Head

MAX_TITLE: Final = 200
KEPT_READERS: Final = 4


class Store:
    """Sessions in one file. Making one touches nothing; the file comes with the first change."""

    only_read = False  # or it is a file that is shown as it is

    def __init__(self, path: Path | None = None, *, keep_bytes: int = retention.KEEP_BYTES) -> None:
        self.path = path or store_path()
        self.spools = self.path.parent / SPOOL
        self.keep_bytes = keep_bytes
        self.expanders: dict[str, Expander] = {exact_store.CODING: exact_store.expand}
        """How parts in other codings than zstd are read."""
        self.in_use: list[Callable[[], Collection[str]]] = []
        """Each gives sessions that do not go for want of room, for somebody needs them; on any thread."""
        self.on_gone: Callable[[str], None] = lambda _: None
        """Told of each session that is no more, on any thread."""
        self._pace = 0.0
        """Bytes a second that the run on now writes, as far as that matters for the limit."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sessions")
        self._writer = Writer(self.path, self._file_gone)
        self._readers: LifoQueue[apsw.Connection] = LifoQueue()
        self._open: dict[str, int] = {}
        """Rows of the sessions that this process records; the writing thread's."""

    # ------------------------------------------------------------------ reading

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """A connection within one snapshot. Raises `StoreError`."""
        with faults(self.path):
            readers, db = self._readers, self._reader()
            try:
                with snapshot(db):
                    yield db
            finally:
                if readers.qsize() < KEPT_READERS:
                    readers.put(db)
                else:
                    db.close()

    def _reader(self) -> apsw.Connection:
        try:
            return self._readers.get_nowait()
        except Empty:
            db = open_reader(self.path)
            if db is None:
                raise _NoStoreError from None
            return db

    def list(self) -> Sequence[SessionInfo]:
        """All sessions, newest first. Raises `StoreError`."""
        try:
            with self._reading() as db:
                return self._listed(db, spooled_bytes(self.spools))
        except _NoStoreError:
            return []

    def _listed(self, db: apsw.Connection, spooled: Mapping[str, int]) -> Sequence[SessionInfo]:
        return listed(
            db, self._is_running, spooled,
            keep_bytes=self.keep_bytes, in_use=store_room.needed(self.in_use), pace=self._pace,
        )  # fmt: skip

    def _is_running(self, session: str, owner: str) -> bool:
        return session in self._open if owner == store_writing.owner() else store_writing.is_alive(owner)

    def info(self, session: str) -> SessionInfo | None:
        """One session in brief. Raises `StoreError`."""
        return next((info for info in self.list() if info.id == session), None)

    def archive(self, session: str) -> StoreArchive | None:
        """A session's parts, or None if there is no such session. Raises `StoreError`."""
        try:
            with self._reading() as db:
                key = store_writing.key_of(db, session)
        except _NoStoreError:
            return None
        folder = self.spools / session
        return None if key is None else StoreArchive(self._reading, key, self.expanders, folder)

    @contextmanager
    def still(self, session: str) -> Iterator[StoreArchive | None]:
        """A session's parts as they are now, whatever becomes of it meanwhile; None if there is no such
        session. For one thread, and not for long: until then the store's log only grows. Raises
        `StoreError`."""
        with faults(self.path):
            db = self._reader()

        @contextmanager
        def reading() -> Iterator[apsw.Connection]:
            with faults(self.path):
                yield db

        try:
            with snapshot(db):
                with reading():
                    key = store_writing.key_of(db, session)
                yield None if key is None else StoreArchive(reading, key, self.expanders)
        finally:
            db.close()

    def body(self, kind: str, name: str) -> bytes | None:
        """What sessions share, by kind and content hash. Raises `StoreError`."""
        try:
            with self._reading() as db:
                data = value(db, "SELECT data FROM body WHERE kind = ? AND hash = ?", (kind, name))
        except _NoStoreError:
            return None
        return None if data is None else decompress(data)

    def has_body(self, kind: str, name: str) -> bool:
        """Whether that body is there. Raises `StoreError`."""
        try:
            with self._reading() as db:
                return first(db, "SELECT 1 FROM body WHERE kind = ? AND hash = ?", (kind, name)) is not None
        except _NoStoreError:
            return False

    @property
    def used(self) -> int:
        """Bytes of the file that hold something, and of what runs have spooled. Raises `StoreError`."""
        try:
            with self._reading() as db:
                return used_bytes(db, spooled_bytes(self.spools))
        except _NoStoreError:
            return 0

    # ----------------------------------------------------------------- changing

    def submit[T](self, change: Callable[[apsw.Connection], T]) -> Future[T]:
        """Have `change` done on the writing thread; the future raises `StoreError`."""
        return self._thread.submit(self._change, change)

    def _change[T](self, change: Callable[[apsw.Connection], T]) -> T:
        with faults(self.path):
            return change(self._writer.connection())

    def _file_gone(self) -> None:
        """The file was moved or deleted, and another is begun. Raises `StoreError` if a run is recorded."""
        self._readers = LifoQueue()
        recorded = bool(self._open)
        self._open.clear()
        if recorded:
            raise StoreError("failed", f"{self.path} was moved or deleted.")

    def _of[T](self, session: str, change: Callable[[apsw.Connection, int], T]) -> T | None:
        """A change of one session, done; None if there is no such session."""

        def of_key(db: apsw.Connection) -> T | None:
            key = store_writing.key_of(db, session)
            return None if key is None else change(db, key)

        return self.submit(of_key).result()

    def rename(self, session: str, title: str) -> bool:
        """Name a session anew. False if it is gone. Raises `StoreError`."""
        words = " ".join(title.split())[:MAX_TITLE] or "Untitled"
        return self._set(session, "title = ?", words)

    def pin(self, session: str, pinned: bool) -> bool:
        """Keep a session whatever the limit, or no longer. False if it is gone. Raises `StoreError`."""
        return self._set(session, "pinned = ?, told = 0", int(pinned))

    def _set(self, session: str, columns: str, value: str | int) -> bool:
        def change(db: apsw.Connection, key: int) -> bool:
            db.execute(f"UPDATE session SET {columns} WHERE key = ?", (value, key))  # noqa: S608
            return True

        return self._of(session, change) is True

    def delete(self, session: str) -> bool:
        """Forget a session. False if it is gone or recorded just now. Raises `StoreError`."""

        def may_go(db: apsw.Connection, key: int) -> bool:
            owner: str | None = value(db, "SELECT owner FROM session WHERE key = ? AND NOT complete", (key,))
            return owner is None or not self._is_running(session, owner)

        if not self._of(session, may_go):
            return False
        self._remove([session])
        return True

    def _remove(self, sessions: Sequence[str]) -> None:
        """Forget sessions and give back to the disk what they had, a little at a time."""
        for session in sessions:
            while self._of(session, store_writing.thin):
                pass
            self._of(session, store_writing.delete)
            if archive.is_session_id(session):
                shutil.rmtree(self.spools / session, ignore_errors=True)
            self.on_gone(session)
        while sessions and self.submit(store_writing.shrink).result():
            pass

    def put_part(self, session: str, name: str, body: bytes, *, coding: str = "zstd") -> None:
        """Add a part, or replace it: codec bytes, compressed here, or with another `coding` as
        they are to lie in the store (see `expanders`). Raises `StoreError`, `KeyError`."""
        self.put_parts(session, [(name, body)], coding=coding)

    def put_parts(self, session: str, parts: Sequence[tuple[str, bytes]], *, coding: str = "zstd") -> None:
        """Several parts in one commit; see `put_part`."""

        def change(db: apsw.Connection, key: int) -> bool:
            with transaction(db):
                for name, body in parts:
                    if coding == "zstd":
                        store_writing.put(db, key, name, body)
                    else:
                        store_writing.store_part(db, key, name, coding, body)
            return True

        for name, _ in parts:
            if not archive.is_part_name(name):
                raise KeyError(name)
        if self._of(session, change) is None:
            raise KeyError(session)

    def put_body(self, kind: str, name: str, body: bytes) -> None:
        """Add what sessions share: a kind, its content hash, codec bytes. Raises `StoreError`."""
        self.submit(lambda db: store_writing.put_body(db, kind, name, body)).result()

    def use_body(self, session: str, kind: str, name: str) -> None:
        """Keep a shared body for as long as the session. Raises `StoreError`."""
        self._of(session, lambda db, key: store_writing.use_body(db, key, kind, name))

    def describe(self, session: str, **facts: float | bool | str) -> None:
        """Add to what the manifest says, by its names. Raises `StoreError`."""
        self._of(session, lambda db, key: store_writing.describe(db, key, facts))

    # ---------------------------------------------------------------- recording

    def begin(self, head: Head) -> Future[None]:
        """A new session that this process records."""

        def change(db: apsw.Connection) -> None:
            self._open[head.id] = store_writing.begin(db, head)

        return self.submit(change)

    def append(self, session: str, batch: Batch) -> Future[None]:
        """More of a session that was begun."""
        return self.submit(lambda db: store_writing.append(db, self._open[session], batch))

    def finish(self, session: str) -> Future[None]:
        """A session that was begun is over."""

        def change(db: apsw.Connection) -> None:
            key = self._open.pop(session)
            store_writing.finish(db, key)

        return self.submit(change)

    def abandon(self, session: str) -> None:
        """Record no more of a session, since the store failed; `recover` finishes it."""
        self._thread.submit(self._open.pop, session, None)

    def recover(self) -> Sequence[str]:
        """Finish the sessions that were cut off; returns their ids. Raises `StoreError`."""

        def change(db: apsw.Connection) -> Sequence[str]:
            keys = store_writing.orphans(db, set(self._open.values()))
            for key in keys:
                store_writing.finish(db, key)
            return [value(db, "SELECT id FROM session WHERE key = ?", (key,)) for key in keys]

        return self.submit(change).result() if self.path.exists() else []

    def is_tight(self, used: int, pace: float) -> bool:
        """Whether a run that writes `pace` bytes a second makes room a question, with so much used."""
        return used > retention.tells_from(self.keep_bytes, pace)

    def make_room(self, pace: float = 0.0) -> Room:
        """Keep to the limit: remove sessions named before, name those that are next; `pace` as in
        `is_tight`. Whoever calls this tells people what it returns. Raises `StoreError`."""
        self._pace = pace
        now, limit, in_use = time.time(), self.keep_bytes, store_room.needed(self.in_use)

        def choose(db: apsw.Connection) -> Sequence[SessionInfo]:
            spooled = spooled_bytes(self.spools)
            may_go = [info for info in self._listed(db, spooled) if info.id not in in_use]
            return store_room.due(db, may_go, used_bytes(db, spooled), limit, now)

        def name(db: apsw.Connection) -> Room:
            spooled = spooled_bytes(self.spools)
            return store_room.name(db, self._listed(db, spooled), used_bytes(db, spooled), limit, now)

        removed = self.submit(choose).result()
        self._remove([info.id for info in removed])
        return replace(self.submit(name).result(), removed=removed)

    def close(self) -> None:
        """Finish what was asked for, and let go of the file."""
        while not self._readers.empty():
            self._readers.get().close()
        # The last connection, if it may write, puts the log into the file.
        with suppress(RuntimeError):  # closed before
            self._thread.submit(self._writer.close)
        self._thread.shutdown()


class _NoStoreError(StoreError):
    """There is no file yet."""

    def __init__(self) -> None:
        super().__init__("failed", "Nothing is kept yet.")
