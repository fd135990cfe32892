"""Keeping the store to its limit, within one change of it; `retention.py` says what goes, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from cloudchamber.sessions import retention, store_writing
from cloudchamber.sessions.store_folder import spooled_bytes
from cloudchamber.sessions.store_list import SessionInfo, used_bytes
from cloudchamber.sessions.store_schema import rows, transaction


@dataclass(frozen=True, slots=True)
class Room:
    """What was done for the limit's sake."""

    used: int
    removed: Sequence[SessionInfo]
    named: Sequence[SessionInfo]
    """Newly named as those that go next, oldest first."""
    stuck: bool
    """More is used than may be, and nothing can go."""
    full: bool
    """Nothing more can be recorded: that, or what can go was named too short a time ago."""


type Listed = Callable[[apsw.Connection, Mapping[str, int]], Sequence[SessionInfo]]


def make_room(
    db: apsw.Connection, listed: Listed, spools: Path, *,
    limit: int, in_use: Collection[str], now: float,
) -> Room:  # fmt: skip
    """Remove what was named long enough ago, as much of it as must go, and name what goes next. `now` is
    in seconds since 1970."""
    spooled = spooled_bytes(spools)
    told: dict[str, int] = dict(rows(db, "SELECT id, told FROM session WHERE told"))
    due = [session for session, since in told.items() if retention.is_due(since, now)]
    infos, used = listed(db, spooled), used_bytes(db, spooled)
    may_go = [info for info in infos if info.id not in in_use]
    removed = retention.goes_now(may_go, due, used, limit)
    for info in removed:
        key = store_writing.key_of(db, info.id)
        if key is not None:
            store_writing.delete(db, key)
        spooled.pop(info.id, None)
        told.pop(info.id)
    if removed:
        infos, used = listed(db, spooled), used_bytes(db, spooled)
    following = [info for info in reversed(infos) if info.goes_next]
    _tell(db, told, {info.id: told.get(info.id, int(now)) for info in following})
    named = [info for info in following if info.id not in told]
    full = used > limit * (retention.MOST if following else 1)
    return Room(used, removed, named, stuck=used > limit and not following, full=full)


def _tell(db: apsw.Connection, before: Mapping[str, int], told: Mapping[str, int]) -> None:
    """Keep which sessions were named, and when."""
    if told == before:
        return
    with transaction(db):
        db.execute("UPDATE session SET told = 0 WHERE told")
        for session, since in told.items():
            db.execute("UPDATE session SET told = ? WHERE id = ?", (since, session))
