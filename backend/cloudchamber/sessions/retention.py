"""How much is kept: a limit on the store's size; the oldest sessions go first, told beforehand.

A session goes, while a run is recorded, when one ends or while its session is completed, only if it is
complete, not pinned, looked at by nobody, and was named as one that goes next at least a minute before.
What runs have spooled and is not in the store yet counts like the rest. A run is recorded no further when
nothing is left that may go, or when the limit is passed by a tenth before the minute is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

KEEP_BYTES: Final = 10 * 10**9
TELL_FROM: Final = 0.9
"""Of the limit: so full, the oldest are named; removing them would bring the store down to this."""
TELL_BEFORE: Final = 0.5
"""The same, where a run is so quick that it would pass the limit before they may go."""
NOTICE_SECONDS: Final = 60.0
"""From being named until a session may go."""
MOST: Final = 1.1
"""Of the limit: more is not recorded, though what was named goes soon."""


class Kept(Protocol):
    """What matters of a session."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> float: ...
    @property
    def bytes(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def pinned(self) -> bool: ...


def tells_from(limit: int, pace: float = 0.0) -> int:
    """Bytes from which on something is named, for a run that writes `pace` bytes a second."""
    return int(min(limit * TELL_FROM, max(limit * TELL_BEFORE, limit - pace * NOTICE_SECONDS)))


def goes_next[S: Kept](sessions: Iterable[S], used: int, limit: int, pace: float = 0.0) -> list[S]:
    """Sessions to name, oldest first: those without which nothing would have to be named."""
    return _oldest(sessions, used - tells_from(limit, pace))


def is_due(told: float, now: float) -> bool:
    """Whether a session named at `told` may go `now`. A clock that was set back ends the wait."""
    return not 0 <= now - told < NOTICE_SECONDS


def goes_now[S: Kept](sessions: Iterable[S], due: Iterable[str], used: int, limit: int) -> list[S]:
    """Sessions to remove, oldest first: of those that are due, as many as the limit asks for."""
    named = set(due)
    return _oldest((session for session in sessions if session.id in named), used - limit)


def _oldest[S: Kept](sessions: Iterable[S], excess: int) -> list[S]:
    """The oldest removable sessions that together have `excess` bytes, as far as there are."""
    chosen: list[S] = []
    for session in sorted(sessions, key=lambda session: session.created):
        if excess <= 0:
            break
        if session.complete and not session.pinned:
            chosen.append(session)
            excess -= session.bytes
    return chosen


def size_of(text: str) -> int:
    """Bytes from a person's `500 MB`, `10GB`, `1.5 TiB`, or a plain number. Raises `ValueError`."""
    units = {"": 1, "b": 1}
    for power, letter in enumerate("kmgt", 1):
        units |= {letter: 1000**power, f"{letter}b": 1000**power, f"{letter}ib": 1024**power}
    words = text.strip().lower()
    digits = words.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = words[len(digits) :].strip()
    if unit not in units or not digits.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is no size; write one such as 10GB or 500MB.")
    return int(float(digits) * units[unit])


def in_words(titles: Sequence[str], most: int = 3) -> str:
    """Titles for a sentence."""
    quoted = [f"“{title}”" for title in titles[:most]]
    more = len(titles) - most
    return ", ".join(quoted) + (f" and {more} more" if more > 0 else "")
