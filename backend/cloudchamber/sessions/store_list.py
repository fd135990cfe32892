"""Sessions in brief: what lists show, and what the limit on the store's size means for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from cloudchamber.sessions import retention
from cloudchamber.sessions.store_schema import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A session in brief, as lists show it."""

    id: str
    title: str
    model: str
    created: float
    """Seconds since 1970."""
    seconds: float
    steps: int
    bytes: int
    """On disk, with what its run has spooled, without what sessions share."""
    complete: bool
    running: bool
    """Recorded just now. Neither this nor complete: cut off, and not mended yet."""
    pinned: bool
    goes_next: bool
    """The next to go when room is needed."""


type IsRunning = Callable[[str, str], bool]
"""Whether a session that is not complete, of an owner, is recorded just now."""


def listed(
    db: apsw.Connection, is_running: IsRunning, spooled: Mapping[str, int], *,
    keep_bytes: int, in_use: Collection[str] = (), pace: float = 0.0,
) -> Sequence[SessionInfo]:  # fmt: skip
    """All sessions, newest first. `spooled` are bytes beside the store, by the run's id; what is `in_use`
    does not go next, and at its `pace` a run may need room soon (see `retention.py`)."""
    columns = "id, title, model, created, seconds, steps, bytes, complete, pinned, owner"
    statement = f"SELECT {columns} FROM session ORDER BY created DESC, key DESC"  # noqa: S608
    found = [_info(row, is_running) for row in rows(db, statement)]
    infos = [replace(info, bytes=info.bytes + spooled.get(info.id, 0)) for info in found]
    may_go = [info for info in infos if info.id not in in_use]
    going = {info.id for info in retention.goes_next(may_go, used_bytes(db, spooled), keep_bytes, pace)}
    return [replace(info, goes_next=True) if info.id in going else info for info in infos]


def _info(row: tuple[Any, ...], is_running: IsRunning) -> SessionInfo:
    """What goes next is told of all together."""
    session, title, model, created, seconds, steps, size, complete, pinned, owner = row
    return SessionInfo(
        id=session,
        title=title,
        model=model,
        created=created,
        seconds=seconds,
        steps=steps,
        bytes=size,
        complete=bool(complete),
        running=not complete and is_running(session, owner),
        pinned=bool(pinned),
        goes_next=False,
    )


def used_bytes(db: apsw.Connection, spooled: Mapping[str, int]) -> int:
    """Bytes of pages that hold something, and of all spools."""
    pages = int(db.pragma("page_count") - db.pragma("freelist_count"))
    return pages * int(db.pragma("page_size")) + sum(spooled.values())
