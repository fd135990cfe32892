"""The store's side of completing a session: what it has, and what is put into it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypedDict

import apsw

from cloudchamber.sessions import archive, store_writing
from cloudchamber.sessions.exact_store import MATRIX
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_room import Room
from cloudchamber.sessions.store_schema import rows, transaction

LOOK: Final = 1.0
"""Seconds between two looks at how much room the work has taken."""


class GoneError(Exception):
    """The session was deleted meanwhile."""


@dataclass(slots=True, kw_only=True)
class Piece:
    """Some parts, as they are to lie in the store."""

    fraction: float
    """Of the work, with this piece."""
    parts: list[tuple[str, str, bytes]]
    """Name, coding, bytes."""
    error: float = 0.0
    """Of attention: no weight is further than this from the one computed."""
    matrix_hash: str = ""
    """Of the output matrix that the parts need."""
    matrix: bytes = b""
    """The body the store is to keep of it; empty where it has it."""

    @classmethod
    def read(cls, mapping: dict[str, Any]) -> Self:
        """From our own process."""
        return cls(**mapping)


class Order(TypedDict):
    """What is to be made of a spool."""

    there: list[str]
    """Parts not to be made again."""
    matrices: list[str]
    """Hashes of the matrices the store has."""
    steps: int
    """Of the session, and its positions at most: a run may have spooled more than was recorded."""
    positions: int


def order_of(store: Store, session: str) -> Order:
    """What a session lacks. Raises `GoneError`, `StoreError`."""
    kept = store.archive(session)
    manifest = None if kept is None else archive.read(kept, archive.Manifest, archive.MANIFEST)
    if kept is None or manifest is None:
        raise GoneError

    def known(db: apsw.Connection) -> list[str]:
        return [name for (name,) in rows(db, "SELECT hash FROM body WHERE kind = ?", (MATRIX,))]

    return Order(
        there=list(kept.names()),
        matrices=store.submit(known).result(),
        steps=manifest.steps,
        positions=len(manifest.started.prompt_ids) + manifest.steps,
    )


def keep(store: Store, session: str, piece: Piece) -> None:
    """Commit a piece. Raises `GoneError`, `StoreError`."""
    if piece.matrix:
        store.put_body(MATRIX, piece.matrix_hash, piece.matrix)
    if piece.matrix_hash:
        store.use_body(session, MATRIX, piece.matrix_hash)

    def change(db: apsw.Connection) -> bool:
        key = store_writing.key_of(db, session)
        if key is None:
            return False
        with transaction(db):
            for name, coding, data in piece.parts:
                store_writing.store_part(db, key, name, coding, data)
        return True

    if not store.submit(change).result():
        raise GoneError
    _describe(store, session, piece.error)


def _describe(store: Store, session: str, error: float) -> None:
    """The greatest error so far is the session's."""
    kept = store.archive(session)
    manifest = None if kept is None else archive.read(kept, archive.Manifest, archive.MANIFEST)
    if manifest is not None and error > manifest.attention_error:
        store.describe(session, attention_error=error)


def complete(
    store: Store, session: str, *, wait: bool = False, tell: Callable[[Room], None] = lambda _: None
) -> bool:
    """Complete a session here and now, if its run is over and nobody else is at it (or, with `wait`, is
    no more). Whether there was something to do. The store keeps to its limit, and `tell` is called with
    what was done for that. Raises `StoreError`, `OSError`."""
    folder = store.spools / session
    if not archive.is_session_id(session) or not (folder / "head").exists():
        return False
    from cloudchamber.sessions.compact import compact
    from cloudchamber.sessions.spool_reader import Spool, SpoolError, delete

    needed = (session,)
    store.in_use.append(lambda: needed)
    try:
        with Spool(folder) as spool:
            if not spool.hold(wait=wait):
                return False
            _keep_to_the_limit(store, tell)
            order, looked = order_of(store, session), time.monotonic()
            for piece in compact(spool, order):
                keep(store, session, piece)
                if time.monotonic() - looked > LOOK:
                    _keep_to_the_limit(store, tell)
                    looked = time.monotonic()
    except (SpoolError, GoneError):
        return False
    finally:
        store.in_use.pop()
    delete(folder)
    return True


def _keep_to_the_limit(store: Store, tell: Callable[[Room], None]) -> None:
    """What can go is named, and waited for where that is urgent."""
    while True:
        room = store.make_room()
        if room.named or room.removed:
            tell(room)
        if not room.full or room.stuck:
            return
        time.sleep(LOOK)
