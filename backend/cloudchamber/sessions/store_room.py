"""Keeping the store to its limit: which sessions were told of, and since when; see `retention.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import apsw

from cloudchamber.sessions import retention
from cloudchamber.sessions.store_list import SessionInfo
from cloudchamber.sessions.store_schema import rows, transaction


@dataclass(frozen=True, slots=True)
class Room:
    """What was done for the limit's sake."""

    used: int
    named: Sequence[SessionInfo]
    """Newly named as those that go next, oldest first."""
    stuck: bool
    """More is used than may be, and nothing can go."""
    full: bool
    """Nothing more can be recorded: that, or what can go was named too short a time ago."""
    removed: Sequence[SessionInfo] = ()


def needed(asked: Iterable[Callable[[], Collection[str]]]) -> frozenset[str]:
    """Sessions that somebody needs just now."""
    return frozenset(session for ask in asked for session in ask())


def due(
    db: apsw.Connection, infos: Sequence[SessionInfo], used: int, limit: int, now: float
) -> Sequence[SessionInfo]:
    """Of the sessions that may go, those that have to, oldest first: they were named long enough ago.
    `now` is in seconds since 1970."""
    told = [session for session, since in _told(db).items() if retention.is_due(since, now)]
    return retention.goes_now(infos, told, used, limit)


def name(db: apsw.Connection, infos: Sequence[SessionInfo], used: int, limit: int, now: float) -> Room:
    """Keep of all sessions, newest first, which were named as those that go next, and since when."""
    before = _told(db)
    following = [info for info in reversed(infos) if info.goes_next]
    told = {info.id: before.get(info.id, int(now)) for info in following}
    if told != before:
        with transaction(db):
            db.execute("UPDATE session SET told = 0 WHERE told")
            for session, since in told.items():
                db.execute("UPDATE session SET told = ? WHERE id = ?", (since, session))
    return Room(
        used,
        named=[info for info in following if info.id not in before],
        stuck=used > limit and not following,
        full=used > limit * (retention.MOST if following else 1),
    )


def _told(db: apsw.Connection) -> dict[str, int]:
    return dict(rows(db, "SELECT id, told FROM session WHERE told"))
